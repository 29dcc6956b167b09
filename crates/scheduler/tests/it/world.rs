//! A database, a clock and servers on them; and short words for what tests do.

use std::sync::Arc;
use std::time::Duration;

use scheduler::clock::{Clock, SteppedClock, readable};
use scheduler::model::{Actor, Claimed, Outcome};
use scheduler::request::{Deploy, Diff, Finished, Trigger, Triggered};
use scheduler::{Options, Scheduler, SchedulerError, Server};
use schedules::{Event, Notification, Schedule, ScheduleCommand};
use store::sqlx::{self, AssertSqlSafe};
use store::{Database, Durability};
use testkit::Postgres;

pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3600);

pub struct World {
    pub url: String,
    pub clock: Arc<SteppedClock>,
    pub one: Scheduler,
    pub two: Scheduler,
    pub options: Options,
    _directory: tempfile::TempDir,
}

/// An empty database of each kind with two servers, at noon of Monday, the 2nd of March 2026.
pub async fn worlds() -> Vec<World> {
    worlds_with(Options::default()).await
}

pub async fn worlds_with(options: Options) -> Vec<World> {
    let mut worlds = Vec::new();
    for url in urls() {
        worlds.push(World::new(url, options.clone()).await);
    }
    worlds
}

/// An empty database of each kind.
pub fn urls() -> Vec<(String, tempfile::TempDir)> {
    let directory = tempfile::tempdir().unwrap();
    let mut urls = vec![(format!("sqlite://{}", directory.path().join("scheduler.db").display()), directory)];
    urls.extend(Postgres::shared().map(|postgres| (postgres.database(), tempfile::tempdir().unwrap())));
    urls
}

pub fn actor() -> Actor {
    Actor::person("ada", Some("ada@example.org"))
}

pub fn schedule(slug: &str, cron: &str) -> Schedule {
    let mut schedule = Schedule::new(slug, slug.to_uppercase(), "production", vec![ScheduleCommand::new("dbt build")]);
    schedule.cron = (cron != "OFF").then(|| cron.parse().unwrap());
    let events = vec![Event::Passed, Event::Failed, Event::Sla, Event::Skipped, Event::System];
    schedule.notifications.webhooks = vec![Notification { channel: "hook".to_owned(), events, template_slug: None }];
    schedule
}

impl World {
    async fn new((url, directory): (String, tempfile::TempDir), options: Options) -> Self {
        let clock = Arc::new(SteppedClock::at("2026-03-02T12:00:00Z", 7));
        let one = open(&url, &clock, &options).await;
        let two = open(&url, &clock, &options).await;
        Self { url, clock, one, two, options, _directory: directory }
    }

    /// Another server, as after a restart.
    pub async fn server(&self) -> Scheduler {
        open(&self.url, &self.clock, &self.options).await
    }

    /// A server whose wall clock is its own.
    pub async fn server_with_clock(&self, clock: &Arc<SteppedClock>) -> Scheduler {
        open(&self.url, clock, &self.options).await
    }

    pub fn pass(&self, time: Duration) {
        self.clock.pass(time);
    }

    pub async fn deploy(&self, schedules: &[Schedule]) -> Diff {
        self.try_deploy(schedules).await.unwrap()
    }

    pub async fn try_deploy(&self, schedules: &[Schedule]) -> Result<Diff, SchedulerError> {
        let deploy =
            Deploy { schedules: schedules.to_vec(), source: "yaml".to_owned(), actor: actor(), is_dry_run: false };
        self.one.deploy(deploy).await
    }

    pub async fn trigger(&self, slug: &str) -> Result<Triggered, SchedulerError> {
        self.one
            .trigger(Trigger { idempotency: scheduler::request::Idempotency::None, ..Trigger::new(slug, actor()) })
            .await
    }

    pub async fn claim_one(&self) -> Claimed {
        let mut claimed = self.one.claim(1).await.unwrap();
        assert_eq!(claimed.len(), 1, "nothing to claim");
        claimed.remove(0)
    }

    /// Claims and ends runs until none is left that may start now; returns their ids.
    pub async fn run_all(&self, outcome: &Outcome) -> Vec<i64> {
        let mut ran = Vec::new();
        loop {
            let claimed = self.one.claim(10).await.unwrap();
            if claimed.is_empty() {
                return ran;
            }
            for claim in claimed {
                ran.push(claim.lease.run_id);
                assert!(matches!(self.one.finish(claim.lease, outcome.clone()).await.unwrap(), Finished::Done { .. }));
            }
        }
    }

    pub async fn one_text(&self, sql: &str) -> String {
        self.texts(sql).await.join("\n")
    }

    /// A column of texts.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let texts = sqlx::query_scalar::<_, Option<String>>(AssertSqlSafe(sql.to_owned()));
        let texts = texts.fetch_all(self.one.database().readers()).await.unwrap();
        texts.into_iter().map(Option::unwrap_or_default).collect()
    }

    pub async fn number(&self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(self.one.database().readers()).await.unwrap()
    }

    pub async fn change(&self, sql: &str) {
        let mut change = self.one.database().write().await.unwrap();
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut *change).await.unwrap();
        change.commit().await.unwrap();
    }

    /// `HH:MM DECISION reason` of every slot, by time.
    pub async fn slots(&self) -> Vec<String> {
        let rows: Vec<(i64, String, String, i64)> = sqlx::query_as(
            "SELECT planned_at, decision, reason, CASE WHEN run_id IS NULL THEN 0 ELSE 1 END FROM slot ORDER BY planned_at, id",
        )
        .fetch_all(self.one.database().readers())
        .await
        .unwrap();
        rows.into_iter()
            .map(|(at, decision, reason, has_run)| {
                assert_eq!(has_run == 1, decision == "STARTED" || decision == "QUEUED", "{reason}");
                format!("{} {decision} {reason}", &readable(at)[5..16])
            })
            .collect()
    }

    /// `id STATE attempt cause` of every run.
    pub async fn runs(&self) -> Vec<String> {
        self.texts("SELECT id || ' ' || state || ' ' || attempt || ' ' || cause FROM run ORDER BY id").await
    }

    /// `event about` of every message.
    pub async fn outbox(&self) -> Vec<String> {
        self.texts("SELECT dedupe_key FROM outbox ORDER BY id").await
    }

    /// Event types of a run's decisions.
    pub async fn decisions(&self, run_id: i64) -> Vec<String> {
        self.texts(&format!("SELECT event_type FROM audit WHERE source = 'run' AND source_id = {run_id} ORDER BY id"))
            .await
    }

    pub fn now(&self) -> i64 {
        self.clock.now()
    }
}

pub async fn open(url: &str, clock: &Arc<SteppedClock>, options: &Options) -> Scheduler {
    let database = Database::open(url, Durability::Process).await.unwrap();
    let server = Server { host: "test".to_owned(), pid: 1, version: "0".to_owned() };
    let clock: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
    Scheduler::open(database, clock, server, options.clone()).await.unwrap()
}
