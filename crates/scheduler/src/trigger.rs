//! Runs that are wanted now: by the API, a person, a merge, a pull request. One call makes one run, however often it is sent.

use schedules::OverlapPolicy;
use serde_json::json;
use sha2::{Digest, Sha256};
use store::Change;
use store::sqlx;

use crate::admit::Admission;
use crate::audit::Decision;
use crate::clock::{Micros, SECOND};
use crate::create::{NewRun, Turns, defer_to};
use crate::definition::Definition;
use crate::error::SchedulerError;
use crate::model::{Actor, Cause, Outcome, RunCommand, RunSpec, RunState, StopCause};
use crate::request::{Idempotency, Merge, PullRequest, Trigger, Triggered};
use crate::scheduler::Scheduler;
use crate::slots::micros;

/// What may cause one run only.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub name: String,
    /// How long it counts; `None` is for ever (as long as the run is kept).
    pub window: Option<Micros>,
}

/// How long a key that the caller gave counts.
const GIVEN_KEY_WINDOW: Micros = 24 * 3600 * SECOND;

impl Key {
    pub fn once(name: String) -> Self {
        Self { name, window: None }
    }
}

impl Scheduler {
    /// Makes a run of a schedule. A suspended schedule can still be run so.
    ///
    /// # Errors
    /// The schedule is unknown; it has an unfinished run and its policy is `skip`; there are no commands.
    pub async fn trigger(&self, trigger: Trigger) -> Result<Triggered, SchedulerError> {
        if trigger
            .commands
            .as_ref()
            .is_some_and(|commands| commands.iter().all(|command| command.text.trim().is_empty()))
        {
            let what = "the list of commands for this run is empty".to_owned();
            return Err(SchedulerError::Invalid { what, fix: "leave it out to run the schedule's own commands" });
        }
        let mut change = self.database().write().await?;
        let definition = self.existing_schedule(&mut change, &trigger.slug).await?;
        let key = self.key_of(&trigger, &definition);
        if let Some(key) = &key
            && let Some(run_id) = self.run_of_key(&mut change, key).await?
        {
            return Ok(Triggered { run_id, is_new: false });
        }
        let admission = self.admit(&mut change, definition.id, definition.schedule.overlap_policy).await?;
        let place = self.places(&mut change).await?.of(&definition.schedule.environment);
        let new = NewRun::new(&definition, place, trigger.cause, &trigger.actor, self.now());
        let new = wanted(&trigger, &definition, new);
        let refused = match admission {
            Admission::Refuse { busy } => {
                Some(SchedulerError::AlreadyRunning { slug: trigger.slug.clone(), run_id: busy })
            }
            // It would not do what is wanted now: the schedule was changed since, or one of the two has commands of its own.
            Admission::Join { waiting } if !self.would_do_the_same(&mut change, waiting, &new).await? => {
                Some(SchedulerError::WaitsOtherwise { slug: trigger.slug.clone(), run_id: waiting })
            }
            Admission::Join { waiting } => {
                let details = json!({ "cause": trigger.cause, "run": waiting });
                self.record(&mut change, &trigger.actor, Decision::schedule("trigger.joined", definition.id, details))
                    .await?;
                if let Some(key) = &key {
                    self.bind_key(&mut change, key, waiting).await?;
                }
                change.commit().await?;
                return Ok(Triggered { run_id: waiting, is_new: false });
            }
            Admission::Start | Admission::Queue { .. } => None,
        };
        if let Some(error) = refused {
            let why = match &error {
                SchedulerError::WaitsOtherwise { run_id, .. } => {
                    format!("run {run_id} waits and would do something else")
                }
                SchedulerError::AlreadyRunning { run_id, .. } => format!("run {run_id} was not finished"),
                other => other.to_string(),
            };
            let details = json!({ "cause": trigger.cause, "reason": why });
            self.record(&mut change, &trigger.actor, Decision::schedule("trigger.refused", definition.id, details))
                .await?;
            change.commit().await?;
            return Err(error);
        }
        let run_id = self.create_run(&mut change, new).await?;
        if let Some(key) = &key {
            self.bind_key(&mut change, key, run_id).await?;
        }
        change.commit().await?;
        self.nudge();
        Ok(Triggered { run_id, is_new: true })
    }

    /// Whether a run that waits does what a new one would.
    async fn would_do_the_same(
        &self,
        change: &mut Change,
        waiting: i64,
        new: &NewRun<'_>,
    ) -> Result<bool, SchedulerError> {
        let select = "SELECT spec, branch FROM run WHERE id = $1";
        let (spec, branch): (String, Option<String>) = sqlx::query_as(select)
            .bind(waiting)
            .fetch_one(&mut **change)
            .await
            .map_err(|source| self.failed("looking at a waiting run in", source))?;
        let spec: RunSpec = serde_json::from_str(&spec).map_err(|problem| SchedulerError::Damaged {
            what: format!("run {waiting}"),
            column: "spec",
            problem: problem.to_string(),
        })?;
        let does = |spec: &RunSpec| {
            let RunSpec { environment, commands, is_dbt_core, variables, env_overrides, defer_to, .. } = spec.clone();
            (environment, commands, is_dbt_core, variables, env_overrides, defer_to)
        };
        Ok(branch == new.branch && does(&spec) == does(&new.spec))
    }

    /// Starts the schedules that run when a merge lands on this branch.
    ///
    /// # Errors
    /// The database fails; the same delivery may be sent again.
    pub async fn merged(&self, merge: Merge) -> Result<Vec<Triggered>, SchedulerError> {
        let failed = |source| self.failed("looking for schedules of a branch in", source);
        let ids =
            "SELECT id FROM schedule WHERE merge_branch = $1 AND deleted_at IS NULL AND suspended = 0 ORDER BY id";
        let ids: Vec<i64> = sqlx::query_scalar(ids)
            .bind(merge.branch.clone())
            .fetch_all(self.database().readers())
            .await
            .map_err(failed)?;
        let mut triggered = Vec::new();
        for id in ids {
            let mut change = self.database().write().await?;
            self.lock_schedules(&mut change, &[id]).await?;
            let condition = format!("s.id = {id} AND s.deleted_at IS NULL AND s.suspended = 0");
            let Some(definition) = self.schedules_where(&mut change, &condition).await?.pop() else { continue };
            let place = self.places(&mut change).await?.of(&definition.schedule.environment);
            if !place.is_of(merge.repository.as_deref()) {
                continue;
            }
            // The commit is the cause: two deliveries may tell of one merge.
            let key = Key::once(format!("merge:{}:{}", definition.schedule.slug, merge.commit));
            if let Some(run_id) = self.run_of_key(&mut change, &key).await? {
                triggered.push(Triggered { run_id, is_new: false });
                continue;
            }
            let policy = definition.schedule.merge_overlap_policy();
            let admission = self.admit(&mut change, id, policy).await?;
            if let Admission::Refuse { busy } | Admission::Join { waiting: busy } = admission {
                let details = json!({ "cause": Cause::Merge, "commit": merge.commit, "reason": format!("run {busy} was not finished") });
                self.record(&mut change, &merge.actor, Decision::schedule("trigger.refused", id, details)).await?;
                if matches!(admission, Admission::Join { .. }) {
                    // The run that waits builds the branch as it is then: this commit is in it.
                    self.bind_key(&mut change, &key, busy).await?;
                    triggered.push(Triggered { run_id: busy, is_new: false });
                }
                change.commit().await?;
                continue;
            }
            let mut new = NewRun::new(&definition, place, Cause::Merge, &merge.actor, self.now());
            new.reason = Some(format!("merge of {} into {}", merge.commit, merge.branch));
            if policy == OverlapPolicy::Allow {
                new.turns = Turns::Free;
                new.commit_hash = Some(merge.commit.clone());
            }
            let run_id = self.create_run(&mut change, new).await?;
            self.bind_key(&mut change, &key, run_id).await?;
            change.commit().await?;
            triggered.push(Triggered { run_id, is_new: true });
        }
        self.nudge();
        Ok(triggered)
    }

    /// Starts Turbo CI for a commit of a pull request; runs of its earlier commits that are not finished end.
    ///
    /// # Errors
    /// The database fails; the same delivery may be sent again.
    pub async fn pull_request(&self, request: PullRequest) -> Result<Vec<Triggered>, SchedulerError> {
        let failed = |source| self.failed("looking for schedules of pull requests in", source);
        let ids = "SELECT id FROM schedule WHERE turbo_ci = 1 AND deleted_at IS NULL AND suspended = 0 ORDER BY id";
        let ids: Vec<i64> = sqlx::query_scalar(ids).fetch_all(self.database().readers()).await.map_err(failed)?;
        let mut triggered = Vec::new();
        for id in ids {
            let mut change = self.database().write().await?;
            self.lock_schedules(&mut change, &[id]).await?;
            let condition = format!("s.id = {id} AND s.deleted_at IS NULL AND s.suspended = 0");
            let Some(definition) = self.schedules_where(&mut change, &condition).await?.pop() else { continue };
            let place = self.places(&mut change).await?.of(&definition.schedule.environment);
            if !place.is_of(request.repository.as_deref()) {
                continue;
            }
            let delivery = request.delivery.as_deref().unwrap_or_default();
            let name =
                format!("pull_request:{}:{}:{}:{delivery}", definition.schedule.slug, request.number, request.commit);
            let key = Key::once(name);
            if let Some(run_id) = self.run_of_key(&mut change, &key).await? {
                triggered.push(Triggered { run_id, is_new: false });
                continue;
            }
            if let Some(run_id) = self.run_of_commit(&mut change, id, &request).await? {
                triggered.push(Triggered { run_id, is_new: false });
                continue;
            }
            let reason = format!("pull request {} has a newer commit, {}", request.number, request.commit);
            self.end_pull_request(&mut change, id, &request.number, &reason, &request.actor).await?;
            let mut new = NewRun::new(&definition, place, Cause::PullRequest, &request.actor, self.now());
            new.branch = Some(request.branch.clone());
            new.commit_hash = Some(request.commit.clone());
            new.pull_request = Some(request.number.clone());
            as_turbo_ci(&mut new, &definition);
            new.spec.repository.clone_from(&request.repository);
            let run_id = self.create_run(&mut change, new).await?;
            self.bind_key(&mut change, &key, run_id).await?;
            change.commit().await?;
            triggered.push(Triggered { run_id, is_new: true });
        }
        self.nudge();
        Ok(triggered)
    }

    /// The newest run of an open pull request, if nothing but something besides its commit has changed.
    async fn run_of_commit(
        &self,
        change: &mut Change,
        schedule_id: i64,
        request: &PullRequest,
    ) -> Result<Option<i64>, SchedulerError> {
        if !request.is_update {
            return Ok(None);
        }
        let sql = "SELECT r.id FROM pull_request p JOIN run r ON r.id = p.last_run_id WHERE p.schedule_id = $1 AND p.number = $2 \
                   AND lower(p.repository) = lower($3) AND p.closed_at IS NULL AND r.commit_hash = $4";
        sqlx::query_scalar(sql)
            .bind(schedule_id)
            .bind(request.number.as_str())
            .bind(request.repository.clone().unwrap_or_default())
            .bind(request.commit.as_str())
            .fetch_optional(&mut **change)
            .await
            .map_err(|source| self.failed("looking for runs of a pull request in", source))
    }

    /// Ends what is not finished of a pull request: it has a newer commit, or is closed.
    pub(crate) async fn end_pull_request(
        &self,
        change: &mut Change,
        schedule_id: i64,
        number: &str,
        reason: &str,
        actor: &Actor,
    ) -> Result<(), SchedulerError> {
        let sql = "SELECT id FROM run WHERE schedule_id = $1 AND pull_request = $2 AND cause = 'pull_request' \
                   AND state IN ('QUEUED', 'STARTING', 'RUNNING') ORDER BY id";
        let older: Vec<i64> = sqlx::query_scalar(sql)
            .bind(schedule_id)
            .bind(number)
            .fetch_all(&mut **change)
            .await
            .map_err(|source| self.failed("looking for runs of a pull request in", source))?;
        for id in older {
            let Some(run) = self.locked_run(change, id).await? else { continue };
            if run.state == RunState::Queued {
                let outcome = Outcome { state: RunState::Skipped, reason: reason.to_owned(), class: None };
                self.end(change, &run, outcome, actor).await?;
            } else if !run.state.is_final() {
                self.ask_to_stop(change, id, StopCause::Cancel, reason, actor).await?;
            }
        }
        Ok(())
    }

    fn key_of(&self, trigger: &Trigger, definition: &Definition) -> Option<Key> {
        match &trigger.idempotency {
            Idempotency::None => None,
            Idempotency::Key(key) => {
                Some(Key { name: format!("given:{}:{key}", trigger.slug), window: Some(GIVEN_KEY_WINDOW) })
            }
            Idempotency::Identical => {
                let commands = trigger.commands.as_ref().map(|commands| {
                    commands.iter().map(|command| (command.text.clone(), command.continue_on_error)).collect::<Vec<_>>()
                });
                let content = json!([
                    trigger.actor.kind,
                    trigger.actor.name,
                    commands,
                    trigger.branch,
                    trigger.pull_request,
                    trigger.variables,
                    trigger.reason,
                    trigger.continue_on_error,
                    trigger.cause,
                    // A schedule that was changed in between would do something else.
                    definition.schedule,
                ]);
                let hash = hex::encode(Sha256::digest(content.to_string()));
                let window = micros(self.options().identical_trigger_window);
                Some(Key { name: format!("same:{}:{hash}", trigger.slug), window: Some(window) })
            }
        }
    }

    /// The run that this key has caused already. The key's schedule is locked.
    ///
    /// The window counts in both directions: after a clock was set back, an old key lies in the future and counts no more.
    pub(crate) async fn run_of_key(&self, change: &mut Change, key: &Key) -> Result<Option<i64>, SchedulerError> {
        let found: Option<(i64, i64)> = sqlx::query_as("SELECT run_id, created_at FROM trigger_key WHERE key = $1")
            .bind(key.name.clone())
            .fetch_optional(&mut **change)
            .await
            .map_err(|source| self.failed("reading the triggers of", source))?;
        let counts = |created_at: i64| key.window.is_none_or(|window| (self.now() - created_at).abs() <= window);
        Ok(found.filter(|(_, created_at)| counts(*created_at)).map(|(run_id, _)| run_id))
    }

    pub(crate) async fn bind_key(&self, change: &mut Change, key: &Key, run_id: i64) -> Result<(), SchedulerError> {
        let now = self.now();
        let sql = "INSERT INTO trigger_key (key, run_id, created_at, expires_at) VALUES ($1, $2, $3, $4) ON CONFLICT (key) \
                   DO UPDATE SET run_id = excluded.run_id, created_at = excluded.created_at, expires_at = excluded.expires_at";
        let expires_at = key.window.map(|window| now + window);
        let bind = sqlx::query(sql)
            .bind(key.name.clone())
            .bind(run_id)
            .bind(now)
            .bind(expires_at)
            .execute(&mut **change)
            .await;
        bind.map_err(|source| self.failed("recording a trigger in", source))?;
        Ok(())
    }
}

/// Builds into the pull request's own schema, beside all other runs.
fn as_turbo_ci(new: &mut NewRun<'_>, definition: &Definition) {
    if let Some(deferral) = definition.schedule.active_turbo_ci() {
        new.spec.is_turbo_ci = true;
        new.spec.defer_to = Some(defer_to(deferral));
        new.turns = Turns::Free;
    }
}

/// A run with what its trigger says of it.
fn wanted<'a>(trigger: &Trigger, definition: &Definition, mut new: NewRun<'a>) -> NewRun<'a> {
    override_commands(&mut new.spec.commands, trigger);
    new.spec.variables.extend(trigger.variables.clone());
    new.reason.clone_from(&trigger.reason);
    new.pull_request.clone_from(&trigger.pull_request);
    if trigger.branch.is_some() {
        new.branch.clone_from(&trigger.branch);
    }
    if trigger.pull_request.is_some() {
        as_turbo_ci(&mut new, definition);
    }
    new
}

fn override_commands(commands: &mut Vec<RunCommand>, trigger: &Trigger) {
    if let Some(given) = &trigger.commands {
        // A command of the schedule's own keeps what the schedule says of it.
        let own = |text: &str| {
            commands.iter().find(|command| command.text == text).is_some_and(|command| command.continue_on_error)
        };
        let given = given.iter().map(|command| RunCommand {
            continue_on_error: command
                .continue_on_error
                .or(trigger.continue_on_error)
                .unwrap_or_else(|| own(&command.text)),
            ..RunCommand::new(command.text.clone())
        });
        *commands = given.collect();
    } else if let Some(continue_on_error) = trigger.continue_on_error {
        for command in commands {
            command.continue_on_error = continue_on_error;
        }
    }
}
