//! History that nobody needs any more goes, a batch at a time.

use store::sqlx::{self, AssertSqlSafe};

use crate::audit::Decision;
use crate::claim::list;
use crate::clock::{Micros, SECOND};
use crate::error::SchedulerError;
use crate::model::Actor;
use crate::request::{Retained, Retention};
use crate::scheduler::Scheduler;

/// How many runs one pass removes.
const BATCH: i64 = 500;
const DAY: Micros = 24 * 3600 * SECOND;

impl Scheduler {
    /// Removes what is older than it needs to be. Families go as a whole, so that no attempt loses its first one. The files under
    /// [`Retained::storage_keys`] may be deleted afterwards: no row names them any more.
    ///
    /// Nothing is removed while the wall clock is known to have been stepped by more than a day.
    ///
    /// # Errors
    /// The database fails; nothing of this pass is removed then.
    pub async fn retain(&self, retention: Retention) -> Result<Retained, SchedulerError> {
        let failed = |source| self.failed("removing old history from", source);
        let before = |days: u32| self.now() - i64::from(days) * DAY;
        let mut retained = Retained::default();
        // Age is judged by the wall clock: one that was put ahead by months must not delete them.
        if self.stepped().abs() > DAY {
            tracing::warn!("history is not tidied: this machine's clock was stepped by {} days", self.stepped() / DAY);
            return Ok(retained);
        }
        let mut change = self.database().write().await?;
        // Over for long, not among the newest of its schedule, and so are all of its family; nothing unfinished goes on from it.
        let old = "SELECT f.family_id FROM run f WHERE f.id = f.family_id AND f.created_at < $1 \
                   AND NOT EXISTS (SELECT 1 FROM run a WHERE a.family_id = f.family_id AND (a.ended_at IS NULL OR a.ended_at >= $1)) \
                   AND (SELECT count(*) FROM (SELECT 1 AS one FROM run n WHERE n.schedule_id = f.schedule_id AND n.id > f.id LIMIT $2) AS newer) >= $2 \
                   AND NOT EXISTS (SELECT 1 FROM pull_request p JOIN run l ON l.id = p.last_run_id WHERE l.family_id = f.family_id \
                   AND p.dropped_at IS NULL) ORDER BY f.created_at LIMIT $3";
        let families: Vec<i64> = sqlx::query_scalar(old)
            .bind(before(retention.runs_days))
            .bind(i64::from(retention.keep_newest))
            .bind(BATCH)
            .fetch_all(&mut *change)
            .await
            .map_err(failed)?;
        retained.has_more = i64::try_from(families.len()).is_ok_and(|count| count == BATCH);
        if !families.is_empty() {
            let runs = format!("SELECT id FROM run WHERE family_id IN ({})", list(&families));
            let runs: Vec<i64> =
                sqlx::query_scalar(AssertSqlSafe(runs)).fetch_all(&mut *change).await.map_err(failed)?;
            let ids = list(&runs);
            let keys = format!("SELECT DISTINCT storage_key FROM artifact WHERE run_id IN ({ids})");
            let keys: Vec<String> =
                sqlx::query_scalar(AssertSqlSafe(keys)).fetch_all(&mut *change).await.map_err(failed)?;
            for sql in [
                format!("DELETE FROM log_chunk WHERE command_id IN (SELECT id FROM command WHERE run_id IN ({ids}))"),
                format!("DELETE FROM artifact WHERE run_id IN ({ids})"),
                format!("DELETE FROM command WHERE run_id IN ({ids})"),
                format!("DELETE FROM query_execution WHERE run_id IN ({ids})"),
                format!("DELETE FROM pull_request WHERE last_run_id IN ({ids})"),
                format!("DELETE FROM trigger_key WHERE run_id IN ({ids})"),
                format!("DELETE FROM run_limit WHERE run_id IN ({ids})"),
                format!("DELETE FROM audit WHERE source = 'run' AND source_id IN ({ids})"),
            ] {
                sqlx::query(AssertSqlSafe(sql)).execute(&mut *change).await.map_err(failed)?;
            }
            let slots = format!("DELETE FROM slot WHERE id IN (SELECT slot_id FROM run WHERE id IN ({ids}))");
            retained.slots +=
                sqlx::query(AssertSqlSafe(slots)).execute(&mut *change).await.map_err(failed)?.rows_affected();
            let runs = format!("DELETE FROM run WHERE id IN ({ids})");
            retained.runs =
                sqlx::query(AssertSqlSafe(runs)).execute(&mut *change).await.map_err(failed)?.rows_affected();
            for key in keys {
                let used: i64 = sqlx::query_scalar("SELECT count(*) FROM artifact WHERE storage_key = $1")
                    .bind(key.clone())
                    .fetch_one(&mut *change)
                    .await
                    .map_err(failed)?;
                retained.storage_keys.extend((used == 0).then_some(key));
            }
        }
        // Slots that never had a run.
        let slots = "DELETE FROM slot WHERE run_id IS NULL AND decision <> 'PLANNED' AND decided_at < $1";
        retained.slots += self.remove(&mut change, slots, before(retention.runs_days)).await?;
        retained.audit =
            self.remove(&mut change, "DELETE FROM audit WHERE at < $1", before(retention.audit_days)).await?;
        let outbox = "DELETE FROM outbox WHERE created_at < $1 AND state <> 'PENDING'";
        retained.outbox = self.remove(&mut change, outbox, before(retention.outbox_days)).await?;
        self.remove(&mut change, "DELETE FROM trigger_key WHERE expires_at < $1", before(1)).await?;
        let servers = "DELETE FROM server WHERE heartbeat_at < $1 AND id NOT IN \
                       (SELECT lease_server FROM run WHERE ended_at IS NULL AND lease_server IS NOT NULL)";
        self.remove(&mut change, servers, before(30)).await?;
        if retained.runs + retained.slots + retained.audit + retained.outbox > 0 {
            let details = serde_json::json!({
                "runs": retained.runs, "slots": retained.slots, "audit": retained.audit, "outbox": retained.outbox,
            });
            let decision = Decision { event: "history.removed", source: "workspace", source_id: None, details };
            self.record(&mut change, &Actor::system("retention"), decision).await?;
        }
        change.commit().await?;
        Ok(retained)
    }

    async fn remove(
        &self,
        change: &mut store::Change,
        sql: &'static str,
        before: Micros,
    ) -> Result<u64, SchedulerError> {
        let removed = sqlx::query(sql).bind(before).execute(&mut **change).await;
        Ok(removed.map_err(|source| self.failed("removing old history from", source))?.rows_affected())
    }
}
