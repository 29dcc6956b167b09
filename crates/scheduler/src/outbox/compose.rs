//! A row as a message: from its payload, and from what the database knows of the run.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use notify::{BoltCommand, BoltEvent, Event, FailingNode, Message};
use schedules::Schedule;
use store::{Database, sqlx};

use super::{Announcement, ResultFile};
use crate::{
    clock::Micros,
    model::RunState,
    notice::{Notice, NoticeRun},
};

/// What lies outside the database.
#[async_trait]
pub trait Details: Send + Sync {
    /// The nodes of a run that failed, from the artifacts of its commands; empty when they are not known.
    async fn failing_nodes(&self, run_id: i64) -> Vec<FailingNode>;

    /// The manifest.json, run_results.json and catalog.json of a run's commands.
    async fn results(&self, run_id: i64) -> Result<Vec<ResultFile>, String>;
}

/// Knows no more than the database.
#[derive(Debug, Clone, Copy)]
pub struct NoDetails;

#[async_trait]
impl Details for NoDetails {
    async fn failing_nodes(&self, _: i64) -> Vec<FailingNode> {
        Vec::new()
    }

    async fn results(&self, _: i64) -> Result<Vec<ResultFile>, String> {
        Ok(Vec::new())
    }
}

/// Reads what messages are made of.
pub(super) struct Composer<'a> {
    pub database: &'a Database,
    pub details: &'a Arc<dyn Details>,
    pub workspace: String,
    /// Of the UI, without a slash at its end.
    pub public_url: Option<String>,
    /// Name of the workspace in the API's address.
    pub workspace_uid: String,
}

impl Composer<'_> {
    /// For people: what a schedule's receivers, or the workspace's, are told.
    pub async fn notice(&self, notice: &Notice) -> Result<Message, sqlx::Error> {
        let event = of_schedule(notice.event);
        let mut message = self.empty(event);
        let mut schedule = notify::Schedule {
            slug: notice.schedule.slug.clone(),
            name: notice.schedule.name.clone(),
            owner: notice.schedule.owner_email.clone(),
            sla_minutes: None,
        };
        if event == Event::Sla {
            schedule.sla_minutes = self.sla_minutes(&schedule.slug).await?;
        }
        message.schedule = Some(schedule);
        message.url = self.page("bolt");
        match event {
            Event::System => message.headline = Some(notice.message.clone()),
            Event::Passed => {}
            Event::Failed | Event::Sla | Event::Skipped => {
                let reason = notice.run.as_ref().filter(|_| event == Event::Failed).and_then(|run| run.reason.clone());
                message.cause = reason.filter(|reason| !reason.is_empty()).or_else(|| Some(notice.message.clone()));
            }
        }
        match &notice.run {
            Some(run) => {
                message.run = Some(self.run(run, event).await?);
                if event == Event::Failed {
                    message.failing_nodes = self.failing(run.id).await?;
                }
            }
            None => {
                let planned_at = notice.planned_at.and_then(moment);
                message.run = planned_at.map(|at| notify::Run { planned_at: Some(at), ..notify::Run::default() });
            }
        }
        Ok(message)
    }

    /// For people: a problem of the scheduler.
    pub fn system(&self, headline: &str, cause: &str, fix: &str) -> Message {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Message {
            headline: Some(headline.to_owned()),
            cause: text(cause),
            fix: text(fix),
            url: self.page("bolt"),
            ..self.empty(Event::System)
        }
    }

    /// For programs that know Bolt's webhooks. `None` when the run is gone.
    pub async fn bolt(&self, announcement: &Announcement, word: &str) -> Result<Option<BoltEvent>, sqlx::Error> {
        let run_id = match announcement {
            Announcement::Started { run_id } => Some(*run_id),
            Announcement::Notice(notice) => notice.run.as_ref().map(|run| run.id),
            Announcement::System { .. } => None,
        };
        let Some(run_id) = run_id else { return Ok(None) };
        type Columns = (
            String,
            String,
            String,
            i64,
            String,
            Option<String>,
            Option<String>,
            String,
            Micros,
            Option<Micros>,
            Option<Micros>,
        );
        let select = "SELECT s.slug, s.name, s.definition, r.attempt, r.cause, r.branch, r.commit_hash, r.state, r.created_at, \
                      r.started_at, r.ended_at FROM run r JOIN schedule s ON s.id = r.schedule_id WHERE r.id = $1";
        let row: Option<Columns> = sqlx::query_as(select).bind(run_id).fetch_optional(self.database.readers()).await?;
        let Some((slug, name, definition, attempt, cause, branch, commit, state, created_at, started_at, ended_at)) =
            row
        else {
            return Ok(None);
        };
        let definition: Option<Schedule> = serde_json::from_str(&definition).ok();
        let (planned_at, data_scanned_in_bytes, micro_dollars) = self.plan_and_cost(run_id).await?;
        let at =
            if word == super::BOLT_STARTED { started_at.unwrap_or(created_at) } else { ended_at.unwrap_or(created_at) };
        let ended_at = ended_at.filter(|_| word != super::BOLT_STARTED);
        let state = state.parse::<RunState>().map_or_else(|_| state.clone(), |state| state.wire().to_owned());
        Ok(Some(BoltEvent {
            r#type: word.to_owned(),
            timestamp: moment(at).unwrap_or_default(),
            api_url: format!(
                "{}/api/v1/{}/graphql",
                self.public_url.as_deref().unwrap_or_default(),
                self.workspace_uid
            ),
            workspace: self.workspace.clone(),
            schedule: notify::Schedule {
                slug,
                name,
                owner: definition.as_ref().and_then(|schedule| schedule.owner_email.clone()),
                sla_minutes: definition.as_ref().and_then(|schedule| schedule.sla_minutes).map(u64::from),
            },
            run: notify::Run {
                id: run_id,
                url: self.page(&format!("bolt/run_id/{run_id}")),
                attempt: u32::try_from(attempt).unwrap_or(u32::MAX),
                trigger: Some(trigger(&cause)),
                branch,
                commit,
                planned_at,
                started_at: started_at.and_then(moment),
                duration_seconds: ended_at.map(|end| seconds(started_at.unwrap_or(created_at), end)),
                data_scanned_in_bytes,
                micro_dollars,
            },
            state: if word == super::BOLT_STARTED { "RUNNING".to_owned() } else { state },
            commands: self.commands(run_id).await?,
        }))
    }

    fn empty(&self, event: Event) -> Message {
        Message::new(event, self.workspace.clone())
    }

    async fn run(&self, run: &NoticeRun, event: Event) -> Result<notify::Run, sqlx::Error> {
        let (planned_at, data_scanned_in_bytes, micro_dollars) = self.plan_and_cost(run.id).await?;
        let ended_at = run.ended_at.filter(|_| event != Event::Sla);
        Ok(notify::Run {
            id: run.id,
            url: self.page(&format!("bolt/run_id/{}", run.id)),
            attempt: u32::try_from(run.attempt).unwrap_or(u32::MAX),
            trigger: Some(trigger(run.cause.as_str())),
            branch: run.branch.clone(),
            commit: run.commit_hash.clone(),
            planned_at,
            started_at: run.started_at.and_then(moment),
            duration_seconds: ended_at.map(|end| seconds(run.started_at.unwrap_or(run.created_at), end)),
            data_scanned_in_bytes,
            micro_dollars,
        })
    }

    /// When the run's slot was, the bytes its queries scanned, and the dollars in millionths.
    async fn plan_and_cost(
        &self,
        run_id: i64,
    ) -> Result<(Option<DateTime<Utc>>, Option<u64>, Option<i64>), sqlx::Error> {
        let select = "SELECT (SELECT slot.planned_at FROM run JOIN slot ON slot.id = run.slot_id WHERE run.id = $1), \
                      (SELECT CAST(sum(data_scanned_in_bytes) AS BIGINT) FROM query_execution WHERE run_id = $1), \
                      (SELECT CAST(sum(micro_dollars) AS BIGINT) FROM query_execution WHERE run_id = $1)";
        let (planned_at, bytes, micro_dollars): (Option<i64>, Option<i64>, Option<i64>) =
            sqlx::query_as(select).bind(run_id).fetch_one(self.database.readers()).await?;
        Ok((planned_at.and_then(moment), bytes.and_then(|bytes| u64::try_from(bytes).ok()), micro_dollars))
    }

    async fn sla_minutes(&self, slug: &str) -> Result<Option<u64>, sqlx::Error> {
        let definition: Option<String> = sqlx::query_scalar("SELECT definition FROM schedule WHERE slug = $1")
            .bind(slug)
            .fetch_optional(self.database.readers())
            .await?;
        let schedule = definition.and_then(|definition| serde_json::from_str::<Schedule>(&definition).ok());
        Ok(schedule.and_then(|schedule| schedule.sla_minutes).map(u64::from))
    }

    /// The nodes, where they are known; else the commands, with the last line that each printed.
    async fn failing(&self, run_id: i64) -> Result<Vec<FailingNode>, sqlx::Error> {
        let nodes = self.details.failing_nodes(run_id).await;
        if !nodes.is_empty() {
            return Ok(nodes);
        }
        let select = "SELECT id, text FROM command WHERE run_id = $1 AND return_code <> 0 ORDER BY position";
        let commands: Vec<(i64, String)> =
            sqlx::query_as(select).bind(run_id).fetch_all(self.database.readers()).await?;
        let mut failing = Vec::new();
        for (id, command) in commands {
            let select = "SELECT text FROM log_chunk WHERE command_id = $1 ORDER BY sequence DESC LIMIT 1";
            let last: Option<String> =
                sqlx::query_scalar(select).bind(id).fetch_optional(self.database.readers()).await?;
            let line = last
                .and_then(|last| last.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned));
            failing.push(FailingNode {
                name: command,
                message: line,
                duration_seconds: None,
                data_scanned_in_bytes: None,
            });
        }
        Ok(failing)
    }

    async fn commands(&self, run_id: i64) -> Result<Vec<BoltCommand>, sqlx::Error> {
        let select = "SELECT id, text, state, return_code, started_at, ended_at FROM command \
                      WHERE run_id = $1 AND started_at IS NOT NULL ORDER BY position";
        type Columns = (i64, String, String, Option<i64>, Option<Micros>, Option<Micros>);
        let rows: Vec<Columns> = sqlx::query_as(select).bind(run_id).fetch_all(self.database.readers()).await?;
        let select = "SELECT command_id, id, path FROM artifact WHERE run_id = $1 AND path LIKE '%.json' ORDER BY path";
        let artifacts: Vec<(i64, i64, String)> =
            sqlx::query_as(select).bind(run_id).fetch_all(self.database.readers()).await?;
        let stamp = |at: Option<Micros>| {
            at.and_then(moment).map(|at| at.format("%Y-%m-%d %H:%M:%S%.6f").to_string()).unwrap_or_default()
        };
        Ok(rows
            .into_iter()
            .map(|(id, command, state, return_code, started_at, ended_at)| BoltCommand {
                id,
                command,
                status: status(&state, return_code).to_owned(),
                return_code,
                start_dttm: stamp(started_at),
                end_dttm: stamp(ended_at),
                resources: artifacts
                    .iter()
                    .filter(|(command_id, ..)| *command_id == id)
                    .map(|(_, id, path)| (*id, path.clone()))
                    .collect(),
            })
            .collect())
    }

    fn page(&self, path: &str) -> Option<String> {
        self.public_url.as_ref().map(|url| format!("{url}/{path}"))
    }
}

fn of_schedule(event: schedules::Event) -> Event {
    match event {
        schedules::Event::Passed => Event::Passed,
        schedules::Event::Failed => Event::Failed,
        schedules::Event::Sla => Event::Sla,
        schedules::Event::Skipped => Event::Skipped,
        schedules::Event::System => Event::System,
    }
}

/// Why it ran, as people say it.
fn trigger(cause: &str) -> String {
    match cause {
        "slot" => "schedule".to_owned(),
        "api" => "API".to_owned(),
        "person" => "run now".to_owned(),
        "completion" => "another schedule's end".to_owned(),
        other => other.replace('_', " "),
    }
}

/// The words of Bolt's webhooks.
fn status(state: &str, return_code: Option<i64>) -> &'static str {
    match (state.parse::<RunState>(), return_code) {
        (Ok(RunState::Canceled), _) => "canceled",
        (_, Some(0)) => "succeeded",
        (_, Some(_)) => "failed",
        (_, None) => "running",
    }
}

fn seconds(from: Micros, until: Micros) -> f64 {
    (until - from) as f64 / 1e6
}

fn moment(at: Micros) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(at)
}
