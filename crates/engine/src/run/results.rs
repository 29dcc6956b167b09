//! What became of the nodes: statuses, the summary, exit codes.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use diagnostic::{Diagnostic, Severity};
use names::UniqueId;

use crate::{adapter::AdapterResponse, events::NodeInfo};

/// dbt's statuses of nodes, tests and freshness checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeStatus {
    Success,
    Error,
    Skipped,
    PartialSuccess,
    NoOp,
    Pass,
    Fail,
    Warn,
    RuntimeError,
}

impl NodeStatus {
    /// As the artifacts write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Skipped => "skipped",
            Self::PartialSuccess => "partial success",
            Self::NoOp => "no-op",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::RuntimeError => "runtime error",
        }
    }

    /// It failed by itself, which a skipped node did not.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Error | Self::Fail | Self::RuntimeError | Self::PartialSuccess)
    }

    /// What depends on the node cannot be built.
    pub fn blocks_descendants(self) -> bool {
        self.is_failure() || self == Self::Skipped
    }
}

/// One phase of a node: `compile` or `execute`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    pub name: &'static str,
    pub started_at: DateTime<Utc>,
    pub completed_at: DateTime<Utc>,
}

/// What became of one node.
#[derive(Debug, Clone)]
pub struct NodeResult {
    pub unique_id: UniqueId,
    pub status: NodeStatus,
    /// The adapter's word on success, the whole error otherwise.
    pub message: Option<String>,
    /// Rows that a test found.
    pub failures: Option<i64>,
    pub timing: Vec<Timing>,
    /// `Thread-1 (worker)`
    pub thread: String,
    pub execution_time: Duration,
    pub adapter_response: Option<AdapterResponse>,
    /// `None` where nothing is compiled: seeds, skipped nodes.
    pub compiled_code: Option<String>,
    /// Where the compiled code was written, from the project root.
    pub compiled_path: Option<String>,
    pub relation_name: Option<String>,
    /// The batches of a microbatch model.
    pub batch_results: Option<artifacts::run_results::BatchResults>,
    /// A freshness check's measurement.
    pub freshness: Option<super::freshness::Measurement>,
}

impl NodeResult {
    /// A node that was not tried.
    pub fn skipped(unique_id: UniqueId) -> Self {
        Self {
            unique_id,
            status: NodeStatus::Skipped,
            message: None,
            failures: None,
            timing: Vec::new(),
            thread: "MainThread".to_owned(),
            execution_time: Duration::ZERO,
            adapter_response: None,
            compiled_code: None,
            compiled_path: None,
            relation_name: None,
            batch_results: None,
            freshness: None,
        }
    }
}

/// One failure or warning of the summary.
#[derive(Debug, Clone)]
pub struct Detail {
    pub severity: Severity,
    pub node: Arc<NodeInfo>,
    /// Why, as the result says it.
    pub message: Option<String>,
    /// Where the compiled code is, from the project root.
    pub compiled_path: Option<String>,
    /// Where a test's failing rows are stored, as SQL writes it.
    pub stored_in: Option<String>,
    /// `in model bad (models/bad.sql)` and the indented lines below it.
    pub text: String,
}

/// Where to look for a test's failing rows.
pub(crate) fn stored_failures(relation: &str) -> String {
    let query = format!("select * from {relation}");
    let bar = "-".repeat(query.chars().count());
    format!("  See test failures:\n  {bar}\n  {query}\n  {bar}")
}

/// The counts at the end of a run and the details of what went wrong.
#[derive(Debug, Clone, Default)]
pub struct RunSummary {
    pub pass: usize,
    pub warn: usize,
    pub error: usize,
    pub skip: usize,
    pub noop: usize,
    pub total: usize,
    /// Nodes that failed by themselves, without partial successes, and those that were skipped with a message.
    pub errors: usize,
    pub partial_successes: usize,
    pub warnings: usize,
    /// Ctrl-C ended the run.
    pub interrupted: bool,
    /// The ages of sources were measured, which dbt sums up in fewer words.
    pub of_sources: bool,
    pub details: Vec<Detail>,
}

/// Everything a run did.
#[derive(Debug, Clone, Default)]
pub struct RunResults {
    /// In the order in which they ended, with what listeners know of the node.
    pub results: Vec<(Arc<NodeInfo>, Arc<NodeResult>)>,
    pub elapsed: Duration,
    pub interrupted: bool,
    /// The template of an `on-run-end` failed, which is an error of the whole run.
    pub unrendered_hook: Option<Box<Diagnostic>>,
}

impl RunResults {
    /// Whether everything went well: dbt's exit code 0.
    pub fn success(&self) -> bool {
        !self.interrupted
            && self.results.iter().all(|(node, result)| {
                !result.status.is_failure()
                    && (result.status != NodeStatus::Skipped || node.resource_type == "exposure")
            })
    }

    /// The counts and the details, errors first.
    pub fn summary(&self) -> RunSummary {
        let mut summary = RunSummary { interrupted: self.interrupted, ..RunSummary::default() };
        for (node, result) in &self.results {
            summary.total += 1;
            match result.status {
                NodeStatus::Success | NodeStatus::Pass => summary.pass += 1,
                NodeStatus::Warn => summary.warn += 1,
                NodeStatus::Skipped => summary.skip += 1,
                NodeStatus::NoOp => summary.noop += 1,
                NodeStatus::Error | NodeStatus::Fail | NodeStatus::RuntimeError | NodeStatus::PartialSuccess => {
                    summary.error += 1;
                }
            }
            match result.status {
                NodeStatus::PartialSuccess => summary.partial_successes += 1,
                NodeStatus::Warn => summary.warnings += 1,
                status if status.is_failure() => summary.errors += 1,
                // As dbt counts what is skipped for a reason of its own: fail-fast, a hook that failed.
                NodeStatus::Skipped if result.message.is_some() && node.resource_type != "exposure" => {
                    summary.errors += 1;
                }
                _ => {}
            }
            summary.details.extend(detail(node, result));
        }
        summary.details.sort_by_key(|detail| detail.severity != Severity::Error);
        summary
    }

    /// The result of a node.
    pub fn of(&self, id: &UniqueId) -> Option<&NodeResult> {
        self.results.iter().map(|(_, result)| &**result).find(|result| result.unique_id == *id)
    }
}

/// What the summary says of a node that failed or warned.
pub(super) fn detail(node: &Arc<NodeInfo>, result: &NodeResult) -> Option<Detail> {
    let severity = match result.status {
        NodeStatus::Warn => Severity::Warning,
        status if status.is_failure() => Severity::Error,
        // What was skipped follows from a failure above.
        _ => return None,
    };
    let mut text = format!("in {} {} ({})", node.resource_type, node.name, node.original_file_path);
    if let Some(message) = &result.message {
        // As dbt, which begins the message of a warning again.
        let begin = if severity == Severity::Warning { "[WARNING]: " } else { "  " };
        for (index, line) in message.lines().enumerate() {
            text.push('\n');
            text.push_str(if index == 0 { begin } else { "  " });
            text.push_str(line);
        }
    }
    if let Some(path) = &result.compiled_path {
        text.push_str("\n\n  compiled code at ");
        text.push_str(path);
    }
    let stored_in = result.relation_name.clone().filter(|_| node.resource_type == "test");
    if let Some(relation) = &stored_in {
        text.push_str(&format!("\n\n{}", stored_failures(relation)));
    } else if node.resource_type == "test" && matches!(result.status, NodeStatus::Fail | NodeStatus::Warn) {
        text.push_str(&format!("\n  see the failing rows with `owlet show --select {}`", node.name));
    }
    Some(Detail {
        severity,
        node: Arc::clone(node),
        message: result.message.clone(),
        compiled_path: result.compiled_path.clone(),
        stored_in,
        text,
    })
}

/// Why a node did not work, before it becomes a [`NodeResult`].
#[derive(Debug, Clone)]
pub struct NodeFailure {
    /// What a person reads.
    pub message: String,
    /// The run was stopped: nothing is wrong with the node.
    pub cancelled: bool,
}

impl From<Diagnostic> for NodeFailure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { message: diagnostic.to_string(), cancelled: false }
    }
}
