//! run_results.json, version 6: what happened to each node.

use serde::{Deserialize, Serialize};

use crate::{JsonMap, Metadata};

/// `metadata.dbt_schema_version`.
pub const SCHEMA_VERSION: &str = "https://schemas.getdbt.com/dbt/run-results/v6.json";

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunResults {
    pub metadata: Metadata,
    pub results: Vec<RunResult>,
    pub elapsed_time: f64,
    /// Every flag of the invocation, lower case, for `retry`.
    pub args: JsonMap,
}

/// One node's result.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunResult {
    /// `success`, `error`, `skipped`, `pass`, `fail`, `warn`, `partial success`, `no-op`.
    pub status: String,
    pub timing: Vec<Timing>,
    pub thread_id: String,
    pub execution_time: f64,
    pub adapter_response: JsonMap,
    pub message: Option<String>,
    pub failures: Option<i64>,
    pub unique_id: String,
    pub compiled: Option<bool>,
    pub compiled_code: Option<String>,
    pub relation_name: Option<String>,
    pub batch_results: Option<BatchResults>,
    /// Only functions with overloads have them.
    pub overload_results: Option<OverloadResults>,
}

/// When a phase of a node began and ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Timing {
    /// `compile` or `execute`.
    pub name: String,
    pub started_at: Option<String>,
    pub completed_at: Option<String>,
}

/// The overloads of a function, by the name of their files.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OverloadResults {
    pub successful: Vec<String>,
    pub failed: Vec<String>,
}

/// The batches of a microbatch model, each `[start, end]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BatchResults {
    pub successful: Vec<(String, String)>,
    pub failed: Vec<(String, String)>,
}
