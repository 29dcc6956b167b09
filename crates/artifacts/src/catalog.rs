//! catalog.json, version 1: the warehouse's tables and columns, for the documentation site.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::Metadata;

/// `metadata.dbt_schema_version`.
pub const SCHEMA_VERSION: &str = "https://schemas.getdbt.com/dbt/catalog/v1.json";

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Catalog {
    pub metadata: Metadata,
    /// By unique id.
    pub nodes: IndexMap<String, CatalogTable>,
    /// By unique id.
    pub sources: IndexMap<String, CatalogTable>,
    pub errors: Option<Vec<String>>,
}

/// One relation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CatalogTable {
    pub metadata: TableMetadata,
    /// By the column's name.
    pub columns: IndexMap<String, CatalogColumn>,
    pub stats: IndexMap<String, Stat>,
    pub unique_id: Option<String>,
}

/// Where and what the relation is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TableMetadata {
    #[serde(rename = "type")]
    pub kind: String,
    pub schema: String,
    pub name: String,
    pub database: Option<String>,
    pub comment: Option<String>,
    pub owner: Option<String>,
}

/// One column.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CatalogColumn {
    #[serde(rename = "type")]
    pub data_type: String,
    pub index: i64,
    pub name: String,
    pub comment: Option<String>,
}

/// One statistic of a relation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stat {
    pub id: String,
    pub label: String,
    pub value: Json,
    pub include: bool,
    pub description: Option<String>,
}

impl Stat {
    /// dbt's `has_stats`: whether there are statistics at all.
    pub fn has_stats(has: bool) -> Self {
        Self {
            id: "has_stats".to_owned(),
            label: "Has Stats?".to_owned(),
            value: Json::Bool(has),
            include: false,
            description: Some("Indicates whether there are statistics for this table".to_owned()),
        }
    }
}
