//! Who is told: notifications in their new and old form, incident tools, and the agents of others.

use diagnostic::Severity;
use project::yaml::{Node, Value};
use serde_json::{Map as JsonMap, Value as Json};

use super::keys::{Keys, Reader};
use super::triggers::OUTCOMES;
use crate::nearest::{listed, nearest};
use crate::schedule::{Event, Hightouch, Integrations, Notification, Notifications, SelfHealing};

const EVENTS: [(&str, Event); 5] = [
    ("passed", Event::Passed),
    ("failed", Event::Failed),
    ("sla", Event::Sla),
    ("skipped", Event::Skipped),
    ("system", Event::System),
];

/// `notifications`, and the older `slack_on`, `slack_notify`, `email_on`, `email_notify` added to it.
pub(super) fn notifications(reader: &mut Reader<'_>, keys: &Keys<'_>) -> Notifications {
    let mut all = Notifications::default();
    if let Some(node) = keys.get("notifications") {
        let known = ["emails", "slack_channels", "microsoft_teams", "webhooks"];
        if let Some(keys) = &reader.mapping("notifications", node, &known) {
            all.emails = receivers(reader, keys, "emails", "address: team@example.com");
            all.slack_channels = receivers(reader, keys, "slack_channels", "channel: \"#alerts\"");
            all.microsoft_teams = receivers(reader, keys, "microsoft_teams", "channel: Alerts");
            all.webhooks = receivers(reader, keys, "webhooks", "channel: on-call");
        }
    }
    all.slack_channels.extend(old_form(reader, keys, "slack_on", "slack_notify"));
    all.emails.extend(old_form(reader, keys, "email_on", "email_notify"));
    all
}

fn receivers(reader: &mut Reader<'_>, keys: &Keys<'_>, key: &'static str, example: &str) -> Vec<Notification> {
    let items = reader.list_of(keys, key, &format!("`- {example}`"));
    items.iter().enumerate().map(|(index, item)| receiver(reader, &format!("{key}[{index}]"), item, example)).collect()
}

/// What cannot be read keeps its place as a receiver without a name.
fn receiver(reader: &mut Reader<'_>, name: &str, node: &Node, example: &str) -> Notification {
    let mut receiver = Notification { channel: String::new(), events: Vec::new(), template_slug: None };
    let Some(keys) = &reader.mapping(name, node, &["channel", "address", "events"]) else { return receiver };
    let channel = match keys.first(&["channel", "address"]) {
        Some((key, node)) => reader.text(key, node),
        None => {
            let (key, value) = example.split_once(": ").unwrap_or(("channel", ""));
            reader.missing(keys, key, value);
            None
        }
    };
    if !keys.has("events") {
        reader.missing(keys, "events", "[failed, sla]");
    }
    let items = reader.list_of(keys, "events", "[failed, sla]");
    receiver.events = items.iter().filter_map(|item| event(reader, item)).collect();
    receiver.channel = channel.unwrap_or_default();
    receiver
}

/// Upper and lower case do not count here, as in the official client.
fn event(reader: &mut Reader<'_>, node: &Node) -> Option<Event> {
    match node.value.as_str() {
        Some(text) => reader.choice("events", &Node::at(text.to_lowercase().into(), node.position), &EVENTS),
        None => reader.choice("events", node, &EVENTS),
    }
}

/// `slack_on: [failed]` with `slack_notify: "#alerts"`. Each may be one text or a list; `""` is nothing.
fn old_form(reader: &mut Reader<'_>, keys: &Keys<'_>, on: &'static str, notify: &'static str) -> Vec<Notification> {
    let mut events = Vec::new();
    for item in reader.list_of(keys, on, "[failed]") {
        if item.value.as_str() != Some("") {
            events.extend(reader.choice(on, item, &OUTCOMES));
        }
    }
    let targets = match keys.get(notify) {
        Some(node) => match &node.value {
            Value::Seq(items) => items.iter().filter_map(|item| reader.text(notify, item)).collect(),
            _ => reader.text(notify, node).into_iter().collect(),
        },
        None => Vec::new(),
    };
    let targets: Vec<String> = targets.into_iter().filter(|target| !target.is_empty()).collect();
    let (given, other) = if events.is_empty() { (notify, on) } else { (on, notify) };
    if targets.is_empty() != events.is_empty() && reader.diagnostics.iter().all(|known| !known.what.contains(on)) {
        let what = format!("'{given}' has no effect");
        let cause = format!("'{other}' says the rest and is missing or empty");
        let fix = format!("add '{other}', or write both as 'notifications'");
        reader.report(Severity::Warning, keys.position_of(given), what, cause, fix);
    }
    if events.is_empty() {
        return Vec::new();
    }
    targets.into_iter().map(|channel| Notification { channel, events: events.clone(), template_slug: None }).collect()
}

/// `integrations`: members are the tools' own and are passed on as they are.
pub(super) fn integrations(reader: &mut Reader<'_>, keys: &Keys<'_>) -> Integrations {
    const TOOLS: [&str; 4] = ["incident_io", "pagerduty", "datadog", "new_relic"];
    let mut all = Integrations::default();
    let Some(node) = keys.get("integrations") else { return all };
    let Value::Map(map) = &node.value else {
        reader.wrong("integrations", "a mapping", node, &format!("write the tools below it: {}", listed(TOOLS)));
        return all;
    };
    for (tool, node) in map.iter() {
        let list = match tool {
            "incident_io" => &mut all.incident_io,
            "pagerduty" => &mut all.pagerduty,
            "datadog" => &mut all.datadog,
            "new_relic" => &mut all.new_relic,
            _ => {
                let fix = match nearest(tool, TOOLS) {
                    Some(known) => format!("did you mean '{known}'?"),
                    None => "remove it, or send a webhook (`notifications: webhooks:`)".to_owned(),
                };
                let what = format!("unknown tool '{tool}' in 'integrations' has no effect");
                reader.report(Severity::Warning, node.position, what, format!("known are {}", listed(TOOLS)), fix);
                continue;
            }
        };
        *list = objects(reader, tool, node);
    }
    all
}

fn objects(reader: &mut Reader<'_>, tool: &str, node: &Node) -> Vec<JsonMap<String, Json>> {
    let name = format!("integrations.{tool}");
    let Value::Seq(items) = &node.value else {
        if !node.value.is_null() {
            reader.wrong(&name, "a list", node, "begin the entry with a dash");
        }
        return Vec::new();
    };
    let mut objects = Vec::new();
    for item in items {
        match &item.value {
            Value::Map(map) => objects.push(map.to_json()),
            _ => reader.wrong(&name, "a list of mappings", item, "write the tool's members below the dash"),
        }
    }
    objects
}

/// `self_healing`
pub(super) fn self_healing(reader: &mut Reader<'_>, keys: &Keys<'_>) -> Option<SelfHealing> {
    let keys =
        &reader.mapping("self_healing", keys.get("self_healing")?, &["enabled", "slack_channel", "agent_name"])?;
    if !keys.has("enabled") {
        reader.missing(keys, "enabled", "true");
    }
    let enabled = reader.bool_of(keys, "enabled");
    let slack_channel = reader.text_of(keys, "slack_channel");
    let agent_name = reader.text_of(keys, "agent_name");
    Some(SelfHealing { enabled: enabled?, slack_channel, agent_name })
}

/// `hightouch`
pub(super) fn hightouch(reader: &mut Reader<'_>, keys: &Keys<'_>) -> Option<Hightouch> {
    let keys = &reader.mapping("hightouch", keys.get("hightouch")?, &["enabled", "sync_on", "slugs"])?;
    for (key, example) in [("enabled", "true"), ("sync_on", "[passed]"), ("slugs", "[orders-sync]")] {
        if !keys.has(key) {
            reader.missing(keys, key, example);
        }
    }
    let enabled = reader.bool_of(keys, "enabled");
    let mut texts = |key: &'static str| -> Vec<String> {
        let items = reader.list_of(keys, key, "[orders-sync]");
        items.iter().filter_map(|item| reader.text(key, item)).collect()
    };
    let (sync_on, slugs) = (texts("sync_on"), texts("slugs"));
    Some(Hightouch { enabled: enabled?, sync_on, slugs })
}
