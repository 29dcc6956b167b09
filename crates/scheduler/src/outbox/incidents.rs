//! Incidents at PagerDuty and incident.io: what has been told and is not over.

use notify::Message;
use store::{Change, sqlx};

use super::{Announcement, receivers::Receiver};
use crate::{
    clock::Micros,
    settings::{NotificationSettings, TOOLS, resolves},
};

/// The incident's key, the same for every event until it is over: of a schedule, or of one problem of the scheduler. `None` for other channels.
pub(super) fn incident_of(announcement: &Announcement, channel: &str, workspace_uid: &str) -> Option<String> {
    if !TOOLS.contains(&channel) {
        return None;
    }
    match announcement {
        Announcement::Notice(notice) => Some(format!("owlet:{workspace_uid}:{}", notice.schedule.slug)),
        Announcement::System { key, .. } => Some(format!("owlet:{workspace_uid}:system:{key}")),
        Announcement::Started { .. } => None,
    }
}

/// Notes that an incident begins or ends, in the change that writes the message; says whether there is anything to tell. A success with no
/// incident before it is not news to a tool that keeps incidents.
pub(super) async fn note(
    change: &mut Change,
    receiver: &Receiver,
    incident: &str,
    now: Micros,
) -> Result<bool, sqlx::Error> {
    if !resolves(receiver.channel) {
        return Ok(true);
    }
    if receiver.event == "passed" {
        let end = "DELETE FROM incident WHERE channel = $1 AND target = $2 AND subject = $3";
        let ended = sqlx::query(end)
            .bind(receiver.channel)
            .bind(receiver.target.as_str())
            .bind(incident)
            .execute(&mut **change)
            .await?;
        return Ok(ended.rows_affected() > 0);
    }
    let begin = "INSERT INTO incident (channel, target, subject, opened_at) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (channel, target, subject) DO NOTHING";
    sqlx::query(begin)
        .bind(receiver.channel)
        .bind(receiver.target.as_str())
        .bind(incident)
        .bind(now)
        .execute(&mut **change)
        .await?;
    Ok(true)
}

/// Adds what only incident tools are told.
pub(super) fn complete(
    message: &mut Message,
    announcement: &Announcement,
    (channel, target): (&str, &str),
    settings: &NotificationSettings,
    workspace_uid: &str,
) {
    message.incident = incident_of(announcement, channel, workspace_uid);
    if let (Some(_), Announcement::Notice(notice)) = (&message.incident, announcement) {
        let named = settings.named_tools(&notice.integrations);
        let entry = named.iter().find(|tool| tool.channel == channel && tool.target == target);
        message.details = entry.map(|tool| tool.entry.clone()).unwrap_or_default();
        for ours in ["name", "events"] {
            message.details.remove(ours);
        }
    }
}
