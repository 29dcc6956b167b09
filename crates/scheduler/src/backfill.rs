//! Runs for slots of another time: all slots of a range, in an order, so many at once.

use serde_json::json;
use store::Change;
use store::sqlx;

use crate::audit::Decision;
use crate::clock::{Micros, readable};
use crate::create::{NewRun, Turns};
use crate::definition::Definition;
use crate::error::SchedulerError;
use crate::model::{Actor, Cause, Outcome, RunState, SlotDecision, StopCause};
use crate::request::{Backfill, BackfillPlan};
use crate::scheduler::Scheduler;
use crate::slots::{instant, interval, takes_turns};

/// The most slots of one backfill.
const MOST: usize = 10_000;

impl Scheduler {
    /// Plans a run for each slot of a range, whatever became of the slot before. They are made one after the other as earlier ones end.
    ///
    /// # Errors
    /// The schedule is unknown or has no cron expression; the range has no slots, or more than 10,000.
    pub async fn backfill(&self, backfill: Backfill) -> Result<BackfillPlan, SchedulerError> {
        let mut change = self.database().write().await?;
        let definition = self.existing_schedule(&mut change, &backfill.slug).await?;
        let slots = planned(&definition, &backfill)?;
        if backfill.is_dry_run {
            return Ok(BackfillPlan { id: None, slots });
        }
        let failed = |source| self.failed("planning a backfill in", source);
        let sql = "INSERT INTO backfill (schedule_id, from_at, until_at, newest_first, parallelism, state, actor, created_at) \
                   VALUES ($1, $2, $3, $4, $5, 'RUNNING', $6, $7) RETURNING id";
        let id: i64 = sqlx::query_scalar(sql)
            .bind(definition.id)
            .bind(backfill.from)
            .bind(backfill.until)
            .bind(i64::from(backfill.newest_first))
            .bind(i64::from(backfill.parallelism))
            .bind(backfill.actor.name.clone())
            .bind(self.now())
            .fetch_one(&mut *change)
            .await
            .map_err(failed)?;
        for slot in &slots {
            let reason = format!("backfill {id}");
            self.write_slot(&mut change, definition.id, *slot, id, None, SlotDecision::Planned, &reason).await?;
        }
        let details = json!({ "backfill": id, "from": readable(backfill.from), "until": readable(backfill.until), "slots": slots.len() });
        self.record(&mut change, &backfill.actor, Decision::schedule("backfill.created", definition.id, details))
            .await?;
        change.commit().await?;
        self.nudge();
        Ok(BackfillPlan { id: Some(id), slots })
    }

    /// Ends a backfill: what is planned is not run, what waits or runs is canceled.
    ///
    /// # Errors
    /// It is unknown.
    pub async fn cancel_backfill(&self, id: i64, actor: &Actor) -> Result<(), SchedulerError> {
        let failed = |source| self.failed("canceling a backfill in", source);
        let mut change = self.database().write().await?;
        let schedule_id: Option<i64> = sqlx::query_scalar("SELECT schedule_id FROM backfill WHERE id = $1")
            .bind(id)
            .fetch_optional(&mut *change)
            .await
            .map_err(failed)?;
        let schedule_id = schedule_id.ok_or(SchedulerError::UnknownBackfill { id })?;
        self.lock_schedules(&mut change, &[schedule_id]).await?;
        let reason = format!("backfill {id} was canceled");
        self.end_backfill(&mut change, id, "CANCELED", &reason).await?;
        let runs = "SELECT r.id FROM run r JOIN slot p ON p.id = r.slot_id WHERE p.backfill_id = $1 \
                    AND r.state IN ('QUEUED', 'STARTING', 'RUNNING') ORDER BY r.id";
        let runs: Vec<i64> = sqlx::query_scalar(runs).bind(id).fetch_all(&mut *change).await.map_err(failed)?;
        for run_id in runs {
            let Some(run) = self.locked_run(&mut change, run_id).await? else { continue };
            if run.state == RunState::Queued {
                let outcome = Outcome { state: RunState::Canceled, reason: reason.clone(), class: None };
                Box::pin(self.end(&mut change, &run, outcome, actor)).await?;
            } else if !run.state.is_final() {
                self.ask_to_stop(&mut change, run_id, StopCause::Cancel, &reason, actor).await?;
            }
        }
        self.record(
            &mut change,
            actor,
            Decision::schedule("backfill.canceled", schedule_id, json!({ "backfill": id })),
        )
        .await?;
        change.commit().await?;
        self.nudge();
        Ok(())
    }

    /// Makes the runs whose turn has come; returns how many.
    pub(crate) async fn advance_backfills(&self) -> Result<usize, SchedulerError> {
        let open = "SELECT id, schedule_id FROM backfill WHERE state = 'RUNNING' ORDER BY id";
        let open: Vec<(i64, i64)> = sqlx::query_as(open)
            .fetch_all(self.database().readers())
            .await
            .map_err(|source| self.failed("looking at the backfills of", source))?;
        let mut made = 0;
        for (id, schedule_id) in open {
            made += self.advance_backfill(id, schedule_id).await?;
        }
        Ok(made)
    }

    async fn advance_backfill(&self, id: i64, schedule_id: i64) -> Result<usize, SchedulerError> {
        let failed = |source| self.failed("making the runs of a backfill in", source);
        // Most looks find it waiting for its runs: they need no lock.
        let state = "SELECT b.parallelism, b.newest_first, b.actor, (SELECT count(*) FROM run r JOIN slot p ON p.id = r.slot_id \
                     WHERE p.backfill_id = b.id AND r.ended_at IS NULL) FROM backfill b WHERE b.id = $1 AND b.state = 'RUNNING'";
        let seen: Option<(i64, i64, String, i64)> =
            sqlx::query_as(state).bind(id).fetch_optional(self.database().readers()).await.map_err(failed)?;
        if seen.is_none_or(|(parallelism, _, _, unfinished)| unfinished >= parallelism) {
            return Ok(0);
        }
        let mut change = self.database().write().await?;
        self.lock_schedules(&mut change, &[schedule_id]).await?;
        let state: Option<(i64, i64, String, i64)> =
            sqlx::query_as(state).bind(id).fetch_optional(&mut *change).await.map_err(failed)?;
        let Some((parallelism, newest_first, actor, unfinished)) = state else { return Ok(0) };
        let Some(definition) = self.schedules_where(&mut change, &format!("s.id = {schedule_id}")).await?.pop() else {
            return Ok(0);
        };
        let next = if newest_first == 1 {
            "SELECT id, planned_at FROM slot WHERE schedule_id = $3 AND backfill_id = $1 AND decision = 'PLANNED' ORDER BY planned_at DESC LIMIT $2"
        } else {
            "SELECT id, planned_at FROM slot WHERE schedule_id = $3 AND backfill_id = $1 AND decision = 'PLANNED' ORDER BY planned_at LIMIT $2"
        };
        let next: Vec<(i64, i64)> = sqlx::query_as(next)
            .bind(id)
            .bind((parallelism - unfinished).max(0))
            .bind(schedule_id)
            .fetch_all(&mut *change)
            .await
            .map_err(failed)?;
        if next.is_empty() && unfinished == 0 {
            self.end_backfill(&mut change, id, "DONE", "").await?;
            self.record(
                &mut change,
                &self.myself(),
                Decision::schedule("backfill.done", schedule_id, json!({ "backfill": id })),
            )
            .await?;
        }
        let actor = Actor { name: actor, ..Actor::system("") };
        let place = self.places(&mut change).await?.of(&definition.schedule.environment);
        for (slot_id, planned_at) in &next {
            let mut new = NewRun::new(&definition, place.clone(), Cause::Backfill, &actor, self.now());
            new.slot_id = Some(*slot_id);
            new.reason = Some(format!("backfill {id} for {}", readable(*planned_at)));
            new.spec.interval = interval(&definition, *planned_at);
            new.spec.backfill_id = Some(id);
            // Who asks for several at once gets several at once.
            let alone = parallelism == 1 && takes_turns(definition.schedule.overlap_policy);
            new.turns = if alone { Turns::OfSchedule } else { Turns::Free };
            let run_id = self.create_run(&mut change, new).await?;
            let sql =
                "UPDATE slot SET decision = 'STARTED', run_id = $2, decided_at = $3, decided_by = $4 WHERE id = $1";
            let decide = sqlx::query(sql).bind(slot_id).bind(run_id).bind(self.now()).bind(self.server());
            decide.execute(&mut *change).await.map_err(failed)?;
        }
        change.commit().await?;
        Ok(next.len())
    }

    /// Ends the backfills of a schedule; it is locked.
    pub(crate) async fn end_backfills_of(
        &self,
        change: &mut Change,
        schedule_id: i64,
        reason: &str,
    ) -> Result<(), SchedulerError> {
        let open = "SELECT id FROM backfill WHERE schedule_id = $1 AND state = 'RUNNING' ORDER BY id";
        let open: Vec<i64> = sqlx::query_scalar(open)
            .bind(schedule_id)
            .fetch_all(&mut **change)
            .await
            .map_err(|source| self.failed("looking at the backfills of", source))?;
        for id in open {
            self.end_backfill(change, id, "CANCELED", reason).await?;
        }
        Ok(())
    }

    async fn end_backfill(
        &self,
        change: &mut Change,
        id: i64,
        state: &str,
        reason: &str,
    ) -> Result<(), SchedulerError> {
        let failed = |source| self.failed("ending a backfill in", source);
        let end = sqlx::query("UPDATE backfill SET state = $2, ended_at = $3 WHERE id = $1 AND state = 'RUNNING'");
        end.bind(id).bind(state).bind(self.now()).execute(&mut **change).await.map_err(failed)?;
        let sql = "UPDATE slot SET decision = 'CANCELED', reason = $2, decided_at = $3, decided_by = $4 \
                   WHERE backfill_id = $1 AND decision = 'PLANNED'";
        let slots = sqlx::query(sql).bind(id).bind(reason).bind(self.now()).bind(self.server());
        slots.execute(&mut **change).await.map_err(failed)?;
        Ok(())
    }
}

/// The slots in the order in which they run.
fn planned(definition: &Definition, backfill: &Backfill) -> Result<Vec<Micros>, SchedulerError> {
    let invalid = |what: String, fix| SchedulerError::Invalid { what, fix };
    let slug = &backfill.slug;
    let Some(cron) = &definition.schedule.cron else {
        return Err(invalid(
            format!("schedule '{slug}' has no cron expression, so it has no slots"),
            "trigger it instead",
        ));
    };
    if backfill.parallelism == 0 {
        return Err(invalid("a backfill with a parallelism of 0 would never run".to_owned(), "give at least 1"));
    }
    let range = instant(backfill.from).zip(instant(backfill.until - 1));
    let slots = range
        .map(|(from, until)| cron.between(from, until, definition.schedule.timezone, MOST + 1))
        .unwrap_or_default();
    if slots.is_empty() {
        let what = format!(
            "schedule '{slug}' has no slots from {} until {}",
            readable(backfill.from),
            readable(backfill.until)
        );
        return Err(invalid(what, "choose a longer range; its end does not belong to it"));
    }
    if slots.len() > MOST {
        return Err(invalid(
            format!("the range has more than {MOST} slots of schedule '{slug}'"),
            "choose a shorter range",
        ));
    }
    let mut slots: Vec<Micros> = slots.into_iter().map(|slot| slot.timestamp_micros()).collect();
    if backfill.newest_first {
        slots.reverse();
    }
    Ok(slots)
}
