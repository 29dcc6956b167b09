//! Everything in the manifest that is not in `nodes`.

use indexmap::IndexMap;
use names::UniqueId;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Checksum, Column, DependsOn, Docs, Freshness, Owner, Quoting, Ref};
use crate::JsonMap;

/// A table that the project reads and does not build.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    pub database: Option<String>,
    pub schema: String,
    pub name: String,
    pub resource_type: String,
    pub package_name: String,
    pub path: String,
    pub original_file_path: String,
    pub unique_id: UniqueId,
    pub fqn: Vec<String>,
    pub source_name: String,
    pub source_description: String,
    pub loader: String,
    pub identifier: String,
    pub quoting: Quoting,
    pub loaded_at_field: Option<String>,
    pub loaded_at_query: Option<String>,
    pub freshness: Option<Freshness>,
    pub external: Option<Json>,
    pub description: String,
    pub columns: IndexMap<String, Column>,
    pub meta: JsonMap,
    pub source_meta: JsonMap,
    pub tags: Vec<String>,
    pub config: JsonMap,
    pub patch_path: Option<String>,
    pub unrendered_config: JsonMap,
    pub relation_name: Option<String>,
    pub created_at: f64,
    pub unrendered_database: Option<String>,
    pub unrendered_schema: Option<String>,
    pub doc_blocks: Vec<UniqueId>,
}

/// A macro, a generic test or a materialization.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Macro {
    pub name: String,
    pub resource_type: String,
    pub package_name: String,
    pub path: String,
    pub original_file_path: String,
    pub unique_id: UniqueId,
    /// The whole block with its tags.
    pub macro_sql: std::sync::Arc<str>,
    pub depends_on: MacroDependsOn,
    pub description: String,
    pub meta: JsonMap,
    pub docs: Docs,
    pub config: MacroConfig,
    pub patch_path: Option<String>,
    pub arguments: Vec<MacroArgument>,
    pub created_at: f64,
    /// Only materializations have them.
    pub supported_languages: Option<Vec<String>>,
}

/// The macros that a macro calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MacroDependsOn {
    pub macros: Vec<UniqueId>,
}

/// A macro's `config`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MacroConfig {
    pub meta: JsonMap,
    pub docs: Docs,
}

/// A macro's documented argument.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MacroArgument {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub description: String,
}

/// A docs block.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Doc {
    pub name: String,
    pub resource_type: String,
    pub package_name: String,
    pub path: String,
    pub original_file_path: String,
    pub unique_id: UniqueId,
    pub block_contents: String,
}

/// A use of the project's data outside of dbt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Exposure {
    pub name: String,
    pub resource_type: String,
    pub package_name: String,
    pub path: String,
    pub original_file_path: String,
    pub unique_id: UniqueId,
    pub fqn: Vec<String>,
    #[serde(rename = "type")]
    pub kind: String,
    pub owner: Owner,
    pub description: String,
    pub label: Option<String>,
    pub maturity: Option<String>,
    pub meta: JsonMap,
    pub tags: Vec<String>,
    pub config: JsonMap,
    pub unrendered_config: JsonMap,
    pub url: Option<String>,
    pub depends_on: DependsOn,
    pub refs: Vec<Ref>,
    pub sources: Vec<Vec<String>>,
    pub metrics: Vec<Vec<String>>,
    pub created_at: f64,
}

/// A group of models with an owner.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    pub name: String,
    pub resource_type: String,
    pub package_name: String,
    pub path: String,
    pub original_file_path: String,
    pub unique_id: UniqueId,
    pub owner: Owner,
    pub description: Option<String>,
    pub config: JsonMap,
}

/// A unit test of a model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnitTest {
    pub model: String,
    pub given: Vec<UnitTestGiven>,
    pub expect: UnitTestExpect,
    pub name: String,
    pub resource_type: String,
    pub package_name: String,
    pub path: String,
    pub original_file_path: String,
    pub unique_id: UniqueId,
    pub fqn: Vec<String>,
    pub description: String,
    pub overrides: Option<UnitTestOverrides>,
    pub depends_on: DependsOn,
    pub config: JsonMap,
    pub checksum: Option<String>,
    pub schema: Option<String>,
    pub created_at: f64,
    pub versions: Option<Json>,
    pub version: Option<Json>,
}

impl UnitTest {
    /// The model that is tested.
    pub fn tested_node(&self) -> Option<&UniqueId> {
        self.depends_on.nodes.first()
    }

    /// How its rows are compared to.
    pub fn checksum(&self) -> Checksum {
        self.checksum.clone().map_or_else(Checksum::none, Checksum::sha256)
    }
}

/// Rows that replace an input of the model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnitTestGiven {
    /// `ref('x')`, `source('a', 'b')` or `this`.
    pub input: String,
    /// A list of mappings, or text for `csv` and `sql`.
    pub rows: Json,
    pub format: String,
    pub fixture: Option<String>,
}

/// The rows that the model must give.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnitTestExpect {
    pub rows: Json,
    pub format: String,
    pub fixture: Option<String>,
}

/// What a unit test fixes besides its inputs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnitTestOverrides {
    pub macros: JsonMap,
    pub vars: JsonMap,
    pub env_vars: JsonMap,
}
