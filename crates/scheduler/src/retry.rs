//! Another attempt: by the schedule's policy, or because somebody asks for it.

use schedules::{Retry, RetryOn};
use serde_json::json;
use store::Change;
use store::sqlx;

use crate::admit::Admission;
use crate::audit::Decision;
use crate::clock::{Clock, Micros, SECOND, readable};
use crate::create::{Family, NewRun, Turns};
use crate::definition::Definition;
use crate::error::SchedulerError;
use crate::model::{Actor, Cause, ErrorClass, Run, RunCommand, RunState};
use crate::request::RetryMode;
use crate::resume::{Step, remaining};
use crate::scheduler::Scheduler;

impl Scheduler {
    /// Does a run again, as a new attempt of the same family at the same commit.
    ///
    /// # Errors
    /// The run is unknown, not over, or did not fail; the schedule has an unfinished run.
    pub async fn retry_run(&self, run_id: i64, mode: RetryMode, actor: &Actor) -> Result<i64, SchedulerError> {
        let mut change = self.database().write().await?;
        let Some(run) = self.locked_run(&mut change, run_id).await? else {
            return Err(SchedulerError::UnknownRun { id: run_id });
        };
        let id = self.retry_by_hand(&mut change, &run, mode, actor).await?;
        change.commit().await?;
        self.nudge();
        Ok(id)
    }

    /// Does the newest run of a schedule again from its first failed command. Which run that is, is decided under the schedule's lock: a retry
    /// that somebody else made in between is not overlooked.
    ///
    /// # Errors
    /// As [`Scheduler::retry_run`]; the schedule is unknown, or has no run.
    pub async fn retry_schedule_from_failure(&self, slug: &str, actor: &Actor) -> Result<i64, SchedulerError> {
        let mut change = self.database().write().await?;
        let definition = self.existing_schedule(&mut change, slug).await?;
        let newest: Option<i64> = sqlx::query_scalar("SELECT max(id) FROM run WHERE schedule_id = $1")
            .bind(definition.id)
            .fetch_one(&mut *change)
            .await
            .map_err(|source| self.failed("looking for the newest run in", source))?;
        let nothing = || SchedulerError::NothingToRetry { why: format!("schedule '{slug}' never ran") };
        let run = self.locked_run(&mut change, newest.ok_or_else(nothing)?).await?.ok_or_else(nothing)?;
        let id = self.retry_by_hand(&mut change, &run, RetryMode::FromFailure, actor).await?;
        change.commit().await?;
        self.nudge();
        Ok(id)
    }

    async fn retry_by_hand(
        &self,
        change: &mut Change,
        run: &Run,
        mode: RetryMode,
        actor: &Actor,
    ) -> Result<i64, SchedulerError> {
        let why = match (run.state, mode) {
            (state, _) if !state.is_final() => Some(format!("run {} is not over ({state})", run.id)),
            (RunState::Success, RetryMode::FromFailure) => Some(format!("run {} succeeded", run.id)),
            _ => None,
        };
        if let Some(why) = why {
            return Err(SchedulerError::NothingToRetry { why });
        }
        let definitions = self.schedules_where(change, &format!("s.id = {}", run.schedule_id)).await?;
        let definition = definitions.into_iter().find(|definition| !definition.is_deleted).ok_or_else(|| {
            SchedulerError::NothingToRetry { why: format!("schedule '{}' was deleted", run.schedule_slug) }
        })?;
        let admission = self.admit(change, definition.id, definition.schedule.overlap_policy).await?;
        if let Admission::Refuse { busy: run_id } | Admission::Join { waiting: run_id } = admission {
            return Err(SchedulerError::AlreadyRunning { slug: run.schedule_slug.clone(), run_id });
        }
        let commands = match mode {
            RetryMode::FromFailure => self.commands_left(change, run).await?,
            // What the first attempt ran: a later one may have begun in the middle.
            RetryMode::All => match self.run_in(change, run.family_id).await? {
                Some(first) => first.spec.commands,
                None => run.spec.commands.clone(),
            },
        };
        if commands.is_empty() {
            return Err(SchedulerError::NothingToRetry { why: format!("all commands of run {} succeeded", run.id) });
        }
        let attempt =
            Attempt { cause: Cause::Retry, commands, not_before: self.now(), automatic_retries: 0, reason: None };
        self.attempt_again(change, run, &definition, attempt, actor).await
    }

    /// The attempt that the schedule's policy wants after this end, if it wants one.
    pub(crate) async fn retry_by_policy(
        &self,
        change: &mut Change,
        run: &Run,
        definition: &Definition,
    ) -> Result<Option<i64>, SchedulerError> {
        let policy = &definition.schedule.retry;
        let made = run.spec.automatic_retries;
        let wanted = run.error_class.is_some_and(|class| covers(policy, class));
        if !wanted || made >= policy.attempts || definition.is_deleted {
            return Ok(None);
        }
        let not_before = self.now() + back_off(policy, made, self.clock().as_ref());
        let commands = match self.commands_left(change, run).await? {
            // It failed after its last command: all is done again.
            commands if commands.is_empty() => run.spec.commands.clone(),
            commands => commands,
        };
        let reason = format!(
            "attempt {} of {} after {}",
            made + 2,
            policy.attempts + 1,
            run.error_class.map_or("", ErrorClass::as_str)
        );
        let attempt = Attempt {
            cause: Cause::AutomaticRetry,
            commands,
            not_before,
            automatic_retries: made + 1,
            reason: Some(reason),
        };
        let id = self.attempt_again(change, run, definition, attempt, &self.myself()).await?;
        let details = json!({ "next": id, "not_before": readable(not_before), "class": run.error_class });
        self.record(change, &self.myself(), Decision::run("run.retry_planned", run.id, details)).await?;
        Ok(Some(id))
    }

    async fn attempt_again(
        &self,
        change: &mut Change,
        run: &Run,
        definition: &Definition,
        attempt: Attempt,
        actor: &Actor,
    ) -> Result<i64, SchedulerError> {
        let failed = |source| self.failed("making another attempt in", source);
        let last: i64 = sqlx::query_scalar("SELECT max(attempt) FROM run WHERE family_id = $1")
            .bind(run.family_id)
            .fetch_one(&mut **change)
            .await
            .map_err(failed)?;
        let own: (i64, i64) = sqlx::query_as(
            "SELECT sla_missed, (SELECT count(*) FROM run_limit WHERE run_id = run.id) FROM run WHERE id = $1",
        )
        .bind(run.id)
        .fetch_one(&mut **change)
        .await
        .map_err(failed)?;
        let place = self.places(change).await?.of(&run.spec.environment);
        let mut new = NewRun::new(definition, place, attempt.cause, actor, self.now());
        new.spec = run.spec.clone();
        new.spec.commands = attempt.commands;
        new.spec.automatic_retries = attempt.automatic_retries;
        new.reason = attempt.reason;
        new.slot_id = run.slot_id;
        new.parent_run_id = run.parent_run_id;
        new.branch.clone_from(&run.branch);
        new.commit_hash.clone_from(&run.commit_hash);
        new.pull_request.clone_from(&run.pull_request);
        new.not_before = attempt.not_before;
        if run.spec.is_turbo_ci {
            new.turns = Turns::Free;
        }
        // A person who asks again starts a new clock; the policy's attempts share the first one's.
        let sla = match attempt.cause {
            Cause::AutomaticRetry => run.sla_at.map(|at| (at, own.0 != 0)),
            _ => definition.schedule.sla_minutes.map(|minutes| (self.now() + i64::from(minutes) * 60 * SECOND, false)),
        };
        new.family = Some(Family { id: run.family_id, attempt: last + 1, retry_of_run_id: run.id, sla });
        self.create_run(change, new).await
    }

    /// The commands from the first one that did not succeed.
    async fn commands_left(&self, change: &mut Change, run: &Run) -> Result<Vec<RunCommand>, SchedulerError> {
        let sql = "SELECT c.id, c.state, c.return_code, CASE WHEN EXISTS (SELECT 1 FROM artifact a WHERE a.command_id = c.id \
                   AND a.path = 'target/run_results.json') THEN 1 ELSE 0 END \
                   FROM command c WHERE c.run_id = $1 AND c.kind = 'command' ORDER BY c.position";
        let rows: Vec<(i64, String, Option<i64>, i64)> = sqlx::query_as(sql)
            .bind(run.id)
            .fetch_all(&mut **change)
            .await
            .map_err(|source| self.failed("reading the commands of", source))?;
        let steps: Vec<Step> = rows
            .into_iter()
            .map(|(id, state, return_code, has_results)| Step {
                id,
                succeeded: state == RunState::Success.as_str(),
                failed_by_itself: return_code == Some(1),
                has_results: has_results == 1,
            })
            .collect();
        Ok(remaining(&run.spec.commands, &steps))
    }
}

struct Attempt {
    cause: Cause,
    commands: Vec<RunCommand>,
    not_before: Micros,
    automatic_retries: u32,
    reason: Option<String>,
}

/// Whether the policy tries again after a failure of this class.
fn covers(policy: &Retry, class: ErrorClass) -> bool {
    let named = match class {
        ErrorClass::Throttling => Some(RetryOn::Throttling),
        ErrorClass::Infrastructure | ErrorClass::Lost => Some(RetryOn::Infrastructure),
        ErrorClass::Timeout => Some(RetryOn::Timeout),
        ErrorClass::Command | ErrorClass::Configuration => None,
        // Money that is spent does not come back by trying.
        ErrorClass::Budget => return false,
    };
    policy.on.contains(&RetryOn::Any) || named.is_some_and(|named| policy.on.contains(&named))
}

/// The wait before the next attempt: doubled with each, and between half of it and all of it, so that runs which failed together do not come
/// back together.
fn back_off(policy: &Retry, made: u32, clock: &dyn Clock) -> Micros {
    let doubled = u64::from(policy.backoff_seconds).saturating_mul(1u64 << made.min(30));
    let most = doubled.min(u64::from(policy.max_backoff_seconds)) * SECOND.unsigned_abs();
    let half = most / 2;
    let jitter = if half == 0 { 0 } else { clock.random() % (most - half + 1) };
    i64::try_from(half + jitter).unwrap_or(i64::MAX)
}
