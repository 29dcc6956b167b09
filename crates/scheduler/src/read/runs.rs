//! Runs, newest first, and everything of one run.

use std::{fmt, str::FromStr};

use store::{Database, DatabaseError, sqlx::any::AnyRow};

use super::{
    Micros, Reader,
    row::{Conditions, Row},
};

/// A run in a list or by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    pub id: i64,
    pub uuid: String,
    pub schedule_id: i64,
    pub schedule_slug: String,
    pub schedule_name: String,
    /// The first attempt of the same piece of work; its own id for a first attempt.
    pub family_id: i64,
    /// From 1.
    pub attempt: i64,
    /// The planned instant, for runs that the clock or a backfill made.
    pub planned_at: Option<Micros>,
    pub cause: String,
    pub actor: String,
    pub actor_email: Option<String>,
    pub reason: Option<String>,
    pub parent_run_id: Option<i64>,
    pub retry_of_run_id: Option<i64>,
    pub branch: Option<String>,
    pub commit_hash: Option<String>,
    pub pull_request: Option<String>,
    pub state: String,
    pub state_reason: Option<String>,
    pub error_class: Option<String>,
    pub created_at: Micros,
    /// Not to be started before: later than `created_at` for a retry that waits.
    pub not_before: Micros,
    pub started_at: Option<Micros>,
    pub ended_at: Option<Micros>,
    pub sla_at: Option<Micros>,
    pub sla_missed: bool,
    pub cancel_requested_at: Option<Micros>,
    pub cancel_reason: Option<String>,
    /// The server that runs it or ran it last.
    pub server: Option<String>,
}

impl RunRow {
    /// Whether nothing more happens to it.
    pub fn is_final(&self) -> bool {
        is_final(&self.state)
    }
}

/// Whether `state` of a run or command is an end.
pub fn is_final(state: &str) -> bool {
    matches!(state, "SUCCESS" | "FAILED" | "ERROR" | "CANCELED" | "SKIPPED")
}

/// The newest run of a schedule, as the list of schedules shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRun {
    pub id: i64,
    pub state: String,
    pub created_at: Micros,
    pub started_at: Option<Micros>,
    pub ended_at: Option<Micros>,
}

/// Which runs.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    pub schedule_id: Option<i64>,
    /// Any of these; empty means all.
    pub states: Vec<String>,
    pub cause: Option<String>,
    pub branch: Option<String>,
    pub actor: Option<String>,
    /// Made at this instant or later.
    pub since: Option<Micros>,
    /// Made before this instant.
    pub until: Option<Micros>,
    /// After this row of the list, which goes from new to old.
    pub after: Option<Cursor>,
    pub offset: i64,
    pub limit: i64,
}

/// Where a page ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub at: Micros,
    pub id: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.at, self.id)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (at, id) = text.rsplit_once('-').ok_or(())?;
        Ok(Self { at: at.parse().map_err(|_| ())?, id: id.parse().map_err(|_| ())? })
    }
}

/// A step of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRow {
    pub id: i64,
    pub run_id: i64,
    pub position: i64,
    pub kind: String,
    pub text: String,
    pub continue_on_error: bool,
    pub state: String,
    pub started_at: Option<Micros>,
    pub ended_at: Option<Micros>,
    pub return_code: Option<i64>,
}

/// A file that a command left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactRow {
    pub id: i64,
    pub run_id: i64,
    pub command_id: i64,
    /// Relative to the dbt project.
    pub path: String,
    pub size_in_bytes: i64,
    pub sha256: String,
    pub storage_key: String,
    pub created_at: Micros,
}

/// An Athena query that a run started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryRow {
    pub query_execution_id: String,
    pub command_id: i64,
    pub node: Option<String>,
    pub work_group: String,
    pub region: String,
    pub state: String,
    pub started_at: Micros,
    pub ended_at: Option<Micros>,
    pub data_scanned_in_bytes: Option<i64>,
    pub queue_ms: Option<i64>,
    pub engine_ms: Option<i64>,
    pub micro_dollars: Option<i64>,
}

const READING: &str = "reading runs from";

const COLUMNS: &str = "run.id, run.uuid, run.schedule_id, schedule.slug AS schedule_slug, schedule.name AS schedule_name, run.family_id, \
     run.attempt, slot.planned_at, run.cause, run.actor, run.actor_email, run.reason, run.parent_run_id, run.retry_of_run_id, run.branch, \
     run.commit_hash, run.pull_request, run.state, run.state_reason, run.error_class, run.created_at, run.not_before, run.started_at, \
     run.ended_at, run.sla_at, run.sla_missed, run.cancel_requested_at, run.cancel_reason, run.lease_server \
     FROM run JOIN schedule ON schedule.id = run.schedule_id LEFT JOIN slot ON slot.id = run.slot_id";

impl Reader {
    /// Runs from new to old.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRow>, DatabaseError> {
        // One walk along the index per state: a rare state among a million runs is found without looking at the others.
        if filter.states.is_empty() {
            return self.runs_in(filter, None).await;
        }
        let mut runs = Vec::new();
        for state in &filter.states {
            let reach = RunFilter { offset: 0, limit: filter.limit + filter.offset, ..filter.clone() };
            runs.extend(self.runs_in(&reach, Some(state)).await?);
        }
        let by_time = filter.since.is_some() || filter.until.is_some();
        runs.sort_by_key(|run| std::cmp::Reverse(if by_time { (run.created_at, run.id) } else { (run.id, 0) }));
        let skip = usize::try_from(filter.offset).unwrap_or(0);
        Ok(runs.into_iter().skip(skip).take(usize::try_from(filter.limit).unwrap_or(0)).collect())
    }

    async fn runs_in(&self, filter: &RunFilter, state: Option<&str>) -> Result<Vec<RunRow>, DatabaseError> {
        let mut conditions = Conditions::default();
        if let Some(id) = filter.schedule_id {
            conditions.push("run.schedule_id = ", id);
        }
        if let Some(state) = state {
            conditions.push("run.state = ", state);
        }
        for (column, value) in
            [("run.cause = ", &filter.cause), ("run.branch = ", &filter.branch), ("run.actor = ", &filter.actor)]
        {
            if let Some(value) = value {
                conditions.push(column, value.as_str());
            }
        }
        if let Some(since) = filter.since {
            conditions.push("run.created_at >= ", since);
        }
        if let Some(until) = filter.until {
            conditions.push("run.created_at < ", until);
        }
        // Ids rise with time, and the primary key is the cheapest order. A range of time is walked along its own index.
        let by_time = filter.since.is_some() || filter.until.is_some();
        if let Some(cursor) = filter.after {
            if by_time {
                let (at, id) = (conditions.bind(cursor.at), conditions.bind(cursor.id));
                conditions.plain(&format!("(run.created_at, run.id) < ({at}, {id})"));
            } else {
                conditions.push("run.id < ", cursor.id);
            }
        }
        let order = if by_time { "run.created_at DESC, run.id DESC" } else { "run.id DESC" };
        let (limit, offset) = (conditions.bind(filter.limit), conditions.bind(filter.offset));
        let statement = format!("SELECT {COLUMNS}{} ORDER BY {order} LIMIT {limit} OFFSET {offset}", conditions.sql());
        let rows = conditions.fetch(&self.database, READING, statement).await?;
        rows.iter().map(|row| run(row, &self.database)).collect()
    }

    /// One run.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn run(&self, id: i64) -> Result<Option<RunRow>, DatabaseError> {
        let mut conditions = Conditions::default();
        conditions.push("run.id = ", id);
        let rows = conditions.fetch(&self.database, READING, format!("SELECT {COLUMNS}{}", conditions.sql())).await?;
        rows.first().map(|row| run(row, &self.database)).transpose()
    }

    /// The attempts of one piece of work, the first one first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn attempts(&self, family_id: i64) -> Result<Vec<RunRow>, DatabaseError> {
        let mut conditions = Conditions::default();
        conditions.push("run.family_id = ", family_id);
        let statement = format!("SELECT {COLUMNS}{} ORDER BY run.id", conditions.sql());
        let rows = conditions.fetch(&self.database, READING, statement).await?;
        rows.iter().map(|row| run(row, &self.database)).collect()
    }

    /// The steps of a run in their order.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn commands(&self, run_id: i64) -> Result<Vec<CommandRow>, DatabaseError> {
        self.commands_where("run_id = ", run_id).await
    }

    /// One step.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn command(&self, id: i64) -> Result<Option<CommandRow>, DatabaseError> {
        Ok(self.commands_where("id = ", id).await?.into_iter().next())
    }

    async fn commands_where(&self, condition: &str, value: i64) -> Result<Vec<CommandRow>, DatabaseError> {
        const DOING: &str = "reading commands from";
        let mut conditions = Conditions::default();
        conditions.push(condition, value);
        let statement = format!(
            "SELECT id, run_id, position, kind, text, continue_on_error, state, started_at, ended_at, return_code \
             FROM command{} ORDER BY position",
            conditions.sql()
        );
        let rows = conditions.fetch(&self.database, DOING, statement).await?;
        rows.iter()
            .map(|row| {
                let row = Row::new(row, &self.database, DOING);
                Ok(CommandRow {
                    id: row.integer("id")?,
                    run_id: row.integer("run_id")?,
                    position: row.integer("position")?,
                    kind: row.text("kind")?,
                    text: row.text("text")?,
                    continue_on_error: row.truth("continue_on_error")?,
                    state: row.text("state")?,
                    started_at: row.integer_or_null("started_at")?,
                    ended_at: row.integer_or_null("ended_at")?,
                    return_code: row.integer_or_null("return_code")?,
                })
            })
            .collect()
    }

    /// What a run's commands left behind, by command and path.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn artifacts_of_run(&self, run_id: i64) -> Result<Vec<ArtifactRow>, DatabaseError> {
        self.artifacts_where("run_id = ", run_id).await
    }

    /// What one command left behind, by path.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn artifacts_of_command(&self, command_id: i64) -> Result<Vec<ArtifactRow>, DatabaseError> {
        self.artifacts_where("command_id = ", command_id).await
    }

    /// One file.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn artifact(&self, id: i64) -> Result<Option<ArtifactRow>, DatabaseError> {
        Ok(self.artifacts_where("id = ", id).await?.into_iter().next())
    }

    async fn artifacts_where(&self, condition: &str, value: i64) -> Result<Vec<ArtifactRow>, DatabaseError> {
        const DOING: &str = "reading artifacts from";
        let mut conditions = Conditions::default();
        conditions.push(condition, value);
        let statement = format!(
            "SELECT id, run_id, command_id, path, size_in_bytes, sha256, storage_key, created_at \
             FROM artifact{} ORDER BY command_id, path",
            conditions.sql()
        );
        let rows = conditions.fetch(&self.database, DOING, statement).await?;
        rows.iter()
            .map(|row| {
                let row = Row::new(row, &self.database, DOING);
                Ok(ArtifactRow {
                    id: row.integer("id")?,
                    run_id: row.integer("run_id")?,
                    command_id: row.integer("command_id")?,
                    path: row.text("path")?,
                    size_in_bytes: row.integer("size_in_bytes")?,
                    sha256: row.text("sha256")?,
                    storage_key: row.text("storage_key")?,
                    created_at: row.integer("created_at")?,
                })
            })
            .collect()
    }

    /// The Athena queries of a run, in the order of their start.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn queries(&self, run_id: i64) -> Result<Vec<QueryRow>, DatabaseError> {
        const DOING: &str = "reading query executions from";
        let mut conditions = Conditions::default();
        conditions.push("run_id = ", run_id);
        let statement = format!(
            "SELECT query_execution_id, command_id, node, work_group, region, state, started_at, ended_at, \
             data_scanned_in_bytes, queue_ms, engine_ms, micro_dollars FROM query_execution{} \
             ORDER BY started_at, query_execution_id",
            conditions.sql()
        );
        let rows = conditions.fetch(&self.database, DOING, statement).await?;
        rows.iter()
            .map(|row| {
                let row = Row::new(row, &self.database, DOING);
                Ok(QueryRow {
                    query_execution_id: row.text("query_execution_id")?,
                    command_id: row.integer("command_id")?,
                    node: row.text_or_null("node")?,
                    work_group: row.text("work_group")?,
                    region: row.text("region")?,
                    state: row.text("state")?,
                    started_at: row.integer("started_at")?,
                    ended_at: row.integer_or_null("ended_at")?,
                    data_scanned_in_bytes: row.integer_or_null("data_scanned_in_bytes")?,
                    queue_ms: row.integer_or_null("queue_ms")?,
                    engine_ms: row.integer_or_null("engine_ms")?,
                    micro_dollars: row.integer_or_null("micro_dollars")?,
                })
            })
            .collect()
    }
}

fn run(row: &AnyRow, database: &Database) -> Result<RunRow, DatabaseError> {
    let row = Row::new(row, database, READING);
    let id = row.integer("id")?;
    Ok(RunRow {
        id,
        uuid: row.text("uuid")?,
        schedule_id: row.integer("schedule_id")?,
        schedule_slug: row.text("schedule_slug")?,
        schedule_name: row.text("schedule_name")?,
        family_id: row.integer_or_null("family_id")?.unwrap_or(id),
        attempt: row.integer("attempt")?,
        planned_at: row.integer_or_null("planned_at")?,
        cause: row.text("cause")?,
        actor: row.text("actor")?,
        actor_email: row.text_or_null("actor_email")?,
        reason: row.text_or_null("reason")?,
        parent_run_id: row.integer_or_null("parent_run_id")?,
        retry_of_run_id: row.integer_or_null("retry_of_run_id")?,
        branch: row.text_or_null("branch")?,
        commit_hash: row.text_or_null("commit_hash")?,
        pull_request: row.text_or_null("pull_request")?,
        state: row.text("state")?,
        state_reason: row.text_or_null("state_reason")?,
        error_class: row.text_or_null("error_class")?,
        created_at: row.integer("created_at")?,
        not_before: row.integer("not_before")?,
        started_at: row.integer_or_null("started_at")?,
        ended_at: row.integer_or_null("ended_at")?,
        sla_at: row.integer_or_null("sla_at")?,
        sla_missed: row.truth("sla_missed")?,
        cancel_requested_at: row.integer_or_null("cancel_requested_at")?,
        cancel_reason: row.text_or_null("cancel_reason")?,
        server: row.text_or_null("lease_server")?,
    })
}
