//! A row for every decision, written in the transaction that made it.

use serde_json::Value as Json;
use store::Change;
use store::sqlx;

use crate::clock::Micros;
use crate::error::SchedulerError;
use crate::model::Actor;
use crate::scheduler::Scheduler;

/// What was decided.
#[derive(Debug)]
pub(crate) struct Decision<'a> {
    /// `run.created`, `schedule.suspended`, …
    pub event: &'a str,
    /// `run`, `schedule`, `backfill`, `limit`.
    pub source: &'a str,
    pub source_id: Option<i64>,
    pub details: Json,
}

impl<'a> Decision<'a> {
    pub fn run(event: &'a str, run_id: i64, details: Json) -> Self {
        Self { event, source: "run", source_id: Some(run_id), details }
    }

    pub fn schedule(event: &'a str, schedule_id: i64, details: Json) -> Self {
        Self { event, source: "schedule", source_id: Some(schedule_id), details }
    }
}

impl Scheduler {
    pub(crate) async fn record(
        &self,
        change: &mut Change,
        actor: &Actor,
        decision: Decision<'_>,
    ) -> Result<(), SchedulerError> {
        let written = write(change, actor, decision, self.now()).await;
        written.map_err(|source| self.failed("recording a decision in", source))
    }

    /// This process as an actor.
    pub(crate) fn myself(&self) -> Actor {
        Actor::system(self.server())
    }
}

/// For those who have no handle.
pub(crate) async fn write(
    change: &mut Change,
    actor: &Actor,
    decision: Decision<'_>,
    now: Micros,
) -> Result<(), sqlx::Error> {
    let details = if decision.details.is_null() { None } else { Some(decision.details.to_string()) };
    sqlx::query(
        "INSERT INTO audit (at, actor_type, actor, actor_email, event_type, source, source_id, metadata) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(now)
    .bind(actor.kind.as_str())
    .bind(actor.name.clone())
    .bind(actor.email.clone())
    .bind(decision.event)
    .bind(decision.source)
    .bind(decision.source_id)
    .bind(details)
    .execute(&mut **change)
    .await?;
    Ok(())
}
