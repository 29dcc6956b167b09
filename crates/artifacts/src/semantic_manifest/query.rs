//! Saved queries.

use serde::{Deserialize, Serialize};

use super::WhereFilters;

/// Metrics that are asked for together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedQuery {
    pub name: String,
    pub query_params: QueryParams,
    pub description: Option<String>,
    /// Always null.
    pub metadata: (),
    pub label: Option<String>,
    pub exports: Vec<Export>,
    pub tags: Vec<String>,
}

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueryParams {
    pub metrics: Vec<String>,
    pub group_by: Vec<String>,
    pub order_by: Vec<String>,
    pub limit: Option<i64>,
    #[serde(rename = "where")]
    pub filters: Option<WhereFilters>,
}

/// A relation that the answer is written to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Export {
    pub name: String,
    pub config: ExportConfig,
}

/// Which.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExportConfig {
    /// `table` or `view`.
    pub export_as: String,
    pub schema_name: Option<String>,
    pub alias: Option<String>,
}
