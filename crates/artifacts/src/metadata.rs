//! The `metadata` member that all artifacts share.

use chrono::{DateTime, SecondsFormat, Utc};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// Who wrote the artifact, when, and in which shape.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    pub dbt_schema_version: String,
    pub dbt_version: String,
    pub generated_at: String,
    pub invocation_id: Option<String>,
    pub invocation_started_at: Option<String>,
    /// `DBT_ENV_CUSTOM_ENV_*`, without the prefix.
    pub env: IndexMap<String, String>,
}

/// `2024-01-02T03:04:05.678901Z`, the spelling of every time in an artifact.
pub fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}
