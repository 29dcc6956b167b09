//! What happens between a claimed run and its end: a working copy, an environment, commands one after the other, their logs and artifacts.
//!
//! Reading order: [`Workers`] (the server's loop), `attempt` (one run, top to bottom), `recovery` and `left_queries` (what a dead server left). Below them:
//! [`checkout`], [`environment`], `words` and `engine` (a line becomes a process), [`supervise`] (the process), `logs`, `artifacts` with
//! [`storage`], `queries` (journal and cost), `state` (deferral, retry), `failure` (what kind of failure it was), `owner` (rows, fenced).
//!
//! Files of a run are below `<directory>/runs/<id>`: `code` (the working copy), `profiles`, `state`, `commands/<position>` (supervisor, journal).
//! They go when the run ends.

mod artifacts;
mod attempt;
pub mod checkout;
pub mod configuration;
mod control;
mod engine;
pub mod environment;
mod failure;
mod from_settings;
mod left_queries;
mod logs;
mod owner;
mod pull_request;
mod queries;
mod recovery;
mod secrets;
mod state;
pub mod storage;
pub mod supervise;
mod words;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::{
    attempt::Attempt,
    checkout::{Checkouts, Limits},
    configuration::{Configurations, Warehouses},
    control::{Control, Halt},
    environment::ServedLakehouse,
    owner::Owner,
    storage::ArtifactStorage,
    supervise::Supervisor,
};
use crate::{
    Scheduler, SchedulerError,
    model::{Claimed, Lease},
    request::{Beat, Finished},
};

pub use environment::pull_request_schema;
pub(crate) use environment::schema_of_number;
pub use from_settings::FromSettings;
pub use queries::Prices;
pub use words::{CommandLine, WordsError, split as split_words};

/// Where the folders of runs are, in the server's directory.
const RUNS: &str = "runs";

/// What becomes of queries that still run when their server is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LeftQueries {
    /// They are stopped: nobody pays for what nobody waits for.
    #[default]
    Stop,
    /// They are waited for, at most an hour, before the run counts as lost: the next attempt finds their results.
    Wait,
    /// They go on, and the next attempt finds them by their tokens. Without one nobody waits for them.
    Adopt,
}

/// How this server runs commands.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Mirrors, working copies and all else of runs.
    pub directory: PathBuf,
    /// How to start `owlet exec-supervised`.
    pub supervisor: Supervisor,
    /// What runs lines that begin with `dbt` or `owlet`.
    pub owlet: PathBuf,
    /// This host's name, as rows have it.
    pub host: String,
    /// Variables of the server that commands and git get: `PATH`, `HOME`, proxies, certificates, where to find AWS credentials.
    pub inherited: Vec<(String, String)>,
    pub lakehouse: ServedLakehouse,
    pub artifacts: ArtifactStorage,
    pub prices: Prices,
    pub left_queries: LeftQueries,
    /// How long a command may take to end after it was asked to.
    pub grace: Duration,
    pub git: Limits,
    /// How many runs this server has at once.
    pub max_runs: usize,
}

/// This server's workers.
#[derive(Clone)]
pub struct Workers {
    inner: Arc<Inner>,
}

struct Inner {
    scheduler: Scheduler,
    settings: WorkerSettings,
    checkouts: Checkouts,
    configurations: Arc<dyn Configurations>,
    warehouses: Arc<dyn Warehouses>,
    active: Mutex<HashMap<Lease, Arc<Control>>>,
}

impl Inner {
    fn folder_of(&self, run_id: i64) -> PathBuf {
        self.settings.directory.join(RUNS).join(run_id.to_string())
    }

    fn active(&self) -> std::sync::MutexGuard<'_, HashMap<Lease, Arc<Control>>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Workers {
    /// Over a scheduler's handle.
    pub fn new(
        scheduler: Scheduler,
        settings: WorkerSettings,
        configurations: Arc<dyn Configurations>,
        warehouses: Arc<dyn Warehouses>,
    ) -> Self {
        let checkouts = Checkouts::new(settings.directory.join("mirrors"), settings.inherited.clone(), settings.git);
        let active = Mutex::default();
        Self { inner: Arc::new(Inner { scheduler, settings, checkouts, configurations, warehouses, active }) }
    }

    /// Claims runs and runs them, says that they live, and takes over those of dead servers, until `end` is cancelled. Then commands are stopped in
    /// order; their runs are left for the next server, which finds them by the lease.
    ///
    /// A failing database is waited for: runs go on while their leases can be renewed in time, and are stopped before others may take them over.
    pub async fn run(&self, end: CancellationToken) {
        recovery::end_unsupervised(&self.inner.settings.directory.join(RUNS));
        let lease = self.inner.scheduler.options().lease;
        let mut beat = tokio::time::interval((lease / 6).max(Duration::from_millis(20)));
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut runs: JoinSet<()> = JoinSet::new();
        loop {
            tokio::select! {
                () = end.cancelled() => break,
                _ = beat.tick() => {
                    self.beat().await;
                    self.take_over(&mut runs).await;
                    self.claim(&mut runs).await;
                }
                () = self.inner.scheduler.nudged() => self.claim(&mut runs).await,
                Some(_) = runs.join_next(), if !runs.is_empty() => self.claim(&mut runs).await,
            }
        }
        for control in self.inner.active().values() {
            control.halt(Halt::Shutdown);
        }
        // Heartbeats go on, so that nobody takes a run over whose commands are still clearing up.
        while !runs.is_empty() {
            tokio::select! {
                _ = beat.tick() => self.beat().await,
                _ = runs.join_next() => {}
            }
        }
    }

    /// Drops the schemas of closed pull requests that nothing uses any more, one after the other. Answers the numbers of their pull
    /// requests and their names.
    ///
    /// # Errors
    /// The database fails. A warehouse that refuses is written down, and asked again later.
    pub async fn drop_closed_schemas(&self) -> Result<Vec<(String, Vec<String>)>, SchedulerError> {
        let mut dropped = Vec::new();
        while let Some(schema) = self.inner.scheduler.schema_to_drop().await? {
            let result = pull_request::drop_schema(&self.inner, &schema.run).await.map_err(|error| error.to_string());
            if let Ok(names) = &result {
                dropped.push((schema.run.pull_request.clone().unwrap_or_default(), names.clone()));
            }
            self.inner.scheduler.schema_dropped(&schema, result).await?;
        }
        Ok(dropped)
    }

    /// How many runs are under way here.
    pub fn active_runs(&self) -> usize {
        self.inner.active().len()
    }

    async fn claim(&self, runs: &mut JoinSet<()>) {
        loop {
            let room = self.inner.settings.max_runs.saturating_sub(self.inner.active().len());
            if room == 0 {
                return;
            }
            match self.inner.scheduler.claim(room).await {
                Ok(claimed) if claimed.is_empty() => return,
                Ok(claimed) => claimed.into_iter().for_each(|claimed| self.start(runs, claimed)),
                Err(error) => {
                    tracing::warn!("claiming runs: {error}");
                    return;
                }
            }
        }
    }

    async fn take_over(&self, runs: &mut JoinSet<()>) {
        match self.inner.scheduler.reap().await {
            Ok(claimed) => claimed.into_iter().for_each(|claimed| self.start(runs, claimed)),
            Err(error) => tracing::warn!("looking for lost runs: {error}"),
        }
    }

    fn start(&self, runs: &mut JoinSet<()>, claimed: Claimed) {
        let control = Arc::new(Control::default());
        self.inner.active().insert(claimed.lease, Arc::clone(&control));
        let inner = Arc::clone(&self.inner);
        runs.spawn(async move {
            let lease = claimed.lease;
            Box::pin(one(&inner, claimed, control)).await;
            inner.active().remove(&lease);
        });
    }

    /// One answer for all runs of this server.
    async fn beat(&self) {
        let active: Vec<(Lease, Arc<Control>)> =
            self.inner.active().iter().map(|(lease, control)| (*lease, Arc::clone(control))).collect();
        let leases: Vec<Lease> = active.iter().map(|(lease, _)| *lease).collect();
        match self.inner.scheduler.heartbeats(&leases).await {
            Ok(beats) => {
                for ((_, control), beat) in active.iter().zip(beats) {
                    match beat {
                        Beat::Continue => control.beat(),
                        Beat::Stop { cause, reason } => {
                            control.halt(Halt::Stop { cause, reason });
                            control.beat();
                        }
                        Beat::Lost => control.halt(Halt::Lost),
                    }
                }
            }
            Err(error) => {
                tracing::warn!("saying that runs live: {error}");
                for (lease, control) in active {
                    if self.inner.scheduler.must_stop(lease) {
                        control.halt(Halt::Lost);
                    }
                }
            }
        }
    }
}

/// From the claim to the end of the run.
async fn one(inner: &Arc<Inner>, claimed: Claimed, control: Arc<Control>) {
    let owner = Owner { scheduler: inner.scheduler.clone(), lease: claimed.lease };
    let run_id = claimed.lease.run_id;
    let outcome = if claimed.is_recovery {
        recovery::recover(inner, &owner, &claimed.run, &control).await
    } else {
        let folder = inner.folder_of(run_id);
        let attempt = Attempt { worker: Arc::clone(inner), owner: owner.clone(), run: claimed.run, control, folder };
        Box::pin(attempt.execute()).await
    };
    let Some(outcome) = outcome else { return };
    match owner.insist(|| owner.scheduler.finish(claimed.lease, outcome.clone())).await {
        Ok(Finished::Done { .. }) => {}
        Ok(Finished::Lost) | Err(_) => tracing::warn!("run {run_id} was taken over before its end could be written"),
    }
}
