//! Which of the workspace's receivers are told. A schedule's own have their rows already: see [`crate::notice`].

use std::collections::BTreeSet;

use schedules::Event;

use super::{Announcement, BOLT_COMPLETED, BOLT_STARTED};
use crate::settings::{NotificationSettings, resolves};

/// A receiver by name: credentials are looked up when it is its turn, so that a corrected token holds for messages that wait.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Receiver {
    /// `slack`, `teams`, `email`, `webhook`, or an incident tool.
    pub channel: &'static str,
    /// Channel, address, or the name of the webhook or tool.
    pub target: String,
    /// What it is told: the announcement's event, or Bolt's own of it.
    pub event: &'static str,
}

/// Everybody who is to be told, each once.
pub(super) fn receivers_of(announcement: &Announcement, settings: &NotificationSettings) -> BTreeSet<Receiver> {
    let mut receivers = BTreeSet::new();
    let event = announcement.event();
    let bolt = match announcement {
        Announcement::Started { .. } => Some(BOLT_STARTED),
        Announcement::Notice(notice) => {
            let is_end = notice.run.is_some() && matches!(notice.event, Event::Passed | Event::Failed);
            is_end.then_some(BOLT_COMPLETED)
        }
        Announcement::System { .. } => None,
    };
    for (name, webhook) in &settings.webhooks {
        let wanted = webhook.events.iter().filter_map(|word| match bolt {
            Some(bolt) if bolt == word => Some(bolt),
            _ => (word == event).then_some(event),
        });
        receivers.extend(wanted.map(|event| Receiver { channel: "webhook", target: name.clone(), event }));
    }
    if event == "system" {
        let told = &settings.system;
        for (channel, list) in [
            ("email", &told.emails),
            ("slack", &told.slack_channels),
            ("teams", &told.microsoft_teams),
            ("webhook", &told.webhooks),
        ] {
            receivers.extend(list.iter().map(|target| Receiver { channel, target: target.clone(), event }));
        }
    }
    receivers.extend(tools_of(announcement, settings));
    receivers
}

/// Incident tools: the workspace's, and those that the schedule names. A success goes to all that could have been told of a failure: whether
/// there is an incident to end is decided when it is written ([`super::incidents`]).
///
/// Runs of pull requests are between their authors and the tests: no incident.
fn tools_of(announcement: &Announcement, settings: &NotificationSettings) -> Vec<Receiver> {
    let notice = match announcement {
        Announcement::Notice(notice) => Some(notice),
        Announcement::System { .. } => None,
        Announcement::Started { .. } => return Vec::new(),
    };
    if notice.is_some_and(|notice| notice.run.as_ref().is_some_and(|run| run.pull_request.is_some())) {
        return Vec::new();
    }
    let event = announcement.event();
    let is_told = |channel: &str, events: &[&str]| {
        events.contains(&event) || (event == "passed" && resolves(channel) && !events.is_empty())
    };
    let mut told = Vec::new();
    for (channel, name, events) in settings.tools() {
        let events: Vec<&str> = events.iter().map(String::as_str).collect();
        if is_told(channel, &events) {
            told.push(Receiver { channel, target: name.to_owned(), event });
        }
    }
    for tool in notice.map(|notice| settings.named_tools(&notice.integrations)).unwrap_or_default() {
        let events: Vec<&str> = tool.events.iter().map(|event| event.word()).collect();
        if is_told(tool.channel, &events) {
            told.push(Receiver { channel: tool.channel, target: tool.target, event });
        }
    }
    told
}
