//! A run comes into being, with the keys it counts under.

use schedules::{DeferralTarget, EngineChoice, Schedule};
use serde_json::json;
use store::Change;
use store::sqlx::{self, AssertSqlSafe};

use crate::audit::Decision;
use crate::clock::{Micros, SECOND};
use crate::definition::{Definition, Place};
use crate::error::SchedulerError;
use crate::model::{Actor, Cause, DeferTo, RunCommand, RunSpec};
use crate::outbox::report_begin;
use crate::scheduler::Scheduler;

/// A run to be made.
#[derive(Debug)]
pub(crate) struct NewRun<'a> {
    pub definition: &'a Definition,
    pub place: Place,
    pub spec: RunSpec,
    pub cause: Cause,
    pub actor: &'a Actor,
    pub reason: Option<String>,
    pub slot_id: Option<i64>,
    pub parent_run_id: Option<i64>,
    pub branch: Option<String>,
    pub commit_hash: Option<String>,
    pub pull_request: Option<String>,
    pub not_before: Micros,
    /// `None` for a first attempt.
    pub family: Option<Family>,
    /// Whoever makes many at once writes the families of first attempts with one statement.
    pub family_follows: bool,
    /// Whether it takes turns with the schedule's other runs.
    pub turns: Turns,
}

/// What a later attempt takes from the ones before.
#[derive(Debug, Clone)]
pub(crate) struct Family {
    pub id: i64,
    pub attempt: i64,
    pub retry_of_run_id: i64,
    /// The first attempt's: waiting for another attempt does not make a late run early.
    pub sla: Option<(Micros, bool)>,
}

/// Which other runs a run waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turns {
    /// One of the schedule at a time.
    OfSchedule,
    /// None.
    Free,
}

impl<'a> NewRun<'a> {
    /// The schedule as it is, now.
    pub fn new(definition: &'a Definition, place: Place, cause: Cause, actor: &'a Actor, now: Micros) -> Self {
        let schedule = &definition.schedule;
        let mut spec = spec(schedule);
        spec.is_dbt_core |= place.is_dbt_core;
        let turns =
            if schedule.overlap_policy == schedules::OverlapPolicy::Allow { Turns::Free } else { Turns::OfSchedule };
        Self {
            definition,
            place,
            spec,
            cause,
            actor,
            reason: None,
            slot_id: None,
            parent_run_id: None,
            branch: schedule.git_branch.clone(),
            commit_hash: None,
            pull_request: None,
            not_before: now,
            family: None,
            family_follows: false,
            turns,
        }
    }
}

/// What a schedule's runs do. The token seed is set when the run is made.
fn spec(schedule: &Schedule) -> RunSpec {
    RunSpec {
        environment: schedule.environment.clone(),
        commands: schedule
            .commands
            .iter()
            .map(|command| RunCommand {
                text: command.command.clone(),
                continue_on_error: command.continue_on_error,
                retry_of: None,
            })
            .collect(),
        is_dbt_core: schedule.engine == EngineChoice::DbtCore,
        variables: schedule.variables.clone(),
        env_overrides: schedule.env_overrides.clone(),
        defer_to: schedule.active_deferral().map(defer_to),
        is_turbo_ci: false,
        repository: None,
        pull_request_schema: None,
        interval: None,
        max_runtime_seconds: schedule.max_runtime_minutes.map(|minutes| u64::from(minutes) * 60),
        token_seed: String::new(),
        chain: Vec::new(),
        backfill_id: None,
        automatic_retries: 0,
    }
}

pub(crate) fn defer_to(deferral: &schedules::Deferral) -> DeferTo {
    let (schedule, environment) = match &deferral.target {
        DeferralTarget::Schedule(slug) => (Some(slug.clone()), None),
        DeferralTarget::Environment(slug) => (None, Some(slug.clone())),
    };
    DeferTo { schedule, environment, successful_runs_only: deferral.successful_runs_only }
}

impl Scheduler {
    /// Makes the run; its schedule is locked.
    pub(crate) async fn create_run(&self, change: &mut Change, mut new: NewRun<'_>) -> Result<i64, SchedulerError> {
        let failed = |source| self.failed("making a run in", source);
        let now = self.now();
        let uuid = self.clock().uuid().to_string();
        if new.family.is_none() {
            new.spec.token_seed.clone_from(&uuid);
        }
        if new.spec.max_runtime_seconds.is_none() {
            new.spec.max_runtime_seconds = self.options().max_runtime.map(|limit| limit.as_secs());
        }
        new.spec.pull_request_schema = self.own_pull_request_schema(change, &new).await?;
        let spec = serde_json::to_string(&new.spec).map_err(|error| SchedulerError::Damaged {
            what: "a new run".to_owned(),
            column: "spec",
            problem: error.to_string(),
        })?;
        let own_sla =
            new.definition.schedule.sla_minutes.map(|minutes| (now + i64::from(minutes) * 60 * SECOND, false));
        let sla = new.family.as_ref().map_or(own_sla, |family| family.sla);
        let sql = "INSERT INTO run (uuid, schedule_id, family_id, attempt, slot_id, cause, actor, actor_email, reason, parent_run_id, \
                   retry_of_run_id, branch, commit_hash, pull_request, spec, state, created_at, not_before, sla_at, sla_missed, connection) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 'QUEUED', $16, $17, $18, $19, $20) \
                   RETURNING id";
        let id: i64 = sqlx::query_scalar(sql)
            .bind(uuid)
            .bind(new.definition.id)
            .bind(new.family.as_ref().map(|family| family.id))
            .bind(new.family.as_ref().map_or(1, |family| family.attempt))
            .bind(new.slot_id)
            .bind(new.cause.as_str())
            .bind(new.actor.name.clone())
            .bind(new.actor.email.clone())
            .bind(new.reason.clone())
            .bind(new.parent_run_id)
            .bind(new.family.as_ref().map(|family| family.retry_of_run_id))
            .bind(new.branch.clone())
            .bind(new.commit_hash.clone())
            .bind(new.pull_request.clone())
            .bind(spec)
            .bind(now)
            .bind(new.not_before)
            .bind(sla.map(|(at, _)| at))
            .bind(sla.map_or(0, |(_, is_missed)| i64::from(is_missed)))
            .bind(new.place.connection.clone())
            .fetch_one(&mut **change)
            .await
            .map_err(failed)?;
        if new.family.is_none() && !new.family_follows {
            let own = sqlx::query("UPDATE run SET family_id = id WHERE id = $1").bind(id).execute(&mut **change).await;
            own.map_err(failed)?;
        }
        self.count_under(change, id, &new).await?;
        self.note_pull_request(change, id, &new).await?;
        if new.place.reports && new.spec.is_turbo_ci && new.pull_request.is_some() {
            report_begin(change, id, &new.spec.environment, now).await.map_err(failed)?;
        }
        let attempt = new.family.as_ref().map(|family| family.attempt);
        let details =
            json!({ "cause": new.cause, "attempt": attempt, "parent": new.parent_run_id, "reason": new.reason });
        self.record(change, new.actor, Decision::run("run.created", id, details)).await?;
        Ok(id)
    }

    /// The keys whose limits hold for the run.
    async fn count_under(&self, change: &mut Change, id: i64, new: &NewRun<'_>) -> Result<(), SchedulerError> {
        let mut keys = vec!["workspace".to_owned()];
        keys.extend((new.turns == Turns::OfSchedule).then(|| format!("schedule:{}", new.definition.schedule.slug)));
        keys.extend(new.place.connection.as_ref().map(|slug| format!("connection:{slug}")));
        keys.extend(new.place.workgroup.clone());
        // Of four texts at most, so that the database knows them prepared.
        let values: Vec<String> = (0..keys.len()).map(|n| format!("($1, ${}, 0)", n + 2)).collect();
        let sql = format!("INSERT INTO run_limit (run_id, key, is_active) VALUES {}", values.join(", "));
        let insert = keys.into_iter().fold(sqlx::query(AssertSqlSafe(sql)).bind(id), |insert, key| insert.bind(key));
        insert.execute(&mut **change).await.map_err(|source| self.failed("making a run in", source))?;
        Ok(())
    }
}
