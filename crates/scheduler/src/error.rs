//! Why the scheduler does not do what it is asked for.

use store::DatabaseError;

/// The scheduler refuses, or cannot.
#[derive(Debug, thiserror::Error)]
pub enum SchedulerError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("no schedule is named '{slug}'")]
    UnknownSchedule { slug: String, nearest: Option<String> },
    #[error("there is no run {id}")]
    UnknownRun { id: i64 },
    #[error("there is no backfill {id}")]
    UnknownBackfill { id: i64 },
    #[error("schedule '{slug}' names the environment '{environment}', which does not exist")]
    UnknownEnvironment { slug: String, environment: String },
    /// The word at the end is what one known client looks for before it tries again.
    #[error("schedule '{slug}' has an unfinished run ({run_id}): AlreadyRunningException")]
    AlreadyRunning { slug: String, run_id: i64 },
    #[error(
        "schedule '{slug}' has a run that waits ({run_id}), with other commands, variables or another branch than are wanted now: AlreadyRunningException"
    )]
    WaitsOtherwise { slug: String, run_id: i64 },
    #[error("there is nothing to retry: {why}")]
    NothingToRetry { why: String },
    #[error("schedule '{slug}' comes from {place}: it cannot be {what} here")]
    FromElsewhere { slug: String, place: String, what: &'static str },
    #[error("schedule '{slug}' exists already")]
    Exists { slug: String },
    #[error("{what}")]
    Invalid { what: String, fix: &'static str },
    #[error("the {column} of {what} cannot be read: {problem}")]
    Damaged { what: String, column: &'static str, problem: String },
}

impl SchedulerError {
    /// Whether the same call, made again a little later, may well succeed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_transient())
    }

    /// What one can do now.
    pub fn fix(&self) -> String {
        match self {
            Self::Database(error) => error.fix(),
            Self::UnknownSchedule { nearest: Some(nearest), .. } => format!("did you mean '{nearest}'?"),
            Self::UnknownSchedule { nearest: None, .. } => "list the schedules: owlet bolt schedules".to_owned(),
            Self::UnknownRun { .. } => "list the runs: owlet bolt runs".to_owned(),
            Self::UnknownBackfill { .. } => "see the schedule's backfills for their ids".to_owned(),
            Self::UnknownEnvironment { environment, .. } => {
                format!("make it, or name another in the schedule: there is no environment '{environment}'")
            }
            Self::AlreadyRunning { run_id, .. } => {
                format!(
                    "wait until run {run_id} ends, cancel it, or give the schedule `overlap_policy: queue_one` or `allow`"
                )
            }
            Self::WaitsOtherwise { run_id, .. } => {
                format!("let run {run_id} begin first, or cancel it (owlet bolt cancel {run_id}), and ask again")
            }
            Self::NothingToRetry { .. } => "trigger the schedule instead".to_owned(),
            Self::FromElsewhere { place, .. } => format!("change it in {place} and deploy"),
            Self::Exists { .. } => "choose another slug, or update the schedule".to_owned(),
            Self::Invalid { fix, .. } => (*fix).to_owned(),
            Self::Damaged { .. } => "this is a bug of Owlet: please report it with this message".to_owned(),
        }
    }
}
