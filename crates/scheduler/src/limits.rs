//! How many runs may be active under a key.

use diagnostic::Diagnostic;
use serde_json::json;
use store::{Change, sqlx};

use crate::error::SchedulerError;
use crate::model::Actor;
use crate::scheduler::Scheduler;
use crate::{audit, clock::Micros};

impl Scheduler {
    /// Sets how many runs may be active under `workspace`, `connection:<slug>` or `workgroup:<region>/<name>`; `None` takes the limit away. Runs
    /// that are active stay so. (`schedule:<slug>` is kept by the overlap policy.)
    ///
    /// # Errors
    /// The key is of no known kind; the limit is 0.
    pub async fn set_limit(&self, key: &str, max_active: Option<u32>, actor: &Actor) -> Result<(), SchedulerError> {
        if let Err(problem) = check(key, max_active) {
            let what = problem.what.clone();
            return Err(SchedulerError::Invalid {
                what,
                fix: "write workspace, connection:<slug> or workgroup:<region>/<name>, and a limit of at least 1",
            });
        }
        let mut change = self.database().write().await?;
        let written = write(&mut change, key, max_active, actor, self.now()).await;
        written.map_err(|source| self.failed("setting a limit in", source))?;
        change.commit().await?;
        self.nudge();
        Ok(())
    }
}

/// Whether runs are counted under `key`, and can run with so many.
pub(crate) fn check(key: &str, max_active: Option<u32>) -> Result<(), Diagnostic> {
    let is_named = |prefix: &str| key.strip_prefix(prefix).is_some_and(|name| !name.is_empty());
    let is_workgroup = key.strip_prefix("workgroup:").and_then(|name| name.split_once('/'));
    let is_workgroup = is_workgroup.is_some_and(|(region, name)| !region.is_empty() && !name.is_empty());
    if key != "workspace" && !is_named("connection:") && !is_workgroup {
        return Err(Diagnostic::error(format!("'{key}' is nothing that runs are counted under"))
            .cause("a limit holds for everything, for a connection or for a workgroup; runs of one schedule take turns by its overlap_policy")
            .fix("write workspace, connection:<slug> or workgroup:<region>/<name>"));
    }
    if max_active == Some(0) {
        return Err(Diagnostic::error(format!("A limit of 0 under '{key}' would let nothing run"))
            .cause("runs that wait would wait for ever")
            .fix("suspend the schedules instead, or give a limit of at least 1"));
    }
    Ok(())
}

/// Sets or removes a limit; answers whether there was one.
pub(crate) async fn write(
    change: &mut Change,
    key: &str,
    max_active: Option<u32>,
    actor: &Actor,
    now: Micros,
) -> Result<bool, sqlx::Error> {
    let known: i64 = sqlx::query_scalar("SELECT count(*) FROM concurrency_limit WHERE key = $1")
        .bind(key)
        .fetch_one(&mut **change)
        .await?;
    match max_active {
        Some(max_active) => {
            let sql = "INSERT INTO concurrency_limit (key, max_active) VALUES ($1, $2) \
                       ON CONFLICT (key) DO UPDATE SET max_active = excluded.max_active";
            sqlx::query(sql).bind(key).bind(i64::from(max_active)).execute(&mut **change).await?;
        }
        None => {
            sqlx::query("DELETE FROM concurrency_limit WHERE key = $1").bind(key).execute(&mut **change).await?;
        }
    }
    let details = json!({ "key": key, "max_active": max_active });
    let decision = audit::Decision { event: "limit.set", source: "limit", source_id: None, details };
    audit::write(change, actor, decision, now).await?;
    Ok(known > 0)
}
