//! What the outside shall be told: rows of `outbox`, written in the transaction that made it true.

use schedules::{Event, Integrations, Notification, Schedule};
use serde::{Deserialize, Serialize};
use store::Change;
use store::sqlx;

use crate::clock::Micros;
use crate::error::SchedulerError;
use crate::model::{Cause, ErrorClass, Run, RunState};
use crate::outbox::{Announcement, announce};
use crate::scheduler::Scheduler;

/// The JSON of `outbox.payload`: everything a message is made of. `outbox.channel` is `email`, `slack`, `teams` or `webhook`, `outbox.target` the
/// receiver as the schedule names it, `outbox.event` the event's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub event: Event,
    pub at: Micros,
    /// What happened, in one sentence.
    pub message: String,
    pub schedule: NoticeSchedule,
    /// The run it is about; `None` for slots without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<NoticeRun>,
    /// The slot it is about, where there is no run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_at: Option<Micros>,
    /// Message template, if the receiver has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_slug: Option<String>,
    /// Incident tools that the schedule names; only announcements have them.
    #[serde(default, skip_serializing_if = "none_named")]
    pub integrations: Integrations,
}

fn none_named(integrations: &Integrations) -> bool {
    *integrations == Integrations::default()
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeSchedule {
    pub slug: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_email: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeRun {
    pub id: i64,
    pub state: RunState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_class: Option<ErrorClass>,
    pub cause: Cause,
    pub actor: String,
    pub attempt: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_hash: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<String>,
    pub created_at: Micros,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Micros>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Micros>,
}

impl NoticeRun {
    pub(crate) fn of(run: &Run) -> Self {
        Self {
            id: run.id,
            state: run.state,
            reason: run.state_reason.clone(),
            error_class: run.error_class,
            cause: run.cause,
            actor: run.actor.clone(),
            attempt: run.attempt,
            branch: run.branch.clone(),
            commit_hash: run.commit_hash.clone(),
            pull_request: run.pull_request.clone(),
            created_at: run.created_at,
            started_at: run.started_at,
            ended_at: run.ended_at,
        }
    }
}

/// Something to tell, before it is known to whom.
#[derive(Debug)]
pub(crate) struct News<'a> {
    pub event: Event,
    /// What it is about, so that it is told once: `run:17`, `family:12`, `slot:4:1772338500000000`.
    pub about: String,
    pub message: String,
    pub run: Option<&'a Run>,
    pub planned_at: Option<Micros>,
}

impl Scheduler {
    /// Tells all whom the schedule wants to be told, each once.
    pub(crate) async fn tell(
        &self,
        change: &mut Change,
        schedule: &Schedule,
        news: News<'_>,
    ) -> Result<(), SchedulerError> {
        let lists = &schedule.notifications;
        let receivers = [
            ("email", &lists.emails),
            ("slack", &lists.slack_channels),
            ("teams", &lists.microsoft_teams),
            ("webhook", &lists.webhooks),
        ];
        for (channel, receivers) in receivers {
            for receiver in receivers.iter().filter(|receiver| receiver.events.contains(&news.event)) {
                self.put(change, schedule, &news, channel, receiver).await?;
            }
        }
        let about = format!("{}:{}", news.about, word(news.event));
        let notice = Notice { integrations: schedule.integrations.clone(), ..self.notice(schedule, &news, None) };
        let announcement = Announcement::Notice(Box::new(notice));
        let announced = announce(change, &about, &announcement, self.now()).await;
        announced.map_err(|source| self.failed("writing a notification into", source))
    }

    fn notice(&self, schedule: &Schedule, news: &News<'_>, template_slug: Option<String>) -> Notice {
        Notice {
            event: news.event,
            at: self.now(),
            message: news.message.clone(),
            schedule: NoticeSchedule {
                slug: schedule.slug.clone(),
                name: schedule.name.clone(),
                owner_email: schedule.owner_email.clone(),
            },
            run: news.run.map(NoticeRun::of),
            planned_at: news.planned_at,
            template_slug,
            integrations: Integrations::default(),
        }
    }

    async fn put(
        &self,
        change: &mut Change,
        schedule: &Schedule,
        news: &News<'_>,
        channel: &str,
        receiver: &Notification,
    ) -> Result<(), SchedulerError> {
        let now = self.now();
        let notice = self.notice(schedule, news, receiver.template_slug.clone());
        let payload = serde_json::to_string(&notice).map_err(|error| SchedulerError::Damaged {
            what: "a notification".to_owned(),
            column: "payload",
            problem: error.to_string(),
        })?;
        let event = word(news.event);
        let sql = "INSERT INTO outbox (dedupe_key, channel, target, event, run_id, payload, state, next_attempt_at, created_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, 'PENDING', $7, $7) ON CONFLICT (dedupe_key) DO NOTHING";
        sqlx::query(sql)
            .bind(format!("{}:{event}:{channel}:{}", news.about, receiver.channel))
            .bind(channel)
            .bind(receiver.channel.clone())
            .bind(event)
            .bind(news.run.map(|run| run.id))
            .bind(payload)
            .bind(now)
            .execute(&mut **change)
            .await
            .map_err(|source| self.failed("writing a notification into", source))?;
        Ok(())
    }
}

pub(crate) fn word(event: Event) -> &'static str {
    match event {
        Event::Passed => "passed",
        Event::Failed => "failed",
        Event::Sla => "sla",
        Event::Skipped => "skipped",
        Event::System => "system",
    }
}
