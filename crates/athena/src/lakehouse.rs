//! "Open this directory": the embedded lakehouse as one thing.

use std::{path::PathBuf, sync::Arc};

use athena_api::Services;
use chrono::{DateTime, Utc};

use crate::EmbeddedAthena;

/// Answers the present moment; comes in from the host so that tests can choose it.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The machine's clock.
pub fn system_clock() -> Clock {
    Arc::new(Utc::now)
}

/// Where a lakehouse lives and what it answers for.
#[derive(Clone)]
pub struct LakehouseOptions {
    /// Holds the state database and the buckets; created when missing.
    pub dir: PathBuf,
    /// Buckets that are folders elsewhere: `(bucket, folder)`.
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
}

impl LakehouseOptions {
    /// The lakehouse of a directory with everything else at its default.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            mounts: Vec::new(),
            default_output_location: Some("s3://owlet/query-results/".to_owned()),
            account_id: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            clock: system_clock(),
            max_running_queries: 4,
        }
    }
}

/// Why a lakehouse did not open.
#[derive(Debug, thiserror::Error)]
pub enum LakehouseError {
    /// An option that cannot be.
    #[error("{what}: {cause}")]
    InvalidOption { what: &'static str, cause: String },
}

/// An open lakehouse. Dropping it stops what runs; [`Lakehouse::close`] also waits for it.
pub struct Lakehouse {
    services: Services,
    athena: Arc<EmbeddedAthena>,
}

impl Lakehouse {
    /// Opens the directory, creating what is missing, and ends the executions that a stopped process left behind.
    pub async fn open(_options: LakehouseOptions) -> Result<Self, LakehouseError> {
        Err(LakehouseError::InvalidOption { what: "lakehouse", cause: "not wired yet".to_owned() })
    }

    /// The three services, for the dbt side.
    pub fn services(&self) -> Services {
        self.services.clone()
    }

    /// Athena with the operations that `trait Athena` leaves out.
    pub fn athena(&self) -> &Arc<EmbeddedAthena> {
        &self.athena
    }

    /// Cancels what runs, waits until it has stopped, and closes the state database.
    pub async fn close(self) {}
}
