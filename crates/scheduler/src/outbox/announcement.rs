//! What the whole workspace's receivers may want to know, as whoever made it true says it.

use schedules::Integrations;
use serde::{Deserialize, Serialize};
use store::{Change, sqlx};

use super::{ANNOUNCEMENT, state};
use crate::{clock::Micros, notice::Notice};

/// The payload of an announcement's row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Announcement {
    /// A run has begun; only webhooks are told.
    Started { run_id: i64 },
    /// What the schedule's own receivers are told, too.
    Notice(Box<Notice>),
    /// Something is wrong with the scheduler itself.
    System {
        /// Names the occasion: the same key is told once.
        key: String,
        headline: String,
        cause: String,
        fix: String,
    },
}

impl Announcement {
    /// The word in `outbox.event`.
    pub(super) fn event(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Notice(notice) => crate::notice::word(notice.event),
            Self::System { .. } => "system",
        }
    }

    /// What its place among others is about: one schedule's are expanded in order.
    fn subject(&self) -> Option<&str> {
        match self {
            Self::Notice(notice) => Some(&notice.schedule.slug),
            Self::Started { .. } | Self::System { .. } => None,
        }
    }

    /// Somebody is named by it: if he cannot be reached, that is to be seen.
    fn names_tools(&self) -> bool {
        matches!(self, Self::Notice(notice) if notice.integrations != Integrations::default())
    }

    fn run_id(&self) -> Option<i64> {
        match self {
            Self::Started { run_id } => Some(*run_id),
            Self::Notice(notice) => notice.run.as_ref().map(|run| run.id),
            Self::System { .. } => None,
        }
    }
}

/// Announces a problem of the scheduler, in a transaction of the caller's.
///
/// # Errors
/// The database fails.
pub async fn announce_system(
    change: &mut Change,
    key: &str,
    headline: &str,
    cause: &str,
    fix: &str,
    now: Micros,
) -> Result<(), sqlx::Error> {
    let [key, headline, cause, fix] = [key, headline, cause, fix].map(str::to_owned);
    let about = format!("system:{key}:system");
    announce(change, &about, &Announcement::System { key, headline, cause, fix }, now).await
}

/// Writes an announcement in the transaction that makes it true: once per `about`, and only if the workspace has set anything about
/// notifications, or the schedule names incident tools.
///
/// The receivers' rows, which the outbox makes of it, have `about:channel:target` as their keys, as those of [`crate::notice`] have: a
/// receiver that both would tell is told once.
pub(crate) async fn announce(
    change: &mut Change,
    about: &str,
    announcement: &Announcement,
    now: Micros,
) -> Result<(), sqlx::Error> {
    // The shapes above have nothing that JSON cannot hold.
    let payload = serde_json::to_string(announcement).unwrap_or_default();
    let insert = "INSERT INTO outbox (dedupe_key, channel, target, event, run_id, payload, state, next_attempt_at, created_at, subject) \
                  SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), '', CAST($3 AS TEXT), CAST($4 AS BIGINT), CAST($5 AS TEXT), \
                  CAST($6 AS TEXT), CAST($7 AS BIGINT), CAST($7 AS BIGINT), CAST($8 AS TEXT) \
                  WHERE CAST($9 AS BIGINT) = 1 OR EXISTS (SELECT 1 FROM setting WHERE name = 'notifications') \
                  ON CONFLICT (dedupe_key) DO NOTHING";
    sqlx::query(insert)
        .bind(about)
        .bind(ANNOUNCEMENT)
        .bind(announcement.event())
        .bind(announcement.run_id())
        .bind(payload)
        .bind(state::PENDING)
        .bind(now)
        .bind(announcement.subject())
        .bind(i64::from(announcement.names_tools()))
        .execute(&mut **change)
        .await?;
    Ok(())
}
