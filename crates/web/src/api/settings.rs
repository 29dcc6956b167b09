//! What people set: environments, connections, variables, notifications, budgets, limits. Secrets go in and never come back.

mod connections;
mod environments;
mod notifications;
mod spending;
mod variables;

use scheduler::settings::{Check, CheckStatus};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{error::Problem, routes::Operation};

pub fn operations() -> Vec<Operation> {
    let mut all = environments::operations();
    all.extend(connections::operations());
    all.extend(variables::operations());
    all.extend(notifications::operations());
    all.extend(spending::operations());
    all
}

/// One thing that was tried.
#[derive(Debug, Serialize, JsonSchema)]
struct CheckAnswer {
    /// `credentials`, `workgroup`, `result location`, …
    name: String,
    /// passed, warning, failed or skipped.
    status: String,
    found: String,
    /// Of a failure or a warning.
    problem: Option<Problem>,
}

/// What a test found.
#[derive(Debug, Serialize, JsonSchema)]
struct TestAnswer {
    /// Whether nothing failed.
    ok: bool,
    checks: Vec<CheckAnswer>,
}

impl TestAnswer {
    fn of(checks: &[Check]) -> Self {
        let shape = |check: &Check| CheckAnswer {
            name: check.name.to_owned(),
            status: status(check.status).to_owned(),
            found: check.found.clone(),
            problem: check.problem.as_ref().map(Problem::of),
        };
        Self {
            ok: checks.iter().all(|check| check.status != CheckStatus::Failed),
            checks: checks.iter().map(shape).collect(),
        }
    }
}

/// As the API and the page say it.
pub fn status(status: CheckStatus) -> &'static str {
    match status {
        CheckStatus::Passed => "passed",
        CheckStatus::Warning => "warning",
        CheckStatus::Failed => "failed",
        CheckStatus::Skipped => "skipped",
    }
}
