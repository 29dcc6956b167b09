//! How receivers are reached: row `notifications` of table `setting`.

use std::collections::BTreeMap;

use diagnostic::Diagnostic;
use notify::{Channel, Failure, LineageServer, SLACK_API, Security, SigningKey, Smtp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;
use store::{Change, sqlx};
use vault::{Binding, Secret};

use super::{
    Entry, Settings, SettingsError,
    environment_check::is_address,
    tools::{DatadogSettings, IncidentIoSettings, Named, NewRelicSettings, PagerDutySettings, TOOLS},
};
use crate::{model::Actor, outbox::Lineage};

/// A token, password or address that is a secret. As JSON it is `{"secret": true}`, whatever it is; read from JSON a text is a new value,
/// and `{"secret": true}` keeps the one that is set. So what an API shows can be sent back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sensitive {
    /// As it is set already.
    Kept,
    Given(Secret),
}

impl Sensitive {
    /// A new value; `of` names it in the message when it is refused.
    ///
    /// # Errors
    /// It is too short to be a secret.
    pub fn new(text: &str, of: &str) -> Result<Self, Diagnostic> {
        Secret::new(text.trim(), of).map(Self::Given)
    }

    pub(super) fn text(&self) -> &str {
        match self {
            Self::Kept => "",
            Self::Given(secret) => secret.expose(),
        }
    }
}

impl Serialize for Sensitive {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::json!({"secret": true}).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Sensitive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Self::new(&text, "this setting").map_err(|problem| D::Error::custom(problem.what)),
            Value::Object(members) if members.get("secret") == Some(&Value::Bool(true)) => Ok(Self::Kept),
            _ => Err(D::Error::custom("expected a text, or {\"secret\": true} to keep what is set")),
        }
    }
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NotificationSettings {
    /// Where people reach the UI, for links: `https://owlet.example.com`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    pub slack: SlackSettings,
    /// Addresses of Teams workflows by the channel's name.
    pub teams: BTreeMap<String, Sensitive>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp: Option<SmtpSettings>,
    /// By name.
    pub webhooks: BTreeMap<String, WebhookSettings>,
    /// Services of PagerDuty, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pagerduty: Named<PagerDutySettings>,
    /// Alert sources of incident.io, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub incident_io: Named<IncidentIoSettings>,
    /// Organisations of Datadog, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub datadog: Named<DatadogSettings>,
    /// Accounts of New Relic, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub new_relic: Named<NewRelicSettings>,
    /// The lineage server that is told what runs read and write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openlineage: Option<OpenLineageSettings>,
    /// Who is told about problems of the scheduler.
    pub system: SystemReceivers,
}

/// Slack: a bot for all channels, incoming webhooks for single ones, which go first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlackSettings {
    /// `xoxb-…`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Sensitive>,
    /// By the channel's name.
    pub webhooks: BTreeMap<String, Sensitive>,
    /// Slack's own when missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
}

/// A lineage server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenLineageSettings {
    /// `https://lineage.example.com`, without the endpoint.
    pub url: String,
    /// `api/v1/lineage` when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Sensitive>,
    /// Of jobs; the workspace's name when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// The mail server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpSettings {
    pub host: String,
    /// The security's own when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    #[serde(default)]
    pub security: Security,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Sensitive>,
    /// `Owlet <owlet@example.com>`
    pub from: String,
}

/// A program that is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookSettings {
    pub url: Sensitive,
    /// `whsec_…`; without one, requests are not signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_key: Option<Sensitive>,
    /// `bolt.run.started`, `bolt.run.completed`, or passed, failed, sla, skipped, system: of every schedule.
    pub events: Vec<String>,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self { url: Sensitive::Kept, signing_key: None, events: Vec::new() }
    }
}

/// Receivers by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SystemReceivers {
    pub emails: Vec<String>,
    pub slack_channels: Vec<String>,
    pub microsoft_teams: Vec<String>,
    pub webhooks: Vec<String>,
}

const EVENTS: [&str; 7] = ["bolt.run.started", "bolt.run.completed", "passed", "failed", "sla", "skipped", "system"];

impl NotificationSettings {
    /// The channel that reaches a receiver.
    ///
    /// # Errors
    /// [`Failure::Never`]: nobody has set how.
    pub fn channel(&self, channel: &str, target: &str) -> Result<Channel, Failure> {
        let unset = |what: String, fix: &str| Failure::never(what, format!("{fix} in the notification settings"));
        match channel {
            "slack" => {
                let plain = target.trim_start_matches('#');
                let by_name = self.slack.webhooks.iter().find(|(name, _)| name.trim_start_matches('#') == plain);
                match (by_name, &self.slack.token) {
                    (Some((_, url)), _) => Ok(Channel::SlackWebhook { url: url.text().to_owned() }),
                    (None, Some(token)) => Ok(Channel::SlackBot {
                        api: self.slack.api.clone().unwrap_or_else(|| SLACK_API.to_owned()),
                        token: token.text().to_owned(),
                        channel: target.to_owned(),
                    }),
                    (None, None) => Err(unset(
                        format!("Nobody has set how to reach Slack's {target}"),
                        "set a bot token, or an incoming webhook for the channel,",
                    )),
                }
            }
            "teams" => match self.teams.get(target) {
                Some(url) => Ok(Channel::Teams { url: url.text().to_owned() }),
                None if is_address(target) => Ok(Channel::Teams { url: target.to_owned() }),
                None => Err(unset(
                    format!("Nobody has set how to reach the Teams channel {target}"),
                    "set the address of the channel's workflow under this name",
                )),
            },
            "email" => match &self.smtp {
                Some(smtp) => Ok(Channel::Email { smtp: smtp.server(), to: target.to_owned() }),
                None => Err(unset("Nobody has set a mail server".to_owned(), "set host and sender")),
            },
            "webhook" => match self.webhooks.get(target) {
                Some(webhook) => {
                    let key = webhook.signing_key.as_ref().map(|key| SigningKey::parse(key.text())).transpose();
                    let key =
                        key.map_err(|problem| unset(format!("The signing key of {target}: {problem}"), "set it anew"))?;
                    Ok(Channel::Webhook { url: webhook.url.text().to_owned(), key })
                }
                None if is_address(target) => Ok(Channel::Webhook { url: target.to_owned(), key: None }),
                None => Err(unset(format!("Nobody has set a webhook named {target}"), "set its address")),
            },
            tool if TOOLS.contains(&tool) => self.tool(tool, target),
            other => {
                Err(Failure::never(format!("'{other}' is no channel"), "this is a bug of Owlet: please report it"))
            }
        }
    }

    /// The lineage server, if there is one.
    pub(crate) fn lineage(&self, workspace: &str) -> Option<Lineage> {
        let set = self.openlineage.as_ref()?;
        let endpoint = set.endpoint.as_deref().unwrap_or(Lineage::ENDPOINT).trim_start_matches('/');
        let server = LineageServer {
            url: format!("{}/{endpoint}", set.url.trim_end_matches('/')),
            api_key: set.api_key.as_ref().map(|key| key.text().to_owned()),
        };
        Some(Lineage { server, namespace: set.namespace.clone().unwrap_or_else(|| workspace.to_owned()) })
    }

    /// Who is told about problems of the scheduler, with their channels.
    pub(super) fn system_receivers(&self) -> Vec<(&'static str, &str)> {
        let lists = [
            ("email", &self.system.emails),
            ("slack", &self.system.slack_channels),
            ("teams", &self.system.microsoft_teams),
            ("webhook", &self.system.webhooks),
        ];
        lists
            .into_iter()
            .flat_map(|(channel, list)| list.iter().map(move |target| (channel, target.as_str())))
            .collect()
    }

    /// Everything that is wrong with it.
    fn problems(&self) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        let mut problem = |what: String, cause: &str, fix: String| {
            problems.push(Diagnostic::error(what).cause(cause).fix(fix));
        };
        if let Some(url) = self.public_url.as_ref().filter(|url| !is_address(url)) {
            problem(
                format!("'{url}' is no address"),
                "messages link to it",
                "write it like https://owlet.example.com".to_owned(),
            );
        }
        for (name, webhook) in &self.webhooks {
            for event in webhook.events.iter().filter(|event| !EVENTS.contains(&event.as_str())) {
                problem(
                    format!("'{event}' is no event (webhook {name})"),
                    "a webhook of the workspace is told what its list of events names",
                    format!("known are: {}", EVENTS.join(", ")),
                );
            }
            if let Some(Sensitive::Given(key)) = &webhook.signing_key
                && let Err(reason) = SigningKey::parse(key.expose())
            {
                problem(
                    format!("The signing key of the webhook {name} is none: {reason}"),
                    "requests are signed as Standard Webhooks has it",
                    "make one: echo whsec_$(openssl rand -base64 32)".to_owned(),
                );
            }
        }
        let addresses = self.slack.webhooks.iter().chain(&self.teams);
        for (name, url) in addresses.chain(self.webhooks.iter().map(|(name, webhook)| (name, &webhook.url))) {
            if matches!(url, Sensitive::Given(_)) && !is_address(url.text()) {
                problem(
                    format!("The address of {name} is none"),
                    "it begins neither with https:// nor with http://",
                    "copy it as Slack, Teams or the receiver shows it".to_owned(),
                );
            }
        }
        let unreachable: Vec<String> = self
            .system_receivers()
            .into_iter()
            .filter(|(channel, target)| !self.is_set(channel, target))
            .map(|(channel, target)| format!("{target} ({channel})"))
            .collect();
        for receiver in unreachable {
            problem(
                format!("Nobody has set how to reach {receiver}"),
                "it is to be told about problems of the scheduler",
                "set a token, an address or a mail server for it, or correct its name".to_owned(),
            );
        }
        if self.smtp.as_ref().is_some_and(|smtp| smtp.user.is_some() != smtp.password.is_some()) {
            problem(
                "The mail server has a user without password, or a password without user".to_owned(),
                "servers that want a login want both",
                "set both or none".to_owned(),
            );
        }
        problems.extend(self.problems_of_tools());
        if let Some(lineage) = self.openlineage.as_ref().filter(|lineage| !is_address(&lineage.url)) {
            problems.push(
                Diagnostic::error(format!("'{}' is no address (openlineage)", lineage.url))
                    .cause("events are posted to it")
                    .fix("write it like https://lineage.example.com, the endpoint apart"),
            );
        }
        problems
    }

    /// Whether there is a way to a receiver, also when its secret is kept as it is.
    fn is_set(&self, channel: &str, target: &str) -> bool {
        let is_slack = |name: &String| name.trim_start_matches('#') == target.trim_start_matches('#');
        match channel {
            "slack" => self.slack.token.is_some() || self.slack.webhooks.keys().any(is_slack),
            "teams" => self.teams.contains_key(target) || is_address(target),
            "email" => self.smtp.is_some(),
            _ => self.webhooks.contains_key(target) || is_address(target),
        }
    }

    /// Every secret with its path.
    fn each_secret(&mut self, visit: &mut dyn FnMut(String, &mut Sensitive)) {
        if let Some(token) = &mut self.slack.token {
            visit("slack/token".to_owned(), token);
        }
        for (name, url) in &mut self.slack.webhooks {
            visit(format!("slack/webhooks/{name}"), url);
        }
        for (name, url) in &mut self.teams {
            visit(format!("teams/{name}"), url);
        }
        if let Some(password) = self.smtp.as_mut().and_then(|smtp| smtp.password.as_mut()) {
            visit("smtp/password".to_owned(), password);
        }
        for (name, webhook) in &mut self.webhooks {
            visit(format!("webhooks/{name}/url"), &mut webhook.url);
            if let Some(key) = &mut webhook.signing_key {
                visit(format!("webhooks/{name}/signing_key"), key);
            }
        }
        self.each_secret_of_tools(visit);
        if let Some(key) = self.openlineage.as_mut().and_then(|lineage| lineage.api_key.as_mut()) {
            visit("openlineage/api_key".to_owned(), key);
        }
    }
}

impl SmtpSettings {
    fn server(&self) -> Smtp {
        let credentials = self.user.as_ref().zip(self.password.as_ref());
        Smtp {
            host: self.host.clone(),
            port: self.port.unwrap_or_else(|| self.security.port()),
            security: self.security,
            credentials: credentials.map(|(user, password)| (user.clone(), password.text().to_owned())),
            from: self.from.clone(),
        }
    }
}

/// The JSON of the row: what is shown, and the secrets by their paths.
#[derive(Default, Serialize, Deserialize)]
struct Stored {
    settings: NotificationSettings,
    sealed: BTreeMap<String, String>,
}

const NAME: &str = "notifications";

impl Settings {
    /// The notification settings, secrets opened.
    ///
    /// # Errors
    /// The database fails, or a secret cannot be opened.
    pub async fn notifications(&self) -> Result<NotificationSettings, SettingsError> {
        let found: Option<String> = sqlx::query_scalar("SELECT value FROM setting WHERE name = $1")
            .bind(NAME)
            .fetch_optional(self.database.readers())
            .await
            .map_err(|source| self.failed("reading the settings of", source))?;
        self.open_notifications(found.as_deref())
    }

    /// Replaces the notification settings. Secrets that are [`Sensitive::Kept`] stay as they are.
    ///
    /// # Errors
    /// Everything that is wrong with them; the database fails.
    pub async fn set_notifications(&self, mut new: NotificationSettings, actor: &Actor) -> Result<(), SettingsError> {
        let mut problems = new.problems();
        let mut change = self.database.write().await?;
        let found = self.stored_notifications(&mut change).await?;
        let mut known = BTreeMap::new();
        self.open_notifications(found.as_deref())?
            .each_secret(&mut |path, secret| drop(known.insert(path, secret.clone())));
        new.each_secret(&mut |path, secret| {
            if *secret == Sensitive::Kept {
                match known.get(&path) {
                    Some(kept) => *secret = kept.clone(),
                    None => problems.push(
                        Diagnostic::error(format!("'{path}' has no value"))
                            .cause("it is to be kept as it is, but none is set")
                            .fix("give its value"),
                    ),
                }
            }
        });
        if !problems.is_empty() {
            return Err(SettingsError::Refused(problems));
        }
        self.store_notifications(&mut change, new.clone()).await?;
        let metadata = serde_json::json!({"settings": new});
        let entry = Entry { actor, event_type: "notifications.set", source: "setting", source_id: None, metadata };
        self.audit(&mut change, entry).await?;
        Ok(change.commit().await?)
    }

    async fn stored_notifications(&self, change: &mut Change) -> Result<Option<String>, SettingsError> {
        sqlx::query_scalar("SELECT value FROM setting WHERE name = $1")
            .bind(NAME)
            .fetch_optional(&mut **change)
            .await
            .map_err(|source| self.failed("reading the settings of", source))
    }

    fn open_notifications(&self, found: Option<&str>) -> Result<NotificationSettings, SettingsError> {
        let Some(text) = found else { return Ok(NotificationSettings::default()) };
        let Stored { mut settings, sealed } = serde_json::from_str(text).map_err(|error| SettingsError::Damaged {
            what: "setting",
            name: NAME.to_owned(),
            problem: error.to_string(),
        })?;
        let mut failed = None;
        settings.each_secret(&mut |path, secret| match sealed
            .get(&path)
            .map(|text| self.keys.open_sealed(text, &binding(&path)))
        {
            Some(Ok(opened)) => *secret = Sensitive::Given(opened),
            Some(Err(source)) => failed = Some(SettingsError::Vault { of: format!("setting {path}"), source }),
            None => {}
        });
        failed.map_or(Ok(settings), Err)
    }

    async fn store_notifications(
        &self,
        change: &mut Change,
        mut settings: NotificationSettings,
    ) -> Result<u64, SettingsError> {
        let mut sealed = BTreeMap::new();
        let mut failed = None;
        settings.each_secret(&mut |path, secret| {
            let Sensitive::Given(secret) = secret else { return };
            match self.keys.seal(secret, &binding(&path)) {
                Ok(text) => drop(sealed.insert(path, text)),
                Err(source) => failed = Some(SettingsError::Vault { of: format!("setting {path}"), source }),
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        let count = sealed.len() as u64;
        let text = serde_json::to_string(&Stored { settings, sealed }).unwrap_or_default();
        let upsert = "INSERT INTO setting (name, value, updated_at) VALUES ($1, $2, $3) \
                      ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at";
        sqlx::query(upsert)
            .bind(NAME)
            .bind(text)
            .bind(self.now())
            .execute(&mut **change)
            .await
            .map_err(|source| self.failed("changing the settings of", source))?;
        Ok(count)
    }

    pub(super) async fn seal_notifications_anew(&self, change: &mut Change) -> Result<u64, SettingsError> {
        match self.stored_notifications(change).await? {
            Some(text) => {
                let settings = self.open_notifications(Some(&text))?;
                self.store_notifications(change, settings).await
            }
            None => Ok(0),
        }
    }
}

fn binding(path: &str) -> Binding {
    Binding::new(&["setting", NAME, path])
}
