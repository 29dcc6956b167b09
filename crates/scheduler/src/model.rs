//! What the tables hold, as types.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schedules::EngineChoice;
use serde::{Deserialize, Serialize};
use serde_json::{Map as JsonMap, Value as Json};

use crate::clock::Micros;

/// An enum that is kept as a word.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$variant_meta])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { kind: stringify!($name), word: word.to_owned() }),
                }
            }
        }
    };
}

/// A word in the database that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{word}' is no {kind}")]
pub struct UnknownWord {
    kind: &'static str,
    word: String,
}

words! {
    /// Where a run is in its life.
    RunState {
        /// Waits for its time, its turn or a server.
        Queued = "QUEUED",
        /// A server has it and prepares: checkout, environment.
        Starting = "STARTING",
        Running = "RUNNING",
        /// It shall stop; its server has not yet said that it did.
        Canceling = "CANCELING",
        /// All commands ended well.
        Success = "SUCCESS",
        /// A command of the user's failed.
        Failed = "FAILED",
        /// The platform could not run it: checkout, connection, lost server.
        Error = "ERROR",
        /// Stopped by a person, a limit or a newer run.
        Canceled = "CANCELED",
        /// Not run for a reason: an exhausted budget, a newer commit of its pull request.
        Skipped = "SKIPPED",
    }
}

impl RunState {
    /// The states that somebody holds a lease in.
    pub const ACTIVE: [Self; 3] = [Self::Starting, Self::Running, Self::Canceling];

    pub const fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Failed | Self::Error | Self::Canceled | Self::Skipped)
    }

    pub const fn is_active(self) -> bool {
        matches!(self, Self::Starting | Self::Running | Self::Canceling)
    }

    /// What the GraphQL API says: RUNNING until it is over.
    pub const fn wire(self) -> &'static str {
        if self.is_final() { self.as_str() } else { "RUNNING" }
    }
}

words! {
    /// Why there is a run.
    Cause {
        /// The clock.
        Slot = "slot",
        /// A call of the API or the command line.
        Api = "api",
        /// A button.
        Person = "person",
        /// A merge landed on the schedule's branch.
        Merge = "merge",
        PullRequest = "pull_request",
        /// Another schedule's run ended.
        Completion = "completion",
        /// The policy of a run that failed.
        AutomaticRetry = "automatic_retry",
        /// A person or the API asked for a failed run to be done again.
        Retry = "retry",
        Backfill = "backfill",
    }
}

words! {
    /// What kind of failure ended an attempt; decides whether it is tried again.
    ErrorClass {
        /// A command failed by itself: wrong SQL, a failed test, a non-zero exit.
        Command = "command",
        /// Too many requests or queries; Iceberg commit conflicts.
        Throttling = "throttling",
        /// Network, disk, git server, an internal error of AWS.
        Infrastructure = "infrastructure",
        /// The server that ran it died.
        Lost = "lost",
        /// `max_runtime`, or a limit of Athena's, was passed.
        Timeout = "timeout",
        /// It cannot work before somebody changes something: no such branch, connection, profile.
        Configuration = "configuration",
        /// A budget was exhausted.
        Budget = "budget",
    }
}

words! {
    /// What became of a planned instant.
    SlotDecision {
        /// There is a run.
        Started = "STARTED",
        /// There is a run, which waits for the one before it.
        Queued = "QUEUED",
        /// No run: the one before it was not finished.
        Skipped = "SKIPPED",
        /// No run: the slot passed while no server ran, and the misfire policy lets it go.
        Missed = "MISSED",
        /// Part of a backfill whose turn has not come.
        Planned = "PLANNED",
        /// Part of a backfill that was ended before.
        Canceled = "CANCELED",
    }
}

words! {
    /// Who did something.
    ActorKind {
        Person = "user",
        Token = "token",
        Webhook = "webhook",
        /// The scheduler by itself.
        System = "system",
    }
}

words! {
    /// Why a run is stopped before its end.
    StopCause {
        /// A person, the API, or a newer commit.
        Cancel = "cancel",
        /// It ran too long.
        MaxRuntime = "max_runtime",
        /// It cost too much.
        Budget = "budget",
    }
}

impl StopCause {
    /// How a run that was stopped for this is to be finished.
    pub fn outcome(self, reason: impl Into<String>) -> Outcome {
        let class = match self {
            Self::Cancel => None,
            Self::MaxRuntime => Some(ErrorClass::Timeout),
            Self::Budget => Some(ErrorClass::Budget),
        };
        Outcome { state: RunState::Canceled, reason: reason.into(), class }
    }
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    pub kind: ActorKind,
    /// Name of the person, the token, or the part of the scheduler.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

impl Actor {
    pub fn system(name: &str) -> Self {
        Self { kind: ActorKind::System, name: name.to_owned(), email: None }
    }

    pub fn person(name: &str, email: Option<&str>) -> Self {
        Self { kind: ActorKind::Person, name: name.to_owned(), email: email.map(str::to_owned) }
    }
}

/// Where runs get their code, their connection and their target: the JSON of table `environment`, column `definition`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    pub code: Code,
    /// The dbt project's directory within the code; empty for its root.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub project_dir: String,
    /// Slug of the connection; without one, the project's own profiles.yml holds, and without that the embedded lakehouse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Name of the target in profiles.yml.
    #[serde(default = "default_target")]
    pub target: String,
    /// Over the connection's own schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Over the connection's own number of threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<u32>,
    /// What runs lines that begin with `dbt`, for schedules that don't choose dbt Core themselves.
    #[serde(default, skip_serializing_if = "is_default_engine")]
    pub engine: EngineChoice,
    /// Environment variables of all runs in this environment: over the workspace's, under the schedule's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// Where the host of the code shows what came of a pull request's commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_status: Option<CommitStatus>,
}

impl Environment {
    /// Of this code, with defaults for the rest.
    pub fn new(code: Code) -> Self {
        Self {
            code,
            project_dir: String::new(),
            connection: None,
            target: default_target(),
            schema: None,
            threads: None,
            engine: EngineChoice::default(),
            variables: BTreeMap::new(),
            commit_status: None,
        }
    }
}

/// How to report to the host of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitStatus {
    pub host: CodeHost,
    /// Name of the secret variable of scope `workspace` that holds a token which may write commit statuses.
    pub token: String,
    /// Address of the host's API; the public host's own when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// `owner/name`, where the code's address does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
}

words! {
    /// Who keeps a repository.
    CodeHost {
        GitHub = "github",
        GitLab = "gitlab",
        Bitbucket = "bitbucket",
        AzureDevOps = "azure-devops",
    }
}

fn is_default_engine(engine: &EngineChoice) -> bool {
    *engine == EngineChoice::default()
}

fn default_target() -> String {
    "prod".to_owned()
}

/// Where the code comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Code {
    /// A directory of this machine: a git repository (then a commit of it is checked out elsewhere), or files as they are.
    Local { path: String },
    /// A git repository by HTTPS or SSH.
    Git {
        url: String,
        /// The branch of schedules that name none; the repository's own default branch when missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        branch: Option<String>,
        /// Name of the secret variable of scope `workspace` that holds the deploy key or the HTTPS token.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        credential: Option<String>,
    },
}

/// Everything about a run that was resolved when it was made: the JSON of table `run`, column `spec`.
///
/// What holds for the schedule as it is at the run's end (retry policy, receivers of notifications) is not in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSpec {
    /// Slug of the environment.
    pub environment: String,
    /// The user's commands, in order.
    pub commands: Vec<RunCommand>,
    /// Whether lines that begin with `dbt` are run by an installed dbt Core instead of this engine.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_dbt_core: bool,
    /// dbt variables.
    #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
    pub variables: JsonMap<String, Json>,
    /// The schedule's own environment variables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env_overrides: BTreeMap<String, String>,
    /// Whose artifacts are the state for `state:modified` and `--defer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defer_to: Option<DeferTo>,
    /// Turbo CI: builds into a schema of its pull request (`run.pull_request`), which is dropped when the pull request is closed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_turbo_ci: bool,
    /// `owner/name` of the pull request's repository, as its host writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The schema of the pull request, where another repository's has the name that its number gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request_schema: Option<String>,
    /// What the run stands for: from its slot to the next one. For variables `interval_start` and `interval_end` of backfills.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// Stopped after this much running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_runtime_seconds: Option<u64>,
    /// Seed of client request tokens (`OWLET_RUN_TOKEN_SEED`): the same for all attempts of a family, so that a new attempt finds the queries of
    /// the one before.
    pub token_seed: String,
    /// Ids of the schedules whose ends led here, the first cause first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<i64>,
    /// The backfill it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backfill_id: Option<i64>,
    /// How many attempts before this one the retry policy has made in a row.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub automatic_retries: u32,
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}

fn is_false(value: &bool) -> bool {
    !*value
}

/// One command of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCommand {
    pub text: String,
    #[serde(default, skip_serializing_if = "is_false")]
    pub continue_on_error: bool,
    /// For a `dbt retry`: the command of an earlier run whose run_results.json it goes on from; it must lie in `target/` before it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<i64>,
}

impl RunCommand {
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), continue_on_error: false, retry_of: None }
    }
}

/// Whose artifacts are the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeferTo {
    /// The runs of the schedule with this slug; `None` with `environment`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// The latest run of any schedule of this environment that has no Turbo CI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    pub successful_runs_only: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    pub start: Micros,
    pub end: Micros,
}

/// A run as its table has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub id: i64,
    pub uuid: String,
    pub schedule_id: i64,
    pub schedule_slug: String,
    /// Id of the first attempt: its own for that one.
    pub family_id: i64,
    /// From 1.
    pub attempt: i64,
    pub slot_id: Option<i64>,
    pub cause: Cause,
    pub actor: String,
    pub actor_email: Option<String>,
    pub reason: Option<String>,
    pub parent_run_id: Option<i64>,
    pub retry_of_run_id: Option<i64>,
    /// Branch, tag or commit that was asked for; `None` is the environment's.
    pub branch: Option<String>,
    /// The commit it runs at, once that is known. Attempts of a family keep it.
    pub commit_hash: Option<String>,
    pub pull_request: Option<String>,
    pub spec: RunSpec,
    pub state: RunState,
    pub state_reason: Option<String>,
    pub error_class: Option<ErrorClass>,
    pub created_at: Micros,
    pub not_before: Micros,
    pub started_at: Option<Micros>,
    pub ended_at: Option<Micros>,
    pub sla_at: Option<Micros>,
    pub cancel_requested_at: Option<Micros>,
    pub cancel_cause: Option<StopCause>,
    pub cancel_reason: Option<String>,
    pub lease_server: Option<String>,
    pub lease_fence: i64,
    pub lease_heartbeat: i64,
}

/// The right to run a run, until somebody else has a higher fence. Every write of the owner names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    pub run_id: i64,
    pub fence: i64,
}

/// A run that this server now owns.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    pub lease: Lease,
    pub run: Run,
    /// Taken over from a server that died: whatever it left is to be cleaned up, then the run is finished as [`Outcome::lost`].
    pub is_recovery: bool,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// A final state.
    pub state: RunState,
    /// What people read: empty for success.
    pub reason: String,
    /// For FAILED and ERROR.
    pub class: Option<ErrorClass>,
}

impl Outcome {
    pub fn success() -> Self {
        Self { state: RunState::Success, reason: String::new(), class: None }
    }

    /// A command of the user's failed.
    pub fn failed(class: ErrorClass, reason: impl Into<String>) -> Self {
        Self { state: RunState::Failed, reason: reason.into(), class: Some(class) }
    }

    /// The platform could not run it.
    pub fn error(class: ErrorClass, reason: impl Into<String>) -> Self {
        Self { state: RunState::Error, reason: reason.into(), class: Some(class) }
    }

    /// The server that ran it died.
    pub fn lost() -> Self {
        Self::error(ErrorClass::Lost, "the server that ran it stopped answering")
    }
}
