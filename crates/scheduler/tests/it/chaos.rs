//! Servers that die, clocks that are stepped, database calls that fail, calls that are given up half-way, in a random order: the promises hold.
//!
//! The seed is printed; `OWLET_CHAOS_SEED=<n>` repeats one, `OWLET_CHAOS_STEPS` makes it longer.

use std::collections::{BTreeMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use scheduler::clock::{Clock, SECOND, SteppedClock};
use scheduler::model::{Claimed, ErrorClass, Lease, Outcome};
use scheduler::request::{Beat, Deploy, Finished, Idempotency, RetryMode, Trigger};
use scheduler::{Options, Scheduler, SchedulerError, Server};
use schedules::{Event, MisfirePolicy, OverlapPolicy, Retry, RetryOn, RunAfter, Schedule};
use store::sqlx::{self, AssertSqlSafe};
use store::{Database, Durability, Interference, Moment};

use crate::world::{actor, schedule, urls};

const SERVERS: usize = 3;
const SCHEDULES: usize = 8;

#[tokio::test]
async fn the_promises_hold_whatever_happens() {
    let seeds = setting("OWLET_CHAOS_SEED").map_or_else(|| vec![1, 2, 3], |seed| vec![seed]);
    let steps = setting("OWLET_CHAOS_STEPS").unwrap_or(200);
    for seed in seeds {
        for (url, _directory) in urls() {
            eprintln!("chaos: seed {seed}, {steps} steps on {}", url.split(':').next().unwrap());
            let mut chaos = Chaos::new(&url, seed).await;
            for _ in 0..steps {
                Box::pin(chaos.step()).await;
                chaos.check().await;
            }
            chaos.drain().await;
            chaos.check_end().await;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own switch")]
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

/// Repeatable chance.
struct Dice(SteppedClock);

impl Dice {
    fn roll(&self, sides: u64) -> u64 {
        self.0.random() % sides
    }

    fn index(&self, len: usize) -> usize {
        usize::try_from(self.roll(len as u64)).unwrap()
    }
}

/// Fails so many of a thousand calls.
struct Faults {
    dice: Dice,
    per_mille: AtomicU64,
}

impl Interference for Faults {
    fn fails(&self, _: Moment) -> bool {
        self.dice.roll(1000) < self.per_mille.load(Ordering::Relaxed)
    }
}

/// A process: what it owns and works on dies with it.
struct Process {
    scheduler: Scheduler,
    clock: Arc<SteppedClock>,
    working: BTreeMap<i64, Lease>,
}

struct Chaos {
    seed: u64,
    url: String,
    dice: Dice,
    faults: Arc<Faults>,
    processes: Vec<Process>,
    calm: Database,
    schedules: Vec<Schedule>,
    began_at: i64,
    /// Every lease that was ever given out.
    leases: HashSet<(i64, i64)>,
}

impl Chaos {
    async fn new(url: &str, seed: u64) -> Self {
        let calm = Database::open(url, Durability::Process).await.unwrap();
        let dice = Dice(SteppedClock::at("2026-03-02T12:00:00Z", seed));
        let faults = Arc::new(Faults {
            dice: Dice(SteppedClock::at("2026-03-02T12:00:00Z", seed ^ 99)),
            per_mille: AtomicU64::new(0),
        });
        let mut chaos = Self {
            seed,
            url: url.to_owned(),
            dice,
            faults,
            processes: Vec::new(),
            calm,
            schedules: (0..SCHEDULES).map(odd_schedule).collect(),
            began_at: SteppedClock::at("2026-03-02T12:00:00Z", 0).now(),
            leases: HashSet::new(),
        };
        for n in 0..SERVERS {
            let clock = Arc::new(SteppedClock::at("2026-03-02T12:00:00Z", seed * 100 + n as u64));
            let process = chaos.start(clock).await;
            chaos.processes.push(process);
        }
        let deploy =
            Deploy { schedules: chaos.schedules.clone(), source: "yaml".to_owned(), actor: actor(), is_dry_run: false };
        chaos.processes[0].scheduler.deploy(deploy).await.unwrap();
        chaos.processes[0].scheduler.set_limit("workspace", Some(5), &actor()).await.unwrap();
        chaos.faults.per_mille.store(30, Ordering::Relaxed);
        chaos
    }

    async fn start(&self, clock: Arc<SteppedClock>) -> Process {
        let faults = self.faults.per_mille.swap(0, Ordering::Relaxed);
        let database = Database::open(&self.url, Durability::Process).await.unwrap();
        let database = database.with_interference(Arc::clone(&self.faults) as Arc<dyn Interference>);
        let server = Server { host: "chaos".to_owned(), pid: 1, version: "0".to_owned() };
        let options = Options { max_slots: 100_000, ..Options::default() };
        let scheduler = Scheduler::open(database, Arc::clone(&clock) as Arc<dyn Clock>, server, options).await.unwrap();
        self.faults.per_mille.store(faults, Ordering::Relaxed);
        Process { scheduler, clock, working: BTreeMap::new() }
    }

    async fn step(&mut self) {
        let n = self.dice.index(SERVERS);
        let scheduler = self.processes[n].scheduler.clone();
        match self.dice.roll(100) {
            0..20 => self.pass().await,
            20..35 => drop(self.call(scheduler.tick()).await),
            35..50 => {
                let claimed = self.call(scheduler.claim(1 + self.dice.index(4))).await.unwrap_or_default();
                self.take(n, claimed);
            }
            50..60 => {
                let taken = self.call(scheduler.reap()).await.unwrap_or_default();
                self.take(n, taken);
            }
            60..75 => self.finish(n).await,
            75..83 => {
                let slug = format!("s{}", self.dice.index(SCHEDULES));
                let key = Idempotency::Key(format!("k{}", self.dice.roll(1000)));
                let trigger = Trigger { idempotency: key, ..Trigger::new(&slug, actor()) };
                self.call(scheduler.trigger(trigger)).await;
            }
            83..86 => {
                let run = self.some_run().await;
                self.call(scheduler.cancel(run, "chaos", &actor())).await;
            }
            86..89 => {
                let run = self.some_run().await;
                self.call(scheduler.retry_run(run, RetryMode::All, &actor())).await;
            }
            89..93 => {
                // kill -9: its commands end with it.
                let clock = Arc::clone(&self.processes[n].clock);
                self.processes[n] = self.start(clock).await;
            }
            93..96 => {
                let by = i64::try_from(self.dice.roll(7200)).unwrap() - 3600;
                self.processes[n].clock.step(by);
            }
            96..98 => {
                // Somebody sets all clocks right.
                let now = self.processes.iter().map(|process| process.clock.now()).min().unwrap();
                for process in &self.processes {
                    process.clock.step((now - process.clock.now()) / SECOND);
                }
            }
            _ => {
                let slug = format!("s{}", self.dice.index(SCHEDULES));
                self.call(scheduler.suspend(&slug, None, &actor())).await;
                self.call(scheduler.resume(&slug, &actor())).await;
            }
        }
    }

    /// A call that may fail, and may be given up half-way.
    async fn call<T>(&self, call: impl Future<Output = Result<T, SchedulerError>>) -> Option<T> {
        let patience = if self.dice.roll(12) == 0 { self.dice.roll(30) } else { u64::MAX };
        let mut call = pin!(call);
        let mut polls = 0;
        let outcome = std::future::poll_fn(|context| {
            polls += 1;
            if polls > patience { Poll::Ready(None) } else { call.as_mut().poll(context).map(Some) }
        });
        match outcome.await? {
            Ok(value) => Some(value),
            Err(error) => {
                let is_refusal = matches!(
                    error,
                    SchedulerError::AlreadyRunning { .. }
                        | SchedulerError::NothingToRetry { .. }
                        | SchedulerError::UnknownRun { .. }
                );
                assert!(is_refusal || error.is_transient(), "seed {}: {error}", self.seed);
                None
            }
        }
    }

    /// Some seconds pass for all. Then owners beat, and those that could not for too long stop what they run, before anybody else looks.
    async fn pass(&mut self) {
        let time = Duration::from_secs(1 + self.dice.roll(9));
        for process in &self.processes {
            process.clock.pass(time);
        }
        for n in 0..SERVERS {
            let scheduler = self.processes[n].scheduler.clone();
            let leases: Vec<Lease> = self.processes[n].working.values().copied().collect();
            // A server that is too busy to beat, now and then.
            if self.dice.roll(5) > 0
                && let Some(beats) = self.call(scheduler.heartbeats(&leases)).await
            {
                for (lease, beat) in leases.iter().zip(beats) {
                    match beat {
                        Beat::Continue => {}
                        Beat::Stop { cause, reason } => {
                            self.end(n, *lease, cause.outcome(reason)).await;
                        }
                        Beat::Lost => drop(self.processes[n].working.remove(&lease.run_id)),
                    }
                }
            }
            self.processes[n].working.retain(|_, lease| !scheduler.must_stop(*lease));
        }
    }

    fn take(&mut self, n: usize, claimed: Vec<Claimed>) {
        for claim in claimed {
            let lease = claim.lease;
            assert!(self.leases.insert((lease.run_id, lease.fence)), "seed {}: {lease:?} was given twice", self.seed);
            self.processes[n].working.insert(lease.run_id, lease);
        }
    }

    async fn finish(&mut self, n: usize) {
        let all: Vec<Lease> = self.processes[n].working.values().copied().collect();
        if all.is_empty() {
            return;
        }
        let outcome = match self.dice.roll(6) {
            0 => Outcome::failed(ErrorClass::Command, "test failed"),
            1 => Outcome::error(ErrorClass::Throttling, "slow down"),
            2 => Outcome::lost(),
            _ => Outcome::success(),
        };
        self.end(n, all[self.dice.index(all.len())], outcome).await;
    }

    /// The work is done; it is reported, or the report fails and is made again later.
    async fn end(&mut self, n: usize, lease: Lease, outcome: Outcome) {
        let scheduler = self.processes[n].scheduler.clone();
        if let Some(Finished::Done { .. } | Finished::Lost) = self.call(scheduler.finish(lease, outcome)).await {
            self.processes[n].working.remove(&lease.run_id);
        }
    }

    async fn some_run(&self) -> i64 {
        let last: i64 = self.number("SELECT COALESCE(max(id), 0) FROM run").await;
        last - i64::try_from(self.dice.roll(10)).unwrap()
    }

    async fn number(&self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(self.calm.readers()).await.unwrap()
    }

    async fn none(&self, what: &str, sql: &str) {
        let found = self.number(&format!("SELECT count(*) FROM ({sql}) AS found")).await;
        assert_eq!(found, 0, "seed {}: {what}: {sql}", self.seed);
    }

    async fn check(&self) {
        let mut at_work = HashSet::new();
        for process in &self.processes {
            for run_id in process.working.keys() {
                assert!(at_work.insert(*run_id), "seed {}: run {run_id} is run by two", self.seed);
            }
        }
        self.none(
            "two runs of one slot",
            "SELECT slot_id FROM run WHERE cause = 'slot' GROUP BY slot_id HAVING count(*) > 1",
        )
        .await;
        self.none(
            "a slot whose decision and run disagree",
            "SELECT id FROM slot WHERE (decision IN ('STARTED', 'QUEUED')) <> (run_id IS NOT NULL)",
        )
        .await;
        self.none(
            "two active runs of a schedule that takes turns",
            "SELECT key FROM run_limit WHERE is_active = 1 AND key LIKE 'schedule:%' GROUP BY key HAVING count(*) > 1",
        )
        .await;
        self.none(
            "more active runs than the workspace may have",
            "SELECT key FROM run_limit WHERE is_active = 1 AND key = 'workspace' GROUP BY key HAVING count(*) > 5",
        )
        .await;
        self.none(
            "a run that is over and counts, or is not and does not",
            "SELECT r.id FROM run r WHERE (r.ended_at IS NULL) <> EXISTS (SELECT 1 FROM run_limit l WHERE l.run_id = r.id)",
        )
        .await;
        self.none(
            "two attempts with one number",
            "SELECT family_id FROM run GROUP BY family_id, attempt HAVING count(*) > 1",
        )
        .await;
    }

    /// The storm is over: whatever is unfinished comes to its end.
    async fn drain(&mut self) {
        self.faults.per_mille.store(0, Ordering::Relaxed);
        let suspended = self.schedules.clone();
        for slug in suspended.iter().map(|schedule| schedule.slug.clone()) {
            self.processes[0].scheduler.suspend(&slug, None, &actor()).await.unwrap();
        }
        for _ in 0..2000 {
            if self.number("SELECT count(*) FROM run WHERE ended_at IS NULL").await == 0 {
                return;
            }
            for process in &self.processes {
                process.clock.pass(Duration::from_secs(8));
            }
            for n in 0..SERVERS {
                let scheduler = self.processes[n].scheduler.clone();
                let leases: Vec<Lease> = self.processes[n].working.values().copied().collect();
                scheduler.heartbeats(&leases).await.unwrap();
                let mut claimed = scheduler.reap().await.unwrap();
                claimed.extend(scheduler.claim(5).await.unwrap());
                self.take(n, claimed);
                for lease in self.processes[n].working.clone().into_values() {
                    self.end(n, lease, Outcome::success()).await;
                }
                self.processes[n].working.clear();
            }
        }
        panic!(
            "seed {}: runs are lost: {:?}",
            self.seed,
            self.number("SELECT count(*) FROM run WHERE ended_at IS NULL").await
        );
    }

    async fn check_end(&self) {
        self.check().await;
        self.none("an end that was not told", "SELECT r.id FROM run r WHERE r.state = 'SUCCESS' AND (SELECT count(*) FROM outbox o WHERE o.run_id = r.id AND o.event = 'passed') <> 1").await;
        self.none(
            "a failure that was neither told nor tried again, or both",
            "SELECT r.id FROM run r WHERE r.state IN ('FAILED', 'ERROR') AND \
             (SELECT count(*) FROM outbox o WHERE o.run_id = r.id AND o.event = 'failed') + \
             (SELECT count(*) FROM run n WHERE n.retry_of_run_id = r.id AND n.cause = 'automatic_retry') <> 1",
        )
        .await;
        self.none(
            "a run whose beginning or end nobody recorded",
            "SELECT r.id FROM run r WHERE (SELECT count(*) FROM audit a WHERE a.source = 'run' AND a.source_id = r.id AND a.event_type = 'run.created') <> 1 \
             OR (SELECT count(*) FROM audit a WHERE a.source = 'run' AND a.source_id = r.id AND a.event_type = 'run.ended') <> 1",
        )
        .await;
        self.none(
            "a follower that was started twice",
            "SELECT parent_run_id FROM run WHERE cause = 'completion' GROUP BY parent_run_id, schedule_id HAVING count(*) > 1",
        )
        .await;
        // Every planned instant of a schedule that nobody suspended before the end has its row.
        for schedule in &self.schedules {
            let (id, until): (i64, i64) = sqlx::query_as(
                "SELECT s.id, c.decided_until FROM schedule s JOIN schedule_clock c ON c.schedule_id = s.id WHERE s.slug = $1",
            )
            .bind(schedule.slug.clone())
            .fetch_one(self.calm.readers())
            .await
            .unwrap();
            let suspensions =
                format!("SELECT count(*) FROM audit WHERE event_type = 'schedule.resumed' AND source_id = {id}");
            let Some(cron) = schedule.cron.as_ref().filter(|_| until > self.began_at) else { continue };
            if self.number(&suspensions).await > 0 {
                continue;
            }
            let instant = |at: i64| chrono::DateTime::from_timestamp_micros(at).unwrap();
            for slot in cron.between(instant(self.began_at + 1), instant(until), schedule.timezone, usize::MAX) {
                let at = slot.timestamp_micros();
                let rows = self
                    .number(&format!("SELECT count(*) FROM slot WHERE schedule_id = {id} AND planned_at = {at}"))
                    .await;
                assert_eq!(rows, 1, "seed {}: slot {slot} of {} was lost", self.seed, schedule.slug);
            }
        }
        let runs = self.number("SELECT count(*) FROM run").await;
        assert!(runs > 20, "only {runs} runs: nothing was tested");
    }
}

/// One of every kind.
fn odd_schedule(n: usize) -> Schedule {
    let crons = ["* * * * *", "*/2 * * * *", "* * * * *", "*/3 * * * *", "OFF", "1-59/2 * * * *", "*/5 * * * *", "OFF"];
    let mut made = schedule(&format!("s{n}"), crons[n]);
    made.overlap_policy = [OverlapPolicy::Skip, OverlapPolicy::QueueOne, OverlapPolicy::Allow][n % 3];
    made.misfire_policy =
        [MisfirePolicy::Latest, MisfirePolicy::All, MisfirePolicy::None, MisfirePolicy::Latest][n % 4];
    made.catch_up_window_minutes = 10;
    made.sla_minutes = n.is_multiple_of(2).then_some(1);
    made.retry = Retry {
        attempts: 2,
        backoff_seconds: 10,
        max_backoff_seconds: 30,
        on: vec![RetryOn::Infrastructure, RetryOn::Throttling],
    };
    if n == 4 || n == 7 {
        let on = vec![Event::Passed, Event::Failed];
        made.run_after = Some(RunAfter { enabled: true, schedule: format!("s{}", n - 1), workspace: None, on });
    }
    made
}
