//! The parts that nodes, sources and macros are made of.

use names::UniqueId;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::JsonMap;

/// How a file's content is known again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Checksum {
    /// `sha256`, `path` (a big seed) or `none` (generic tests).
    pub name: String,
    pub checksum: String,
}

impl Checksum {
    /// That of a thing without a file of its own.
    pub fn none() -> Self {
        Self { name: "none".to_owned(), checksum: String::new() }
    }

    /// A SHA-256, in hex.
    pub fn sha256(hex: String) -> Self {
        Self { name: "sha256".to_owned(), checksum: hex }
    }
}

/// How a node appears in the documentation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Docs {
    pub show: bool,
    pub node_color: Option<String>,
}

impl Default for Docs {
    fn default() -> Self {
        Self { show: true, node_color: None }
    }
}

/// A call of `ref()`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Ref {
    pub name: String,
    pub package: Option<String>,
    /// A string or a number, as it was written.
    pub version: Option<Json>,
}

/// What a node needs: macros by call, nodes by `ref` and `source`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DependsOn {
    pub macros: Vec<UniqueId>,
    pub nodes: Vec<UniqueId>,
}

/// A model's contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Contract {
    pub enforced: bool,
    pub alias_types: bool,
    pub checksum: Option<String>,
}

impl Default for Contract {
    fn default() -> Self {
        Self { enforced: false, alias_types: true, checksum: None }
    }
}

/// A column as the project describes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Column {
    pub name: String,
    pub description: String,
    pub meta: JsonMap,
    pub data_type: Option<String>,
    pub constraints: Vec<Constraint>,
    pub quote: Option<bool>,
    pub config: ColumnConfig,
    pub tags: Vec<String>,
    pub granularity: Option<String>,
    pub dimension: Option<Json>,
    pub entity: Option<Json>,
    pub doc_blocks: Vec<UniqueId>,
    /// Keys dbt does not know.
    #[serde(flatten)]
    pub extra: JsonMap,
}

/// A column's `config`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ColumnConfig {
    pub meta: JsonMap,
    pub tags: Vec<String>,
}

/// A constraint of a column (without `columns`) or a model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Constraint {
    #[serde(rename = "type")]
    pub kind: String,
    pub name: Option<String>,
    pub expression: Option<String>,
    pub warn_unenforced: bool,
    pub warn_unsupported: bool,
    pub to: Option<String>,
    pub to_columns: Vec<String>,
    /// Only model-level constraints have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
}

/// Which parts of a relation's name are quoted; `None` is the adapter's default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Quoting {
    pub database: Option<bool>,
    pub schema: Option<bool>,
    pub identifier: Option<bool>,
    pub column: Option<bool>,
}

/// How old a source may be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Freshness {
    /// `None` where the project says null.
    pub warn_after: Option<FreshnessTime>,
    /// `None` where the project says null.
    pub error_after: Option<FreshnessTime>,
    pub filter: Option<String>,
}

impl Freshness {
    /// Whether there is a limit at all.
    pub fn has_threshold(&self) -> bool {
        [&self.warn_after, &self.error_after]
            .into_iter()
            .flatten()
            .any(|time| time.count.is_some() && time.period.is_some())
    }
}

/// A count of minutes, hours or days.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FreshnessTime {
    pub count: Option<i64>,
    /// `minute`, `hour`, `day`.
    pub period: Option<String>,
}

/// Who owns an exposure or a group.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Owner {
    pub email: Option<Json>,
    pub name: Option<String>,
    /// Keys of the project's own.
    #[serde(flatten)]
    pub extra: JsonMap,
}
