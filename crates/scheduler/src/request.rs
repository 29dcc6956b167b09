//! What callers ask the scheduler for, and what they are told.

use schedules::Schedule;
use serde::Serialize;
use serde_json::{Map as JsonMap, Value as Json};

use crate::clock::Micros;
use crate::model::{Actor, Cause, StopCause};

/// A list of schedules that shall be all there is of their source.
#[derive(Debug, Clone)]
pub struct Deploy {
    pub schedules: Vec<Schedule>,
    /// `yaml` for files; `ui` and `api` are for single schedules. Schedules of this source that are not in the list are deleted; those of other
    /// sources are left alone.
    pub source: String,
    pub actor: Actor,
    /// Only says what would change.
    pub is_dry_run: bool,
}

/// What a deployment changes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Diff {
    pub changes: Vec<Change>,
    pub unchanged: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub slug: String,
    pub name: String,
    pub kind: ChangeKind,
    /// For updates: each member of the definition that differs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// Runs that wait. Of an updated schedule they do what it said when they were made; of a deleted one they end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    Create,
    Update,
    Delete,
}

/// A member of a schedule's JSON, before and after; `None` is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    pub field: String,
    pub before: Option<Json>,
    pub after: Option<Json>,
}

/// A run that is wanted now.
#[derive(Debug, Clone)]
pub struct Trigger {
    pub slug: String,
    /// Instead of the schedule's own.
    pub commands: Option<Vec<CommandOverride>>,
    /// Branch, tag or commit instead of the schedule's.
    pub branch: Option<String>,
    /// Number of the pull request it is for.
    pub pull_request: Option<String>,
    /// Over the schedule's dbt variables, name by name.
    pub variables: JsonMap<String, Json>,
    pub reason: Option<String>,
    /// For all commands that say nothing of their own.
    pub continue_on_error: Option<bool>,
    /// [`Cause::Api`] or [`Cause::Person`].
    pub cause: Cause,
    pub actor: Actor,
    pub idempotency: Idempotency,
}

impl Trigger {
    /// The schedule as it is, by the API.
    pub fn new(slug: &str, actor: Actor) -> Self {
        Self {
            slug: slug.to_owned(),
            commands: None,
            branch: None,
            pull_request: None,
            variables: JsonMap::new(),
            reason: None,
            continue_on_error: None,
            cause: Cause::Api,
            actor,
            idempotency: Idempotency::Identical,
        }
    }
}

/// A command for one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandOverride {
    pub text: String,
    /// `None`: as the run says, else as the schedule says.
    pub continue_on_error: Option<bool>,
}

/// When a second trigger is the first one sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Idempotency {
    /// Never.
    None,
    /// When actor, slug, commands, branch, pull request, variables and reason are the same within [`crate::Options::identical_trigger_window`]: one
    /// known client sends a trigger again when the answer takes long.
    Identical,
    /// When the caller gave the same key before (a webhook's delivery id, an `Idempotency-Key`), within a day.
    Key(String),
}

/// The run of a trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Triggered {
    pub run_id: i64,
    /// Whether this call made it; else it was there already.
    pub is_new: bool,
}

/// What a cancellation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Canceled {
    /// It had not begun and never will.
    AtOnce,
    /// Its server will stop it; the run is CANCELING until then.
    Requested,
    /// It had ended before; nothing was done.
    WasOver,
}

/// How a run is done again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryMode {
    /// From the first command that failed; if that is a dbt command which can go on, as `dbt retry`.
    FromFailure,
    /// All commands.
    All,
}

/// Runs for slots of the past (or of a time to come).
#[derive(Debug, Clone)]
pub struct Backfill {
    pub slug: String,
    /// The first instant that counts.
    pub from: Micros,
    /// The first instant that does not count any more.
    pub until: Micros,
    pub newest_first: bool,
    /// How many of its runs may be unfinished at once; at least 1.
    pub parallelism: u32,
    pub actor: Actor,
    /// Only says which slots.
    pub is_dry_run: bool,
}

/// The slots of a backfill, in the order in which they run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillPlan {
    /// `None` for a dry run.
    pub id: Option<i64>,
    pub slots: Vec<Micros>,
}

/// A merge landed on a branch.
#[derive(Debug, Clone)]
pub struct Merge {
    /// `owner/name` as the host writes it; `None` is every repository.
    pub repository: Option<String>,
    pub branch: String,
    pub commit: String,
    /// The webhook's delivery id.
    pub delivery: Option<String>,
    pub actor: Actor,
}

/// A pull request was opened, reopened, or has a new commit.
#[derive(Debug, Clone)]
pub struct PullRequest {
    /// `owner/name` as the host writes it; `None` is every repository.
    pub repository: Option<String>,
    pub number: String,
    pub branch: String,
    pub commit: String,
    /// It was open before. Hosts say so for a new title, too: what has begun for this commit goes on.
    pub is_update: bool,
    pub delivery: Option<String>,
    pub actor: Actor,
}

/// A pull request was merged, or closed without it.
#[derive(Debug, Clone)]
pub struct ClosedPullRequest {
    /// `owner/name` as the host writes it.
    pub repository: String,
    pub number: String,
    pub actor: Actor,
}

/// What the owner of a run learns when it says that it lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beat {
    /// Go on.
    Continue,
    /// Stop the commands and their queries, then finish the run as [`StopCause::outcome`] says.
    Stop { cause: StopCause, reason: String },
    /// Somebody else has the run, or it is over: stop everything, write nothing.
    Lost,
}

/// What became of the end that an owner reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finished {
    Done {
        /// The next attempt, if there is one.
        retry_run_id: Option<i64>,
    },
    /// Somebody else has the run: nothing was written.
    Lost,
}

/// What one look at the clock did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ticked {
    /// Slots that were decided: started, queued, skipped, missed.
    pub slots: usize,
    /// Runs that were made.
    pub runs: usize,
    /// The next planned instant of any schedule.
    pub next_slot_at: Option<Micros>,
}

/// How much history stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Runs that ended longer ago go, with their logs, artifacts, queries and slots…
    pub runs_days: u32,
    /// …but the newest of each schedule stay, whatever their age: deferral and `retry` need them.
    pub keep_newest: u32,
    pub audit_days: u32,
    /// Told or given-up messages.
    pub outbox_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { runs_days: 90, keep_newest: 20, audit_days: 400, outbox_days: 30 }
    }
}

/// What a retention pass removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retained {
    pub runs: u64,
    pub slots: u64,
    pub audit: u64,
    pub outbox: u64,
    /// Storage keys of artifacts that no row names any more.
    pub storage_keys: Vec<String>,
    /// There is more to remove; the pass ended after a batch so that others get their turn.
    pub has_more: bool,
}
