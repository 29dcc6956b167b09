//! manifest.json, version 12: everything the project defines, and how it hangs together.

mod config;
mod function;
mod node;
mod parts;
mod resources;
mod write;

use std::sync::Arc;

use indexmap::IndexMap;
use names::UniqueId;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

pub use config::NodeConfig;
pub use function::{FunctionArgument, FunctionOverload, FunctionParts, FunctionReturns};
pub use node::{CompiledCode, ExtraCte, Node, ResourceType, TestMetadata};
pub use parts::{
    Checksum, Column, ColumnConfig, Constraint, Contract, DependsOn, Docs, Freshness, FreshnessTime, Owner, Quoting,
    Ref,
};
pub use resources::{
    Doc, Exposure, Group, Macro, MacroArgument, MacroConfig, MacroDependsOn, Source, UnitTest, UnitTestExpect,
    UnitTestGiven, UnitTestOverrides,
};

use crate::{JsonMap, Metadata};

/// `metadata.dbt_schema_version`.
pub const SCHEMA_VERSION: &str = "https://schemas.getdbt.com/dbt/manifest/v12.json";

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    pub metadata: ManifestMetadata,
    /// Models, seeds, snapshots, tests, analyses, operations.
    pub nodes: IndexMap<UniqueId, Arc<Node>>,
    pub sources: IndexMap<UniqueId, Arc<Source>>,
    pub macros: IndexMap<UniqueId, Arc<Macro>>,
    pub docs: IndexMap<UniqueId, Doc>,
    pub exposures: IndexMap<UniqueId, Arc<Exposure>>,
    pub metrics: JsonMap,
    pub groups: IndexMap<UniqueId, Group>,
    pub selectors: JsonMap,
    /// What `enabled: false` keeps out, by unique id.
    pub disabled: IndexMap<UniqueId, Vec<Disabled>>,
    pub parent_map: IndexMap<UniqueId, Vec<UniqueId>>,
    pub child_map: IndexMap<UniqueId, Vec<UniqueId>>,
    pub group_map: IndexMap<String, Vec<UniqueId>>,
    pub saved_queries: JsonMap,
    pub semantic_models: JsonMap,
    pub unit_tests: IndexMap<UniqueId, Arc<UnitTest>>,
    /// User-defined functions of the warehouse.
    pub functions: IndexMap<UniqueId, Arc<Node>>,
}

/// The manifest's `metadata`: what all artifacts have, and the project.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ManifestMetadata {
    #[serde(flatten)]
    pub common: Metadata,
    pub project_name: Option<String>,
    /// md5 of the project's name.
    pub project_id: Option<String>,
    pub user_id: Option<String>,
    pub send_anonymous_usage_stats: Option<bool>,
    pub adapter_type: Option<String>,
    pub quoting: Quoting,
    pub run_started_at: Option<String>,
}

/// Something that is switched off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Disabled {
    /// A node.
    Node(Arc<Node>),
    /// A source.
    Source(Arc<Source>),
    /// Anything else: an exposure, a unit test.
    Other(Json),
}
