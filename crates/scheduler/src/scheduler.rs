//! The handle on everything: one per process, cheap to clone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use store::sqlx;
use store::{Database, Migration, Migrations};
use tokio::sync::Notify;

use crate::clock::{Clock, Micros};
use crate::error::SchedulerError;

/// The scheduler's tables.
pub const MIGRATIONS: Migrations = Migrations {
    part: "scheduler",
    steps: &[
        Migration { version: 1, sql: include_str!("../migrations/0001_scheduler.sql") },
        Migration { version: 2, sql: include_str!("../migrations/0002_pull_request.sql") },
        Migration { version: 3, sql: include_str!("../migrations/0003_incident.sql") },
        Migration { version: 4, sql: include_str!("../migrations/0004_pull_request_schema.sql") },
        Migration { version: 5, sql: include_str!("../migrations/0005_run_index.sql") },
    ],
};

/// The scheduler as one process sees it. Several processes may have one each over the same database: whatever one decides holds for all.
///
/// Reconcilers (`tick`, `claim`, `reap`, …) are safe to call at any time, as often as one likes, from any process.
#[derive(Clone)]
pub struct Scheduler {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    clock: Arc<dyn Clock>,
    server: String,
    options: Options,
    /// Leases that this process holds.
    owned: Mutex<HashMap<i64, Owned>>,
    /// What this process saw of others' (and its own) heartbeats.
    watched: Mutex<HashMap<i64, Watched>>,
    nudge: Notify,
    /// Wall and monotonic time when this process began.
    opened: (Micros, Duration),
    /// Monotonic time of this server's last sign of life.
    beaten: Mutex<Option<Duration>>,
}

/// A lease that this process holds, by its own monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owned {
    pub fence: i64,
    pub since: Duration,
    pub beaten: Duration,
    pub max_runtime: Option<Duration>,
}

/// A heartbeat as it was seen first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Watched {
    pub fence: i64,
    pub heartbeat: i64,
    pub since: Duration,
}

/// Who this process is.
#[derive(Debug, Clone)]
pub struct Server {
    pub host: String,
    pub pid: u32,
    pub version: String,
}

/// How long things may take.
#[derive(Debug, Clone)]
pub struct Options {
    /// A run whose heartbeat has not moved for this long, on the observer's monotonic clock, has lost its server.
    pub lease: Duration,
    /// A slot found later than this after its time was missed, and the misfire policy decides.
    pub on_time: Duration,
    /// The same trigger again within this time is the first one sent twice.
    pub identical_trigger_window: Duration,
    /// For schedules that give no `max_runtime_minutes`.
    pub max_runtime: Option<Duration>,
    /// How many schedules may start one another in a row.
    pub max_chain: usize,
    /// How many slots one look at the clock records one by one for a schedule; older ones become one row together.
    pub max_slots: usize,
    /// Slots farther in the future than this, already decided, show that a clock was wrong.
    pub clock_tolerance: Duration,
    /// What is told about runs besides messages.
    pub observed: crate::outbox::Observed,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            on_time: Duration::from_secs(60),
            identical_trigger_window: Duration::from_secs(60),
            max_runtime: Some(Duration::from_secs(24 * 3600)),
            max_chain: 10,
            max_slots: 500,
            clock_tolerance: Duration::from_secs(60),
            observed: crate::outbox::Observed::default(),
        }
    }
}

impl Scheduler {
    /// Brings the tables up to date and enters this process among the servers.
    ///
    /// # Errors
    /// The database fails, or a newer version wrote it.
    pub async fn open(
        database: Database,
        clock: Arc<dyn Clock>,
        server: Server,
        options: Options,
    ) -> Result<Self, SchedulerError> {
        database.migrate(&MIGRATIONS).await?;
        let id = clock.uuid().to_string();
        let opened = (clock.now(), clock.monotonic());
        let scheduler = Self {
            inner: Arc::new(Inner {
                database,
                clock,
                server: id,
                options,
                owned: Mutex::default(),
                watched: Mutex::default(),
                nudge: Notify::new(),
                opened,
                beaten: Mutex::default(),
            }),
        };
        let now = scheduler.now();
        let mut change = scheduler.database().write().await?;
        let enter = "INSERT INTO server (id, host, pid, version, started_at, heartbeat, heartbeat_at) VALUES ($1, $2, $3, $4, $5, 1, $5)";
        sqlx::query(enter)
            .bind(scheduler.server())
            .bind(server.host)
            .bind(i64::from(server.pid))
            .bind(server.version)
            .bind(now)
            .execute(&mut *change)
            .await
            .map_err(|source| scheduler.failed("entering this server in", source))?;
        change.commit().await?;
        Ok(scheduler)
    }

    pub fn database(&self) -> &Database {
        &self.inner.database
    }

    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// This process's id in table `server`.
    pub fn server(&self) -> &str {
        &self.inner.server
    }

    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// Wakes this process's reconcilers: something changed that they may act on.
    pub fn nudge(&self) {
        self.inner.nudge.notify_waiters();
    }

    /// Ends at the next nudge. Changes of other processes nudge nobody: a timer must stand beside this.
    pub async fn nudged(&self) {
        self.inner.nudge.notified().await;
    }

    /// Says that this server lives; others and the health page see it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn beat(&self) -> Result<(), SchedulerError> {
        let asked = self.clock().monotonic();
        self.server_row("UPDATE server SET heartbeat = heartbeat + 1, heartbeat_at = $2 WHERE id = $1").await?;
        *self.inner.beaten.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
        Ok(())
    }

    /// For how long this server has tried in vain to say that it lives, if longer than a lease: its database may still be read, but takes no
    /// changes, so that it runs nothing.
    pub fn silence(&self) -> Option<Duration> {
        let beaten = *self.inner.beaten.lock().unwrap_or_else(PoisonError::into_inner);
        let silence = self.clock().monotonic().saturating_sub(beaten?);
        (silence > self.options().lease).then_some(silence)
    }

    /// Says that this server ends in good order: what it still owns may be taken over at once.
    ///
    /// # Errors
    /// The database fails.
    pub async fn stopped(&self) -> Result<(), SchedulerError> {
        self.server_row("UPDATE server SET stopped_at = $2 WHERE id = $1").await
    }

    async fn server_row(&self, sql: &'static str) -> Result<(), SchedulerError> {
        let mut change = self.database().write().await?;
        let done = sqlx::query(sql).bind(self.server()).bind(self.now()).execute(&mut *change).await;
        done.map_err(|source| self.failed("changing the server's row in", source))?;
        Ok(change.commit().await?)
    }

    pub(crate) fn now(&self) -> Micros {
        self.inner.clock.now()
    }

    /// How far the wall clock was stepped since this process began.
    pub(crate) fn stepped(&self) -> Micros {
        let (wall, monotonic) = self.inner.opened;
        let passed = self.inner.clock.monotonic().saturating_sub(monotonic);
        self.now() - wall - i64::try_from(passed.as_micros()).unwrap_or(i64::MAX)
    }

    pub(crate) fn failed(&self, doing: &'static str, source: sqlx::Error) -> SchedulerError {
        self.database().error(doing, source).into()
    }

    pub(crate) fn owned(&self) -> MutexGuard<'_, HashMap<i64, Owned>> {
        self.inner.owned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn watched(&self) -> MutexGuard<'_, HashMap<i64, Watched>> {
        self.inner.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
