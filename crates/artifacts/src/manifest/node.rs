//! A node: model, seed, snapshot, test, analysis, operation or function.

use std::{fmt, str::FromStr, sync::Arc};

use indexmap::IndexMap;
use names::{RelationName, UniqueId};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value as Json;

use super::{
    Checksum, Column, Constraint, Contract, DependsOn, Docs, FunctionArgument, FunctionOverload, FunctionParts,
    FunctionReturns, NodeConfig, Ref,
};
use crate::JsonMap;

/// What a thing of the manifest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceType {
    #[default]
    Model,
    Analysis,
    Test,
    Snapshot,
    Operation,
    Seed,
    /// An inline query.
    #[serde(rename = "sql_operation", alias = "sql operation")]
    SqlOperation,
    Doc,
    Source,
    Macro,
    Exposure,
    Metric,
    Group,
    SavedQuery,
    SemanticModel,
    UnitTest,
    Fixture,
    Function,
}

impl ResourceType {
    /// dbt's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Analysis => "analysis",
            Self::Test => "test",
            Self::Snapshot => "snapshot",
            Self::Operation => "operation",
            Self::Seed => "seed",
            Self::SqlOperation => "sql_operation",
            Self::Doc => "doc",
            Self::Source => "source",
            Self::Macro => "macro",
            Self::Exposure => "exposure",
            Self::Metric => "metric",
            Self::Group => "group",
            Self::SavedQuery => "saved_query",
            Self::SemanticModel => "semantic_model",
            Self::UnitTest => "unit_test",
            Self::Fixture => "fixture",
            Self::Function => "function",
        }
    }

    /// Whether `ref()` finds it.
    pub fn is_refable(self) -> bool {
        matches!(self, Self::Model | Self::Seed | Self::Snapshot)
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ResourceType {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        serde_json::from_value(Json::String(text.to_owned())).map_err(|_| ())
    }
}

/// A node of any type; members that a type does not have keep their defaults and are not written.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Node {
    pub database: Option<String>,
    /// Empty of a node whose `generate_schema_name` answered none.
    #[serde(deserialize_with = "null_as_empty")]
    pub schema: String,
    /// `schema` is written as null.
    #[serde(skip)]
    pub is_without_schema: bool,
    pub name: String,
    pub resource_type: ResourceType,
    pub package_name: String,
    pub path: String,
    pub original_file_path: String,
    pub unique_id: UniqueId,
    pub fqn: Vec<String>,
    pub alias: String,
    pub checksum: Checksum,
    pub config: NodeConfig,
    pub tags: Vec<String>,
    pub description: String,
    pub columns: IndexMap<String, Column>,
    pub meta: JsonMap,
    pub group: Option<String>,
    pub docs: Docs,
    pub patch_path: Option<String>,
    pub build_path: Option<String>,
    pub unrendered_config: JsonMap,
    pub created_at: f64,
    /// As SQL spells it; `None` for what has no relation.
    pub relation_name: Option<String>,
    /// `raw_sql` until schema 6.
    #[serde(alias = "raw_sql")]
    pub raw_code: Arc<str>,
    pub doc_blocks: Vec<UniqueId>,

    // Seeds.
    pub root_path: Option<String>,

    // Everything but seeds.
    pub language: String,
    pub refs: Vec<Ref>,
    pub sources: Vec<Vec<String>>,
    pub metrics: Vec<Vec<String>>,
    pub functions: Vec<Vec<String>>,
    pub depends_on: DependsOn,
    pub compiled_path: Option<String>,
    #[serde(flatten, deserialize_with = "read_compiled")]
    pub compiled: Option<CompiledCode>,
    pub contract: Contract,

    // Models.
    pub access: Option<String>,
    pub constraints: Vec<Constraint>,
    pub version: Option<Json>,
    pub latest_version: Option<Json>,
    pub deprecation_date: Option<String>,
    pub primary_key: Vec<String>,
    pub time_spine: Option<Json>,

    // Generic tests.
    pub column_name: Option<String>,
    pub file_key_name: Option<String>,
    pub attached_node: Option<UniqueId>,
    pub test_metadata: Option<TestMetadata>,

    // Operations.
    pub index: Option<i64>,

    // Functions.
    #[serde(flatten, deserialize_with = "read_function")]
    pub function: Option<Box<FunctionParts>>,
}

fn null_as_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// What compiling adds to a node.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CompiledCode {
    pub compiled_code: Arc<str>,
    pub extra_ctes_injected: bool,
    pub extra_ctes: Vec<ExtraCte>,
}

/// An ephemeral model's SQL inside of its consumer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExtraCte {
    pub id: UniqueId,
    pub sql: String,
}

/// Which generic test it is, and with which arguments.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TestMetadata {
    pub name: String,
    pub kwargs: JsonMap,
    pub namespace: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FunctionMembers {
    returns: Option<FunctionReturns>,
    arguments: Vec<FunctionArgument>,
    overloads: Vec<FunctionOverload>,
}

fn read_function<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Box<FunctionParts>>, D::Error> {
    let FunctionMembers { returns, arguments, overloads } = FunctionMembers::deserialize(deserializer)?;
    Ok(returns.map(|returns| Box::new(FunctionParts { returns, arguments, overloads })))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CompiledMembers {
    compiled: bool,
    compiled_code: Option<String>,
    extra_ctes_injected: bool,
    extra_ctes: Vec<ExtraCte>,
}

fn read_compiled<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<CompiledCode>, D::Error> {
    let read = CompiledMembers::deserialize(deserializer)?;
    Ok(read.compiled.then(|| CompiledCode {
        compiled_code: read.compiled_code.unwrap_or_default().into(),
        extra_ctes_injected: read.extra_ctes_injected,
        extra_ctes: read.extra_ctes,
    }))
}

impl Node {
    /// What its foreign keys point to, `ref('…')` or `source('…', '…')`: the model's own first, then the columns'.
    pub fn foreign_keys_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let of_columns = self.columns.values_mut().flat_map(|column| &mut column.constraints);
        self.constraints
            .iter_mut()
            .chain(of_columns)
            .filter(|constraint| constraint.kind == "foreign_key")
            .filter_map(|constraint| constraint.to.as_mut())
    }

    /// As [`Node::foreign_keys_mut`].
    pub fn foreign_keys(&self) -> impl Iterator<Item = &str> {
        let of_columns = self.columns.values().flat_map(|column| &column.constraints);
        self.constraints
            .iter()
            .chain(of_columns)
            .filter(|constraint| constraint.kind == "foreign_key")
            .filter_map(|constraint| constraint.to.as_deref())
    }

    /// A value of its config.
    pub fn config(&self, key: &str) -> Option<&Json> {
        self.config.get(key).filter(|value| !value.is_null())
    }

    /// A text of its config.
    pub fn config_str(&self, key: &str) -> Option<&str> {
        self.config(key)?.as_str()
    }

    /// A flag of its config.
    pub fn config_bool(&self, key: &str) -> Option<bool> {
        self.config(key)?.as_bool()
    }

    /// `view`, `table`, `incremental`, …
    pub fn materialized(&self) -> &str {
        self.config_str("materialized").unwrap_or("view")
    }

    /// Whether it is only ever a CTE of others.
    pub fn is_ephemeral(&self) -> bool {
        self.resource_type == ResourceType::Model && self.materialized() == "ephemeral"
    }

    /// Whether it has a place in the warehouse when built: a relation, or a function.
    pub fn is_relational(&self) -> bool {
        (self.resource_type.is_refable() || self.resource_type == ResourceType::Function) && !self.is_ephemeral()
    }

    /// A test made from a YAML entry.
    pub fn is_generic_test(&self) -> bool {
        self.test_metadata.is_some()
    }

    /// Its place in the warehouse, whether or not it is built.
    pub fn relation(&self) -> RelationName {
        RelationName::new(self.database.clone().unwrap_or_default(), &self.schema, &self.alias)
    }

    /// Whether its SQL body is empty: such nodes are listed but never run.
    pub fn is_empty(&self) -> bool {
        self.resource_type != ResourceType::Seed && self.raw_code.trim().is_empty()
    }
}
