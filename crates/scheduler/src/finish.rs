//! A run ends: its state, the next attempt, the messages and the runs that its end starts are one transaction.

use schedules::Event;
use serde_json::json;
use store::sqlx;
use store::{Backend, Change};

use crate::audit::Decision;
use crate::clock::readable;
use crate::definition::Definition;
use crate::error::SchedulerError;
use crate::model::{Actor, ErrorClass, Lease, Outcome, Run, RunState, StopCause};
use crate::notice::News;
use crate::outbox::{observe_end, report_end};
use crate::request::Finished;
use crate::scheduler::Scheduler;

impl Scheduler {
    /// Ends a run that this process owns.
    ///
    /// Told twice, as after a broken connection, it answers the same. An owner whose lease was taken over is refused.
    ///
    /// # Errors
    /// The database fails: say it again until an answer comes.
    pub async fn finish(&self, lease: Lease, outcome: Outcome) -> Result<Finished, SchedulerError> {
        let mut change = self.database().write().await?;
        let Some(run) = self.locked_run(&mut change, lease.run_id).await? else { return Ok(Finished::Lost) };
        let answer = if run.lease_fence != lease.fence || run.state == RunState::Queued {
            Finished::Lost
        } else if run.state.is_final() {
            Finished::Done { retry_run_id: self.next_attempt(&mut change, run.id).await? }
        } else {
            let outcome = as_asked(&run, outcome);
            let retry_run_id = Box::pin(self.end(&mut change, &run, outcome, &self.myself())).await?;
            change.commit().await?;
            self.nudge();
            Finished::Done { retry_run_id }
        };
        let mut owned = self.owned();
        if owned.get(&lease.run_id).is_some_and(|mine| mine.fence == lease.fence) {
            owned.remove(&lease.run_id);
        }
        Ok(answer)
    }

    /// A run, locked, with the schedules locked before it that its end may start.
    pub(crate) async fn locked_run(&self, change: &mut Change, id: i64) -> Result<Option<Run>, SchedulerError> {
        let failed = |source| self.failed("locking a run in", source);
        let concerned = "SELECT c.id FROM run r JOIN schedule s ON s.id = r.schedule_id \
                         JOIN schedule c ON (c.run_after = s.slug OR c.id = s.id) WHERE r.id = $1";
        let concerned: Vec<i64> =
            sqlx::query_scalar(concerned).bind(id).fetch_all(&mut **change).await.map_err(failed)?;
        self.lock_schedules(change, &concerned).await?;
        if change.backend() == Backend::Postgres {
            let lock = "SELECT id FROM run WHERE id = $1 FOR UPDATE";
            sqlx::query(lock).bind(id).fetch_optional(&mut **change).await.map_err(failed)?;
        }
        self.run_in(change, id).await
    }

    /// Writes the end of a run that is locked and not over, and what follows from it; returns the next attempt, if there is one.
    pub(crate) async fn end(
        &self,
        change: &mut Change,
        run: &Run,
        outcome: Outcome,
        actor: &Actor,
    ) -> Result<Option<i64>, SchedulerError> {
        let failed = |source| self.failed("ending a run in", source);
        let now = self.now();
        let reason = Some(outcome.reason.clone()).filter(|reason| !reason.is_empty());
        let sql = "UPDATE run SET state = $2, state_reason = $3, error_class = $4, ended_at = $5 WHERE id = $1 \
                   AND state IN ('QUEUED', 'STARTING', 'RUNNING', 'CANCELING')";
        let done = sqlx::query(sql)
            .bind(run.id)
            .bind(outcome.state.as_str())
            .bind(reason.clone())
            .bind(outcome.class.map(ErrorClass::as_str))
            .bind(now)
            .execute(&mut **change)
            .await
            .map_err(failed)?;
        if done.rows_affected() == 0 {
            return Ok(None);
        }
        sqlx::query("DELETE FROM run_limit WHERE run_id = $1")
            .bind(run.id)
            .execute(&mut **change)
            .await
            .map_err(failed)?;
        observe_end(change, run.id, self.options().observed, now).await.map_err(failed)?;
        let details = json!({ "state": outcome.state, "reason": reason, "class": outcome.class });
        self.record(change, actor, Decision::run("run.ended", run.id, details)).await?;

        let ended = Run {
            state: outcome.state,
            state_reason: reason,
            error_class: outcome.class,
            ended_at: Some(now),
            ..run.clone()
        };
        let definitions = self.schedules_where(change, &format!("s.id = {}", run.schedule_id)).await?;
        let Some(definition) = definitions.first() else { return Ok(None) };
        if ended.sla_at.is_some_and(|sla_at| sla_at <= now) {
            self.miss_sla(change, &ended, definition).await?;
        }
        if let Some(next) = self.retry_by_policy(change, &ended, definition).await? {
            return Ok(Some(next));
        }
        if ended.spec.is_turbo_ci {
            report_end(change, run.id, now).await.map_err(failed)?;
        }
        self.announce(change, &ended, definition).await?;
        Ok(None)
    }

    /// The end is the end of the work, not only of an attempt: people are told and other schedules start.
    async fn announce(&self, change: &mut Change, run: &Run, definition: &Definition) -> Result<(), SchedulerError> {
        let Some(event) = event_of(run) else { return Ok(()) };
        let name = &definition.schedule.name;
        let reason = run.state_reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let message = match event {
            Event::Passed => format!("{name}: run {} succeeded", run.id),
            Event::Skipped => format!("{name}: run {} was not started{reason}", run.id),
            _ => format!("{name}: run {} failed{reason}", run.id),
        };
        let news = News { event, about: format!("run:{}", run.id), message, run: Some(run), planned_at: None };
        self.tell(change, &definition.schedule, news).await?;
        self.start_followers(change, run, definition, event).await
    }

    /// Marks a run that passed its SLA, once for all its attempts, and tells it.
    pub(crate) async fn miss_sla(
        &self,
        change: &mut Change,
        run: &Run,
        definition: &Definition,
    ) -> Result<(), SchedulerError> {
        let failed = |source| self.failed("marking a late run in", source);
        let mark = "UPDATE run SET sla_missed = 1 WHERE id = $1 AND sla_missed = 0";
        let done = sqlx::query(mark).bind(run.id).execute(&mut **change).await.map_err(failed)?;
        if done.rows_affected() == 0 {
            return Ok(());
        }
        let due = run.sla_at.map(readable).unwrap_or_default();
        self.record(change, &self.myself(), Decision::run("run.sla_missed", run.id, json!({ "due": due }))).await?;
        let minutes = definition.schedule.sla_minutes.unwrap_or_default();
        let name = &definition.schedule.name;
        let message =
            format!("{name}: run {} takes longer than its SLA of {minutes} minutes (it was due at {due})", run.id);
        let about = format!("family:{}", run.family_id);
        let news = News { event: Event::Sla, about, message, run: Some(run), planned_at: None };
        self.tell(change, &definition.schedule, news).await?;
        self.start_followers(change, run, definition, Event::Sla).await
    }

    async fn next_attempt(&self, change: &mut Change, run_id: i64) -> Result<Option<i64>, SchedulerError> {
        let sql = "SELECT n.id FROM run r JOIN run n ON n.family_id = r.family_id AND n.retry_of_run_id = r.id \
                   WHERE r.id = $1 AND n.cause = 'automatic_retry' ORDER BY n.id LIMIT 1";
        let found = sqlx::query_scalar(sql).bind(run_id).fetch_optional(&mut **change).await;
        found.map_err(|source| self.failed("reading a run of", source))
    }
}

/// A run that was asked to stop and then failed has stopped: its commands were killed.
fn as_asked(run: &Run, outcome: Outcome) -> Outcome {
    let is_failure = matches!(outcome.state, RunState::Failed | RunState::Error);
    match run.cancel_requested_at {
        Some(_) if is_failure => {
            let cause = run.cancel_cause.unwrap_or(StopCause::Cancel);
            cause.outcome(run.cancel_reason.clone().unwrap_or(outcome.reason))
        }
        _ => outcome,
    }
}

/// What a run's end is for those who wait for it. A run that a person stopped is nobody's news.
fn event_of(run: &Run) -> Option<Event> {
    match (run.state, run.error_class) {
        (RunState::Success, _) => Some(Event::Passed),
        (RunState::Failed | RunState::Error, _) | (RunState::Canceled, Some(_)) => Some(Event::Failed),
        (RunState::Skipped, Some(_)) => Some(Event::Skipped),
        _ => None,
    }
}
