//! Runs that take longer than promised are marked and told once, while they go on.

use store::sqlx;

use crate::error::SchedulerError;
use crate::scheduler::Scheduler;

impl Scheduler {
    /// Marks the runs whose time has passed.
    pub(crate) async fn mark_late_runs(&self) -> Result<(), SchedulerError> {
        let late = "SELECT id FROM run WHERE sla_missed = 0 AND ended_at IS NULL AND sla_at <= $1 ORDER BY sla_at, id LIMIT 200";
        let late: Vec<i64> = sqlx::query_scalar(late)
            .bind(self.now())
            .fetch_all(self.database().readers())
            .await
            .map_err(|source| self.failed("looking for late runs in", source))?;
        for id in late {
            let mut change = self.database().write().await?;
            let Some(run) = self.locked_run(&mut change, id).await? else { continue };
            if run.state.is_final() {
                continue;
            }
            let definitions = self.schedules_where(&mut change, &format!("s.id = {}", run.schedule_id)).await?;
            if let Some(definition) = definitions.first() {
                self.miss_sla(&mut change, &run, definition).await?;
            }
            change.commit().await?;
        }
        Ok(())
    }
}
