//! What every answer is made from.

use std::{ops::Deref, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use notify::Notifier;
use scheduler::{
    Scheduler,
    clock::Clock,
    read::Reader,
    settings::{Connector, Settings},
};
use store::DatabaseError;
use tokio_util::sync::CancellationToken;

use crate::{
    artifact_url::Signer,
    auth::{Authentication, Tokens},
    graphql,
    metrics::HttpMetrics,
    request_traces::RequestTraces,
    workspace::Workspace,
};

/// The bytes of artifacts, wherever they lie.
#[async_trait]
pub trait ArtifactFiles: Send + Sync {
    /// The whole file; none when it is gone.
    async fn read(&self, storage_key: &str) -> std::io::Result<Option<Bytes>>;
}

/// What `owlet up` decides.
pub struct AppOptions {
    pub scheduler: Scheduler,
    /// What people set.
    pub settings: Settings,
    /// Reaches a connection, to test it.
    pub connector: Arc<dyn Connector>,
    /// Sends messages that try a receiver.
    pub notifier: Notifier,
    pub artifacts: Arc<dyn ArtifactFiles>,
    /// Requests without credentials that come straight from this machine are its owner's. Only for a listener on loopback.
    pub trust_loopback: bool,
    /// What code hosts sign their deliveries with; without it none is taken.
    pub webhook_secret: Option<String>,
    /// Where clients reach this server: `http://127.0.0.1:8585`, or what a proxy in front is called.
    pub public_url: String,
    /// Takes spans of requests, if a trace server is to be told of them.
    pub request_traces: Option<RequestTraces>,
    /// Cancelled when the server is about to stop: live streams end, and readiness says so.
    pub stopping: CancellationToken,
}

/// What answers are made from.
pub struct AppParts {
    pub scheduler: Scheduler,
    pub reader: Reader,
    pub settings: Settings,
    pub connector: Arc<dyn Connector>,
    pub notifier: Notifier,
    pub authentication: Authentication,
    pub artifacts: Arc<dyn ArtifactFiles>,
    pub clock: Arc<dyn Clock>,
    pub workspace: Workspace,
    pub webhook_secret: Option<String>,
    pub public_url: String,
    pub stopping: CancellationToken,
}

/// Shared by all requests; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// See [`AppParts`].
pub struct Inner {
    pub parts: AppParts,
    pub signer: Signer,
    pub schema: graphql::Schema,
    pub http: HttpMetrics,
    pub request_traces: Option<RequestTraces>,
}

impl App {
    /// Reads the workspace, making it if this is the first time.
    ///
    /// # Errors
    /// The database cannot be read or written.
    pub async fn open(options: AppOptions) -> Result<Self, DatabaseError> {
        let database = options.scheduler.database().clone();
        let clock = Arc::clone(options.scheduler.clock());
        let workspace = Workspace::load(&database, clock.now()).await?;
        let tokens = Tokens::new(database.clone());
        let authentication =
            Authentication::new(tokens, Arc::clone(&clock), workspace.uid.clone(), options.trust_loopback);
        let signer = Signer::new(workspace.signing_key.clone());
        let parts = AppParts {
            reader: Reader::new(database),
            scheduler: options.scheduler,
            settings: options.settings,
            connector: options.connector,
            notifier: options.notifier,
            authentication,
            artifacts: options.artifacts,
            clock,
            workspace,
            webhook_secret: options.webhook_secret.filter(|secret| !secret.is_empty()),
            public_url: options.public_url.trim_end_matches('/').to_owned(),
            stopping: options.stopping,
        };
        let inner = Inner {
            signer,
            schema: graphql::schema(),
            http: HttpMetrics::default(),
            request_traces: options.request_traces,
            parts,
        };
        Ok(Self(Arc::new(inner)))
    }

    /// The workspace that the database holds.
    pub fn workspace(&self) -> &Workspace {
        &self.parts.workspace
    }

    /// An absolute address of this server.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.parts.public_url)
    }
}

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
