//! "Open this directory": the embedded lakehouse as one thing.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use athena_api::{ApiError, Glue, LakeFormation, Services, spark::Unavailable};
use catalog::{Catalog, Clock};
use lake::{ObjectStorage, StorageError};
use query::{EngineOptions, QueryEngine};
use store::{DirectoryLock, Durability, Holder, LockError, Store, StoreError};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    EmbeddedAthena, history::History, live::LiveSet, registry::Registry, result::BodyCache, run::ensure_bucket,
    service::Inner, start::result_prefix, threads::QueryThreads,
};

fn no_spark() -> ApiError {
    let message = "The embedded lakehouse has no Apache Spark";
    ApiError { status: 501, ..ApiError::new("NotImplementedException", message) }
}

/// Where a lakehouse lives and what it answers for.
#[derive(Clone)]
pub struct LakehouseOptions {
    /// Holds the state database and the buckets; created when missing.
    pub dir: PathBuf,
    /// Folders that are shown as buckets, read-only: `(bucket, folder)`.
    pub mounts: Vec<(String, PathBuf)>,
    /// Where results go when neither request nor workgroup say so: `s3://bucket/prefix/`. The bucket is created.
    /// `None` refuses such requests, as Athena does.
    pub default_output_location: Option<String>,
    /// Twelve digits.
    pub account_id: String,
    /// `us-east-1`.
    pub region: String,
    pub clock: Clock,
    /// How many queries run at once; the others wait in state QUEUED.
    pub max_running_queries: usize,
    /// What a power cut may take: the last commits, or nothing.
    pub durability: Durability,
    /// Memory and parallelism of the queries.
    pub engine: EngineOptions,
}

impl LakehouseOptions {
    /// The lakehouse of a directory with everything else at its default.
    pub fn new(dir: impl Into<PathBuf>, clock: Clock) -> Self {
        Self {
            dir: dir.into(),
            mounts: Vec::new(),
            default_output_location: Some("s3://owlet/query-results/".to_owned()),
            account_id: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            clock,
            max_running_queries: 4,
            durability: Durability::Process,
            engine: EngineOptions::default(),
        }
    }
}

/// Why a lakehouse did not open.
#[derive(Debug, thiserror::Error)]
pub enum LakehouseError {
    /// An option that cannot be.
    #[error("{option} '{value}' is not valid: expected {expected}")]
    InvalidOption { option: &'static str, value: String, expected: &'static str },
    /// Another process has the directory; its endpoint, if it serves one, is in the error.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// The state database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The buckets.
    #[error("opening the buckets: {0}")]
    Storage(#[from] StorageError),
    /// The system gives no more threads.
    #[error("starting the threads of queries: {0}")]
    Threads(std::io::Error),
}

impl LakehouseError {
    /// What one can do now.
    pub fn fix(&self) -> String {
        match self {
            Self::InvalidOption { option, expected, .. } => format!("set {option} to {expected}"),
            Self::Locked(error) => error.fix(),
            Self::Store(error) => error.fix(),
            Self::Storage(_) => "make the lakehouse directory writable, or choose another one".to_owned(),
            Self::Threads(_) => "end other programs, or raise the limit of processes (ulimit -u)".to_owned(),
        }
    }
}

/// An open lakehouse, and the owner of its directory: keep it as long as its services are used. Dropping it stops what runs;
/// [`Lakehouse::close`] also waits for it.
pub struct Lakehouse {
    services: Services,
    athena: EmbeddedAthena,
    storage: ObjectStorage,
    store: Store,
    lock: Mutex<DirectoryLock>,
}

impl Lakehouse {
    /// Opens the directory, creating what is missing, and ends the executions that a stopped process left behind.
    ///
    /// # Errors
    /// [`LakehouseError::Locked`] names the process that has the directory, and its endpoint.
    pub async fn open(options: LakehouseOptions) -> Result<Self, LakehouseError> {
        check(&options)?;
        let lock = DirectoryLock::acquire(&options.dir, std::process::id())?;
        let store = Store::open(&options.dir, options.durability).await?;
        let catalog = Catalog::open(store.clone(), &options.account_id, Arc::clone(&options.clock)).await?;
        let storage = ObjectStorage::open(&options.dir, options.durability)?;
        for (bucket, folder) in &options.mounts {
            storage.mount(bucket, folder)?;
        }
        if let Some(location) = &options.default_output_location
            && let Ok(prefix) = result_prefix(location)
        {
            ensure_bucket(&storage, &prefix.bucket).await?;
        }
        let now = (options.clock)();
        let history = History::open(store.clone(), now).await?;
        let lake_formation = Arc::new(catalog.clone());
        let glue: Arc<dyn Glue> = Arc::new(catalog);
        // Below the directory whose lock is ours: its disk is the one that people watch, and the next start removes what a crash leaves.
        let spill_directory = options.engine.spill_directory.clone().or_else(|| Some(options.dir.join("spill")));
        let limits = EngineOptions { spill_directory, ..options.engine.clone() };
        let engine = QueryEngine::new(Arc::clone(&glue), storage.clone(), Arc::clone(&options.clock), limits);
        let athena = EmbeddedAthena {
            inner: Arc::new(Inner {
                history,
                registry: Registry::new(store.clone()),
                glue: Arc::clone(&glue),
                storage: storage.clone(),
                engine,
                clock: options.clock,
                opened: now,
                account_id: options.account_id.clone(),
                region: options.region.clone(),
                default_output_location: options.default_output_location,
                live: LiveSet::default(),
                bodies: BodyCache::default(),
                turns: Arc::new(Semaphore::new(options.max_running_queries)),
                threads: QueryThreads::start().map_err(LakehouseError::Threads)?,
                cancel: CancellationToken::new(),
            }),
        };
        let services = Services {
            athena: Arc::new(athena.clone()),
            glue,
            spark: Arc::new(Unavailable(no_spark())),
            lake_formation,
            s3: Arc::new(storage.clone()),
            account_id: options.account_id,
            region: options.region,
        };
        Ok(Self { services, athena, storage, store, lock: Mutex::new(lock) })
    }

    /// The services, for the dbt side.
    pub fn services(&self) -> Services {
        self.services.clone()
    }

    /// Athena with the operations that `trait Athena` leaves out.
    pub fn athena(&self) -> &EmbeddedAthena {
        &self.athena
    }

    /// The Glue Data Catalog.
    pub fn glue(&self) -> &Arc<dyn Glue> {
        &self.services.glue
    }

    /// LF-tags, filters of data cells, permissions.
    pub fn lake_formation(&self) -> &Arc<dyn LakeFormation> {
        &self.services.lake_formation
    }

    /// The buckets.
    pub fn storage(&self) -> &ObjectStorage {
        &self.storage
    }

    /// Twelve digits.
    pub fn account_id(&self) -> &str {
        &self.services.account_id
    }

    /// The region it answers for; requests may be signed for any.
    pub fn region(&self) -> &str {
        &self.services.region
    }

    /// Tells other processes where this one serves the directory, so that they use it instead of failing.
    ///
    /// # Errors
    /// The lock file cannot be written.
    pub fn announce(&self, endpoint: &str) -> Result<(), LakehouseError> {
        let holder = Holder { pid: std::process::id(), endpoint: Some(endpoint.to_owned()) };
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).describe(&holder)?;
        Ok(())
    }

    /// Cancels what runs, waits until it has stopped, and closes the state database.
    pub async fn close(&self) {
        self.athena.stop_all().await;
        self.store.close().await;
    }
}

impl Drop for Lakehouse {
    fn drop(&mut self) {
        self.athena.inner.cancel.cancel();
    }
}

fn check(options: &LakehouseOptions) -> Result<(), LakehouseError> {
    let invalid = |option, value: &str, expected| {
        Err(LakehouseError::InvalidOption { option, value: value.to_owned(), expected })
    };
    let account = &options.account_id;
    if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return invalid("account_id", account, "twelve digits");
    }
    if options.max_running_queries == 0 {
        return invalid("max_running_queries", "0", "1 or more");
    }
    match &options.default_output_location {
        Some(location) if result_prefix(location).is_err() => {
            invalid("default_output_location", location, "s3://bucket/prefix/")
        }
        _ => Ok(()),
    }
}
