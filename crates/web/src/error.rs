//! Errors on the wire: a status, and what, cause, fix as everywhere.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use diagnostic::Diagnostic;
use scheduler::settings::SettingsError;
use schemars::JsonSchema;
use serde::Serialize;
use store::DatabaseError;

use crate::auth::{Denied, Scope};

/// What a request is answered with when it is not done.
#[derive(Debug, Clone)]
pub struct ApiError {
    pub status: StatusCode,
    pub body: ErrorBody,
    /// Seconds, for 429 and 503.
    pub retry_after: Option<u64>,
}

/// The body of every answer whose status is 400 or more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ErrorBody {
    /// What failed, in one line.
    pub error: String,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What one can do now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// Where several things are wrong at once: all of them, the first one too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Problem {
    pub error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Problem {
    pub fn of(diagnostic: &Diagnostic) -> Self {
        Self { error: diagnostic.what.clone(), cause: diagnostic.cause.clone(), fix: diagnostic.fix.clone() }
    }
}

impl ApiError {
    pub fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self {
            status,
            body: ErrorBody { error: error.into(), cause: None, fix: None, problems: Vec::new() },
            retry_after: None,
        }
    }

    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.body.cause = Some(cause.into());
        self
    }

    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.body.fix = Some(fix.into());
        self
    }

    pub fn bad_request(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    pub fn not_found(what: &str, name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no {what} '{name}'"))
    }

    /// Known, but not for this.
    pub fn lacks(scope: Scope) -> Self {
        Self::new(StatusCode::FORBIDDEN, format!("the token lacks the scope {scope}"))
            .fix(format!("use a token that has it: `owlet token create NAME --scope {scope}`"))
    }

    /// All lines of it, for clients that show one text.
    pub fn message(&self) -> String {
        let mut text = self.body.error.clone();
        for (name, part) in [("cause", &self.body.cause), ("fix", &self.body.fix)] {
            if let Some(part) = part {
                text.push_str(&format!("\n{name}: {part}"));
            }
        }
        text
    }
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unauthenticated { what, fix } => Self::new(StatusCode::UNAUTHORIZED, what).fix(fix),
            Denied::Forbidden { what, fix } => Self::new(StatusCode::FORBIDDEN, what).fix(fix),
            Denied::TooManyFailures { seconds } => {
                let mut error =
                    Self::new(StatusCode::TOO_MANY_REQUESTS, "too many wrong tokens came from this address")
                        .fix(format!("wait {seconds} seconds, and correct the token"));
                error.retry_after = Some(seconds);
                error
            }
            Denied::Unavailable { what } => Self::unavailable(what),
        }
    }
}

impl From<DatabaseError> for ApiError {
    fn from(error: DatabaseError) -> Self {
        let fix = error.fix();
        Self::unavailable(error.to_string()).fix(fix)
    }
}

impl ApiError {
    fn unavailable(what: String) -> Self {
        tracing::error!(error = %what, "a request could not be answered");
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, what);
        error.retry_after = Some(5);
        error
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer realm=\"owlet\""));
        }
        response
    }
}

impl From<SettingsError> for ApiError {
    fn from(error: SettingsError) -> Self {
        let status = match &error {
            SettingsError::Database(_) => return Self::unavailable(error.to_string()),
            SettingsError::Unknown { .. } => StatusCode::NOT_FOUND,
            SettingsError::InUse { .. } => StatusCode::CONFLICT,
            SettingsError::Refused(_) => StatusCode::BAD_REQUEST,
            SettingsError::Vault { .. } | SettingsError::Damaged { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let problems: Vec<Problem> = error.diagnostics().iter().map(Problem::of).collect();
        let first = problems.first().cloned();
        let mut answer =
            Self::new(status, first.as_ref().map_or_else(|| error.to_string(), |first| first.error.clone()));
        answer.body.cause = first.as_ref().and_then(|first| first.cause.clone());
        answer.body.fix = first.and_then(|first| first.fix);
        answer.body.problems = if problems.len() > 1 { problems } else { Vec::new() };
        answer
    }
}

impl From<scheduler::SchedulerError> for ApiError {
    fn from(error: scheduler::SchedulerError) -> Self {
        use scheduler::SchedulerError as Error;
        let status = match &error {
            Error::Database(_) => return Self::unavailable(error.to_string()).fix(error.fix()),
            Error::UnknownSchedule { .. } | Error::UnknownRun { .. } | Error::UnknownBackfill { .. } => {
                StatusCode::NOT_FOUND
            }
            Error::AlreadyRunning { .. }
            | Error::WaitsOtherwise { .. }
            | Error::NothingToRetry { .. }
            | Error::FromElsewhere { .. }
            | Error::Exists { .. } => StatusCode::CONFLICT,
            Error::UnknownEnvironment { .. } | Error::Invalid { .. } => StatusCode::BAD_REQUEST,
            Error::Damaged { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string()).fix(error.fix())
    }
}
