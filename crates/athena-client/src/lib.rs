//! Athena, Glue and S3 over HTTP: real AWS, or any endpoint that speaks like it.
//!
//! [`connect`] answers the [`athena_api::Services`] of one account and region.

mod options;

pub use options::{AssumeRole, ClientOptions, CredentialSource, Endpoints};

use athena_api::{ApiResult, Services};

/// Finds credentials and account, and answers the services.
///
/// # Errors
/// When no credentials are found or STS refuses them.
pub async fn connect(_options: ClientOptions) -> ApiResult<Services> {
    Err(athena_api::ApiError::new("NotConnected", "the client is not wired yet"))
}
