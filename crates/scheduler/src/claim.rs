//! Queued runs are given to servers: oldest first, one owner each, within the limits.

use std::collections::HashMap;

use serde_json::json;
use store::sqlx::{self, AssertSqlSafe, Row as _};
use store::{Backend, Change};

use crate::audit::Decision;
use crate::budget::Exhausted;
use crate::clock::SECOND;
use crate::error::SchedulerError;
use crate::model::{Claimed, ErrorClass, Lease, Outcome, Run, RunState};
use crate::row::{self, RUN_COLUMNS};
use crate::scheduler::{Owned, Scheduler};

/// Runs whose time has come and whose keys all have room.
///
/// A run that was made in this clock's future waits for nothing: the clock was set back since.
const CANDIDATES: &str = "SELECT r.id FROM run r WHERE r.state = 'QUEUED' AND (r.not_before <= $1 OR r.created_at > $2) \
     AND NOT EXISTS (SELECT 1 FROM run_limit l JOIN concurrency_limit c ON c.key = l.key WHERE l.run_id = r.id \
       AND (SELECT count(*) FROM run_limit a WHERE a.key = l.key AND a.is_active = 1) >= c.max_active) \
     ORDER BY r.not_before, r.id LIMIT $3";

impl Scheduler {
    /// Takes up to `max` runs that may start now. When it returns some, there may be more; call it again.
    ///
    /// # Errors
    /// The database fails; nothing is taken then, or (when the answer to a commit is lost) the reaper finds it.
    pub async fn claim(&self, max: usize) -> Result<Vec<Claimed>, SchedulerError> {
        let now = self.now();
        let candidates: Vec<i64> = sqlx::query_scalar(CANDIDATES)
            .bind(now)
            .bind(now + self.tolerance())
            .bind(i64::try_from(max).unwrap_or(i64::MAX))
            .fetch_all(self.database().readers())
            .await
            .map_err(|source| self.failed("looking for queued runs in", source))?;
        if candidates.is_empty() {
            return Ok(Vec::new());
        }
        let exhausted = self.exhausted_budgets().await?;
        let monotonic = self.clock().monotonic();
        let mut change = self.database().write().await?;
        let runs = self.lock_with_room(&mut change, &candidates, &exhausted).await?;
        let claimed = self.take(&mut change, &runs.chosen).await?;
        change.commit().await?;
        self.owned().extend(claimed.iter().map(|claim| (claim.lease.run_id, Owned::new(&claim.run, monotonic))));
        for (id, budget) in runs.unaffordable {
            // What was claimed must reach the caller; the next claim ends what this one could not.
            if let Err(problem) = Box::pin(self.end_unaffordable(id, &budget)).await {
                tracing::warn!("run {id} exceeds a budget and could not be ended yet: {problem}");
            }
        }
        Ok(claimed)
    }

    /// Locks the candidates that are still queued and says which of them have room under all their keys, counted one after the other.
    async fn lock_with_room(
        &self,
        change: &mut Change,
        candidates: &[i64],
        exhausted: &Exhausted,
    ) -> Result<Chosen, SchedulerError> {
        let failed = |source| self.failed("claiming runs in", source);
        let ids = list(candidates);
        let (lock, lock_free) = match change.backend() {
            Backend::Sqlite => ("", ""),
            Backend::Postgres => (" FOR UPDATE", " FOR UPDATE OF r SKIP LOCKED"),
        };
        // Limits first, in the order of their keys: whoever claims under the same key waits here, and counts what we took.
        let limits = format!(
            "SELECT key, max_active FROM concurrency_limit WHERE key IN (SELECT key FROM run_limit WHERE run_id IN ({ids})) \
             ORDER BY key{lock}"
        );
        let limits =
            sqlx::query_as::<_, (String, i64)>(AssertSqlSafe(limits)).fetch_all(&mut **change).await.map_err(failed)?;
        let counts = format!(
            "SELECT key, count(*) FROM run_limit WHERE is_active = 1 AND key IN (SELECT key FROM run_limit WHERE run_id IN ({ids})) \
             GROUP BY key"
        );
        let counts =
            sqlx::query_as::<_, (String, i64)>(AssertSqlSafe(counts)).fetch_all(&mut **change).await.map_err(failed)?;
        let mut room: HashMap<String, i64> = limits.into_iter().collect();
        for (key, active) in counts {
            if let Some(free) = room.get_mut(&key) {
                *free -= active;
            }
        }
        let queued = format!(
            "SELECT r.id, s.slug FROM run r JOIN schedule s ON s.id = r.schedule_id WHERE r.id IN ({ids}) AND r.state = 'QUEUED' ORDER BY r.not_before, r.id{lock_free}"
        );
        let queued: Vec<(i64, String)> =
            sqlx::query_as(AssertSqlSafe(queued)).fetch_all(&mut **change).await.map_err(failed)?;
        let keys = format!("SELECT run_id, key FROM run_limit WHERE run_id IN ({ids})");
        let keys =
            sqlx::query_as::<_, (i64, String)>(AssertSqlSafe(keys)).fetch_all(&mut **change).await.map_err(failed)?;
        let mut keys_of: HashMap<i64, Vec<String>> = HashMap::new();
        for (id, key) in keys {
            keys_of.entry(id).or_default().push(key);
        }
        let mut chosen = Chosen::default();
        for (id, slug) in queued {
            let keys = keys_of.remove(&id).unwrap_or_default();
            if let Some(budget) = exhausted.of(&slug, &keys) {
                chosen.unaffordable.push((id, budget));
            } else if keys.iter().all(|key| room.get(key).is_none_or(|free| *free > 0)) {
                for key in &keys {
                    if let Some(free) = room.get_mut(key) {
                        *free -= 1;
                    }
                }
                chosen.chosen.push(id);
            }
        }
        Ok(chosen)
    }

    async fn take(&self, change: &mut Change, ids: &[i64]) -> Result<Vec<Claimed>, SchedulerError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let failed = |source| self.failed("claiming runs in", source);
        let (ids, now) = (list(ids), self.now());
        let take = format!(
            "UPDATE run SET state = 'STARTING', lease_server = $1, lease_fence = lease_fence + 1, \
             lease_heartbeat = lease_heartbeat + 1, started_at = $2 WHERE id IN ({ids}) AND state = 'QUEUED'"
        );
        sqlx::query(AssertSqlSafe(take)).bind(self.server()).bind(now).execute(&mut **change).await.map_err(failed)?;
        let count = format!("UPDATE run_limit SET is_active = 1 WHERE run_id IN ({ids})");
        sqlx::query(AssertSqlSafe(count)).execute(&mut **change).await.map_err(failed)?;
        // A slot that waited has begun.
        let begun = format!(
            "UPDATE slot SET decision = 'STARTED' WHERE decision = 'QUEUED' AND id IN (SELECT slot_id FROM run WHERE id IN ({ids}))"
        );
        sqlx::query(AssertSqlSafe(begun)).execute(&mut **change).await.map_err(failed)?;
        let rows = format!(
            "SELECT {RUN_COLUMNS} FROM run r JOIN schedule s ON s.id = r.schedule_id WHERE r.id IN ({ids}) ORDER BY r.not_before, r.id"
        );
        let rows = sqlx::query(AssertSqlSafe(rows)).fetch_all(&mut **change).await.map_err(failed)?;
        let mut claimed = Vec::with_capacity(rows.len());
        for row in &rows {
            let id: i64 = row.try_get(0).map_err(failed)?;
            match row::run(row) {
                Ok(run) => claimed.push(Claimed {
                    lease: Lease { run_id: id, fence: run.lease_fence },
                    run,
                    is_recovery: false,
                }),
                // One unreadable row must not stop all others.
                Err(problem) => {
                    let problem = problem.of(&format!("run {id}"), "claiming runs in", self.database());
                    tracing::error!("{problem}");
                    self.end_unreadable(change, id, &problem).await?;
                }
            }
        }
        self.record_claims(change, &claimed).await?;
        Ok(claimed)
    }

    /// One statement for all rows: a thousand runs may begin in one second.
    async fn record_claims(&self, change: &mut Change, claimed: &[Claimed]) -> Result<(), SchedulerError> {
        if claimed.is_empty() {
            return Ok(());
        }
        let values: Vec<String> = claimed
            .iter()
            .map(|claim| {
                format!(
                    "($1, 'system', $2, 'run.claimed', 'run', {}, '{{\"fence\":{}}}')",
                    claim.lease.run_id, claim.lease.fence
                )
            })
            .collect();
        let sql = format!(
            "INSERT INTO audit (at, actor_type, actor, event_type, source, source_id, metadata) VALUES {}",
            values.join(", ")
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(self.now())
            .bind(self.server())
            .execute(&mut **change)
            .await
            .map_err(|source| self.failed("claiming runs in", source))?;
        Ok(())
    }

    /// Ends a run whose row no version understands.
    async fn end_unreadable(
        &self,
        change: &mut Change,
        id: i64,
        problem: &SchedulerError,
    ) -> Result<(), SchedulerError> {
        let end = "UPDATE run SET state = 'ERROR', error_class = 'configuration', state_reason = $2, ended_at = $3 WHERE id = $1";
        let failed = |source| self.failed("ending a run in", source);
        sqlx::query(end)
            .bind(id)
            .bind(problem.to_string())
            .bind(self.now())
            .execute(&mut **change)
            .await
            .map_err(failed)?;
        sqlx::query("DELETE FROM run_limit WHERE run_id = $1").bind(id).execute(&mut **change).await.map_err(failed)?;
        let details = json!({ "state": "ERROR", "reason": problem.to_string() });
        self.record(change, &self.myself(), Decision::run("run.ended", id, details)).await
    }

    /// A budget that stops is exhausted: the run does not begin.
    async fn end_unaffordable(&self, id: i64, budget: &str) -> Result<(), SchedulerError> {
        let mut change = self.database().write().await?;
        let run = self.locked_run(&mut change, id).await?;
        let Some(run) = run.filter(|run| run.state == RunState::Queued) else { return Ok(()) };
        let outcome = Outcome {
            state: RunState::Skipped,
            reason: format!("not started: {budget}"),
            class: Some(ErrorClass::Budget),
        };
        Box::pin(self.end(&mut change, &run, outcome, &self.myself())).await?;
        Ok(change.commit().await?)
    }

    pub(crate) fn tolerance(&self) -> i64 {
        i64::try_from(self.options().clock_tolerance.as_micros()).unwrap_or(60 * SECOND)
    }

    /// A run as this change sees it.
    pub(crate) async fn run_in(&self, change: &mut Change, id: i64) -> Result<Option<Run>, SchedulerError> {
        let sql = format!("SELECT {RUN_COLUMNS} FROM run r JOIN schedule s ON s.id = r.schedule_id WHERE r.id = $1");
        let row = sqlx::query(AssertSqlSafe(sql)).bind(id).fetch_optional(&mut **change).await;
        let row = row.map_err(|source| self.failed("reading a run of", source))?;
        row.map(|row| {
            row::run(&row).map_err(|error| error.of(&format!("run {id}"), "reading a run of", self.database()))
        })
        .transpose()
    }
}

/// Which candidates begin, and which cannot be paid for (with the budget's words).
#[derive(Debug, Default)]
struct Chosen {
    chosen: Vec<i64>,
    unaffordable: Vec<(i64, String)>,
}

impl Owned {
    pub fn new(run: &Run, monotonic: std::time::Duration) -> Self {
        Self {
            fence: run.lease_fence,
            since: monotonic,
            beaten: monotonic,
            max_runtime: run.spec.max_runtime_seconds.map(std::time::Duration::from_secs),
        }
    }
}

/// Ids as the inside of an `IN (…)`.
pub(crate) fn list(ids: &[i64]) -> String {
    ids.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}
