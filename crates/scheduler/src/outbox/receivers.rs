//! Which of the workspace's receivers are told. A schedule's own have their rows already: see [`crate::notice`].

use std::collections::BTreeSet;

use schedules::Event;

use super::{Announcement, BOLT_COMPLETED, BOLT_STARTED};
use crate::settings::NotificationSettings;

/// A receiver by name: credentials are looked up when it is its turn, so that a corrected token holds for messages that wait.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Receiver {
    /// `slack`, `teams`, `email`, `webhook`.
    pub channel: &'static str,
    /// Channel, address, or the webhook's name.
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
    receivers
}
