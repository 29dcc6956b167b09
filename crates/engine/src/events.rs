//! What happens during an invocation, as one stream that terminal, log files and artifacts listen to.
//!
//! [`Event`] says what happened, [`text`] and [`json`] how dbt would write it, [`Events`] passes it to every [`Listener`].

pub mod json;
pub mod text;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, Utc};
use diagnostic::Diagnostic;
use names::{RelationName, UniqueId};

use crate::{
    adapter::CancelReport,
    run::{Detail, NodeResult, NodeStatus, RunSummary},
};

/// How loud an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Only in the log file, unless asked for.
    Debug,
    /// The ordinary lines.
    Info,
    /// The author should look at it.
    Warn,
    /// Something failed.
    Error,
}

impl Level {
    /// dbt's word: `info`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// What listeners need to know of a node, without the project.
#[derive(Debug, Clone, Default)]
pub struct NodeInfo {
    pub unique_id: Option<UniqueId>,
    pub name: String,
    /// `model`, `test`, …; `operation` is a hook, `source` a freshness check.
    pub resource_type: String,
    pub materialized: String,
    /// From the project root.
    pub original_file_path: String,
    /// From the root of its kind of file.
    pub path: String,
    pub relation: Option<RelationName>,
    /// Where it would be if it were a relation: also tests, hooks and ephemeral models have a schema and an alias.
    pub place: Option<RelationName>,
    /// As SQL writes it.
    pub relation_name: Option<String>,
    pub checksum: String,
    pub meta: serde_json::Value,
    /// What a test is on.
    pub attached_node: Option<UniqueId>,
    /// Its group with name, package and owner, as the JSON log has it.
    pub group: Option<serde_json::Value>,
    /// What follows `START` in its line: `sql view model dev.orders`.
    pub label: String,
}

/// The phase of an invocation that a progress display may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Parsing,
    Compiling,
    Preparing,
    Running,
    /// Nothing: the command prints its answer.
    Idle,
}

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The first line.
    Started {
        dbt_version: String,
        owlet_version: String,
        arguments: serde_json::Value,
    },
    /// Work began that prints no line of its own.
    Phase(Phase),
    AdapterRegistered {
        adapter: String,
        version: String,
    },
    /// `Found 6 models, …`, the counts in dbt's order.
    ProjectParsed {
        counts: Vec<(String, usize)>,
        elapsed_seconds: f64,
    },
    Concurrency {
        threads: usize,
        target: String,
        /// How many nodes there are to do.
        nodes: usize,
    },
    /// The selection left nothing for this command.
    NothingToDo,
    /// `ls`, `show` and `compile` found nothing.
    NoNodesSelected,
    NodeStarted {
        node: Arc<NodeInfo>,
        index: usize,
        total: usize,
        thread: String,
    },
    NodeFinished {
        node: Arc<NodeInfo>,
        index: usize,
        total: usize,
        result: Arc<NodeResult>,
    },
    /// A batch of a microbatch model began; `name` is `batch 2024-09-17 of dev.orders`.
    BatchStarted {
        node: UniqueId,
        name: Arc<str>,
        index: usize,
        total: usize,
    },
    /// A batch failed; `error` is the whole of it.
    BatchFailed {
        node: Arc<NodeInfo>,
        error: String,
    },
    BatchFinished {
        node: UniqueId,
        name: Arc<str>,
        index: usize,
        total: usize,
        /// `Success`, `Error` or `Skipped`.
        status: NodeStatus,
        message: String,
        elapsed_seconds: f64,
    },
    /// One statement is sent on behalf of a node or the engine.
    Statement {
        node: Option<UniqueId>,
        sql: String,
    },
    /// The warehouse has it under this id.
    StatementStarted {
        node: Option<UniqueId>,
        query_id: String,
    },
    /// It is over. `status` is the warehouse's word: `OK 5`, `FAILED`.
    StatementEnded {
        node: Option<UniqueId>,
        query_id: String,
        status: String,
        elapsed_seconds: f64,
    },
    /// Ctrl-C or `--fail-fast` stopped what was running.
    Cancelled {
        report: CancelReport,
    },
    /// What `--fail-fast` stopped at.
    FailedFast(Detail),
    /// `Finished running 1 seed, …`
    FinishedRunning {
        counts: Vec<(String, usize)>,
        elapsed_seconds: f64,
    },
    /// Every node is done: the summary, the details of failures, the counts.
    RunFinished {
        summary: RunSummary,
    },
    ArtifactWritten {
        path: PathBuf,
    },
    /// `log()` in a template.
    JinjaLog {
        text: String,
        info: bool,
    },
    /// `print()` in a template; shown even with `--quiet`.
    Print {
        text: String,
    },
    /// What the command was asked for.
    Answer(Answer),
    /// A warning about the project or the selection; `name` is dbt's event name, for `--warn-error-options`.
    Warning {
        name: String,
        diagnostic: Diagnostic,
    },
    /// At the end: which deprecations were met how often.
    Deprecations {
        met: Vec<(String, usize)>,
        /// Whether all were told, not only the first of each kind.
        show_all: bool,
    },
    /// The command cannot go on.
    Failed {
        diagnostics: Vec<Diagnostic>,
    },
    /// A line of progress that is no node's: what `run-operation --sql` does.
    Progress {
        level: Level,
        text: String,
        status: String,
        /// How long it took, once it is over.
        elapsed_seconds: Option<f64>,
    },
    /// Something worth knowing, by the name of dbt's event.
    Note {
        name: &'static str,
        text: String,
    },
    /// A line without a type of its own.
    Line {
        level: Level,
        text: String,
    },
    /// The last one.
    CommandCompleted {
        command: String,
        success: bool,
        elapsed_seconds: f64,
    },
}

/// What `ls`, `compile` and `show` were asked for. Shown even with `--quiet`.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A line of `ls`.
    Listed(String),
    Compiled(AnsweredNode),
    Shown(AnsweredNode),
}

/// A node or query, and what `compile` and `show` have to say of it.
#[derive(Debug, Clone)]
pub struct AnsweredNode {
    pub name: String,
    pub unique_id: UniqueId,
    /// Whether it is the query of the command line.
    pub is_inline: bool,
    /// `text` or `json`
    pub output_format: &'static str,
    /// Whether only the content is shown.
    pub quiet: bool,
    /// SQL, or rows as text or JSON.
    pub content: String,
    /// As it is shown.
    pub text: String,
}

impl Answer {
    /// As it is shown.
    pub fn text(&self) -> &str {
        match self {
            Self::Listed(text) => text,
            Self::Compiled(node) | Self::Shown(node) => &node.text,
        }
    }
}

impl Event {
    /// Whether it is no line of a log: `print()`, and what the command was asked for.
    pub fn is_data(&self) -> bool {
        matches!(self, Self::Print { .. } | Self::Answer(_))
    }

    /// How loud it is.
    pub fn level(&self) -> Level {
        match self {
            Self::Phase(_)
            | Self::AdapterRegistered { .. }
            | Self::Statement { .. }
            | Self::StatementStarted { .. }
            | Self::StatementEnded { .. }
            | Self::ArtifactWritten { .. }
            | Self::CommandCompleted { .. } => Level::Debug,
            Self::NodeFinished { result, .. } => match result.status {
                status if status.is_failure() => Level::Error,
                crate::run::NodeStatus::Warn => Level::Warn,
                _ => Level::Info,
            },
            Self::BatchFailed { .. } | Self::BatchFinished { status: NodeStatus::Error, .. } => Level::Error,
            // It holds the errors' texts, which have to be seen with `--quiet` too.
            Self::RunFinished { summary } if summary.errors + summary.partial_successes > 0 => Level::Error,
            Self::NothingToDo | Self::NoNodesSelected | Self::Warning { .. } | Self::Deprecations { .. } => Level::Warn,
            Self::Cancelled { .. } | Self::Failed { .. } | Self::FailedFast(_) => Level::Error,
            Self::JinjaLog { info: false, .. } => Level::Debug,
            Self::Progress { level, .. } | Self::Line { level, .. } => *level,
            _ => Level::Info,
        }
    }
}

/// An event and its moment.
#[derive(Debug, Clone)]
pub struct Record {
    pub at: DateTime<Utc>,
    pub event: Event,
}

/// Somebody who wants to know. Called in order, from any thread; must not block for long.
pub trait Listener: Send + Sync {
    /// Takes one event.
    fn hear(&self, record: &Record);
}

/// Answers the present moment.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The stream. Cloning shares it.
#[derive(Clone)]
pub struct Events {
    clock: Clock,
    listeners: Arc<[Arc<dyn Listener>]>,
    /// Held while the listeners hear, so that all of them hear in the same order.
    turn: Arc<Mutex<()>>,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("listeners", &self.listeners.len()).finish_non_exhaustive()
    }
}

/// Nobody hears it.
impl Default for Events {
    fn default() -> Self {
        Self::silent()
    }
}

impl Events {
    /// A stream to these listeners.
    pub fn new(clock: Clock, listeners: Vec<Arc<dyn Listener>>) -> Self {
        Self { clock, listeners: listeners.into(), turn: Arc::default() }
    }

    /// A stream that nobody hears.
    pub fn silent() -> Self {
        Self::new(Arc::new(Utc::now), Vec::new())
    }

    /// Tells every listener.
    pub fn emit(&self, event: Event) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let record = Record { at: self.now(), event };
        for listener in self.listeners.iter() {
            listener.hear(&record);
        }
    }

    /// Tells a line of text.
    pub fn line(&self, level: Level, text: impl Into<String>) {
        self.emit(Event::Line { level, text: text.into() });
    }

    /// The present moment.
    pub fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }
}

/// Keeps everything it hears, for tests and for callers that show it later.
#[derive(Debug, Default)]
pub struct Recorder {
    records: Mutex<Vec<Record>>,
}

impl Recorder {
    /// What was heard so far.
    pub fn records(&self) -> Vec<Record> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Listener for Recorder {
    fn hear(&self, record: &Record) {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).push(record.clone());
    }
}
