//! Rows as types.

use std::str::FromStr;

use store::sqlx::{self, Row as _, any::AnyRow};

use crate::error::SchedulerError;
use crate::model::{Run, RunSpec};

/// The columns of [`run`], in its order; `r` is the run, `s` its schedule.
pub(crate) const RUN_COLUMNS: &str = "r.id, r.uuid, r.schedule_id, s.slug, r.family_id, r.attempt, r.slot_id, r.cause, r.actor, r.actor_email, \
     r.reason, r.parent_run_id, r.retry_of_run_id, r.branch, r.commit_hash, r.pull_request, r.spec, r.state, r.state_reason, r.error_class, \
     r.created_at, r.not_before, r.started_at, r.ended_at, r.sla_at, r.cancel_requested_at, r.cancel_cause, r.cancel_reason, r.lease_server, \
     r.lease_fence, r.lease_heartbeat";

/// A row of [`RUN_COLUMNS`].
pub(crate) fn run(row: &AnyRow) -> Result<Run, RowError> {
    let id: i64 = row.try_get(0)?;
    let spec: String = row.try_get(16)?;
    let spec: RunSpec = serde_json::from_str(&spec).map_err(|error| RowError::Value("spec", error.to_string()))?;
    Ok(Run {
        id,
        uuid: row.try_get(1)?,
        schedule_id: row.try_get(2)?,
        schedule_slug: row.try_get(3)?,
        family_id: row.try_get::<Option<i64>, _>(4)?.unwrap_or(id),
        attempt: row.try_get(5)?,
        slot_id: row.try_get(6)?,
        cause: word(row, 7, "cause")?,
        actor: row.try_get(8)?,
        actor_email: row.try_get(9)?,
        reason: row.try_get(10)?,
        parent_run_id: row.try_get(11)?,
        retry_of_run_id: row.try_get(12)?,
        branch: row.try_get(13)?,
        commit_hash: row.try_get(14)?,
        pull_request: row.try_get(15)?,
        spec,
        state: word(row, 17, "state")?,
        state_reason: row.try_get(18)?,
        error_class: word_or_null(row, 19, "error_class")?,
        created_at: row.try_get(20)?,
        not_before: row.try_get(21)?,
        started_at: row.try_get(22)?,
        ended_at: row.try_get(23)?,
        sla_at: row.try_get(24)?,
        cancel_requested_at: row.try_get(25)?,
        cancel_cause: word_or_null(row, 26, "cancel_cause")?,
        cancel_reason: row.try_get(27)?,
        lease_server: row.try_get(28)?,
        lease_fence: row.try_get(29)?,
        lease_heartbeat: row.try_get(30)?,
    })
}

fn word<T: FromStr<Err: ToString>>(row: &AnyRow, index: usize, column: &'static str) -> Result<T, RowError> {
    row.try_get::<String, _>(index)?.parse().map_err(|error: T::Err| RowError::Value(column, error.to_string()))
}

fn word_or_null<T: FromStr<Err: ToString>>(
    row: &AnyRow,
    index: usize,
    column: &'static str,
) -> Result<Option<T>, RowError> {
    let word: Option<String> = row.try_get(index)?;
    word.map(|word| word.parse()).transpose().map_err(|error: T::Err| RowError::Value(column, error.to_string()))
}

/// A row that is not as it should be.
#[derive(Debug)]
pub(crate) enum RowError {
    Database(sqlx::Error),
    /// Column, and what is wrong with its value.
    Value(&'static str, String),
}

impl From<sqlx::Error> for RowError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl RowError {
    /// As an error of the scheduler; `what` is the thing whose row it is.
    pub fn of(self, what: &str, doing: &'static str, database: &store::Database) -> SchedulerError {
        match self {
            Self::Database(source) => database.error(doing, source).into(),
            Self::Value(column, problem) => SchedulerError::Damaged { what: what.to_owned(), column, problem },
        }
    }
}
