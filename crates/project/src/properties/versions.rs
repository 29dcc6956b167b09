//! `versions:` of a model.

use std::cmp::Ordering;
use std::fmt;

use serde_json::{Map as JsonMap, Value as Json};

use super::columns::{ColumnProperties, Constraint, read_column, take_constraints};
use super::node::{NodeProperties, take_config, take_deprecation_date, unrendered_config};
use super::tests::{TestDefinition, take_tests_if_any};
use super::types;
use crate::config::Config;
use crate::fields::Fields;
use crate::render::RenderYaml;
use crate::yaml::{Node, Position, Value};

/// `v: 2`, `v: 1.5` or `v: beta`. Versions are the same when their texts are.
#[derive(Debug, Clone)]
pub enum VersionNumber {
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// Anything else.
    Text(String),
}

impl VersionNumber {
    /// The version a YAML value names.
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Int(number) => Some(Self::Int(*number)),
            Value::Float(number) => Some(Self::Float(*number)),
            Value::Str(text) => Some(Self::Text(text.clone())),
            _ => None,
        }
    }

    /// The version as the manifest writes it.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Int(number) => Json::from(*number),
            Self::Float(number) => Json::from(*number),
            Self::Text(text) => Json::from(text.clone()),
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "versions are small")]
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }
}

impl fmt::Display for VersionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => write!(f, "{number}"),
            Self::Float(number) => f.write_str(&crate::yaml::python_float(*number)),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl PartialEq for VersionNumber {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for VersionNumber {}

impl PartialOrd for VersionNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for VersionNumber {
    /// As numbers where both are, else as texts.
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.number(), other.number()) {
            (Some(mine), Some(theirs)) => mine.total_cmp(&theirs),
            _ => self.to_string().cmp(&other.to_string()),
        }
    }
}

/// An entry of `versions:`.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionProperties {
    /// Where the entry starts.
    pub position: Position,
    /// The version.
    pub v: VersionNumber,
    /// The file's stem, when it is not `<name>_v<v>`.
    pub defined_in: Option<String>,
    /// Replaces the model's description.
    pub description: Option<String>,
    /// Merged over the model's config.
    pub config: Config,
    /// The same before rendering.
    pub unrendered_config: Config,
    /// Replaces the model's constraints.
    pub constraints: Option<Vec<Constraint>>,
    /// Replaces the model's tests.
    pub data_tests: Option<Vec<TestDefinition>>,
    /// Which of the model's columns it has, and its own.
    pub columns: VersionColumns,
    /// As [`NodeProperties::deprecation_date`].
    pub deprecation_date: Option<String>,
    /// Every other key.
    pub extra: JsonMap<String, Json>,
}

/// `columns:` of a version.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VersionColumns {
    /// `include`: `None` for `all` (the default) and `*`.
    pub include: Option<Vec<String>>,
    /// `exclude`: names left out of those included.
    pub exclude: Vec<String>,
    /// Columns of this version only, or other than the model's.
    pub own: Vec<ColumnProperties>,
}

impl NodeProperties {
    /// The columns of one version: the model's, filtered, with the version's own after or instead of them.
    pub fn columns_of(&self, version: &VersionProperties) -> Vec<ColumnProperties> {
        let VersionColumns { include, exclude, own } = &version.columns;
        let mut columns: Vec<ColumnProperties> = self
            .columns
            .iter()
            .filter(|column| include.as_ref().is_none_or(|names| names.contains(&column.name)))
            .filter(|column| !exclude.contains(&column.name))
            .filter(|column| own.iter().all(|other| other.name != column.name))
            .cloned()
            .collect();
        columns.extend(own.iter().cloned());
        columns
    }

    /// The config of one version: its own, deep-merged over the model's.
    pub fn config_of(&self, version: &VersionProperties) -> Config {
        deep_merge(&self.config, &version.config)
    }

    /// The tests of one version: its own if it has the key, else the model's.
    pub fn data_tests_of<'a>(&'a self, version: &'a VersionProperties) -> &'a [TestDefinition] {
        version.data_tests.as_deref().unwrap_or(&self.data_tests)
    }
}

fn deep_merge(base: &Config, over: &Config) -> Config {
    let mut merged = base.clone();
    for (key, value) in over {
        match (merged.get_mut(key), value) {
            (Some(Json::Object(below)), Json::Object(above)) => *below = deep_merge(below, above),
            _ => {
                merged.insert(key.clone(), value.clone());
            }
        }
    }
    merged
}

pub(super) fn take_versions(
    fields: &mut Fields<'_>,
    unrendered: &Node,
    renderer: &dyn RenderYaml,
) -> Vec<VersionProperties> {
    if let Some(node) = fields.peek("versions").filter(|node| node.value.is_null()).cloned() {
        fields.wrong("versions", "a list", &node);
    }
    let nodes = fields.list("versions");
    let raw = unrendered.value.as_map().and_then(|map| map.get("versions")).and_then(|node| node.value.as_seq());
    let mut versions: Vec<VersionProperties> = Vec::with_capacity(nodes.len());
    for (index, node) in nodes.iter().enumerate() {
        let raw = raw.and_then(|items| items.get(index)).unwrap_or(node);
        let Some(version) = read_version(fields, node, raw, renderer) else { continue };
        if versions.iter().any(|earlier| earlier.v == version.v) {
            let what =
                format!("Parsing Error\n  Found duplicate version: '{}' in versions list of {}", version.v, fields.of);
            fields.report(node.position, what, None, "give every version a number of its own");
            continue;
        }
        versions.push(version);
    }
    versions
}

fn read_version(
    fields: &mut Fields<'_>,
    node: &Node,
    unrendered: &Node,
    renderer: &dyn RenderYaml,
) -> Option<VersionProperties> {
    let of = format!("a version of {}", fields.of);
    let mut entry = fields.nested(node, of)?;
    let v = entry.take_some("v").and_then(|v| VersionNumber::of(&v.value));
    let Some(v) = v else {
        let what = format!("Parsing Error\n  Invalid versions config given in {}: 'v' is missing", entry.source.file);
        entry.report(node.position, what, None, "add `v: 1`");
        return None;
    };
    entry.of = format!("version {v} of {}", entry.of.trim_start_matches("a version of "));
    types::check(&mut entry, types::VERSION);
    let constraints = entry.has("constraints").then(|| take_constraints(&mut entry));
    Some(VersionProperties {
        position: node.position,
        defined_in: entry.text("defined_in"),
        description: entry.text("description"),
        config: take_config(&mut entry),
        unrendered_config: unrendered.value.as_map().map(unrendered_config).unwrap_or_default(),
        constraints,
        data_tests: take_tests_if_any(&mut entry, renderer),
        columns: take_version_columns(&mut entry, renderer),
        deprecation_date: take_deprecation_date(&mut entry),
        extra: entry.extra(),
        v,
    })
}

fn take_version_columns(fields: &mut Fields<'_>, renderer: &dyn RenderYaml) -> VersionColumns {
    let mut columns = VersionColumns::default();
    let mut filters = 0;
    for node in fields.list("columns") {
        let is_filter =
            node.value.as_map().is_some_and(|map| map.contains_key("include") || map.contains_key("exclude"));
        if !is_filter {
            columns.own.extend(read_column(fields, &node, renderer));
            continue;
        }
        filters += 1;
        if filters > 1 {
            let what = format!(
                "Parsing Error\n  cannot have more than one include/exclude element in columns of {}",
                fields.of
            );
            fields.report(node.position, what, None, "put all names into one `include`/`exclude` element");
            continue;
        }
        let of = format!("columns of {}", fields.of);
        let Some(mut entry) = fields.nested(&node, of) else { continue };
        columns.exclude = entry.texts("exclude");
        columns.include = match entry.texts("include") {
            names if names.is_empty() || names == ["*"] || names == ["all"] => None,
            names => Some(names),
        };
    }
    columns
}
