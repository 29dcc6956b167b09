//! The clock: every planned instant of every schedule is decided once, whatever happens to servers and clocks in between.
//!
//! `schedule_clock.decided_until` is the newest instant that is decided. A look at the clock takes the schedules that are due, a batch per
//! transaction, and decides all their instants since then: the one that is on time starts, older ones were missed and the misfire policy says
//! what becomes of them.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use schedules::{Event, MisfirePolicy, OverlapPolicy};
use serde_json::json;
use store::sqlx::{self, AssertSqlSafe};
use store::{Backend, Change};

use crate::admit::Admission;
use crate::audit::Decision;
use crate::claim::list;
use crate::clock::{Micros, SECOND, readable};
use crate::create::NewRun;
use crate::definition::{Definition, Places};
use crate::error::SchedulerError;
use crate::model::{Actor, Cause, Interval, SlotDecision};
use crate::notice::News;
use crate::request::Ticked;
use crate::scheduler::Scheduler;

/// How many schedules one transaction decides about.
const BATCH: i64 = 250;

/// What is to become of a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    /// It runs, if the overlap policy lets it.
    Run {
        late: bool,
    },
    /// It runs after all that are before it, as the misfire policy wants every slot to run.
    Follow,
    Missed {
        reason: String,
    },
}

/// What many decisions need and write in common, so that each costs few statements: a thousand schedules may be due in one second.
#[derive(Debug, Default)]
struct Together {
    /// Instants that were looked up for all schedules, and the slots that have a row there.
    instants: HashSet<Micros>,
    known: HashMap<(i64, Micros), (i64, bool)>,
    /// Schedules with the newest instant that is decided, and the next one.
    clocks: Vec<(i64, Micros, Option<Micros>)>,
    /// Slots with their runs.
    runs: Vec<(i64, i64)>,
}

impl Scheduler {
    /// Decides all slots that are due, and moves on what time alone moves: late runs are marked, backfills and budgets looked after.
    ///
    /// # Errors
    /// The database fails; what was not decided is found by the next call, here or on another server.
    pub async fn tick(&self) -> Result<Ticked, SchedulerError> {
        let mut ticked = Ticked::default();
        self.set_back_clocks().await?;
        loop {
            let due = "SELECT schedule_id FROM schedule_clock WHERE next_slot_at <= $1 ORDER BY next_slot_at, schedule_id LIMIT $2";
            let due: Vec<i64> = sqlx::query_scalar(due)
                .bind(self.now())
                .bind(BATCH)
                .fetch_all(self.database().readers())
                .await
                .map_err(|source| self.failed("looking at the clock of", source))?;
            // Somebody else has all of them: they are being decided.
            if due.is_empty() || self.decide_batch(&due, &mut ticked).await? == 0 {
                break;
            }
        }
        self.mark_late_runs().await?;
        ticked.runs += self.advance_backfills().await?;
        self.enforce_budgets().await?;
        let next = sqlx::query_scalar("SELECT min(next_slot_at) FROM schedule_clock")
            .fetch_one(self.database().readers())
            .await;
        ticked.next_slot_at = next.map_err(|source| self.failed("looking at the clock of", source))?;
        if ticked.runs > 0 {
            self.nudge();
        }
        Ok(ticked)
    }

    /// Decides about these schedules, as far as nobody else is doing so; returns about how many.
    async fn decide_batch(&self, due: &[i64], ticked: &mut Ticked) -> Result<usize, SchedulerError> {
        let mut change = self.database().write().await?;
        let now = self.now();
        let lock = match change.backend() {
            Backend::Sqlite => "",
            Backend::Postgres => " FOR UPDATE SKIP LOCKED",
        };
        let sql = format!(
            "SELECT schedule_id FROM schedule_clock WHERE schedule_id IN ({}) AND next_slot_at <= $1 ORDER BY schedule_id{lock}",
            list(due)
        );
        let ours: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(now)
            .fetch_all(&mut *change)
            .await
            .map_err(|source| self.failed("looking at the clock of", source))?;
        if ours.is_empty() {
            return Ok(0);
        }
        let places = self.places(&mut change).await?;
        let schedules = self.schedules_or_problems(&mut change, &format!("s.id IN ({})", list(&ours))).await?;
        let mut together = self.look_up(&mut change, &schedules).await?;
        for (id, definition) in schedules {
            match definition {
                Ok(definition) => {
                    self.decide_all(&mut change, &definition, &places, now, ticked, &mut together).await?;
                }
                Err(problem) => self.stop_clock(&mut change, id, &problem).await?,
            }
        }
        self.write_together(&mut change, together).await?;
        change.commit().await?;
        // Whoever waits for runs begins while the next batch is decided.
        self.nudge();
        Ok(ours.len())
    }

    /// Decides every slot of a schedule that is due, and sets its clock to the next one. The schedule is locked.
    pub(crate) async fn decide_due(
        &self,
        change: &mut Change,
        definition: &Definition,
        places: &Places,
        now: Micros,
        ticked: &mut Ticked,
    ) -> Result<(), SchedulerError> {
        let mut together = Together::default();
        self.decide_all(change, definition, places, now, ticked, &mut together).await?;
        self.write_together(change, together).await
    }

    async fn decide_all(
        &self,
        change: &mut Change,
        definition: &Definition,
        places: &Places,
        now: Micros,
        ticked: &mut Ticked,
        together: &mut Together,
    ) -> Result<(), SchedulerError> {
        if definition.is_suspended || definition.is_deleted {
            together.clocks.push((definition.id, definition.decided_until, None));
            return Ok(());
        }
        let due = due_slots(definition, now, self.options().max_slots);
        let (Some(&oldest), Some(&newest)) = (due.slots.first(), due.slots.last()) else {
            let next = next_slot(definition, now.max(definition.decided_until));
            together.clocks.push((definition.id, definition.decided_until, next));
            return Ok(());
        };
        let known = if oldest == newest && due.folded.is_none() && together.instants.contains(&newest) {
            together.known.get(&(definition.id, newest)).map(|known| (newest, *known)).into_iter().collect()
        } else {
            self.known_slots(change, definition.id, due.folded.unwrap_or(oldest), newest).await?
        };
        if let Some(first) = due.folded {
            let until = readable(due.slots.first().copied().unwrap_or(newest));
            let reason = format!("missed: no server ran; this row stands for all slots before {until}");
            self.decide(change, definition, first, Fate::Missed { reason }, places, &known, ticked, together).await?;
        }
        for (slot, fate) in self.fates(definition, &due.slots, now) {
            self.decide(change, definition, slot, fate, places, &known, ticked, together).await?;
        }
        together.clocks.push((definition.id, newest, next_slot(definition, newest.max(now))));
        Ok(())
    }

    /// The slots that have a row at the next instants of these schedules: most often one instant, or a few, for all of them.
    async fn look_up(
        &self,
        change: &mut Change,
        schedules: &[(i64, Result<Definition, String>)],
    ) -> Result<Together, SchedulerError> {
        const MOST: usize = 20;
        let definitions = schedules.iter().filter_map(|(_, definition)| definition.as_ref().ok());
        let (mut ids, mut instants) = (Vec::new(), HashSet::new());
        for definition in definitions {
            ids.push(definition.id);
            instants.extend(next_slot(definition, definition.decided_until));
        }
        if instants.is_empty() || instants.len() > MOST {
            return Ok(Together::default());
        }
        let at = list(&instants.iter().copied().collect::<Vec<_>>());
        let sql = format!(
            "SELECT schedule_id, planned_at, id, CASE WHEN decision = 'MISSED' AND run_id IS NULL THEN 1 ELSE 0 END FROM slot \
             WHERE backfill_id = 0 AND schedule_id IN ({}) AND planned_at IN ({at})",
            list(&ids)
        );
        let rows: Vec<(i64, i64, i64, i64)> = sqlx::query_as(AssertSqlSafe(sql))
            .fetch_all(&mut **change)
            .await
            .map_err(|source| self.failed("reading the slots of", source))?;
        let known = rows.into_iter().map(|(schedule, at, id, may_run)| ((schedule, at), (id, may_run == 1))).collect();
        Ok(Together { instants, known, ..Together::default() })
    }

    /// Sets the clocks that were decided, and ties slots and runs to each other.
    async fn write_together(&self, change: &mut Change, together: Together) -> Result<(), SchedulerError> {
        let failed = |source| self.failed("deciding slots in", source);
        if !together.clocks.is_empty() {
            let next = |next: Option<Micros>| next.map_or("CAST(NULL AS BIGINT)".to_owned(), |next| next.to_string());
            let clocks = together.clocks.iter().map(|(id, until, at)| format!("({id}, {until}, {})", next(*at)));
            // Both databases name the columns of VALUES so.
            let sql = format!(
                "UPDATE schedule_clock SET decided_until = v.column2, next_slot_at = v.column3 FROM (VALUES {}) AS v \
                 WHERE schedule_clock.schedule_id = v.column1",
                clocks.collect::<Vec<_>>().join(", ")
            );
            sqlx::query(AssertSqlSafe(sql)).execute(&mut **change).await.map_err(failed)?;
        }
        if !together.runs.is_empty() {
            let runs: Vec<String> = together.runs.iter().map(|(slot, run)| format!("({slot}, {run})")).collect();
            let slots = format!(
                "UPDATE slot SET run_id = v.column2 FROM (VALUES {}) AS v WHERE slot.id = v.column1",
                runs.join(", ")
            );
            sqlx::query(AssertSqlSafe(slots)).execute(&mut **change).await.map_err(failed)?;
            let runs: Vec<i64> = together.runs.iter().map(|(_, run)| *run).collect();
            let families = format!("UPDATE run SET family_id = id WHERE id IN ({})", list(&runs));
            sqlx::query(AssertSqlSafe(families)).execute(&mut **change).await.map_err(failed)?;
        }
        Ok(())
    }

    /// The misfire policy.
    fn fates(&self, definition: &Definition, slots: &[Micros], now: Micros) -> Vec<(Micros, Fate)> {
        let schedule = &definition.schedule;
        let on_time = micros(self.options().on_time);
        let window = i64::from(schedule.catch_up_window_minutes) * 60 * SECOND;
        let newest = slots.last().copied();
        let mut catches_up = false;
        let mut fates = Vec::with_capacity(slots.len());
        for &slot in slots {
            let late = now - slot;
            let fate = if late < on_time {
                if catches_up { Fate::Follow } else { Fate::Run { late: false } }
            } else if schedule.misfire_policy == MisfirePolicy::None {
                Fate::Missed {
                    reason: format!("missed: found {} after its time, and misfire_policy is none", duration(late)),
                }
            } else if late > window {
                let window = duration(window);
                Fate::Missed {
                    reason: format!("missed: found {} after its time, catch_up_window is {window}", duration(late)),
                }
            } else if schedule.misfire_policy == MisfirePolicy::All {
                catches_up = true;
                Fate::Follow
            } else if Some(slot) == newest {
                Fate::Run { late: true }
            } else {
                let newest = newest.map(readable).unwrap_or_default();
                Fate::Missed {
                    reason: format!(
                        "missed: found {} after its time, and the later slot {newest} stands for it",
                        duration(late)
                    ),
                }
            };
            fates.push((slot, fate));
        }
        fates
    }

    /// Writes what becomes of one slot, and its run. A slot that is known is left as it is, but one that was missed while a clock was ahead
    /// of time gets its run when its time has really come.
    #[expect(clippy::too_many_arguments, reason = "one decision needs all of it")]
    async fn decide(
        &self,
        change: &mut Change,
        definition: &Definition,
        slot: Micros,
        fate: Fate,
        places: &Places,
        known: &HashMap<Micros, (i64, bool)>,
        ticked: &mut Ticked,
        together: &mut Together,
    ) -> Result<(), SchedulerError> {
        let known = known.get(&slot).copied();
        if let Some((_, may_still_run)) = known
            && (!may_still_run || matches!(fate, Fate::Missed { .. }))
        {
            return Ok(());
        }
        ticked.slots += 1;
        let (decision, reason, runs) = match fate {
            Fate::Missed { reason } => (SlotDecision::Missed, reason, false),
            Fate::Follow => {
                (SlotDecision::Queued, "made up for, in its turn, as misfire_policy is all".to_owned(), true)
            }
            Fate::Run { late } => {
                let late = if late {
                    format!("made up for {} after its time", duration(self.now() - slot))
                } else {
                    "on time".to_owned()
                };
                match self.admit(change, definition.id, definition.schedule.overlap_policy).await? {
                    Admission::Start => (SlotDecision::Started, late, true),
                    Admission::Queue { behind } => {
                        (SlotDecision::Queued, format!("{late}; waits for run {behind}"), true)
                    }
                    Admission::Join { waiting } => (
                        SlotDecision::Skipped,
                        format!("skipped: run {waiting} waits already, and overlap_policy is queue_one"),
                        false,
                    ),
                    Admission::Refuse { busy } => (
                        SlotDecision::Skipped,
                        format!("skipped: run {busy} was not finished, and overlap_policy is skip"),
                        false,
                    ),
                }
            }
        };
        let slot_id =
            self.write_slot(change, definition.id, slot, 0, known.map(|(id, _)| id), decision, &reason).await?;
        if runs {
            let actor = Actor::system("schedule");
            let place = places.of(&definition.schedule.environment);
            let mut new = NewRun::new(definition, place, Cause::Slot, &actor, self.now());
            new.slot_id = Some(slot_id);
            new.spec.interval = interval(definition, slot);
            new.family_follows = true;
            let run_id = self.create_run(change, new).await?;
            together.runs.push((slot_id, run_id));
            ticked.runs += 1;
            return Ok(());
        }
        let details = json!({ "slot": readable(slot), "decision": decision, "reason": reason });
        self.record(change, &self.myself(), Decision::schedule("slot.decided", definition.id, details)).await?;
        let news = News {
            event: Event::Skipped,
            about: format!("slot:{}:{slot}", definition.id),
            message: format!(
                "{}: the run planned for {} did not start: {reason}",
                definition.schedule.name,
                readable(slot)
            ),
            run: None,
            planned_at: Some(slot),
        };
        self.tell(change, &definition.schedule, news).await
    }

    /// Writes a new slot, or what became of a known one; returns its id.
    #[expect(clippy::too_many_arguments, reason = "the row's columns")]
    pub(crate) async fn write_slot(
        &self,
        change: &mut Change,
        schedule_id: i64,
        planned_at: Micros,
        backfill_id: i64,
        known: Option<i64>,
        decision: SlotDecision,
        reason: &str,
    ) -> Result<i64, SchedulerError> {
        let failed = |source| self.failed("deciding a slot in", source);
        if let Some(id) = known {
            let sql = "UPDATE slot SET decision = $2, reason = $3, decided_at = $4, decided_by = $5 WHERE id = $1";
            let update =
                sqlx::query(sql).bind(id).bind(decision.as_str()).bind(reason).bind(self.now()).bind(self.server());
            update.execute(&mut **change).await.map_err(failed)?;
            return Ok(id);
        }
        let sql = "INSERT INTO slot (schedule_id, planned_at, backfill_id, decision, reason, decided_at, decided_by) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id";
        let insert = sqlx::query_scalar(sql)
            .bind(schedule_id)
            .bind(planned_at)
            .bind(backfill_id)
            .bind(decision.as_str())
            .bind(reason);
        insert.bind(self.now()).bind(self.server()).fetch_one(&mut **change).await.map_err(failed)
    }

    /// Slots of this time that have a row: its id, and whether it may still get a run.
    async fn known_slots(
        &self,
        change: &mut Change,
        schedule_id: i64,
        from: Micros,
        until: Micros,
    ) -> Result<HashMap<Micros, (i64, bool)>, SchedulerError> {
        let sql = "SELECT planned_at, id, CASE WHEN decision = 'MISSED' AND run_id IS NULL THEN 1 ELSE 0 END FROM slot \
                   WHERE schedule_id = $1 AND backfill_id = 0 AND planned_at >= $2 AND planned_at <= $3";
        let rows: Vec<(i64, i64, i64)> = sqlx::query_as(sql)
            .bind(schedule_id)
            .bind(from)
            .bind(until)
            .fetch_all(&mut **change)
            .await
            .map_err(|source| self.failed("reading the slots of", source))?;
        Ok(rows.into_iter().map(|(at, id, may_run)| (at, (id, may_run == 1))).collect())
    }

    pub(crate) async fn set_clock(
        &self,
        change: &mut Change,
        schedule_id: i64,
        decided_until: Micros,
        next: Option<Micros>,
    ) -> Result<(), SchedulerError> {
        let sql = "UPDATE schedule_clock SET decided_until = $2, next_slot_at = $3 WHERE schedule_id = $1";
        let set = sqlx::query(sql).bind(schedule_id).bind(decided_until).bind(next).execute(&mut **change).await;
        set.map_err(|source| self.failed("setting a schedule's clock in", source))?;
        Ok(())
    }

    /// A schedule that cannot be read has no slots until somebody deploys it again.
    async fn stop_clock(&self, change: &mut Change, id: i64, problem: &str) -> Result<(), SchedulerError> {
        tracing::error!("schedule {id} cannot be read, its clock stands still: {problem}");
        let stop = sqlx::query("UPDATE schedule_clock SET next_slot_at = NULL WHERE schedule_id = $1")
            .bind(id)
            .execute(&mut **change)
            .await;
        stop.map_err(|source| self.failed("setting a schedule's clock in", source))?;
        self.record(
            change,
            &self.myself(),
            Decision::schedule("schedule.unreadable", id, json!({ "problem": problem })),
        )
        .await
    }

    /// After a clock that was ahead has been set right, schedules go on from now and not from that future. What was decided there stays; what
    /// was only missed there may still run.
    async fn set_back_clocks(&self) -> Result<(), SchedulerError> {
        let (now, tolerance) = (self.now(), self.tolerance());
        let ahead = "SELECT schedule_id FROM schedule_clock WHERE decided_until > $1 ORDER BY schedule_id";
        let failed = |source| self.failed("looking at the clock of", source);
        let ahead: Vec<i64> = sqlx::query_scalar(ahead)
            .bind(now + tolerance)
            .fetch_all(self.database().readers())
            .await
            .map_err(failed)?;
        if let Some(count) = Some(ahead.len()).filter(|count| *count > 0) {
            tracing::warn!(
                "the clock was set back, or another server's is ahead: {count} schedule(s) go on from {}; what was decided for later is not done again",
                readable(now)
            );
        }
        for ids in ahead.chunks(500) {
            let mut change = self.database().write().await?;
            self.lock_schedules(&mut change, ids).await?;
            let condition = format!("s.id IN ({}) AND c.decided_until > {}", list(ids), now + tolerance);
            for (_, definition) in self.schedules_or_problems(&mut change, &condition).await? {
                let Ok(definition) = definition else { continue };
                let next =
                    if definition.is_suspended || definition.is_deleted { None } else { next_slot(&definition, now) };
                self.set_clock(&mut change, definition.id, now, next).await?;
                let details = json!({ "from": readable(definition.decided_until), "to": readable(now) });
                self.record(&mut change, &self.myself(), Decision::schedule("clock.set_back", definition.id, details))
                    .await?;
            }
            change.commit().await?;
        }
        Ok(())
    }
}

/// Slots since the last decision, oldest first; when there are more than `most`, the newest of them, and the first of those left out.
#[derive(Debug, PartialEq, Eq)]
struct DueSlots {
    folded: Option<Micros>,
    slots: Vec<Micros>,
}

fn due_slots(definition: &Definition, now: Micros, most: usize) -> DueSlots {
    let none = DueSlots { folded: None, slots: Vec::new() };
    let (Some(cron), zone) = (&definition.schedule.cron, definition.schedule.timezone) else { return none };
    let (Some(since), Some(until)) = (instant(definition.decided_until), instant(now)) else { return none };
    let after = |since: DateTime<Utc>, limit| -> Vec<Micros> {
        let from = since + chrono::TimeDelta::microseconds(1);
        cron.between(from, until, zone, limit).into_iter().map(|slot| slot.timestamp_micros()).collect()
    };
    let mut slots = after(since, most + 1);
    if slots.len() <= most {
        return DueSlots { folded: None, slots };
    }
    let folded = slots.first().copied();
    // The newest ones: ever shorter pieces of the past, until one has few enough to be read whole.
    let mut back = until - since;
    loop {
        back = back / 2;
        let newer = after(until - back, 4 * most + 1);
        if newer.len() <= 4 * most {
            if !newer.is_empty() {
                slots = newer;
            }
            break;
        }
    }
    let surplus = slots.len().saturating_sub(most);
    slots.drain(..surplus);
    DueSlots { folded, slots }
}

/// The first slot after an instant, as long as the schedule is on.
pub(crate) fn next_slot(definition: &Definition, after: Micros) -> Option<Micros> {
    let cron = definition.schedule.cron.as_ref()?;
    Some(cron.next_after(instant(after)?, definition.schedule.timezone)?.timestamp_micros())
}

/// From a slot to the next one.
pub(crate) fn interval(definition: &Definition, slot: Micros) -> Option<Interval> {
    Some(Interval { start: slot, end: next_slot(definition, slot)? })
}

pub(crate) fn instant(at: Micros) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(at)
}

pub(crate) fn micros(duration: std::time::Duration) -> Micros {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// As people say it: `3 hours 20 minutes`.
fn duration(time: Micros) -> String {
    let minutes = time / SECOND / 60;
    match (minutes / 60 / 24, minutes / 60 % 24, minutes % 60) {
        (0, 0, 0) => format!("{} seconds", time / SECOND),
        (0, 0, 1) => "1 minute".to_owned(),
        (0, 0, minutes) => format!("{minutes} minutes"),
        (0, hours, 0) => format!("{hours} hours"),
        (0, hours, minutes) => format!("{hours} hours {minutes} minutes"),
        (days, 0, _) => format!("{days} days"),
        (days, hours, _) => format!("{days} days {hours} hours"),
    }
}

/// The policy under which catch-up runs take turns, whatever the schedule's own is.
pub(crate) const fn takes_turns(policy: OverlapPolicy) -> bool {
    !matches!(policy, OverlapPolicy::Allow)
}
