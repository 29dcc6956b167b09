//! One node: how it is compiled and executed, and what its result says.

use std::{sync::Arc, time::Instant};

use artifacts::manifest::{Node, ResourceType, Source, UnitTest};
use indexmap::IndexMap;
use names::UniqueId;

use super::{
    NodeResult, NodeStatus, RunCommand, RunContext, Timing, blocking, build, clone, data_tests, freshness, microbatch,
    node_info, results::NodeFailure, schemas_of, unit_tests,
};
use crate::{Compiled, adapter::AdapterResponse, events::NodeInfo};

/// Something that a run does.
#[derive(Debug, Clone)]
pub(super) enum Job {
    Node(Arc<Node>),
    UnitTest(Arc<UnitTest>),
    Freshness(Arc<Source>),
    /// An exposure or a saved query: it is only listed.
    Nothing,
}

/// The jobs of a run, by id, in the order of the manifest.
#[derive(Debug)]
pub(super) struct Jobs {
    jobs: IndexMap<UniqueId, (Job, Arc<NodeInfo>)>,
    /// Selected ephemeral models: there is nothing to do for them, but they take a turn.
    ephemeral: Vec<UniqueId>,
}

impl Jobs {
    /// Those of the selected nodes that the command runs: no ephemeral models, no empty ones.
    pub fn new(context: &RunContext, selected: &[UniqueId]) -> Self {
        let manifest = context.compiler.manifest();
        let types = context.options.command.resource_types();
        let wanted = |resource_type| types.contains(&resource_type);
        let (mut jobs, mut ephemeral) = (IndexMap::new(), Vec::new());
        for id in selected {
            let job = if let Some(node) = manifest.node(id.as_str()) {
                let is_wanted = wanted(node.resource_type) && !node.is_empty();
                if is_wanted && node.is_ephemeral() {
                    ephemeral.push(id.clone());
                }
                (is_wanted && !node.is_ephemeral()).then(|| {
                    let group = node_info::group(node, &manifest.artifact().groups);
                    (Job::Node(Arc::clone(node)), NodeInfo { group, ..node_info::of_node(manifest, node) })
                })
            } else if let Some(test) = manifest.unit_test(id.as_str()) {
                wanted(ResourceType::UnitTest).then(|| (Job::UnitTest(Arc::clone(test)), node_info::of_unit_test(test)))
            } else if let Some(source) = manifest.source(id.as_str()) {
                let measured = source.freshness.as_ref().is_some_and(artifacts::manifest::Freshness::has_threshold);
                (wanted(ResourceType::Source) && measured)
                    .then(|| (Job::Freshness(Arc::clone(source)), node_info::of_source(source)))
            } else if let Some(exposure) = manifest.artifact().exposures.get(id) {
                wanted(ResourceType::Exposure).then(|| (Job::Nothing, node_info::of_exposure(exposure)))
            } else if let Some(query) = manifest.artifact().saved_queries.get(id.as_str()) {
                wanted(ResourceType::SavedQuery).then(|| (Job::Nothing, node_info::of_saved_query(query)))
            } else {
                None
            };
            if let Some((job, info)) = job {
                jobs.insert(id.clone(), (job, Arc::new(info)));
            }
        }
        Self { jobs, ephemeral }
    }

    /// Whether nothing takes a turn.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.ephemeral.is_empty()
    }

    /// How many jobs there are.
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// All that take a turn.
    pub fn turns(&self) -> impl Iterator<Item = &UniqueId> {
        self.jobs.keys().chain(&self.ephemeral)
    }

    pub fn get(&self, id: &UniqueId) -> Option<(&Job, &Arc<NodeInfo>)> {
        self.jobs.get(id).map(|(job, info)| (job, info))
    }

    /// The schemas that the jobs build in or read from.
    pub fn schemas(&self) -> Vec<(String, String)> {
        schemas_of(
            self.jobs
                .values()
                .filter(|(job, _)| matches!(job, Job::Node(_)))
                .filter_map(|(_, info)| info.relation.as_ref()),
        )
    }
}

/// What a job brings back when it worked.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub status: Option<NodeStatus>,
    pub message: Option<String>,
    pub failures: Option<i64>,
    pub response: Option<AdapterResponse>,
    pub relation_name: Option<String>,
    pub freshness: Option<freshness::Measurement>,
    pub batch_results: Option<artifacts::run_results::BatchResults>,
}

/// Runs a job to its result; never fails itself.
pub(super) async fn run_job(context: Arc<RunContext>, job: Job, info: Arc<NodeInfo>, thread: String) -> NodeResult {
    let id = info.unique_id.clone().unwrap_or_default();
    let mut result = NodeResult { thread, relation_name: info.relation_name.clone(), ..NodeResult::skipped(id) };
    let started = Instant::now();
    let mut clock = Stopwatch { context: &context, timing: Vec::new() };
    let mut compiled = None;
    let outcome = match &job {
        Job::Node(node) => run_node(&context, node, &mut clock, &mut compiled).await,
        Job::UnitTest(test) => unit_tests::run(&context, test, &mut clock, &mut compiled).await,
        Job::Freshness(source) => clock.time_uncompiled(freshness::measure(&context, source)).await,
        Job::Nothing => {
            let (status, message) = (Some(NodeStatus::NoOp), Some("NO-OP".to_owned()));
            clock
                .time_uncompiled(async { Ok(Outcome { status, message, failures: Some(0), ..Outcome::default() }) })
                .await
        }
    };
    result.timing = std::mem::take(&mut clock.timing);
    result.execution_time = started.elapsed();
    if let Some(compiled) = compiled {
        result.compiled_code = Some(compiled.sql.to_string());
        result.compiled_path.clone_from(&compiled.path);
        if info.resource_type == "test" {
            result.relation_name.clone_from(&compiled.relation_name);
        }
    }
    match outcome {
        Ok(outcome) => {
            result.status = outcome.status.unwrap_or(NodeStatus::Success);
            // A check that passes has nothing to say.
            let says = matches!(job, Job::Node(_)) && info.resource_type != "test";
            let answer = outcome.response.as_ref().filter(|_| says).map(|response| response.message.clone());
            result.message = outcome.message.or(answer);
            result.failures = outcome.failures;
            result.adapter_response = outcome.response;
            result.freshness = outcome.freshness;
            result.batch_results = outcome.batch_results;
            if info.resource_type == "test" {
                result.relation_name = outcome.relation_name;
            }
        }
        Err(failure) => {
            result.status = if info.resource_type == "source" { NodeStatus::RuntimeError } else { NodeStatus::Error };
            result.message = Some(match failure.cancelled {
                true => "Cancelled: the run was stopped while this node was running".to_owned(),
                false => failure.message,
            });
        }
    }
    result
}

async fn run_node(
    context: &Arc<RunContext>,
    node: &Arc<Node>,
    clock: &mut Stopwatch<'_>,
    compiled: &mut Option<Arc<Compiled>>,
) -> Result<Outcome, NodeFailure> {
    if context.options.command == RunCommand::Clone {
        return clock.time_uncompiled(clone::run(context, node)).await;
    }
    if microbatch::is_microbatch(context.compiler.manifest(), node) {
        return clock.time_uncompiled(microbatch::run(context, node)).await;
    }
    if node.resource_type == ResourceType::Seed {
        return clock.time_uncompiled(build::build_seed(context, node)).await;
    }
    let sql = clock.time("compile", compile(context, node)).await?;
    *compiled = Some(Arc::clone(&sql));
    match node.resource_type {
        ResourceType::Test => clock.time("execute", data_tests::run(context, node, &sql)).await,
        _ => clock.time("execute", build::build_node(context, node, &sql)).await,
    }
}

async fn compile(context: &Arc<RunContext>, node: &Node) -> Result<Arc<Compiled>, NodeFailure> {
    let (compiler, id, project_dir) = (context.compiler.clone(), node.unique_id.clone(), context.project_dir.clone());
    blocking(move || {
        let compiled = compiler.compile(&id)?;
        super::write_compiled(&project_dir, &compiler, &compiled)?;
        Ok(compiled)
    })
    .await
    .map_err(|error: diagnostic::Diagnostic| context.failure(error))
}

impl RunContext {
    /// A failure that the run's end may be to blame for.
    pub(super) fn failure(&self, error: diagnostic::Diagnostic) -> NodeFailure {
        NodeFailure { cancelled: self.cancel.is_cancelled(), ..NodeFailure::from(error) }
    }
}

/// Records when phases began and ended.
pub(super) struct Stopwatch<'a> {
    context: &'a RunContext,
    timing: Vec<Timing>,
}

impl Stopwatch<'_> {
    pub async fn time<T>(&mut self, name: &'static str, work: impl Future<Output = T>) -> T {
        let started_at = self.context.events.now();
        let done = work.await;
        self.timing.push(Timing { name, started_at, completed_at: self.context.events.now() });
        done
    }

    /// Of what has nothing to compile, or compiles its parts as it goes, dbt has both phases as well.
    async fn time_uncompiled<T>(&mut self, work: impl Future<Output = T>) -> T {
        self.time("compile", async {}).await;
        self.time("execute", work).await
    }
}
