//! sources.json, version 3: how fresh the sources are.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{JsonMap, Metadata, manifest::Freshness, run_results::Timing};

/// `metadata.dbt_schema_version`.
pub const SCHEMA_VERSION: &str = "https://schemas.getdbt.com/dbt/sources/v3.json";

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FreshnessResults {
    pub metadata: Metadata,
    pub results: Vec<FreshnessResult>,
    pub elapsed_time: f64,
}

/// One source: measured, or why it could not be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "failures are rare, and few sources have freshness")]
pub enum FreshnessResult {
    /// The source's age is known.
    Measured {
        unique_id: String,
        max_loaded_at: String,
        snapshotted_at: String,
        max_loaded_at_time_ago_in_s: f64,
        /// `pass`, `warn`, `error`.
        status: String,
        criteria: Freshness,
        adapter_response: JsonMap,
        timing: Vec<Timing>,
        thread_id: String,
        execution_time: f64,
    },
    /// `status` is `runtime error`.
    Failed { unique_id: String, error: Json, status: String },
}
