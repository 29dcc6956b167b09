//! Incident tools: how they are reached, and which one an entry of a schedule's `integrations` means.

use std::collections::BTreeMap;

use diagnostic::Diagnostic;
use notify::{Channel, Failure};
use schedules::{Event, Integrations};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{NotificationSettings, Sensitive, environment_check::is_address};

/// Their words in `outbox.channel`, settings, files and the API.
pub const TOOLS: [&str; 4] = ["pagerduty", "incident_io", "datadog", "new_relic"];

/// The target of an entry that names no setting, while there is not exactly one.
const DEFAULT: &str = "default";

/// A service of PagerDuty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagerDutySettings {
    /// The integration key of the service's Events API v2 integration.
    pub routing_key: Sensitive,
    #[serde(default)]
    pub region: Region,
    /// Instead of the region's own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// failed, sla, skipped, system: of every schedule. Without any, only schedules that name it tell it.
    #[serde(default)]
    pub events: Vec<String>,
}

/// An HTTP alert source of incident.io.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentIoSettings {
    /// The source's id: the end of the address that incident.io shows.
    pub source: String,
    pub token: Sensitive,
    /// Instead of `https://api.incident.io`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// As of [`PagerDutySettings`].
    #[serde(default)]
    pub events: Vec<String>,
}

/// An organisation of Datadog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatadogSettings {
    pub api_key: Sensitive,
    /// `datadoghq.com` when missing; `datadoghq.eu`, `us5.datadoghq.com`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// Instead of the site's own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// As of [`PagerDutySettings`], and passed.
    #[serde(default)]
    pub events: Vec<String>,
}

/// An account of New Relic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRelicSettings {
    /// The account's number.
    pub account: u64,
    pub license_key: Sensitive,
    #[serde(default)]
    pub region: Region,
    /// Instead of the region's own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// As of [`PagerDutySettings`], and passed.
    #[serde(default)]
    pub events: Vec<String>,
}

/// Where an account's data are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Region {
    #[default]
    Us,
    Eu,
}

/// Whether a success ends what a tool was told before, instead of being one more event.
pub(crate) fn resolves(channel: &str) -> bool {
    matches!(channel, "pagerduty" | "incident_io")
}

/// The events that an incident tool can be told.
fn events_of(channel: &str) -> &'static [&'static str] {
    if resolves(channel) {
        &["failed", "sla", "skipped", "system"]
    } else {
        &["passed", "failed", "sla", "skipped", "system"]
    }
}

impl NotificationSettings {
    /// Every tool that is set, with the events that it is told of every schedule.
    pub(crate) fn tools(&self) -> Vec<(&'static str, &str, &[String])> {
        let mut tools: Vec<(&'static str, &str, &[String])> = Vec::new();
        tools.extend(self.pagerduty.iter().map(|(name, tool)| (TOOLS[0], name.as_str(), tool.events.as_slice())));
        tools.extend(self.incident_io.iter().map(|(name, tool)| (TOOLS[1], name.as_str(), tool.events.as_slice())));
        tools.extend(self.datadog.iter().map(|(name, tool)| (TOOLS[2], name.as_str(), tool.events.as_slice())));
        tools.extend(self.new_relic.iter().map(|(name, tool)| (TOOLS[3], name.as_str(), tool.events.as_slice())));
        tools
    }

    /// Which settings a schedule's entries mean, each with the events that it wants to be told and the entry's own members.
    ///
    /// An entry names a setting by `name` (ours), `service_name`, `service_id` or `environment`. One that names none means the only one that
    /// is set, or the one called `default`.
    pub(crate) fn named_tools<'a>(&self, integrations: &'a Integrations) -> Vec<NamedTool<'a>> {
        let set = self.tools();
        let mut named = Vec::new();
        for (channel, entry) in entries(integrations) {
            let known: Vec<&str> = set.iter().filter(|(of, ..)| *of == channel).map(|(_, name, _)| *name).collect();
            let text = |key: &str| entry.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
            let said: Vec<&str> =
                ["name", "service_name", "service_id", "environment"].into_iter().filter_map(text).collect();
            let by_name = said.iter().find(|said| known.contains(said)).copied();
            let explicit = text("name").or_else(|| text("service_name")).or_else(|| text("service_id"));
            let target = match (by_name, explicit, known.as_slice()) {
                (Some(name), ..) | (None, Some(name), _) => name,
                (None, None, [only]) => only,
                (None, None, _) => DEFAULT,
            };
            named.push(NamedTool { channel, target: target.to_owned(), events: wanted(channel, entry), entry });
        }
        named
    }

    /// The channel of an incident tool.
    pub(super) fn tool(&self, channel: &str, target: &str) -> Result<Channel, Failure> {
        let unset = |what: &str, names: Vec<&String>| {
            let known = match names.as_slice() {
                [] => "none is set".to_owned(),
                names => format!("set are {}", names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")),
            };
            Failure::never(
                format!("Nobody has set {what} named {target} ({known})"),
                "set it in the notification settings, or name one of those in the schedule",
            )
        };
        let base =
            |url: &Option<String>, own: String| url.as_ref().map_or(own, |url| url.trim_end_matches('/').to_owned());
        match channel {
            "pagerduty" => {
                let tool = self.pagerduty.get(target);
                let tool = tool.ok_or_else(|| unset("a service of PagerDuty", self.pagerduty.keys().collect()))?;
                let host = match tool.region {
                    Region::Us => "https://events.pagerduty.com",
                    Region::Eu => "https://events.eu.pagerduty.com",
                };
                let url = format!("{}/v2/enqueue", base(&tool.url, host.to_owned()));
                Ok(Channel::PagerDuty { url, routing_key: tool.routing_key.text().to_owned() })
            }
            "incident_io" => {
                let tool = self.incident_io.get(target);
                let tool =
                    tool.ok_or_else(|| unset("an alert source of incident.io", self.incident_io.keys().collect()))?;
                let host = base(&tool.url, "https://api.incident.io".to_owned());
                let url = format!("{host}/v2/alert_events/http/{}", tool.source);
                Ok(Channel::IncidentIo { url, token: tool.token.text().to_owned() })
            }
            "datadog" => {
                let tool = self.datadog.get(target);
                let tool = tool.ok_or_else(|| unset("an organisation of Datadog", self.datadog.keys().collect()))?;
                let site = tool.site.as_deref().unwrap_or("datadoghq.com");
                let url = format!("{}/api/v1/events", base(&tool.url, format!("https://api.{site}")));
                Ok(Channel::Datadog { url, api_key: tool.api_key.text().to_owned() })
            }
            _ => {
                let tool = self.new_relic.get(target);
                let tool = tool.ok_or_else(|| unset("an account of New Relic", self.new_relic.keys().collect()))?;
                let host = match tool.region {
                    Region::Us => "https://insights-collector.newrelic.com",
                    Region::Eu => "https://insights-collector.eu01.nr-data.net",
                };
                let host = base(&tool.url, host.to_owned());
                let url = format!("{host}/v1/accounts/{}/events", tool.account);
                Ok(Channel::NewRelic { url, license_key: tool.license_key.text().to_owned() })
            }
        }
    }

    /// What is wrong with the tools' settings.
    pub(super) fn problems_of_tools(&self) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        for (channel, name, events) in self.tools() {
            for event in events.iter().filter(|event| !events_of(channel).contains(&event.as_str())) {
                let mut problem = Diagnostic::error(format!("'{event}' is no event of {channel} ({name})"));
                if event == "passed" {
                    problem = problem.cause("a success ends what was told before; it is told by itself");
                }
                problems.push(problem.fix(format!("known are: {}", events_of(channel).join(", "))));
            }
        }
        let urls = self.pagerduty.iter().map(|(name, tool)| (name, &tool.url));
        let urls = urls.chain(self.incident_io.iter().map(|(name, tool)| (name, &tool.url)));
        let urls = urls.chain(self.datadog.iter().map(|(name, tool)| (name, &tool.url)));
        let urls = urls.chain(self.new_relic.iter().map(|(name, tool)| (name, &tool.url)));
        for (name, url) in urls {
            if let Some(url) = url.as_ref().filter(|url| !is_address(url)) {
                problems.push(
                    Diagnostic::error(format!("'{url}' is no address (incident tool {name})"))
                        .cause("it begins neither with https:// nor with http://")
                        .fix("leave it out: the tool's own address is known"),
                );
            }
        }
        let is_plain =
            |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        for (name, tool) in self.incident_io.iter().filter(|(_, tool)| !is_plain(&tool.source)) {
            problems.push(
                Diagnostic::error(format!("'{}' is no id of an alert source (incident.io, {name})", tool.source))
                    .cause("it becomes the end of an address")
                    .fix("copy what stands after /alert_events/http/ in the address that incident.io shows"),
            );
        }
        for (name, tool) in &self.datadog {
            if let Some(site) = tool.site.as_ref().filter(|site| !is_plain(site)) {
                problems.push(
                    Diagnostic::error(format!("'{site}' is no site of Datadog ({name})"))
                        .cause("messages go to https://api.SITE")
                        .fix("write it like datadoghq.eu"),
                );
            }
        }
        problems
    }

    /// Every secret of a tool with its path.
    pub(super) fn each_secret_of_tools(&mut self, visit: &mut dyn FnMut(String, &mut Sensitive)) {
        for (name, tool) in &mut self.pagerduty {
            visit(format!("pagerduty/{name}/routing_key"), &mut tool.routing_key);
        }
        for (name, tool) in &mut self.incident_io {
            visit(format!("incident_io/{name}/token"), &mut tool.token);
        }
        for (name, tool) in &mut self.datadog {
            visit(format!("datadog/{name}/api_key"), &mut tool.api_key);
        }
        for (name, tool) in &mut self.new_relic {
            visit(format!("new_relic/{name}/license_key"), &mut tool.license_key);
        }
    }
}

/// An entry of a schedule, and whom it means.
pub(crate) struct NamedTool<'a> {
    pub channel: &'static str,
    pub target: String,
    pub events: Vec<Event>,
    pub entry: &'a Map<String, Value>,
}

fn entries(integrations: &Integrations) -> Vec<(&'static str, &Map<String, Value>)> {
    let lists = [
        (TOOLS[0], &integrations.pagerduty),
        (TOOLS[1], &integrations.incident_io),
        (TOOLS[2], &integrations.datadog),
        (TOOLS[3], &integrations.new_relic),
    ];
    lists.into_iter().flat_map(|(channel, list)| list.iter().map(move |entry| (channel, entry))).collect()
}

/// `events` of the entry, which is ours; else what is worth an incident, and for the streams of Datadog and New Relic every end.
fn wanted(channel: &str, entry: &Map<String, Value>) -> Vec<Event> {
    if let Some(Value::Array(words)) = entry.get("events") {
        let word = |word: &Value| {
            let word = word.as_str().unwrap_or_default().to_lowercase();
            [Event::Passed, Event::Failed, Event::Sla, Event::Skipped, Event::System]
                .into_iter()
                .find(|event| event.word() == word)
        };
        return words.iter().filter_map(word).collect();
    }
    match resolves(channel) {
        true => vec![Event::Failed, Event::Sla, Event::System],
        false => vec![Event::Passed, Event::Failed, Event::Sla, Event::System],
    }
}

/// The settings by name.
pub(super) type Named<T> = BTreeMap<String, T>;
