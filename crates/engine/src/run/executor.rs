//! All nodes, as many at once as there are threads.

use std::{collections::BTreeSet, sync::Arc};

use graph::{BuildQueue, Outcome};
use names::UniqueId;
use tokio::task::JoinSet;

use super::{
    NodeResult, RunContext,
    job::{Job, Jobs, run_job},
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

    /// The next job whose parents all went well.
    fn next(&mut self) -> Option<(usize, Job, Arc<NodeInfo>)> {
        let id = self.queue.next_ready()?;
        let (job, info) = self.jobs.get(&id)?;
        let (job, info) = (job.clone(), Arc::clone(info));
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

    /// A job ended; those that can't run because of it end with it.
    fn end(&mut self, index: usize, result: NodeResult) {
        let id = result.unique_id.clone();
        let blocks = result.status.blocks_descendants() && !self.continues_on_error(&id);
        let message = (self.context.options.fail_fast && result.status.is_failure()).then(|| Stop::FailFast.message());
        self.record(index, result);
        let outcome = if blocks { Outcome::SkipDescendants } else { Outcome::Done };
        for id in self.queue.finish(&id, outcome) {
            self.skip(id, message);
        }
    }

    fn skip(&mut self, id: UniqueId, message: Option<&str>) {
        self.started += 1;
        let relation_name = self.jobs.get(&id).and_then(|(_, info)| info.relation_name.clone());
        let message = message.map(str::to_owned);
        self.record(self.started, NodeResult { message, relation_name, ..NodeResult::skipped(id) });
    }

    fn record(&mut self, index: usize, result: NodeResult) {
        let Some((_, info)) = self.jobs.get(&result.unique_id) else { return };
        let (node, result) = (Arc::clone(info), Arc::new(result));
        let event =
            Event::NodeFinished { node: Arc::clone(&node), index, total: self.jobs.len(), result: Arc::clone(&result) };
        self.context.events.emit(event);
        self.ended.push((node, result));
    }

    /// `on_error: continue` of a model.
    fn continues_on_error(&self, id: &UniqueId) -> bool {
        let node = self.context.compiler.manifest().node(id.as_str());
        node.is_some_and(|node| node.config_str("on_error") == Some("continue"))
    }

    /// Everything that did not run.
    fn skip_the_rest(mut self) -> Vec<Ended> {
        let message = self.stop.map(Stop::message);
        for id in self.queue.skip_rest() {
            self.skip(id, message);
        }
        self.ended
    }
}
