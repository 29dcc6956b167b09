//! All nodes, as many at once as there are threads.

use std::{collections::BTreeSet, sync::Arc};

use graph::{BuildQueue, Outcome, Turn};
use names::UniqueId;
use tokio::task::JoinSet;

use super::{
    NodeResult, RunCommand, RunContext,
    job::{Job, Jobs, run_job},
    results,
};
use crate::events::{Event, NodeInfo};

/// A node that ended, as listeners and artifacts see it.
pub(super) type Ended = (Arc<NodeInfo>, Arc<NodeResult>);

/// Why no more nodes are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    FailFast,
    Interrupted,
}

impl Stop {
    fn message(self) -> &'static str {
        match self {
            Self::FailFast => "Skipping due to fail_fast",
            Self::Interrupted => "Skipping due to keyboard interrupt",
        }
    }
}

/// What an execution leaves behind.
#[derive(Default)]
pub(super) struct Executed {
    pub ended: Vec<Ended>,
    /// The adapter was told to stop: it takes no statement any more.
    pub stopped: bool,
}

/// Runs the jobs in the order of the queue.
pub(super) async fn execute(context: &Arc<RunContext>, jobs: &Jobs, queue: BuildQueue) -> Executed {
    let mut stopped = false;
    let mut execution = Execution::new(context, jobs, queue);
    execution.stop = context.cancel.is_cancelled().then_some(Stop::Interrupted);
    let mut running: JoinSet<(usize, usize, NodeResult)> = JoinSet::new();
    let mut free: BTreeSet<usize> = (1..=context.options.threads.max(1)).collect();
    loop {
        while execution.stop.is_none()
            && let Some(slot) = free.first().copied()
            && let Some((index, job, info)) = execution.next()
        {
            free.remove(&slot);
            let thread = format!("Thread-{slot} (worker)");
            execution.emit_started(index, &info, &thread);
            let context = Arc::clone(context);
            running.spawn(async move { (slot, index, run_job(context, job, info, thread).await) });
        }
        if running.is_empty() {
            break;
        }
        let stop = tokio::select! {
            () = context.cancel.cancelled(), if execution.stop.is_none() => Some(Stop::Interrupted),
            Some(ended) = running.join_next() => match ended {
                Ok((slot, index, result)) => {
                    free.insert(slot);
                    let failed = result.status.is_failure();
                    execution.end(index, result);
                    (failed && context.options.fail_fast && execution.stop.is_none()).then_some(Stop::FailFast)
                }
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            },
        };
        if let Some(stop) = stop {
            execution.stop = Some(stop);
            if stop == Stop::Interrupted || !running.is_empty() {
                stopped = true;
                let report = context.adapter.cancel().await;
                context.events.emit(Event::Cancelled { report });
            }
        }
    }
    if stopped && execution.stop == Some(Stop::FailFast) && !context.cancel.is_cancelled() {
        // What ran has ended; the hooks at the end still have their say.
        context.adapter.resume();
        stopped = false;
    }
    if execution.stop == Some(Stop::FailFast) {
        execution.tell_failure();
    }
    Executed { ended: execution.skip_the_rest(), stopped }
}

/// Skips all jobs: a project hook failed before them.
pub(super) fn skip_all(context: &Arc<RunContext>, jobs: &Jobs, queue: BuildQueue) -> Executed {
    Executed { ended: Execution::new(context, jobs, queue).skip_the_rest(), stopped: false }
}

/// Where an execution stands.
struct Execution<'a> {
    context: &'a RunContext,
    jobs: &'a Jobs,
    queue: BuildQueue,
    ended: Vec<Ended>,
    started: usize,
    stop: Option<Stop>,
}

impl<'a> Execution<'a> {
    fn new(context: &'a RunContext, jobs: &'a Jobs, queue: BuildQueue) -> Self {
        Self { context, jobs, queue, ended: Vec::new(), started: 0, stop: None }
    }

    /// The next job whose parents all went well; those before it that can't run end here.
    fn next(&mut self) -> Option<(usize, Job, Arc<NodeInfo>)> {
        let (job, info) = loop {
            let (id, runs) = match self.queue.next_turn()? {
                Turn::Run(id) => (id, true),
                Turn::Skip(id) => (id, false),
            };
            match self.jobs.get(&id) {
                Some((job, info)) if runs => break (job.clone(), Arc::clone(info)),
                // A job that is skipped, or an ephemeral model.
                _ => {
                    self.queue.finish(&id, Outcome::Done);
                    self.skip(id, None);
                }
            }
        };
        self.started += 1;
        Some((self.started, job, info))
    }

    fn emit_started(&self, index: usize, info: &Arc<NodeInfo>, thread: &str) {
        // dbt says of an exposure and of a saved query only that there was nothing to do.
        if matches!(info.resource_type.as_str(), "exposure" | "saved_query") {
            return;
        }
        let (node, thread) = (Arc::clone(info), thread.to_owned());
        self.context.events.emit(Event::NodeStarted { node, index, total: self.jobs.len(), thread });
    }

    /// A job ended; those that can't run because of it are skipped when their turn comes.
    fn end(&mut self, index: usize, result: NodeResult) {
        let id = result.unique_id.clone();
        let blocks = result.status.blocks_descendants() && !self.continues_on_error(&id);
        self.record(index, result);
        self.queue.finish(&id, if blocks { Outcome::SkipDescendants } else { Outcome::Done });
    }

    fn skip(&mut self, id: UniqueId, message: Option<&str>) {
        let Some(ended) = self.skipped(id, message) else { return };
        self.tell_end(self.started, &ended);
        self.ended.push(ended);
    }

    fn skipped(&mut self, id: UniqueId, message: Option<&str>) -> Option<Ended> {
        let (_, info) = self.jobs.get(&id)?;
        self.started += 1;
        let result = NodeResult {
            message: message.map(str::to_owned),
            relation_name: info.relation_name.clone(),
            ..NodeResult::skipped(id)
        };
        Some((Arc::clone(info), Arc::new(result)))
    }

    fn record(&mut self, index: usize, result: NodeResult) {
        let Some((_, info)) = self.jobs.get(&result.unique_id) else { return };
        let ended = (Arc::clone(info), Arc::new(result));
        self.tell_end(index, &ended);
        self.ended.push(ended);
    }

    fn tell_end(&self, index: usize, (node, result): &Ended) {
        let (node, result) = (Arc::clone(node), Arc::clone(result));
        self.context.events.emit(Event::NodeFinished { node, index, total: self.jobs.len(), result });
    }

    /// What `--fail-fast` stopped at is told at once, as in dbt, and not what it kept from running.
    fn tell_failure(&self) {
        let failed = self.ended.iter().find(|(_, result)| result.status.is_failure());
        if let Some(detail) = failed.and_then(|(node, result)| results::detail(node, result)) {
            self.context.events.emit(Event::FailedFast(detail));
        }
    }

    /// `on_error: continue` of a model.
    fn continues_on_error(&self, id: &UniqueId) -> bool {
        let node = self.context.compiler.manifest().node(id.as_str());
        node.is_some_and(|node| node.config_str("on_error") == Some("continue"))
    }

    /// Everything that did not run. Unit tests of a `build` are parts of their models to dbt, which has no result of them then.
    fn skip_the_rest(mut self) -> Vec<Ended> {
        let message = self.stop.map(Stop::message);
        let is_part =
            |id: &UniqueId| self.context.options.command == RunCommand::Build && id.resource_type() == "unit_test";
        let rest: Vec<UniqueId> = self.queue.skip_rest().into_iter().filter(|id| !is_part(id)).collect();
        for id in rest {
            match self.stop {
                Some(Stop::FailFast) => {
                    let ended = self.skipped(id, message);
                    self.ended.extend(ended);
                }
                _ => self.skip(id, message),
            }
        }
        self.ended
    }
}
