//! What a node's final config must agree with: contracts, snapshots, microbatch, incremental models.

use std::{
    collections::{HashMap, HashSet},
    ops::Deref,
};

use artifacts::{
    JsonMap,
    manifest::{Constraint, Node, ResourceType},
};
use diagnostic::{Diagnostic, Location};
use jinja::Value;
use project::{ConfigKind, Project};
use serde_json::Value as Json;

use super::{colors, config_types, node_places::NodePlaces};
use crate::context::ProjectScope;

/// Everything that is wrong with the configs of the enabled nodes.
pub(super) fn validate<'a>(
    nodes: impl Iterator<Item = &'a Node>,
    scope: &ProjectScope,
    places: &NodePlaces<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    // Nodes share configs: one in which nothing is wrong is looked at once.
    let mut sound = HashSet::new();
    for node in nodes {
        let node = &Checked { node, places };
        match node.resource_type {
            ResourceType::Model => {
                primary_key(node, diagnostics);
                contract(node, diagnostics);
                if scope.batches_microbatch {
                    microbatch(node, diagnostics);
                }
                public_ephemeral(node, diagnostics);
                freshness(node, diagnostics);
                one_of(node, "on_error", &["skip_children", "continue"], diagnostics);
            }
            ResourceType::Snapshot => snapshot(node, diagnostics),
            ResourceType::Seed => fixed_materialization(node, "seed", diagnostics),
            ResourceType::Test => fixed_materialization(node, "test", diagnostics),
            _ => {}
        }
        access(node, diagnostics);
        let (config, before) = (std::ptr::from_ref::<JsonMap>(&node.config), diagnostics.len());
        if !sound.contains(&config) {
            types(node, diagnostics);
            if diagnostics.len() == before {
                sound.insert(config);
            }
        }
        node_color(node, diagnostics);
    }
}

/// A node, and where its configs are written.
struct Checked<'a> {
    node: &'a Node,
    places: &'a NodePlaces<'a>,
}

impl Deref for Checked<'_> {
    type Target = Node;

    fn deref(&self) -> &Node {
        self.node
    }
}

/// Configs that mean nothing in another type.
fn types(node: &Checked<'_>, diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.extend(config_types::mistakes(node.resource_type, &node.config).map(|mistake| {
        let config_types::Mistake { key, expected, fix } = mistake;
        let value = node.config.get(key).unwrap_or(&Json::Null);
        wrong(node, key, &format!("Invalid config: at path ['{key}']: {}", problem(key, value, expected)))
            .cause(format!("`{key}` of dbt_project.yml, of a property file or of config() has this value"))
            .fix(fix)
    }));
}

/// What is wrong with a value; of `enabled` as jsonschema says it, with the value as Python writes it.
fn problem(key: &str, value: &Json, expected: &str) -> String {
    match key {
        "enabled" => format!("{} is not of type 'boolean'", jinja::Value::from(value).repr()),
        _ => format!("{value} is not {expected}"),
    }
}

/// Configs of what is no node that mean nothing in another type.
pub(super) fn others(artifact: &artifacts::Manifest, places: &NodePlaces<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let mut check = |kind: ResourceType, name: &str, path: &str, config: &JsonMap| {
        for mistake in config_types::mistakes(kind, config) {
            let config_types::Mistake { key, expected, fix } = mistake;
            let value = config.get(key).unwrap_or(&Json::Null);
            let problem = problem(key, value, expected);
            let kind = kind.as_str();
            let what =
                format!("Parsing Error in {kind} {name} ({path})\n  Invalid config: at path ['{key}']: {problem}");
            diagnostics.push(
                Diagnostic::error(what)
                    .at(places.property(kind, path, name, key))
                    .cause(format!("`{key}` of dbt_project.yml or of a property file has this value"))
                    .fix(fix),
            );
        }
    };
    for source in artifact.sources.values() {
        check(ResourceType::Source, &source.name, &source.original_file_path, &source.config);
    }
    for exposure in artifact.exposures.values() {
        check(ResourceType::Exposure, &exposure.name, &exposure.original_file_path, &exposure.config);
    }
    for test in artifact.unit_tests.values() {
        check(ResourceType::UnitTest, &test.name, &test.original_file_path, &test.config);
    }
    for group in artifact.groups.values() {
        check(ResourceType::Group, &group.name, &group.original_file_path, &group.config);
    }
    let sections = [
        (ResourceType::Metric, &artifact.metrics),
        (ResourceType::SemanticModel, &artifact.semantic_models),
        (ResourceType::SavedQuery, &artifact.saved_queries),
    ];
    for (kind, section) in sections {
        for resource in section.values() {
            let text = |key: &str| resource.get(key).and_then(Json::as_str).unwrap_or_default();
            let Some(config) = resource.get("config").and_then(Json::as_object) else { continue };
            check(kind, text("name"), text("original_file_path"), config);
        }
    }
}

/// A mistake in the config `key`.
fn wrong(node: &Checked<'_>, key: &str, problem: &str) -> Diagnostic {
    Diagnostic::error(format!(
        "Parsing Error in {} {} ({})\n  {problem}",
        node.resource_type, node.name, node.original_file_path
    ))
    .at(node.places.config(node, key))
}

fn is_set(config: &JsonMap, key: &str) -> bool {
    config.get(key).is_some_and(|value| !value.is_null())
}

/// `docs: {node_color: …}` is a colour of CSS.
fn node_color(node: &Checked<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let Some(color) = node.docs.node_color.as_deref() else { return };
    let is_hex = color
        .strip_prefix('#')
        .is_some_and(|digits| matches!(digits.len(), 3 | 6) && digits.chars().all(|digit| digit.is_ascii_hexdigit()));
    if !is_hex && !colors::NAMES.contains(&color.to_lowercase().as_str()) {
        let problem = format!(
            "Invalid color name for docs.node_color: {color}. It is neither a valid HTML color name nor a valid HEX code."
        );
        diagnostics.push(
            wrong(node, "node_color", &problem)
                .fix("write a name such as `lightskyblue`, or three or six digits: '#87cefa'"),
        );
    }
}

/// A model has one primary key: one column's, or the model's own.
fn primary_key(node: &Checked<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let is_key = |constraints: &[Constraint]| constraints.iter().any(|constraint| constraint.kind == "primary_key");
    let columns: Vec<&str> =
        node.columns.values().filter(|column| is_key(&column.constraints)).map(|column| column.name.as_str()).collect();
    if columns.len() > 1 {
        let names = columns.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
        let problem = format!(
            "Found {} columns ([{names}]) with primary key constraints defined. Primary keys for multiple columns must be defined as a model level constraint.",
            columns.len()
        );
        diagnostics.push(
            wrong(node, "constraints", &problem)
                .fix("write one constraint below the model: {type: primary_key, columns: […]}"),
        );
    }
    if !columns.is_empty() && is_key(&node.constraints) {
        diagnostics.push(
            wrong(
                node, "constraints",
                "Primary key constraints defined at the model level and the columns level. Primary keys can be defined at the model level or the column level, not both.",
            )
            .fix("remove one of the two"),
        );
    }
}

/// What dbt asks of a contract while it reads the project; all but `on_schema_change` only of models that a property file describes.
fn contract(node: &Checked<'_>, diagnostics: &mut Vec<Diagnostic>) {
    if !node.contract.enforced {
        return;
    }
    if node.patch_path.is_some() {
        described_contract(node, diagnostics);
    }
    let on_change = node.config_str("on_schema_change").unwrap_or("ignore");
    if node.materialized() == "incremental" && !matches!(on_change, "append_new_columns" | "fail") {
        diagnostics.push(
            wrong(
                node, "on_schema_change",
                &format!(
                    "Invalid value for on_schema_change: {on_change}. Models materialized as incremental with contracts enabled must set on_schema_change to 'append_new_columns' or 'fail'"
                ),
            )
            .fix("set `on_schema_change: append_new_columns` or `fail`"),
        );
    }
}

fn described_contract(node: &Checked<'_>, diagnostics: &mut Vec<Diagnostic>) {
    if node.language != "sql" {
        diagnostics.push(
            wrong(node, "contract", &format!("Language Error: Expected 'sql' but found '{}'", node.language))
                .cause("a contract is compared with the columns of the model's query")
                .fix("write the model in SQL, or set `contract: {enforced: false}`"),
        );
    }
    let materialized = node.materialized();
    let of_columns = node.columns.values().flat_map(|column| &column.constraints);
    // When dbt looks, only a version has its model's constraints already.
    let of_model = if node.version.is_some() { node.constraints.as_slice() } else { &[] };
    if !matches!(materialized, "table" | "incremental")
        && of_columns.chain(of_model).any(|constraint| constraint.warn_unsupported)
    {
        let what = format!(
            "Constraint types are not supported for {materialized} materializations and will be ignored.  Set 'warn_unsupported: false' on this constraint to ignore this warning."
        );
        diagnostics.push(
            Diagnostic::warning(what)
                .named("UnsupportedConstraintMaterialization")
                .with("materialized", materialized)
                .at(node.places.config(node, "constraints")),
        );
    }
    if node.columns.is_empty() {
        diagnostics.push(
            wrong(
                node,
                "contract",
                "Constraints must be defined in a `yml` schema configuration file like `schema.yml`.",
            )
            .cause("the contract is enforced, and no property file lists the model's columns")
            .fix("add `columns:` with a `data_type` each"),
        );
    }
}

fn is_microbatch(node: &Node) -> bool {
    node.materialized() == "incremental" && node.config_str("incremental_strategy") == Some("microbatch")
}

/// Tells that a macro of the project keeps microbatch models from being built batch by batch.
pub(super) fn unbatched_microbatch(artifact: &artifacts::Manifest, diagnostics: &mut Vec<Diagnostic>) {
    let what = "The use of a custom microbatch macro outside of batched execution is deprecated. To use it with batched execution, set `flags.require_batched_execution_for_custom_microbatch_strategy` to `True` in `dbt_project.yml`. In the future this will be the default behavior.";
    if artifact.nodes.values().any(|node| node.resource_type == ResourceType::Model && is_microbatch(node)) {
        diagnostics.push(
            Diagnostic::warning(what)
                .named("MicrobatchMacroOutsideOfBatchesDeprecation")
                .cause("the project or a package has a macro get_incremental_microbatch_sql: a microbatch model is then one statement, as other incremental models are")
                .fix("set the flag, or remove the macro"),
        );
    }
}

/// Warns of microbatch models none of whose inputs can be cut by time: every batch would read all of them.
pub(super) fn unfiltered_microbatch(
    artifact: &artifacts::Manifest,
    places: &NodePlaces<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let concurrent = |node: &&std::sync::Arc<Node>| node.config("concurrent_batches") == Some(&Json::Bool(true));
    let count = artifact.nodes.values().filter(concurrent).count();
    if count > 0 {
        let models = if count == 1 { "model" } else { "models" };
        let what = format!(
            "Found {count} microbatch {models} with the `concurrent_batches` config set to true, but the athena adapter does not support running batches concurrently. Batches will be run sequentially."
        );
        diagnostics
            .push(Diagnostic::warning(what).named("InvalidConcurrentBatchesConfig").fix("remove `concurrent_batches`"));
    }
    let has_event_time = |id: &names::UniqueId| {
        let config = artifact.nodes.get(id).map(|node| &node.config);
        let config = config.map(|config| &**config).or_else(|| artifact.sources.get(id).map(|source| &source.config));
        config.is_some_and(|config| is_set(config, "event_time"))
    };
    for node in artifact.nodes.values().filter(|node| is_microbatch(node)) {
        if !node.depends_on.nodes.iter().any(has_event_time) {
            diagnostics.push(
                Diagnostic::warning(format!(
                    "The microbatch model '{}' has no 'ref' or 'source' input with an 'event_time' configuration. \nThis means no filtering can be applied and can result in unexpected duplicate records in the resulting microbatch model.",
                    node.name
                ))
                .named("MicrobatchModelNoEventTimeInputs")
                .with("model_name", &node.name)
                .at(places.config(node, "incremental_strategy"))
                .cause("a batch reads only its own span of time of the inputs that have an `event_time`")
                .fix("set `event_time` on an input: the column that says when its rows happened"),
            );
        }
    }
}

fn microbatch(node: &Checked<'_>, diagnostics: &mut Vec<Diagnostic>) {
    if !is_microbatch(node) {
        return;
    }
    let mut require = |key: &str, is_right: bool, expected: &str| {
        if !is_right {
            let problem = if is_set(&node.config, key) {
                format!("Microbatch model '{}' must provide a valid '{key}' config ({expected})", node.name)
            } else {
                format!("Microbatch model '{}' must provide '{key}' ({expected}) config.", node.name)
            };
            diagnostics.push(
                wrong(node, key, &problem)
                    .cause("the strategy `microbatch` cuts the model into batches of time")
                    .fix(format!("set `{key}`")),
            );
        }
    };
    require("event_time", node.config_str("event_time").is_some(), "a column's name");
    require("begin", node.config_str("begin").is_some_and(is_iso_time), "an ISO date or timestamp");
    let sizes = ["hour", "day", "month", "year"];
    require(
        "batch_size",
        node.config_str("batch_size").is_some_and(|size| sizes.contains(&size)),
        "one of hour, day, month, year",
    );
    require(
        "lookback",
        node.config.get("lookback").is_none_or(|value| value.is_null() || value.is_i64()),
        "an integer",
    );
}

fn freshness(node: &Checked<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let Some(build_after) = node.config("freshness").and_then(|freshness| freshness.get("build_after")) else { return };
    let is_set = |key: &str| build_after.get(key).is_some_and(|value| !value.is_null());
    for (there, missing) in [("count", "period"), ("period", "count")] {
        if is_set(there) && !is_set(missing) {
            diagnostics.push(
                wrong(
                    node,
                    "freshness",
                    &format!("`freshness.build_after` must have a value for `{missing}` if a `{there}` is provided"),
                )
                .fix(format!("add `{missing}`")),
            );
        }
    }
    let text_of = |key: &str, known: &[&str]| {
        !is_set(key) || build_after.get(key).and_then(Json::as_str).is_some_and(|value| known.contains(&value))
    };
    let is_right = text_of("period", &["minute", "hour", "day"])
        && text_of("updates_on", &["any", "all"])
        && (!is_set("count") || build_after.get("count").is_some_and(Json::is_i64));
    if !is_right {
        diagnostics.push(
            wrong(
                node, "freshness",
                &format!(
                    "Field \"build_after\" of type ModelBuildAfter in ModelFreshness has invalid value {build_after}"
                ),
            )
            .fix("write `{count: 4, period: hour, updates_on: any}`: period is minute, hour or day, updates_on is any or all"),
        );
    }
}

fn one_of(node: &Checked<'_>, key: &str, known: &[&str], diagnostics: &mut Vec<Diagnostic>) {
    if let Some(value) = node.config(key).filter(|value| !value.as_str().is_some_and(|value| known.contains(&value))) {
        diagnostics.push(
            wrong(node, key, &format!("Field \"{key}\" has invalid value {value}"))
                .fix(format!("write one of {}", known.join(", "))),
        );
    }
}

fn is_iso_time(text: &str) -> bool {
    let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
    chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
        || chrono::DateTime::parse_from_rfc3339(text).is_ok()
        || formats.iter().any(|format| chrono::NaiveDateTime::parse_from_str(text, format).is_ok())
}

fn public_ephemeral(node: &Checked<'_>, diagnostics: &mut Vec<Diagnostic>) {
    if node.is_ephemeral() && node.access.as_deref() == Some("public") {
        diagnostics.push(
            wrong(
                node,
                "access",
                &format!(
                    "Node {} with 'ephemeral' materialization has an invalid value (public) for the access field",
                    node.unique_id
                ),
            )
            .cause("other projects cannot read a model that is no relation")
            .fix("give it another materialization, or another access"),
        );
    }
}

/// Of what is no model it has no effect, but it is checked too.
fn access(node: &Checked<'_>, diagnostics: &mut Vec<Diagnostic>) {
    use ResourceType::{Analysis, Model, Seed, Snapshot};
    let is_known = |access: &Json| matches!(access.as_str(), Some("private" | "protected" | "public"));
    if matches!(node.resource_type, Model | Seed | Snapshot | Analysis)
        && let Some(access) = node.config.get("access").filter(|access| !is_known(access))
    {
        let access = Value::from(access);
        let what = format!("Node {} has an invalid value ({access}) for the access field", node.unique_id);
        diagnostics.push(wrong(node, "access", &what).fix("write `private`, `protected` or `public`"));
    }
}

fn snapshot(node: &Checked<'_>, diagnostics: &mut Vec<Diagnostic>) {
    fixed_materialization(node, "snapshot", diagnostics);
    // To dbt an empty text or list is as good as nothing.
    let says = |key: &str| node.config.get(key).is_some_and(|value| Value::from(value).is_true());
    if !says("strategy") || !says("unique_key") {
        diagnostics.push(
            wrong(node, "strategy", "Snapshots must be configured with a 'strategy' and 'unique_key'.")
                .cause("a snapshot needs to know which row is which, and when one has changed")
                .fix("set `strategy: timestamp` (with `updated_at`) or `strategy: check` (with `check_cols`), and `unique_key`"),
        );
        return;
    }
    match node.config_str("strategy") {
        Some("check") => {
            let is_right = match node.config.get("check_cols") {
                Some(Json::String(word)) => word == "all",
                Some(Json::Array(columns)) => !columns.is_empty(),
                _ => false,
            };
            if !is_right {
                diagnostics.push(
                    wrong(
                        node,
                        "check_cols",
                        "A snapshot configured with the check strategy must specify a check_cols configuration.",
                    )
                    .fix("set `check_cols: all` or a list of columns"),
                );
            }
        }
        Some("timestamp") => {
            if !says("updated_at") {
                diagnostics.push(
                    wrong(
                        node,
                        "strategy",
                        "A snapshot configured with the timestamp strategy must specify an updated_at configuration.",
                    )
                    .fix("set `updated_at` to the column that says when a row was changed"),
                );
            }
            if says("check_cols") {
                diagnostics.push(
                    wrong(node, "check_cols", "A 'timestamp' snapshot should not have 'check_cols'")
                        .fix("remove `check_cols`, or use `strategy: check`"),
                );
            }
        }
        _ => {}
    }
}

fn fixed_materialization(node: &Checked<'_>, only: &str, diagnostics: &mut Vec<Diagnostic>) {
    if node.materialized() != only {
        diagnostics.push(
            wrong(
                node,
                "materialized",
                &format!("A {} must have a materialized value of '{only}'", node.resource_type),
            )
            .cause(format!("it is set to '{}'", node.materialized()))
            .fix("remove `materialized`"),
        );
    }
}

/// Paths of config trees in the root project file that no resource of their kind lies under, and no disabled one of any kind.
///
/// Source: dbt Core 1.12, `warn_for_unused_resource_config_paths`.
pub(super) fn unused_config_paths(
    project: &Project,
    used: &HashMap<ConfigKind, Vec<&[String]>>,
    disabled: &[&[String]],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let unused = project.root.configs.unused_paths(&|kind, path| {
        let used = used.get(&kind).into_iter().flatten();
        used.chain(disabled).any(|fqn| path.len() <= fqn.len() && path.iter().zip(*fqn).all(|(a, b)| a == b))
    });
    if unused.is_empty() {
        return;
    }
    let lines: Vec<String> = unused.iter().map(|path| format!("- {path}")).collect();
    diagnostics.push(
        Diagnostic::warning(format!(
            "Configuration paths exist in your dbt_project.yml file which do not apply to any resources.\nThere are {} unused configuration paths:\n{}",
            unused.len(),
            lines.join("\n")
        ))
        .named("UnusedResourceConfigPath")
        .at(Location::file("dbt_project.yml"))
        .cause("no resource's package and directories are these")
        .fix("correct the path, or remove it; a config whose value is a mapping needs a `+` before its key"),
    );
}
