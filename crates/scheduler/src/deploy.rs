//! What people decide about schedules: from files all at once, from the API one by one.

use std::collections::{HashMap, HashSet};

use schedules::Schedule;
use serde_json::{Value as Json, json};
use store::Change as Transaction;
use store::sqlx;

use crate::audit::Decision;
use crate::definition::{Definition, Places};
use crate::error::SchedulerError;
use crate::model::{Actor, Outcome, RunState};
use crate::request::{Change, ChangeKind, Deploy, Diff, FieldChange, Ticked};
use crate::scheduler::Scheduler;
use crate::slots::next_slot;

impl Scheduler {
    /// Makes these schedules all there is of their source, in one transaction, and says what that changes. A schedule whose slug belongs to
    /// another source is taken over.
    ///
    /// Slots that are due by the old definition are decided by it first; a changed cron expression never makes up for the past.
    ///
    /// # Errors
    /// Two have the same slug; the database fails.
    pub async fn deploy(&self, deploy: Deploy) -> Result<Diff, SchedulerError> {
        let mut seen = HashSet::new();
        if let Some(twice) = deploy.schedules.iter().find(|schedule| !seen.insert(schedule.slug.clone())) {
            let what = format!("two schedules have the slug '{}'", twice.slug);
            return Err(SchedulerError::Invalid { what, fix: "give one of them another slug" });
        }
        let mut change = self.database().write().await?;
        let condition = "s.deleted_at IS NULL";
        let ids: Vec<i64> =
            self.schedules_or_problems(&mut change, condition).await?.into_iter().map(|(id, _)| id).collect();
        self.lock_schedules(&mut change, &ids).await?;
        // A definition that cannot be read is replaced like any other; it just has no fields to compare.
        let existing = self.schedules_or_problems(&mut change, condition).await?;
        let mut known: HashMap<String, Definition> = existing
            .into_iter()
            .filter_map(|(_, definition)| definition.ok())
            .map(|definition| (definition.schedule.slug.clone(), definition))
            .collect();
        let places = self.places(&mut change).await?;
        let mut diff = Diff::default();
        for schedule in &deploy.schedules {
            let before = known.remove(&schedule.slug);
            let fields = before.as_ref().map(|before| differences(&before.schedule, schedule)).unwrap_or_default();
            let moves = before.as_ref().is_some_and(|before| before.source != deploy.source);
            if before.is_some() && fields.is_empty() && !moves {
                diff.unchanged += 1;
                continue;
            }
            let kind = if before.is_some() { ChangeKind::Update } else { ChangeKind::Create };
            let waiting = match &before {
                Some(before) => self.waiting_runs(&mut change, before.id).await?,
                None => Vec::new(),
            };
            if !deploy.is_dry_run {
                self.write_schedule(&mut change, before, schedule, &deploy.source, &places, &deploy.actor).await?;
            }
            let (slug, name) = (schedule.slug.clone(), schedule.name.clone());
            diff.changes.push(Change { slug, name, kind, fields, waiting });
        }
        let mut gone: Vec<Definition> = known.into_values().filter(|old| old.source == deploy.source).collect();
        gone.sort_by(|one, other| one.schedule.slug.cmp(&other.schedule.slug));
        for old in gone {
            let (slug, name) = (old.schedule.slug.clone(), old.schedule.name.clone());
            let waiting = self.waiting_runs(&mut change, old.id).await?;
            if !deploy.is_dry_run {
                self.remove_schedule(&mut change, &old, &places, &deploy.actor).await?;
            }
            diff.changes.push(Change { slug, name, kind: ChangeKind::Delete, fields: Vec::new(), waiting });
        }
        if !deploy.is_dry_run {
            change.commit().await?;
            self.nudge();
        }
        Ok(diff)
    }

    /// Makes a schedule; returns its id.
    ///
    /// # Errors
    /// One with this slug exists.
    pub async fn create_schedule(
        &self,
        schedule: &Schedule,
        source: &str,
        actor: &Actor,
    ) -> Result<i64, SchedulerError> {
        let mut change = self.database().write().await?;
        if self.locked_schedule(&mut change, &schedule.slug).await?.is_some_and(|existing| !existing.is_deleted) {
            return Err(SchedulerError::Exists { slug: schedule.slug.clone() });
        }
        let places = self.places(&mut change).await?;
        let id = self.write_schedule(&mut change, None, schedule, source, &places, actor).await?;
        change.commit().await?;
        self.nudge();
        Ok(id)
    }

    /// Changes a schedule that was made by the API or in the UI.
    ///
    /// # Errors
    /// It is unknown, or comes from files.
    pub async fn update_schedule(&self, schedule: &Schedule, actor: &Actor) -> Result<(), SchedulerError> {
        let mut change = self.database().write().await?;
        let before = self.existing_schedule(&mut change, &schedule.slug).await?;
        not_from_files(&before, "changed")?;
        let source = before.source.clone();
        let places = self.places(&mut change).await?;
        self.write_schedule(&mut change, Some(before), schedule, &source, &places, actor).await?;
        change.commit().await?;
        self.nudge();
        Ok(())
    }

    /// Deletes a schedule that was made by the API or in the UI. Its history stays; its waiting runs end, its active ones go on.
    ///
    /// # Errors
    /// It is unknown, or comes from files.
    pub async fn delete_schedule(&self, slug: &str, actor: &Actor) -> Result<(), SchedulerError> {
        let mut change = self.database().write().await?;
        let definition = self.existing_schedule(&mut change, slug).await?;
        not_from_files(&definition, "deleted")?;
        let places = self.places(&mut change).await?;
        self.remove_schedule(&mut change, &definition, &places, actor).await?;
        change.commit().await?;
        self.nudge();
        Ok(())
    }

    /// The clock, merges, pull requests and other schedules leave it alone until [`Scheduler::resume`]; it can still be triggered. Also for
    /// schedules from files: it lasts until the file's own `suspended` changes.
    ///
    /// # Errors
    /// It is unknown.
    pub async fn suspend(&self, slug: &str, reason: Option<&str>, actor: &Actor) -> Result<(), SchedulerError> {
        self.set_suspended(slug, true, reason, actor).await
    }

    /// Goes on with the next slot from now; those in between are not made up for.
    ///
    /// # Errors
    /// It is unknown.
    pub async fn resume(&self, slug: &str, actor: &Actor) -> Result<(), SchedulerError> {
        self.set_suspended(slug, false, None, actor).await
    }

    async fn set_suspended(
        &self,
        slug: &str,
        suspended: bool,
        reason: Option<&str>,
        actor: &Actor,
    ) -> Result<(), SchedulerError> {
        let mut change = self.database().write().await?;
        let definition = self.existing_schedule(&mut change, slug).await?;
        if definition.is_suspended == suspended {
            return Ok(());
        }
        let places = self.places(&mut change).await?;
        self.decide_due(&mut change, &definition, &places, self.now(), &mut Ticked::default()).await?;
        let sql = "UPDATE schedule SET suspended = $2, suspended_reason = $3, updated_at = $4 WHERE id = $1";
        let update = sqlx::query(sql).bind(definition.id).bind(i64::from(suspended)).bind(reason).bind(self.now());
        update.execute(&mut *change).await.map_err(|source| self.failed("suspending a schedule in", source))?;
        self.start_clock(&mut change, &Definition { is_suspended: suspended, ..definition.clone() }).await?;
        let event = if suspended { "schedule.suspended" } else { "schedule.resumed" };
        self.record(&mut change, actor, Decision::schedule(event, definition.id, json!({ "reason": reason }))).await?;
        change.commit().await?;
        self.nudge();
        Ok(())
    }

    /// Writes a new or changed schedule; returns its id. An existing one is locked.
    async fn write_schedule(
        &self,
        change: &mut Transaction,
        before: Option<Definition>,
        schedule: &Schedule,
        source: &str,
        places: &Places,
        actor: &Actor,
    ) -> Result<i64, SchedulerError> {
        let failed = |source| self.failed("writing a schedule into", source);
        if let Some(before) = &before {
            self.decide_due(change, before, places, self.now(), &mut Ticked::default()).await?;
        }
        let damaged = |problem: serde_json::Error| SchedulerError::Damaged {
            what: format!("schedule '{}'", schedule.slug),
            column: "definition",
            problem: problem.to_string(),
        };
        let definition = serde_json::to_string(schedule).map_err(damaged)?;
        // What somebody suspended by hand stays so until the file says something new.
        let suspended = match &before {
            Some(before) if before.schedule.suspended == schedule.suspended => before.is_suspended,
            _ => schedule.suspended,
        };
        let sql = "INSERT INTO schedule (uuid, slug, name, source, definition, suspended, run_after, merge_branch, turbo_ci, created_at, updated_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) ON CONFLICT (slug) DO UPDATE SET name = excluded.name, \
                   source = excluded.source, definition = excluded.definition, suspended = excluded.suspended, run_after = excluded.run_after, \
                   merge_branch = excluded.merge_branch, turbo_ci = excluded.turbo_ci, updated_at = excluded.updated_at, deleted_at = NULL \
                   RETURNING id";
        let id: i64 = sqlx::query_scalar(sql)
            .bind(self.clock().uuid().to_string())
            .bind(schedule.slug.clone())
            .bind(schedule.name.clone())
            .bind(source)
            .bind(definition)
            .bind(i64::from(suspended))
            .bind(schedule.active_run_after().map(|after| after.schedule.clone()))
            .bind(schedule.git_branch.clone().filter(|_| schedule.trigger_on_merge))
            .bind(i64::from(schedule.active_turbo_ci().is_some()))
            .bind(self.now())
            .fetch_one(&mut **change)
            .await
            .map_err(failed)?;
        let key = "INSERT INTO concurrency_limit (key, max_active) VALUES ($1, 1) ON CONFLICT (key) DO NOTHING";
        sqlx::query(key).bind(format!("schedule:{}", schedule.slug)).execute(&mut **change).await.map_err(failed)?;
        let is_same_clock = before.as_ref().is_some_and(|before| {
            (before.schedule.cron.as_ref(), before.schedule.timezone, before.is_suspended)
                == (schedule.cron.as_ref(), schedule.timezone, suspended)
        });
        let after = Definition {
            id,
            schedule: schedule.clone(),
            source: source.to_owned(),
            is_suspended: suspended,
            is_deleted: false,
            decided_until: self.now(),
        };
        if !is_same_clock {
            self.start_clock(change, &after).await?;
        }
        let event = if before.is_some() { "schedule.updated" } else { "schedule.created" };
        let fields = before.map(|before| differences(&before.schedule, schedule));
        self.record(change, actor, Decision::schedule(event, id, json!({ "source": source, "fields": fields })))
            .await?;
        Ok(id)
    }

    /// The clock of a schedule begins now: nothing before is made up for.
    async fn start_clock(&self, change: &mut Transaction, definition: &Definition) -> Result<(), SchedulerError> {
        let now = self.now();
        let next = if definition.is_suspended || definition.is_deleted { None } else { next_slot(definition, now) };
        let sql = "INSERT INTO schedule_clock (schedule_id, decided_until, next_slot_at) VALUES ($1, $2, $3) \
                   ON CONFLICT (schedule_id) DO UPDATE SET decided_until = excluded.decided_until, next_slot_at = excluded.next_slot_at";
        let start = sqlx::query(sql).bind(definition.id).bind(now).bind(next).execute(&mut **change).await;
        start.map_err(|source| self.failed("setting a schedule's clock in", source))?;
        Ok(())
    }

    async fn waiting_runs(&self, change: &mut Transaction, schedule_id: i64) -> Result<Vec<i64>, SchedulerError> {
        let select = "SELECT id FROM run WHERE schedule_id = $1 AND state = 'QUEUED' ORDER BY id";
        let waiting = sqlx::query_scalar(select).bind(schedule_id).fetch_all(&mut **change).await;
        waiting.map_err(|source| self.failed("looking for waiting runs in", source))
    }

    async fn remove_schedule(
        &self,
        change: &mut Transaction,
        definition: &Definition,
        places: &Places,
        actor: &Actor,
    ) -> Result<(), SchedulerError> {
        let failed = |source| self.failed("deleting a schedule in", source);
        self.decide_due(change, definition, places, self.now(), &mut Ticked::default()).await?;
        let sql = "UPDATE schedule SET deleted_at = $2, updated_at = $2, run_after = NULL, merge_branch = NULL, turbo_ci = 0 WHERE id = $1";
        sqlx::query(sql).bind(definition.id).bind(self.now()).execute(&mut **change).await.map_err(failed)?;
        self.set_clock(change, definition.id, self.now(), None).await?;
        for id in self.waiting_runs(change, definition.id).await? {
            let Some(run) = self.locked_run(change, id).await?.filter(|run| run.state == RunState::Queued) else {
                continue;
            };
            let reason = "its schedule was deleted".to_owned();
            self.end(change, &run, Outcome { state: RunState::Canceled, reason, class: None }, actor).await?;
        }
        self.end_backfills_of(change, definition.id, "the schedule was deleted").await?;
        self.record(change, actor, Decision::schedule("schedule.deleted", definition.id, Json::Null)).await
    }
}

fn not_from_files(definition: &Definition, what: &'static str) -> Result<(), SchedulerError> {
    if definition.source != "yaml" {
        return Ok(());
    }
    let place = "the project's schedule files".to_owned();
    Err(SchedulerError::FromElsewhere { slug: definition.schedule.slug.clone(), place, what })
}

/// Members of the definition that differ, in the order of the definition.
fn differences(before: &Schedule, after: &Schedule) -> Vec<FieldChange> {
    let members = |schedule: &Schedule| match serde_json::to_value(schedule) {
        Ok(Json::Object(members)) => members,
        _ => serde_json::Map::new(),
    };
    let (before, mut after) = (members(before), members(after));
    let mut changes: Vec<FieldChange> = before
        .into_iter()
        .map(|(field, value)| FieldChange { after: after.shift_remove(&field), field, before: Some(value) })
        .filter(|change| change.before != change.after)
        .collect();
    changes.extend(after.into_iter().map(|(field, value)| FieldChange { field, before: None, after: Some(value) }));
    changes
}
