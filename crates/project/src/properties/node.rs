//! Entries of `models:`, `seeds:`, `snapshots:`, `analyses:`, `data_tests:` and `functions:`.

use serde_json::{Map as JsonMap, Value as Json};

use super::columns::{ColumnProperties, Constraint, take_columns, take_constraints};
use super::function::{FunctionProperties, take_function};
use super::raw::{RawProperties, read_flat_metric};
use super::semantic;
use super::shape::Shape;
use super::tests::{TestDefinition, take_tests};
use super::types;
use super::versions::{VersionNumber, VersionProperties, take_versions};
use crate::config::Config;
use crate::fields::Fields;
use crate::render::RenderYaml;
use crate::yaml::{Map, Node, Position, Value};

/// Top-level keys that are configs.
const MOVED_TO_CONFIG: [&str; 5] = ["meta", "docs", "group", "contract", "access"];

/// What a property file says about a node that has a file of its own (or, for snapshots, may have).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeProperties {
    /// Where the entry starts.
    pub position: Position,
    /// The node's name.
    pub name: String,
    /// Unrendered: may call `doc()`.
    pub description: String,
    /// `config:` with the top-level `meta`, `docs`, `group`, `contract`, `access` moved in; rendered except for hooks.
    pub config: Config,
    /// The same before rendering.
    pub unrendered_config: Config,
    /// The columns, by name unique.
    pub columns: Vec<ColumnProperties>,
    /// Tests of the node as a whole.
    pub data_tests: Vec<TestDefinition>,
    /// Model-level constraints.
    pub constraints: Vec<Constraint>,
    /// Versions of a model; empty when it is not versioned.
    pub versions: Vec<VersionProperties>,
    /// The version that unpinned refs get: as written, or the highest. `None` for unversioned models.
    pub latest_version: Option<VersionNumber>,
    /// As written, an ISO date or timestamp.
    pub deprecation_date: Option<String>,
    /// `time_spine:` as written.
    pub time_spine: Option<Json>,
    /// What a model says of the semantic layer in its own entry.
    pub semantics: Option<Box<ModelSemantics>>,
    /// Whether all columns are quoted.
    pub quote_columns: Option<bool>,
    /// `relation:` of a snapshot in YAML form.
    pub relation: Option<SnapshotRelation>,
    /// The signature of a function.
    pub function: Option<Box<FunctionProperties>>,
    /// Every other key.
    pub extra: JsonMap<String, Json>,
}

/// `semantic_model:` and what goes with it, below a model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelSemantics {
    /// `semantic_model:`, a boolean or a mapping.
    pub semantic_model: Json,
    /// The entity of which each row is one, where no column is it.
    pub primary_entity: Option<String>,
    /// The time dimension of metrics that name none.
    pub agg_time_dimension: Option<String>,
    /// `metrics:` of the model.
    pub metrics: Vec<RawProperties>,
    /// `derived_semantics:` as written.
    pub derived: Json,
}

impl ModelSemantics {
    /// Whether there is a semantic model: without one dbt reads none of the rest.
    pub fn is_enabled(&self) -> bool {
        match &self.semantic_model {
            Json::Bool(enabled) => *enabled,
            Json::Object(config) => config.get("enabled") != Some(&Json::Bool(false)),
            _ => false,
        }
    }
}

/// The `ref(…)` or `source(…)` a YAML snapshot is taken of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRelation {
    /// As written; there are no braces around it.
    pub expression: String,
    /// Where.
    pub position: Position,
}

impl NodeProperties {
    /// The snapshot's query as dbt makes it; `None` for anything but a YAML snapshot.
    pub fn snapshot_raw_code(&self) -> Option<String> {
        let relation = self.relation.as_ref()?;
        Some(format!("select * from {{{{ {} }}}}", relation.expression))
    }
}

/// `entry` is rendered, `unrendered` the same entry before.
pub(super) fn read_node(
    entry: &Node,
    unrendered: &Node,
    section: &'static str,
    fields: &mut Fields<'_>,
    renderer: &dyn RenderYaml,
) -> Option<NodeProperties> {
    let mut entry_fields = fields.nested(entry, format!("an entry of {section}"))?;
    let name = entry_fields.name(section)?;
    entry_fields.of = format!("{} '{name}'", singular(section));
    let has_tests = !matches!(section, "analyses" | "data_tests");
    types::check(&mut entry_fields, if has_tests { types::NODE } else { types::UNTESTED_NODE });
    let config = take_config(&mut entry_fields);
    let unrendered_config = unrendered.value.as_map().map(unrendered_config).unwrap_or_default();
    let versions = take_versions(&mut entry_fields, unrendered, renderer);
    let latest_version = latest_version(&mut entry_fields, &versions);
    let node = NodeProperties {
        position: entry.position,
        description: entry_fields.text("description").unwrap_or_default(),
        config,
        unrendered_config,
        columns: take_columns(&mut entry_fields, renderer),
        data_tests: take_tests(&mut entry_fields, renderer),
        constraints: take_constraints(&mut entry_fields),
        versions,
        latest_version,
        deprecation_date: take_deprecation_date(&mut entry_fields),
        time_spine: take_time_spine(&mut entry_fields),
        semantics: if section == "models" { take_semantics(&mut entry_fields) } else { None },
        quote_columns: entry_fields.bool("quote_columns"),
        relation: take_relation(&mut entry_fields, section),
        function: match section {
            "functions" => Some(Box::new(take_function(&mut entry_fields)?)),
            _ => None,
        },
        extra: JsonMap::new(),
        name,
    };
    entry_fields.report_slips(NODE_KEYS);
    Some(NodeProperties { extra: entry_fields.extra(), ..node })
}

/// Keys of an entry that describes a node.
const NODE_KEYS: &[&str] = &[
    "name",
    "description",
    "config",
    "columns",
    "data_tests",
    "tests",
    "constraints",
    "versions",
    "latest_version",
    "deprecation_date",
    "time_spine",
    "quote_columns",
    "relation",
    "data_type",
    "meta",
    "docs",
    "group",
    "contract",
    "access",
    "semantic_model",
    "primary_entity",
    "agg_time_dimension",
    "metrics",
    "derived_semantics",
    "arguments",
    "returns",
    "overloads",
];

pub(super) fn singular(section: &str) -> &str {
    match section {
        "analyses" => "analysis",
        "saved_queries" => "saved query",
        "data_tests" => "data test",
        "unit_tests" => "unit test",
        "semantic_models" => "semantic model",
        other => other.trim_end_matches('s'),
    }
}

/// `config:` with the moved keys in it; a key in both places is an error.
pub(super) fn take_config(fields: &mut Fields<'_>) -> Config {
    check_docs(fields);
    let mut config = fields.mapping("config");
    fields.check_config(&config);
    for key in MOVED_TO_CONFIG {
        // Of these a null counts: it is none of the values of the first two, and no group is one too.
        let may_be_null = matches!(key, "contract" | "access" | "group");
        let written = fields.take(key).filter(|value| may_be_null || !value.value.is_null());
        let Some(value) = written else { continue };
        if config.contains_key(key) {
            let what = format!(
                "Parsing Error\n  In {}: found {key} dictionary in 'config' dictionary and as top-level key of {}.",
                fields.source.file, fields.of
            );
            let cause = Some(format!("`{key}` is a config; the two values may contradict each other"));
            fields.report(value.position, what, cause, "keep the one in `config:`");
            continue;
        }
        config.insert(key, value);
    }
    config.to_json()
}

/// `docs:` beside `config:`; what it says below it is checked when configs are merged.
pub(super) fn check_docs(fields: &mut Fields<'_>) {
    let Some(node) = fields.peek("docs").cloned() else { return };
    let of = format!("docs of {}", fields.of);
    let Some(mut docs) = fields.nested(&node, of) else { return };
    types::check(&mut docs, types::DOCS);
    for (key, _) in types::DOCS {
        docs.take(key);
    }
    docs.refuse_rest("docs", &["show", "node_color"]);
}

/// What `config:` itself says before rendering; keys beside it only count rendered.
pub(super) fn unrendered_config(entry: &Map) -> Config {
    match entry.get("config").map(|node| &node.value) {
        Some(Value::Map(map)) => map.to_json(),
        _ => JsonMap::new(),
    }
}

pub(super) fn take_deprecation_date(fields: &mut Fields<'_>) -> Option<String> {
    let node = fields.take_some("deprecation_date")?;
    match &node.value {
        Value::Date(_) | Value::DateTime(_) => node.value.to_json().as_str().map(str::to_owned),
        Value::Str(text)
            if !text.is_empty()
                && crate::yaml::resolve_plain(text).is_ok_and(|value| !matches!(value, Value::Str(_))) =>
        {
            Some(text.clone())
        }
        _ => {
            fields.wrong("deprecation_date", "a date such as 2026-01-31", &node);
            None
        }
    }
}

fn latest_version(fields: &mut Fields<'_>, versions: &[VersionProperties]) -> Option<VersionNumber> {
    let newest = || versions.iter().map(|version| version.v.clone()).max();
    let Some(node) = fields.take_some("latest_version") else { return newest() };
    let number = VersionNumber::of(&node.value);
    if let Some(number) = &number
        && versions.iter().any(|version| version.v == *number)
    {
        return Some(number.clone());
    }
    // dbt takes 0 and an empty text for no version, unless one is called so.
    if matches!(&node.value, Value::Int(0)) || node.value.as_str() == Some("") {
        return newest();
    }
    let known: Vec<String> = versions.iter().map(|version| version.v.to_string()).collect();
    let what = format!(
        "Parsing Error\n  latest_version: {} is not one of {} versions: [{}]",
        node.value.scalar_text().unwrap_or_default(),
        fields.of,
        known.join(", ")
    );
    fields.report(node.position, what, None, "name one of the versions, or remove `latest_version` for the highest");
    None
}

fn take_time_spine(fields: &mut Fields<'_>) -> Option<Json> {
    let node = fields.take_some("time_spine")?;
    let of = format!("'time_spine' of {}", fields.of);
    semantic::TIME_SPINE.check(&node, &of, fields);
    Some(node.value.to_json())
}

fn take_semantics(fields: &mut Fields<'_>) -> Option<Box<ModelSemantics>> {
    const KEYS: [&str; 5] = ["semantic_model", "primary_entity", "agg_time_dimension", "metrics", "derived_semantics"];
    if !KEYS.iter().any(|key| fields.has(key)) {
        return None;
    }
    let of = fields.of.clone();
    let mut checked = |key: &str, shape: Shape| {
        let node = fields.take_some(key)?;
        shape.check(&node, &format!("'{key}' of {of}"), fields);
        Some(node.value.to_json())
    };
    let semantic_model = checked("semantic_model", semantic::OF_MODEL).unwrap_or_default();
    let derived = checked("derived_semantics", semantic::DERIVED).unwrap_or_default();
    let text = |value: Option<Json>| value.and_then(|value| value.as_str().map(str::to_owned));
    let primary_entity = text(checked("primary_entity", Shape::Text));
    let agg_time_dimension = text(checked("agg_time_dimension", Shape::Text));
    let nodes = fields.list("metrics");
    let metrics = nodes.iter().filter_map(|node| read_flat_metric(node, fields)).collect();
    Some(Box::new(ModelSemantics { semantic_model, primary_entity, agg_time_dimension, metrics, derived }))
}

fn take_relation(fields: &mut Fields<'_>, section: &str) -> Option<SnapshotRelation> {
    if section != "snapshots" {
        return None;
    }
    let node = fields.take_some("relation")?;
    let Some(text) = node.value.as_str() else {
        fields.wrong("relation", "`ref('…')` or `source('…', '…')`", &node);
        return None;
    };
    Some(SnapshotRelation { expression: text.to_owned(), position: node.position })
}
