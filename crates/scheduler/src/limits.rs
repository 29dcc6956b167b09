//! How many runs may be active under a key.

use serde_json::json;
use store::sqlx;

use crate::audit::Decision;
use crate::error::SchedulerError;
use crate::model::Actor;
use crate::scheduler::Scheduler;

impl Scheduler {
    /// Sets how many runs may be active under `workspace`, `connection:<slug>` or `workgroup:<region>/<name>`; `None` takes the limit away. Runs
    /// that are active stay so. (`schedule:<slug>` is kept by the overlap policy.)
    ///
    /// # Errors
    /// The key is of no known kind; the limit is 0.
    pub async fn set_limit(&self, key: &str, max_active: Option<u32>, actor: &Actor) -> Result<(), SchedulerError> {
        let is_known = key == "workspace" || key.starts_with("connection:") || key.starts_with("workgroup:");
        if !is_known {
            let what = format!("'{key}' is nothing that runs are counted under");
            return Err(SchedulerError::Invalid {
                what,
                fix: "write workspace, connection:<slug> or workgroup:<region>/<name>",
            });
        }
        if max_active == Some(0) {
            let what = format!("a limit of 0 under '{key}' would let nothing run");
            return Err(SchedulerError::Invalid {
                what,
                fix: "suspend the schedules instead, or give a limit of at least 1",
            });
        }
        let failed = |source| self.failed("setting a limit in", source);
        let mut change = self.database().write().await?;
        match max_active {
            Some(max_active) => {
                let sql = "INSERT INTO concurrency_limit (key, max_active) VALUES ($1, $2) \
                           ON CONFLICT (key) DO UPDATE SET max_active = excluded.max_active";
                let set = sqlx::query(sql).bind(key).bind(i64::from(max_active));
                set.execute(&mut *change).await.map_err(failed)?;
            }
            None => {
                sqlx::query("DELETE FROM concurrency_limit WHERE key = $1")
                    .bind(key)
                    .execute(&mut *change)
                    .await
                    .map_err(failed)?;
            }
        }
        let details = json!({ "key": key, "max_active": max_active });
        let decision = Decision { event: "limit.set", source: "limit", source_id: None, details };
        self.record(&mut change, actor, decision).await?;
        change.commit().await?;
        self.nudge();
        Ok(())
    }
}
