//! The JSON of rows.

use scheduler::read;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use crate::time::rfc3339;

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Give it as `after` to get the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// `rows` has one row more than the page if there is a next one; `cursor` is taken from the page's last row.
    pub fn of<R>(mut rows: Vec<R>, limit: i64, cursor: impl Fn(&R) -> String, shape: impl Fn(R) -> T) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| has_more).map(cursor);
        Self { items: rows.into_iter().map(shape).collect(), next }
    }
}

/// A schedule.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Schedule {
    pub id: i64,
    pub uuid: String,
    pub slug: String,
    pub name: String,
    /// `yaml`, `api` or `ui`.
    pub source: String,
    /// The cron expression, or `OFF`.
    pub schedule: String,
    pub timezone: String,
    pub environment: String,
    pub owner_email: Option<String>,
    pub description: Option<String>,
    pub suspended: bool,
    pub suspended_reason: Option<String>,
    pub next_slot_at: Option<String>,
    pub last_run: Option<LastRun>,
    pub created_at: String,
    pub updated_at: String,
    pub deleted_at: Option<String>,
    /// The schedule as it was deployed.
    pub definition: Json,
}

/// The newest run of a schedule.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LastRun {
    pub id: i64,
    pub state: String,
    pub created_at: String,
    pub started_at: Option<String>,
    pub ended_at: Option<String>,
}

/// A run.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Run {
    pub id: i64,
    pub uuid: String,
    pub schedule: String,
    pub schedule_name: String,
    /// QUEUED, STARTING, RUNNING, CANCELING; then SUCCESS, FAILED, ERROR, CANCELED or SKIPPED.
    pub state: String,
    pub state_reason: Option<String>,
    /// Of what kind a failure was: command, throttling, infrastructure, lost, timeout, configuration, budget.
    pub error_class: Option<String>,
    /// slot, api, person, merge, pull_request, completion, automatic_retry, retry or backfill.
    pub cause: String,
    pub actor: String,
    pub actor_email: Option<String>,
    pub reason: Option<String>,
    /// The first attempt of the same piece of work.
    pub family_id: i64,
    pub attempt: i64,
    pub retry_of_run_id: Option<i64>,
    pub parent_run_id: Option<i64>,
    pub branch: Option<String>,
    pub commit_hash: Option<String>,
    pub pull_request: Option<String>,
    /// The slot's instant.
    pub planned_at: Option<String>,
    pub created_at: String,
    /// Not to start before: later than `created_at` when a retry waits.
    pub not_before: String,
    pub started_at: Option<String>,
    pub ended_at: Option<String>,
    /// How long it waited for its turn, in seconds, so far or in all.
    pub queued_seconds: f64,
    /// How long it ran, in seconds, so far or in all; absent before it starts.
    pub running_seconds: Option<f64>,
    pub sla_at: Option<String>,
    pub sla_missed: bool,
    pub cancel_requested_at: Option<String>,
    pub cancel_reason: Option<String>,
    pub server: Option<String>,
    /// The page of this run.
    pub url: String,
}

/// A step of a run.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Command {
    pub id: i64,
    pub position: i64,
    /// checkout, deps, or command.
    pub kind: String,
    pub command: String,
    pub continue_on_error: bool,
    pub state: String,
    pub started_at: Option<String>,
    pub ended_at: Option<String>,
    pub return_code: Option<i64>,
}

/// A run with all that belongs to it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunDetail {
    pub run: Run,
    pub commands: Vec<Command>,
    /// All attempts of the same piece of work, this one included.
    pub attempts: Vec<Attempt>,
    pub queries: QueryTotals,
}

/// One attempt of a piece of work.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Attempt {
    pub run_id: i64,
    pub attempt: i64,
    pub state: String,
}

/// What the queries of a run add up to.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct QueryTotals {
    pub queries: usize,
    pub data_scanned_in_bytes: i64,
    /// Dollars.
    pub dollars: f64,
    pub queue_ms: i64,
    pub engine_ms: i64,
}

/// An Athena query of a run.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Query {
    pub query_execution_id: String,
    pub command_id: i64,
    pub node: Option<String>,
    pub work_group: String,
    pub region: String,
    pub state: String,
    pub started_at: String,
    pub ended_at: Option<String>,
    pub data_scanned_in_bytes: Option<i64>,
    pub queue_ms: Option<i64>,
    pub engine_ms: Option<i64>,
    pub dollars: Option<f64>,
}

/// A file that a command left.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Artifact {
    pub id: i64,
    pub run_id: i64,
    pub command_id: i64,
    /// Relative to the dbt project.
    pub path: String,
    pub size_in_bytes: i64,
    pub sha256: String,
    pub created_at: String,
    /// Downloads it without a login; good for some minutes.
    pub url: String,
}

/// What the clock decided about one instant.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Slot {
    pub id: i64,
    pub schedule: String,
    pub planned_at: String,
    pub backfill_id: Option<i64>,
    /// STARTED, QUEUED, SKIPPED, MISSED, PLANNED or CANCELED.
    pub decision: String,
    pub reason: String,
    pub run_id: Option<i64>,
    pub decided_at: String,
    pub decided_by: String,
}

/// A decision, a person's or the scheduler's.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Audit {
    pub id: i64,
    pub at: String,
    pub actor_type: String,
    pub actor: String,
    pub actor_email: Option<String>,
    pub event_type: String,
    pub source: String,
    pub source_id: Option<i64>,
    pub metadata: Json,
}

/// A sum of costs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Cost {
    /// What it is a sum of: a slug, a day, a node, a workgroup, a run.
    pub key: String,
    pub queries: i64,
    pub data_scanned_in_bytes: i64,
    pub dollars: f64,
    pub queue_ms: i64,
    pub engine_ms: i64,
}

/// A process that shares the database.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Server {
    pub id: String,
    pub host: String,
    pub pid: i64,
    pub version: String,
    pub started_at: String,
    pub heartbeat_at: String,
    pub stopped_at: Option<String>,
    pub runs: i64,
}

fn time(micros: Option<i64>) -> Option<String> {
    micros.map(rfc3339)
}

#[expect(clippy::cast_precision_loss, reason = "spans of time and sums of money are far below 2^53")]
fn millionths(value: i64) -> f64 {
    value as f64 / 1_000_000.0
}

impl Schedule {
    pub fn of(row: read::ScheduleRow) -> Self {
        let definition: Json = serde_json::from_str(&row.definition).unwrap_or(Json::Null);
        let text = |name: &str| definition[name].as_str().map(str::to_owned);
        Self {
            id: row.id,
            uuid: row.uuid,
            slug: row.slug,
            name: row.name,
            source: row.source,
            schedule: text("cron").unwrap_or_else(|| "OFF".to_owned()),
            timezone: text("timezone").unwrap_or_else(|| "UTC".to_owned()),
            environment: text("environment").unwrap_or_default(),
            owner_email: text("owner_email"),
            description: text("description"),
            suspended: row.suspended,
            suspended_reason: row.suspended_reason,
            next_slot_at: time(row.next_slot_at),
            last_run: row.last_run.map(|run| LastRun {
                id: run.id,
                state: run.state,
                created_at: rfc3339(run.created_at),
                started_at: time(run.started_at),
                ended_at: time(run.ended_at),
            }),
            created_at: rfc3339(row.created_at),
            updated_at: rfc3339(row.updated_at),
            deleted_at: time(row.deleted_at),
            definition,
        }
    }
}

impl Run {
    /// `public_url` is where this server is reached.
    pub fn of(row: read::RunRow, now: i64, public_url: &str) -> Self {
        let waited_until = row.started_at.or(row.ended_at).unwrap_or(now);
        Self {
            queued_seconds: millionths((waited_until - row.created_at).max(0)),
            running_seconds: row
                .started_at
                .map(|started_at| millionths((row.ended_at.unwrap_or(now) - started_at).max(0))),
            url: format!("{public_url}/bolt/run_id/{}", row.id),
            id: row.id,
            uuid: row.uuid,
            schedule: row.schedule_slug,
            schedule_name: row.schedule_name,
            state: row.state,
            state_reason: row.state_reason.filter(|reason| !reason.is_empty()),
            error_class: row.error_class,
            cause: row.cause,
            actor: row.actor,
            actor_email: row.actor_email,
            reason: row.reason,
            family_id: row.family_id,
            attempt: row.attempt,
            retry_of_run_id: row.retry_of_run_id,
            parent_run_id: row.parent_run_id,
            branch: row.branch,
            commit_hash: row.commit_hash,
            pull_request: row.pull_request,
            planned_at: time(row.planned_at),
            created_at: rfc3339(row.created_at),
            not_before: rfc3339(row.not_before),
            started_at: time(row.started_at),
            ended_at: time(row.ended_at),
            sla_at: time(row.sla_at),
            sla_missed: row.sla_missed,
            cancel_requested_at: time(row.cancel_requested_at),
            cancel_reason: row.cancel_reason,
            server: row.server,
        }
    }
}

impl Command {
    pub fn of(row: read::CommandRow) -> Self {
        Self {
            id: row.id,
            position: row.position,
            kind: row.kind,
            command: row.text,
            continue_on_error: row.continue_on_error,
            state: row.state,
            started_at: time(row.started_at),
            ended_at: time(row.ended_at),
            return_code: row.return_code,
        }
    }
}

impl QueryTotals {
    pub fn of(rows: &[read::QueryRow]) -> Self {
        let sum = |value: fn(&read::QueryRow) -> Option<i64>| rows.iter().filter_map(value).sum::<i64>();
        Self {
            queries: rows.len(),
            data_scanned_in_bytes: sum(|row| row.data_scanned_in_bytes),
            dollars: millionths(sum(|row| row.micro_dollars)),
            queue_ms: sum(|row| row.queue_ms),
            engine_ms: sum(|row| row.engine_ms),
        }
    }
}

impl Query {
    pub fn of(row: read::QueryRow) -> Self {
        Self {
            query_execution_id: row.query_execution_id,
            command_id: row.command_id,
            node: row.node,
            work_group: row.work_group,
            region: row.region,
            state: row.state,
            started_at: rfc3339(row.started_at),
            ended_at: time(row.ended_at),
            data_scanned_in_bytes: row.data_scanned_in_bytes,
            queue_ms: row.queue_ms,
            engine_ms: row.engine_ms,
            dollars: row.micro_dollars.map(millionths),
        }
    }
}

impl Artifact {
    pub fn of(row: read::ArtifactRow, url: String) -> Self {
        Self {
            id: row.id,
            run_id: row.run_id,
            command_id: row.command_id,
            path: row.path,
            size_in_bytes: row.size_in_bytes,
            sha256: row.sha256,
            created_at: rfc3339(row.created_at),
            url,
        }
    }
}

impl Slot {
    pub fn of(row: read::SlotRow) -> Self {
        Self {
            id: row.id,
            schedule: row.schedule_slug,
            planned_at: rfc3339(row.planned_at),
            backfill_id: row.backfill_id,
            decision: row.decision,
            reason: row.reason,
            run_id: row.run_id,
            decided_at: rfc3339(row.decided_at),
            decided_by: row.decided_by,
        }
    }
}

impl Audit {
    pub fn of(row: read::AuditRow) -> Self {
        Self {
            id: row.id,
            at: rfc3339(row.at),
            actor_type: row.actor_type,
            actor: row.actor,
            actor_email: row.actor_email,
            event_type: row.event_type,
            source: row.source,
            source_id: row.source_id,
            metadata: row.metadata.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Json::Null),
        }
    }
}

impl Cost {
    pub fn of(row: read::CostRow) -> Self {
        Self {
            key: row.key,
            queries: row.queries,
            data_scanned_in_bytes: row.data_scanned_in_bytes,
            dollars: millionths(row.micro_dollars),
            queue_ms: row.queue_ms,
            engine_ms: row.engine_ms,
        }
    }
}

impl Server {
    pub fn of(row: read::ServerRow) -> Self {
        Self {
            id: row.id,
            host: row.host,
            pid: row.pid,
            version: row.version,
            started_at: rfc3339(row.started_at),
            heartbeat_at: rfc3339(row.heartbeat_at),
            stopped_at: time(row.stopped_at),
            runs: row.runs,
        }
    }
}
