//! A run is stopped, wherever it is in its life.

use serde_json::json;
use store::Change;
use store::sqlx;

use crate::audit::Decision;
use crate::error::SchedulerError;
use crate::model::{Actor, Outcome, RunState, StopCause};
use crate::request::Canceled;
use crate::scheduler::Scheduler;

impl Scheduler {
    /// Stops a run: one that waits ends at once; one that runs is CANCELING until its owner has stopped it. Saying it again does no harm.
    ///
    /// # Errors
    /// The run is unknown.
    pub async fn cancel(&self, run_id: i64, reason: &str, actor: &Actor) -> Result<Canceled, SchedulerError> {
        let mut change = self.database().write().await?;
        let Some(run) = self.locked_run(&mut change, run_id).await? else {
            return Err(SchedulerError::UnknownRun { id: run_id });
        };
        let done = match run.state {
            state if state.is_final() => return Ok(Canceled::WasOver),
            RunState::Canceling => return Ok(Canceled::Requested),
            RunState::Queued => {
                let outcome = Outcome { state: RunState::Canceled, reason: reason.to_owned(), class: None };
                Box::pin(self.end(&mut change, &run, outcome, actor)).await?;
                Canceled::AtOnce
            }
            _ => {
                self.ask_to_stop(&mut change, run_id, StopCause::Cancel, reason, actor).await?;
                Canceled::Requested
            }
        };
        change.commit().await?;
        self.nudge();
        Ok(done)
    }

    /// Tells the owner of a run to stop it; the first cause stands.
    pub(crate) async fn ask_to_stop(
        &self,
        change: &mut Change,
        run_id: i64,
        cause: StopCause,
        reason: &str,
        actor: &Actor,
    ) -> Result<(), SchedulerError> {
        let sql = "UPDATE run SET state = 'CANCELING', cancel_requested_at = $2, cancel_cause = $3, cancel_reason = $4 \
                   WHERE id = $1 AND state IN ('STARTING', 'RUNNING')";
        let asked = sqlx::query(sql)
            .bind(run_id)
            .bind(self.now())
            .bind(cause.as_str())
            .bind(reason)
            .execute(&mut **change)
            .await
            .map_err(|source| self.failed("canceling a run in", source))?;
        if asked.rows_affected() == 1 {
            let details = json!({ "cause": cause, "reason": reason });
            self.record(change, actor, Decision::run("run.cancel_requested", run_id, details)).await?;
        }
        Ok(())
    }
}
