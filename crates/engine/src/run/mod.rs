//! `build`, `run`, `test`, `seed`, `snapshot`, `source freshness`: the selected nodes against the warehouse, parents first.
//!
//! Start with [`run`]. A node's own way is in `job`, the order of all of them in `executor`.

mod artifact_files;
mod build;
mod clone;
pub mod data_tests;
mod end_results;
mod errors;
pub mod event_time;
mod executor;
pub mod freshness;
mod hooks;
mod job;
mod microbatch;
mod node_info;
mod order;
mod pointer;
mod results;
pub mod seeds;
mod snapshots;

mod unit_tests;

use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
    sync::Arc,
};

use artifacts::manifest::ResourceType;
use chrono::{DateTime, Utc};
use diagnostic::Diagnostic;
use names::UniqueId;
use tokio_util::sync::CancellationToken;

pub use artifact_files::{freshness_artifact, run_results_artifact, write_compiled, write_json};
pub use build::{MaterializationSource, read_seed, request};
pub use microbatch::PreviousBatches;
pub use order::{cycle, graph_summary, project_graph};
pub(crate) use results::stored_failures;
pub use results::{Detail, NodeFailure, NodeResult, NodeStatus, RunResults, RunSummary, Timing};

use self::hooks::Hooks;
use crate::{
    Adapter, Compiler, HookTime,
    events::{Event, Events, Phase},
};

/// The commands that run nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunCommand {
    Build,
    Run,
    Test,
    Seed,
    Snapshot,
    Freshness,
    Clone,
}

impl RunCommand {
    /// The kinds of nodes that the command runs; the others of a selection are left out.
    pub fn resource_types(self) -> &'static [ResourceType] {
        match self {
            Self::Build => &[
                ResourceType::Model,
                ResourceType::Snapshot,
                ResourceType::Seed,
                ResourceType::Test,
                ResourceType::UnitTest,
                ResourceType::SavedQuery,
                ResourceType::Exposure,
                ResourceType::Function,
            ],
            Self::Run => &[ResourceType::Model],
            Self::Test => &[ResourceType::Test, ResourceType::UnitTest],
            Self::Seed => &[ResourceType::Seed],
            Self::Snapshot => &[ResourceType::Snapshot],
            Self::Freshness => &[ResourceType::Source],
            Self::Clone => &[ResourceType::Model, ResourceType::Seed, ResourceType::Snapshot],
        }
    }
}

/// What a run was asked to do besides the selection.
#[derive(Debug, Clone)]
pub struct RunOptions {
    pub command: RunCommand,
    /// At least 1.
    pub threads: usize,
    pub fail_fast: bool,
    pub full_refresh: bool,
    /// Seeds get no rows; refs and sources are limited by the compiler.
    pub empty: bool,
    pub store_failures: bool,
    /// A test that warns fails.
    pub warn_error: bool,
    /// `--event-time-start` and `--event-time-end`.
    pub event_time: Option<event_time::Window>,
    /// `--sample`
    pub sample: Option<event_time::Window>,
    /// Where batches end when nothing is given: when the invocation began, or the one that is retried.
    pub batches_end: DateTime<Utc>,
    /// Whether `on-run-start` and `on-run-end` run.
    pub project_hooks: bool,
    /// In a retry, the batches of the models that were built in part.
    pub batches: HashMap<UniqueId, PreviousBatches>,
    /// For the line about concurrency.
    pub target_name: String,
}

/// Everything a run works with.
#[derive(Clone)]
pub struct RunContext {
    pub compiler: Compiler,
    pub adapter: Arc<dyn Adapter>,
    pub events: Events,
    /// Ctrl-C.
    pub cancel: CancellationToken,
    /// Where the project is; seeds are read and artifacts written below it.
    pub project_dir: PathBuf,
    /// `version` of dbt_project.yml, which `persist_docs` records.
    pub project_version: Option<String>,
    /// `target`, absolute.
    pub target_dir: PathBuf,
    pub options: RunOptions,
}

/// What stops a whole run.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RunError {
    /// The warehouse could not be made ready.
    #[error("{0}")]
    Prepare(Box<Diagnostic>),
    /// The nodes depend on each other in a circle.
    #[error(transparent)]
    Cycle(#[from] graph::CycleError),
    /// The template of an `on-run-start` failed.
    #[error("{0}")]
    Hook(Box<Diagnostic>),
}

impl RunError {
    /// For people.
    pub fn diagnostic(&self) -> Diagnostic {
        match self {
            Self::Prepare(diagnostic) | Self::Hook(diagnostic) => (**diagnostic).clone(),
            Self::Cycle(cycle) => Diagnostic::error(self.to_string())
                .cause("these nodes ref() each other in a circle, so none of them can be built first")
                .fix(cycle.fix()),
        }
    }
}

/// Runs the selected nodes.
///
/// # Errors
/// Only what stops the whole run: a cycle, a warehouse that cannot be reached. A node that fails is a row of the results.
pub async fn run(context: Arc<RunContext>, selected: Vec<UniqueId>) -> Result<RunResults, RunError> {
    let jobs = job::Jobs::new(&context, &selected);
    let of_sources = context.options.command == RunCommand::Freshness;
    if jobs.is_empty() {
        context.events.emit(Event::NothingToDo);
        sum_up_nothing(&context.events, context.options.command);
        return Ok(RunResults::default());
    }
    let started = std::time::Instant::now();
    let RunOptions { threads, ref target_name, .. } = context.options;
    context.events.emit(Event::Concurrency { threads, target: target_name.clone(), nodes: jobs.len() });

    context.events.emit(Event::Phase(Phase::Preparing));
    let queue = order::queue(context.compiler.manifest(), &jobs, context.options.command)?;
    let schemas = jobs.schemas();
    context.adapter.prepare(&schemas).await.map_err(|error| RunError::Prepare(error.diagnostic))?;

    context.events.emit(Event::Phase(Phase::Running));
    let has_hooks = context.options.project_hooks && context.options.command != RunCommand::Clone;
    let start = match has_hooks {
        true => hooks::run_all(&context, HookTime::Start, &executor::Executed::default()).await,
        false => Hooks::default(),
    };
    if let Some(error) = start.unrendered {
        context.adapter.finish().await;
        return Err(RunError::Hook(error));
    }
    let failed = start.ended.iter().any(|(_, result)| result.status.is_failure());
    let nodes = match failed && !context.compiler.manifest().scope().runs_after_failed_start {
        true => executor::skip_all(&context, &jobs, queue),
        false => executor::execute(&context, &jobs, queue).await,
    };
    let end = match has_hooks {
        true => hooks::run_all(&context, HookTime::End, &nodes).await,
        false => Hooks::default(),
    };

    context.adapter.finish().await;
    let results = RunResults {
        results: start.ended.into_iter().chain(nodes.ended).chain(end.ended).collect(),
        unrendered_hook: end.unrendered,
        elapsed: started.elapsed(),
        interrupted: context.cancel.is_cancelled(),
    };
    context.events.emit(Event::FinishedRunning {
        counts: node_info::spoken_counts(&results),
        elapsed_seconds: results.elapsed.as_secs_f64(),
    });
    let summary = RunSummary { of_sources, ..results.summary() };
    // Nothing was done, or: not "completed successfully" in front of the error of a hook.
    let says_nothing = summary.total == 0 && !of_sources || results.unrendered_hook.is_some();
    if !says_nothing || !summary.details.is_empty() {
        context.events.emit(Event::RunFinished { summary });
    }
    Ok(results)
}

/// Where nothing was selected, dbt still sums up seeds, clones and sources.
pub fn sum_up_nothing(events: &Events, command: RunCommand) {
    if matches!(command, RunCommand::Seed | RunCommand::Clone | RunCommand::Freshness) {
        let summary = RunSummary { of_sources: command == RunCommand::Freshness, ..RunSummary::default() };
        events.emit(Event::RunFinished { summary });
    }
}

/// The schemas of relations, each once and in order.
fn schemas_of<'a>(relations: impl Iterator<Item = &'a names::RelationName>) -> Vec<(String, String)> {
    relations
        .map(|relation| (relation.database.clone(), relation.schema.clone()))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// Runs what may wait for templates or the warehouse on a thread of its own.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => unreachable!("a blocking task is never aborted: {error}"),
        },
    }
}
