//! What a connection is made of.

use std::{fmt, time::Duration};

/// Where credentials come from. `Debug` shows no secret.
#[derive(Clone, Default)]
pub enum CredentialSource {
    /// The chain of the AWS SDKs: environment, shared files, SSO, web identity, container, instance.
    #[default]
    DefaultChain,
    /// A profile of the shared configuration files, with whatever it names: keys, SSO, a role, a process.
    Profile(String),
    /// Keys written down.
    Keys { access_key_id: String, secret_access_key: String, session_token: Option<String> },
}

impl fmt::Debug for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DefaultChain => f.write_str("DefaultChain"),
            Self::Profile(name) => f.debug_tuple("Profile").field(name).finish(),
            Self::Keys { access_key_id, .. } => {
                f.debug_struct("Keys").field("access_key_id", access_key_id).finish_non_exhaustive()
            }
        }
    }
}

/// A role to take with the credentials found.
#[derive(Debug, Clone, Default)]
pub struct AssumeRole {
    pub role_arn: String,
    pub external_id: Option<String>,
    pub session_name: Option<String>,
    pub duration: Option<Duration>,
}

/// Endpoints that replace AWS's own. `all` holds for every service that has none of its own.
#[derive(Debug, Clone, Default)]
pub struct Endpoints {
    pub all: Option<String>,
    pub athena: Option<String>,
    pub glue: Option<String>,
    pub lake_formation: Option<String>,
    pub s3: Option<String>,
    pub sts: Option<String>,
}

/// Everything [`crate::connect`] needs to know; nothing is read from the environment except by the credential chain.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// `None`: the chain's region (environment, profile).
    pub region: Option<String>,
    pub credentials: CredentialSource,
    pub assume_role: Option<AssumeRole>,
    pub endpoints: Endpoints,
    /// How often a running query is looked at, at most. Polling starts faster and slows down to this.
    pub poll_interval: Duration,
    /// How many times a call is tried again after throttling, a failure of the service or of the connection; 0 never, whatever `patience` is.
    pub retries: u32,
    /// How long a call is tried again, beyond `retries`, while the service says that it is asked too much: the account's other clients share
    /// its quotas, and that passes.
    pub patience: Duration,
    /// Known already: STS is not asked.
    pub account_id: Option<String>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            region: None,
            credentials: CredentialSource::default(),
            assume_role: None,
            endpoints: Endpoints::default(),
            poll_interval: Duration::from_secs(1),
            retries: 5,
            patience: Duration::from_secs(120),
            account_id: None,
        }
    }
}
