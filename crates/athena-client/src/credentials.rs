//! Finding credentials, and keeping them fresh.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use athena_api::{ApiError, ApiResult};
use aws_config::{
    BehaviorVersion, Region, profile::ProfileFileCredentialsProvider, provider_config::ProviderConfig,
    sts::AssumeRoleProvider,
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider},
};
use chrono::Utc;
use tokio::sync::Mutex;

use crate::{AssumeRole, ClientOptions, CredentialSource};

/// New credentials are fetched this long before the old ones expire.
const REFRESH_BEFORE_EXPIRY: Duration = Duration::from_secs(5 * 60);

/// Credentials that can be asked for again and again, and the region they were found with.
pub(crate) struct Found {
    pub(crate) provider: CachedCredentials,
    pub(crate) region: String,
}

/// Resolves source, role and region of the options.
pub(crate) async fn find(options: &ClientOptions) -> ApiResult<Found> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    }
    loader = match &options.credentials {
        CredentialSource::DefaultChain => loader,
        // A profile that was asked for wins over keys in the environment, as with boto3's `Session(profile_name=…)`.
        CredentialSource::Profile(name) => {
            let mut configuration = ProviderConfig::with_default_region().await;
            if let Some(region) = &options.region {
                configuration = configuration.with_region(Some(Region::new(region.clone())));
            }
            let provider =
                ProfileFileCredentialsProvider::builder().configure(&configuration).profile_name(name).build();
            loader.profile_name(name).credentials_provider(provider)
        }
        CredentialSource::Keys { access_key_id, secret_access_key, session_token } => loader.credentials_provider(
            Credentials::new(access_key_id, secret_access_key, session_token.clone(), None, "profile keys"),
        ),
    };
    let configuration = loader.load().await;
    let region = configuration.region().map(|region| region.as_ref().to_owned()).ok_or_else(no_region)?;
    let provider = configuration.credentials_provider().ok_or_else(|| no_credentials("the chain is empty"))?;
    let provider = match &options.assume_role {
        Some(role) => assume(role, &configuration, &region, options, provider).await,
        None => provider,
    };
    Ok(Found { provider: CachedCredentials::new(provider), region })
}

async fn assume(
    role: &AssumeRole,
    configuration: &aws_config::SdkConfig,
    region: &str,
    options: &ClientOptions,
    source: SharedCredentialsProvider,
) -> SharedCredentialsProvider {
    let mut configuration = configuration.to_builder();
    configuration.set_endpoint_url(options.endpoints.sts.clone().or_else(|| options.endpoints.all.clone()));
    let mut builder = AssumeRoleProvider::builder(&role.role_arn)
        .configure(&configuration.build())
        .region(Region::new(region.to_owned()))
        .session_name(role.session_name.as_deref().unwrap_or("owlet"));
    if let Some(external_id) = &role.external_id {
        builder = builder.external_id(external_id);
    }
    if let Some(duration) = role.duration {
        builder = builder.session_length(duration);
    }
    SharedCredentialsProvider::new(builder.build_from_provider(source).await)
}

/// Credentials kept until shortly before they expire; callers wait for one refresh instead of each making one.
#[derive(Clone)]
pub(crate) struct CachedCredentials {
    source: SharedCredentialsProvider,
    current: Arc<Mutex<Option<Credentials>>>,
}

impl CachedCredentials {
    fn new(source: SharedCredentialsProvider) -> Self {
        Self { source, current: Arc::default() }
    }

    /// Credentials that hold for some minutes more.
    pub(crate) async fn get(&self) -> ApiResult<Credentials> {
        let mut current = self.current.lock().await;
        if let Some(credentials) = current.as_ref().filter(|credentials| is_fresh(credentials)) {
            return Ok(credentials.clone());
        }
        let fetched = self.source.provide_credentials().await.map_err(|error| {
            // The sources of this error name files, profiles and hosts; none of them holds a secret.
            let chain = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
            no_credentials(&chain.map(ToString::to_string).collect::<Vec<_>>().join(": "))
        })?;
        *current = Some(fetched.clone());
        Ok(fetched)
    }

    /// Forgets what was fetched, after the service called it expired.
    pub(crate) async fn forget(&self) {
        *self.current.lock().await = None;
    }
}

fn is_fresh(credentials: &Credentials) -> bool {
    let now = SystemTime::from(Utc::now());
    credentials.expiry().is_none_or(|expiry| expiry > now + REFRESH_BEFORE_EXPIRY)
}

fn no_region() -> ApiError {
    ApiError::new(
        "NoRegion",
        "no AWS region is named: set region_name in the profile, AWS_REGION, or region in ~/.aws/config",
    )
}

fn no_credentials(cause: &str) -> ApiError {
    ApiError { status: 403, ..ApiError::new("NoCredentials", format!("Unable to locate credentials: {cause}")) }
}
