//! The owner of a run says that it lives, and learns whether to go on; the reaper finds owners that no longer do.

use std::time::Duration;

use serde_json::json;
use store::sqlx::{self, AssertSqlSafe};

use crate::audit::Decision;
use crate::error::SchedulerError;
use crate::model::{Claimed, Lease, RunState, StopCause};
use crate::outbox::{Announcement, announce, observe_begin};
use crate::request::Beat;
use crate::scheduler::{Owned, Scheduler, Watched};

impl Scheduler {
    /// The run's commands begin, at this commit. Says whether the lease still holds.
    ///
    /// # Errors
    /// The database fails.
    pub async fn running(&self, lease: Lease, commit_hash: Option<&str>) -> Result<bool, SchedulerError> {
        let asked = self.clock().monotonic();
        let mut change = self.database().write().await?;
        // A run that is to be canceled stays so.
        let sql = "UPDATE run SET state = CASE WHEN state = 'STARTING' THEN 'RUNNING' ELSE state END, \
                   commit_hash = COALESCE($3, commit_hash), lease_heartbeat = lease_heartbeat + 1 \
                   WHERE id = $1 AND lease_fence = $2 AND state IN ('STARTING', 'RUNNING', 'CANCELING')";
        let done = sqlx::query(sql).bind(lease.run_id).bind(lease.fence).bind(commit_hash).execute(&mut *change).await;
        let done = done.map_err(|source| self.failed("starting a run in", source))?;
        if done.rows_affected() == 1 {
            let started = Announcement::Started { run_id: lease.run_id };
            let announced = announce(&mut change, &format!("run:{}:started", lease.run_id), &started, self.now()).await;
            announced.map_err(|source| self.failed("writing a notification into", source))?;
            let observed = observe_begin(&mut change, lease.run_id, self.options().observed, self.now()).await;
            observed.map_err(|source| self.failed("writing a lineage event into", source))?;
        }
        change.commit().await?;
        self.beaten(&[lease], asked);
        Ok(done.rows_affected() == 1)
    }

    /// Says that these runs' owner lives; what each of them is to do, in the same order. Call it at least every third of [`crate::Options::lease`].
    ///
    /// # Errors
    /// The database fails: then [`Scheduler::must_stop`] says when to give up.
    pub async fn heartbeats(&self, leases: &[Lease]) -> Result<Vec<Beat>, SchedulerError> {
        if leases.is_empty() {
            return Ok(Vec::new());
        }
        let failed = |source| self.failed("saying that runs live in", source);
        let asked = self.clock().monotonic();
        let pairs: Vec<String> = leases.iter().map(|lease| format!("({}, {})", lease.run_id, lease.fence)).collect();
        let sql = format!(
            "UPDATE run SET lease_heartbeat = lease_heartbeat + 1 WHERE (id, lease_fence) IN (VALUES {}) \
             AND state IN ('STARTING', 'RUNNING', 'CANCELING') RETURNING id, state, cancel_cause, cancel_reason",
            pairs.join(", ")
        );
        let mut change = self.database().write().await?;
        let rows: Vec<(i64, String, Option<String>, Option<String>)> =
            sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut *change).await.map_err(failed)?;
        let mut beats = Vec::with_capacity(leases.len());
        for lease in leases {
            let Some((_, state, cause, reason)) = rows.iter().find(|row| row.0 == lease.run_id) else {
                beats.push(Beat::Lost);
                continue;
            };
            if state == RunState::Canceling.as_str() {
                let cause = cause.as_deref().and_then(|cause| cause.parse().ok()).unwrap_or(StopCause::Cancel);
                beats.push(Beat::Stop { cause, reason: reason.clone().unwrap_or_default() });
            } else if let Some(limit) = self.overdue(*lease) {
                let reason = format!("it ran longer than its maximum of {}", minutes(limit));
                self.ask_to_stop(&mut change, lease.run_id, StopCause::MaxRuntime, &reason, &self.myself()).await?;
                beats.push(Beat::Stop { cause: StopCause::MaxRuntime, reason });
            } else {
                beats.push(Beat::Continue);
            }
        }
        change.commit().await?;
        self.beaten(leases, asked);
        let mut owned = self.owned();
        for (lease, beat) in leases.iter().zip(&beats) {
            if *beat == Beat::Lost && owned.get(&lease.run_id).is_some_and(|mine| mine.fence == lease.fence) {
                owned.remove(&lease.run_id);
            }
        }
        Ok(beats)
    }

    /// Whether this process must take its lease for lost, as it could not say that it lives for two thirds of the lease's time: others may
    /// take the run over soon, and by then its commands must be dead.
    pub fn must_stop(&self, lease: Lease) -> bool {
        let now = self.clock().monotonic();
        match self.owned().get(&lease.run_id) {
            Some(owned) if owned.fence == lease.fence => {
                now.saturating_sub(owned.beaten) >= self.options().lease * 2 / 3
            }
            _ => true,
        }
    }

    /// Takes over the runs whose owner's heartbeat did not move for the lease's time on this process's monotonic clock, or whose server ended
    /// without finishing them. The caller cleans up what the dead owner left, then finishes each with [`crate::model::Outcome::lost`].
    ///
    /// Call it every few seconds: it must see a heartbeat once to notice that it does not move.
    ///
    /// # Errors
    /// The database fails.
    pub async fn reap(&self) -> Result<Vec<Claimed>, SchedulerError> {
        let active = "SELECT r.id, r.lease_fence, r.lease_heartbeat, r.lease_server, \
                      CASE WHEN s.stopped_at IS NOT NULL THEN 1 ELSE 0 END \
                      FROM run r LEFT JOIN server s ON s.id = r.lease_server WHERE r.state IN ('STARTING', 'RUNNING', 'CANCELING')";
        let active: Vec<(i64, i64, i64, Option<String>, i64)> = sqlx::query_as(active)
            .fetch_all(self.database().readers())
            .await
            .map_err(|source| self.failed("looking for lost runs in", source))?;
        let now = self.clock().monotonic();
        let mut dead = Vec::new();
        {
            let mut watched = self.watched();
            watched.retain(|id, _| active.iter().any(|row| row.0 == *id));
            for (id, fence, heartbeat, server, is_stopped) in active {
                let seen = watched.entry(id).or_insert(Watched { fence, heartbeat, since: now });
                if (seen.fence, seen.heartbeat) != (fence, heartbeat) {
                    *seen = Watched { fence, heartbeat, since: now };
                }
                if is_stopped == 1 || now.saturating_sub(seen.since) >= self.options().lease {
                    dead.push((id, fence, heartbeat, server.unwrap_or_default()));
                }
            }
        }
        let mut taken = Vec::new();
        for (id, fence, heartbeat, server) in dead {
            taken.extend(self.take_over(id, fence, heartbeat, &server).await?);
        }
        Ok(taken)
    }

    /// The compare-and-swap: whoever beat or took over in between wins.
    async fn take_over(
        &self,
        id: i64,
        fence: i64,
        heartbeat: i64,
        server: &str,
    ) -> Result<Option<Claimed>, SchedulerError> {
        let failed = |source| self.failed("taking over a run in", source);
        let mut change = self.database().write().await?;
        let sql = "UPDATE run SET lease_server = $1, lease_fence = lease_fence + 1, lease_heartbeat = lease_heartbeat + 1 \
                   WHERE id = $2 AND lease_fence = $3 AND lease_heartbeat = $4 AND state IN ('STARTING', 'RUNNING', 'CANCELING')";
        let done =
            sqlx::query(sql).bind(self.server()).bind(id).bind(fence).bind(heartbeat).execute(&mut *change).await;
        if done.map_err(failed)?.rows_affected() == 0 {
            return Ok(None);
        }
        let Some(run) = self.run_in(&mut change, id).await? else { return Ok(None) };
        let details = json!({ "from": server, "fence": run.lease_fence });
        self.record(&mut change, &self.myself(), Decision::run("run.taken_over", id, details)).await?;
        change.commit().await?;
        self.owned().insert(id, Owned { max_runtime: None, ..Owned::new(&run, self.clock().monotonic()) });
        Ok(Some(Claimed { lease: Lease { run_id: id, fence: run.lease_fence }, run, is_recovery: true }))
    }

    /// `asked` is when the database was asked, not when it answered: nobody else can have seen the heartbeat before that.
    fn beaten(&self, leases: &[Lease], asked: Duration) {
        let mut owned = self.owned();
        for lease in leases {
            if let Some(mine) = owned.get_mut(&lease.run_id).filter(|mine| mine.fence == lease.fence) {
                mine.beaten = asked;
            }
        }
    }

    /// The maximum that this run has passed, by the owner's own monotonic clock.
    fn overdue(&self, lease: Lease) -> Option<Duration> {
        let ran = self.owned().get(&lease.run_id).filter(|mine| mine.fence == lease.fence).copied()?;
        ran.max_runtime.filter(|limit| self.clock().monotonic().saturating_sub(ran.since) >= *limit)
    }
}

fn minutes(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds % 60 == 0 => format!("{} minutes", seconds / 60),
        seconds => format!("{seconds} seconds"),
    }
}
