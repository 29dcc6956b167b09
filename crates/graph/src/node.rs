//! What selection and ordering look at.

use std::sync::Arc;

use names::UniqueId;
use serde_json::{Map as JsonMap, Value as Json};

use crate::resource_type::ResourceType;

/// How a data test came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TestKind {
    /// From a property file.
    Generic,
    /// A file of its own.
    Singular,
}

/// One enabled resource of the project or its packages.
#[derive(Debug, Clone, Default)]
pub struct GraphNode {
    /// dbt's id.
    pub unique_id: UniqueId,
    /// What it is.
    pub resource_type: ResourceType,
    /// Its name; of a versioned model without the version, of a source table the table's.
    pub name: String,
    /// The package it belongs to.
    pub package_name: String,
    /// Package, directories, name (and version).
    pub fqn: Vec<String>,
    /// Without duplicates.
    pub tags: Vec<String>,
    /// Relative to the package's root.
    pub original_file_path: String,
    /// The property file that describes it, relative to the package's root (without `package://`).
    pub patch_path: Option<String>,
    /// The final config.
    pub config: Arc<JsonMap<String, Json>>,
    /// `meta`, for resources that keep it outside the config (sources, exposures).
    pub meta: Json,
    /// The version of a versioned model, as text.
    pub version: Option<String>,
    /// The version that unpinned refs get, as text.
    pub latest_version: Option<String>,
    /// `private`, `protected`, `public`; models only.
    pub access: Option<String>,
    /// The source of a source table.
    pub source_name: Option<String>,
    /// Generic or singular; data tests only.
    pub test_kind: Option<TestKind>,
    /// The generic test's name without `test_`, such as `not_null`.
    pub test_name: Option<String>,
    /// The package of a generic test's name, if it was written.
    pub test_namespace: Option<String>,
    /// The node a generic test is attached to.
    pub attached_node: Option<UniqueId>,
    /// The model of a unit test.
    pub tested_node: Option<UniqueId>,
    /// Whether the file has no query in it: such models are listed but never run.
    pub is_empty: bool,
    /// What it needs; ids that are not in the graph (disabled nodes, macros) are passed over.
    pub depends_on: Vec<UniqueId>,
}

impl GraphNode {
    /// Whether it is drawn in by what it tests instead of being named: data tests and unit tests.
    pub fn is_selected_indirectly(&self) -> bool {
        matches!(self.resource_type, ResourceType::Test | ResourceType::UnitTest)
    }
}
