//! Whether a run may begin beside those that are not finished.

use schedules::OverlapPolicy;
use store::Change;
use store::sqlx;

use crate::error::SchedulerError;
use crate::model::RunState;
use crate::scheduler::Scheduler;

/// What becomes of one more run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Nothing stands in its way.
    Start,
    /// It waits until `behind` ends.
    Queue { behind: i64 },
    /// One run waits already: that is the one.
    Join { waiting: i64 },
    /// No.
    Refuse { busy: i64 },
}

impl Scheduler {
    /// Asks the schedule's policy; the schedule is locked. Runs of backfills do not count: they take turns by themselves.
    pub(crate) async fn admit(
        &self,
        change: &mut Change,
        schedule_id: i64,
        policy: OverlapPolicy,
    ) -> Result<Admission, SchedulerError> {
        if policy == OverlapPolicy::Allow {
            return Ok(Admission::Start);
        }
        let sql = "SELECT id, state FROM run WHERE schedule_id = $1 AND state IN ('QUEUED', 'STARTING', 'RUNNING', 'CANCELING') \
                   AND cause <> 'backfill' ORDER BY id";
        let unfinished: Vec<(i64, String)> = sqlx::query_as(sql)
            .bind(schedule_id)
            .fetch_all(&mut **change)
            .await
            .map_err(|source| self.failed("looking for unfinished runs in", source))?;
        let Some(&(first, _)) = unfinished.first() else { return Ok(Admission::Start) };
        if policy == OverlapPolicy::Skip {
            return Ok(Admission::Refuse { busy: first });
        }
        let waiting = unfinished.iter().find(|(_, state)| state == RunState::Queued.as_str());
        Ok(waiting.map_or(Admission::Queue { behind: first }, |&(waiting, _)| Admission::Join { waiting }))
    }
}
