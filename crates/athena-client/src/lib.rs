//! Athena, Glue, Lake Formation and S3 over HTTP: real AWS, or any endpoint that speaks like it.
//!
//! [`connect`] answers the [`athena_api::Services`] of one account and region. Read it first; then `transport`, where every call goes
//! through: pace (`pace`), signature (`sign`), answer, another try (`retry`).

mod athena;
mod credentials;
mod glue;
mod json;
mod lake_formation;
mod options;
mod pace;
mod retry;
mod s3;
mod sign;
mod spark;
mod sts;
mod transport;
mod xml;

pub use options::{AssumeRole, ClientOptions, CredentialSource, Endpoints};

use std::sync::Arc;

use athena_api::{ApiResult, Services};

use crate::{
    athena::AthenaClient, glue::GlueClient, lake_formation::LakeFormationClient, s3::S3Client, spark::SparkClient,
    transport::Transport,
};

/// Finds credentials and account, and answers the services.
///
/// # Errors
/// When no credentials are found, STS refuses them, or no region is named anywhere.
pub async fn connect(options: ClientOptions) -> ApiResult<Services> {
    let found = credentials::find(&options).await?;
    let transport = Arc::new(Transport::new(found.provider, found.region, &options)?);
    let account_id = match options.account_id.clone() {
        Some(account_id) => account_id,
        None => sts::get_caller_identity(&transport).await?.account,
    };
    Ok(Services {
        athena: Arc::new(AthenaClient::new(Arc::clone(&transport), options.poll_interval)),
        spark: Arc::new(SparkClient::new(Arc::clone(&transport))),
        glue: Arc::new(GlueClient::new(Arc::clone(&transport))),
        lake_formation: Arc::new(LakeFormationClient::new(Arc::clone(&transport))),
        s3: Arc::new(S3Client::new(Arc::clone(&transport))),
        account_id,
        region: transport.region().to_owned(),
    })
}

/// Finds credentials and asks STS who they belong to: the account id and the ARN. What `doctor` and `debug` show.
///
/// # Errors
/// When no credentials are found or STS refuses them.
pub async fn caller_identity(options: ClientOptions) -> ApiResult<CallerIdentity> {
    let found = credentials::find(&options).await?;
    let transport = Transport::new(found.provider, found.region, &options)?;
    sts::get_caller_identity(&transport).await
}

/// Whom the credentials belong to. Source: STS GetCallerIdentity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerIdentity {
    /// Twelve digits.
    pub account: String,
    pub arn: String,
    pub user_id: String,
}
