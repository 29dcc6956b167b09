//! Whom schedules and the workspace tell, whether they can be reached, and a message to try it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diagnostic::Diagnostic;
use notify::{Body, Delivery, Event, Failure, Message, Notifier};
use schedules::Schedule;
use serde::Serialize;
use store::sqlx;

use super::{
    Check, Entry, NotificationSettings, Settings, SettingsError,
    tools::{TOOLS, resolves},
};
use crate::model::Actor;

/// Somebody who is told about runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receiver {
    /// `slack`, `teams`, `email`, `webhook`, or an incident tool: `pagerduty`, `incident_io`, `datadog`, `new_relic`.
    pub channel: String,
    /// Channel, address, or the name of the webhook or tool.
    pub target: String,
    /// Slugs of the schedules that name it; `workspace` for problems of the scheduler.
    pub named_by: Vec<String>,
    /// Why nothing would reach it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Diagnostic>,
}

impl Settings {
    /// The schedules that are not deleted, by slug. One that cannot be read is left out: its page says so.
    pub(super) async fn schedules(&self) -> Result<Vec<Schedule>, SettingsError> {
        let select = "SELECT slug, definition FROM schedule WHERE deleted_at IS NULL ORDER BY slug";
        let rows: Vec<(String, String)> = sqlx::query_as(select)
            .fetch_all(self.database.readers())
            .await
            .map_err(|source| self.failed("reading the schedules of", source))?;
        let read = |(slug, definition): (String, String)| {
            let schedule: Option<Schedule> = serde_json::from_str(&definition).ok();
            schedule.map(|schedule| Schedule { slug, ..schedule })
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Ids and slugs of the schedules that are not deleted.
    ///
    /// # Errors
    /// The database fails.
    pub async fn schedule_ids(&self) -> Result<Vec<(i64, String)>, SettingsError> {
        let select = "SELECT id, slug FROM schedule WHERE deleted_at IS NULL ORDER BY slug";
        let rows = sqlx::query_as(select).fetch_all(self.database.readers()).await;
        rows.map_err(|source| self.failed("reading the schedules of", source))
    }

    /// The scope of a schedule's own variables.
    ///
    /// # Errors
    /// There is no such schedule; the database fails.
    pub async fn schedule_scope(&self, slug: &str) -> Result<vault::Scope, SettingsError> {
        let known = self.schedule_ids().await?;
        let found = known.iter().find(|(_, known)| known == slug).map(|(id, _)| vault::Scope::Schedule(*id));
        found.ok_or_else(|| super::unknown("schedule", slug, known.iter().map(|(_, slug)| slug.as_str())))
    }

    /// Everybody whom schedules or the workspace name, each once.
    ///
    /// # Errors
    /// The database fails, or a secret cannot be opened.
    pub async fn receivers(&self) -> Result<Vec<Receiver>, SettingsError> {
        let settings = self.notifications().await?;
        let mut named: BTreeMap<(&str, String), Vec<String>> = BTreeMap::new();
        for schedule in self.schedules().await? {
            for tool in settings.named_tools(&schedule.integrations) {
                named.entry((tool.channel, tool.target)).or_default().push(schedule.slug.clone());
            }
            let lists = schedule.notifications;
            for (channel, list) in [
                ("slack", lists.slack_channels),
                ("teams", lists.microsoft_teams),
                ("email", lists.emails),
                ("webhook", lists.webhooks),
            ] {
                for receiver in list {
                    named.entry((channel, receiver.channel)).or_default().push(schedule.slug.clone());
                }
            }
        }
        for (channel, target) in settings.system_receivers() {
            named.entry((channel, target.to_owned())).or_default().push("workspace".to_owned());
        }
        for (channel, target, events) in settings.tools() {
            if !events.is_empty() {
                named.entry((channel, target.to_owned())).or_default().push("workspace".to_owned());
            }
        }
        let receiver = |((channel, target), named_by): ((&str, String), Vec<String>)| {
            let problem = settings.channel(channel, &target).err().map(diagnostic_of);
            Receiver { channel: channel.to_owned(), target, named_by, problem }
        };
        Ok(named.into_iter().map(receiver).collect())
    }

    /// Sends a message to one receiver, and says what is wrong if it does not arrive.
    ///
    /// # Errors
    /// The settings cannot be read, the attempt not be recorded.
    pub async fn test_receiver(
        &self,
        notifier: &Notifier,
        channel: &str,
        target: &str,
        workspace: &str,
        actor: &Actor,
    ) -> Result<Vec<Check>, SettingsError> {
        let settings = self.notifications().await?;
        let checks = self.try_receiver(notifier, &settings, channel, target, workspace).await;
        let has_arrived = checks.iter().all(|check| check.problem.is_none());
        let metadata = serde_json::json!({"channel": channel, "target": target, "arrived": has_arrived});
        let mut change = self.database.write().await?;
        let entry = Entry { actor, event_type: "receiver.tested", source: "setting", source_id: None, metadata };
        self.audit(&mut change, entry).await?;
        change.commit().await?;
        Ok(checks)
    }

    async fn try_receiver(
        &self,
        notifier: &Notifier,
        settings: &NotificationSettings,
        channel: &str,
        target: &str,
        workspace: &str,
    ) -> Vec<Check> {
        if !["slack", "teams", "email", "webhook"].contains(&channel) && !TOOLS.contains(&channel) {
            let problem = Diagnostic::error(format!("'{channel}' is no channel"))
                .cause("messages go to Slack, Teams, mail, webhooks or incident tools")
                .fix(format!("write slack, teams, email, webhook, {}", TOOLS.join(", ")));
            return vec![Check::failed("settings", problem), Check::skipped("message", "there is nowhere to send it")];
        }
        let reached = match settings.channel(channel, target) {
            Ok(reached) => reached,
            Err(failure) => {
                return vec![
                    Check::failed("settings", diagnostic_of(failure)),
                    Check::skipped("message", "there is nowhere to send it"),
                ];
            }
        };
        let found = Check::passed("settings", reached.to_string());
        let id = format!("msg_{}", self.clock.uuid().simple());
        let message = Message {
            headline: Some("This is a test: messages of Owlet arrive here".to_owned()),
            url: settings.public_url.clone(),
            incident: TOOLS.contains(&channel).then(|| format!("owlet:test:{id}")),
            ..Message::new(Event::System, workspace)
        };
        let end = Body::Message(Message { event: Event::Passed, ..message.clone() });
        let body = Body::Message(message);
        let sent_at = DateTime::<Utc>::from_timestamp_micros(self.now()).unwrap_or_default();
        let sent = notifier.deliver(&reached, Delivery { id: &id, body: &body, sent_at }).await;
        let message = match sent {
            Ok(()) => Check::passed("message", format!("{target} took it")),
            Err(failure) => Check::failed("message", diagnostic_of(failure)),
        };
        let mut checks = vec![found, message];
        // Nobody shall be left with an incident that is none.
        if resolves(channel) && checks.iter().all(|check| check.problem.is_none()) {
            let sent = notifier.deliver(&reached, Delivery { id: &format!("{id}_end"), body: &end, sent_at }).await;
            checks.push(match sent {
                Ok(()) => Check::passed("end", format!("{target} took that it is over")),
                Err(failure) => Check::failed("end", diagnostic_of(failure)),
            });
        }
        checks
    }
}

fn diagnostic_of(failure: Failure) -> Diagnostic {
    match failure {
        Failure::Never { reason, fix } => Diagnostic::error(reason).fix(fix),
        Failure::Later { reason, retry_after } => {
            let again = retry_after.map_or_else(
                || "see that the server's machine reaches it (network, proxy, address), and try again".to_owned(),
                |wait| format!("try again in {} seconds", wait.as_secs()),
            );
            Diagnostic::error(reason).cause("the receiver was not there, or busy").fix(again)
        }
    }
}
