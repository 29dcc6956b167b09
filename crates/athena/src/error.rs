//! Athena's error answers as they are made in this crate.

use athena_api::ApiError;
use store::StoreError;

/// `InvalidRequestException` with `INVALID_INPUT`.
pub(crate) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::invalid_request("INVALID_INPUT", message)
}

/// `ResourceNotFoundException`: prepared statements and tags have it.
pub(crate) fn resource_not_found(message: impl Into<String>) -> ApiError {
    ApiError::new("ResourceNotFoundException", message)
}

/// The state database failed. The operator reads why, and what to do, in the log.
pub(crate) fn store_failed(error: &StoreError) -> ApiError {
    tracing::error!(%error, fix = %error.fix(), "state database");
    ApiError::internal("InternalServerException", format!("{error}. {}", error.fix()))
}

/// What was stored cannot be read any more, or the other way round.
pub(crate) fn broken_record(error: &serde_json::Error) -> ApiError {
    ApiError::internal("InternalServerException", format!("a record of the state database is unreadable: {error}"))
}
