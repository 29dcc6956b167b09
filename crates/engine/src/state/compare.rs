//! Whether a resource is the same as it was: dbt's rules per kind of resource.
//!
//! Configs are compared as they were written (`unrendered_config`), so that another target or another environment is no change.
//! Source: dbt Core 1.12, `same_contents` and its parts.

use artifacts::{
    JsonMap,
    manifest::{Exposure, Freshness, FunctionOverload, Node, ResourceType, Source, UnitTest},
};
use serde_json::Value as Json;

/// Configs that say where a relation is or how it is found, not what is in it.
const NOT_COMPARED: [&str; 5] = ["alias", "schema", "database", "tags", "group"];

/// The only configs of a test that change what it checks.
const OF_TESTS: [&str; 9] = [
    "severity",
    "where",
    "limit",
    "fail_calc",
    "warn_if",
    "error_if",
    "store_failures",
    "store_failures_as",
    "sql_header",
];

/// Everything but the contract.
pub(super) fn same_node(new: &Node, old: &Node) -> bool {
    if new.is_generic_test() {
        return same_config(new, old) && new.fqn == old.fqn;
    }
    same_body(new, old)
        && same_config(new, old)
        && same_persisted_description(new, old)
        && new.fqn == old.fqn
        && same_relation(new, old)
        && (new.resource_type != ResourceType::Model || same_reference(new, old))
        && same_signature(new, old)
}

/// What a function takes and gives, and the bodies of its overloads; descriptions of these do not count.
fn same_signature(new: &Node, old: &Node) -> bool {
    let (Some(new), Some(old)) = (&new.function, &old.function) else {
        return new.function.is_none() && old.function.is_none();
    };
    let same_overload = |new: &FunctionOverload, old: &FunctionOverload| {
        new.defined_in == old.defined_in
            && new.arguments == old.arguments
            && new.returns == old.returns
            && new.raw_body == old.raw_body
    };
    new.arguments == old.arguments
        && new.returns == old.returns
        && new.overloads.len() == old.overloads.len()
        && new.overloads.iter().zip(&old.overloads).all(|(new, old)| same_overload(new, old))
}

/// The text of the file; of a seed its checksum, or its path when it is too big for one.
pub(super) fn same_body(new: &Node, old: &Node) -> bool {
    match new.resource_type {
        ResourceType::Seed => new.checksum == old.checksum,
        _ => new.raw_code == old.raw_code,
    }
}

pub(super) fn same_config(new: &Node, old: &Node) -> bool {
    let (new_config, old_config) = (&new.unrendered_config, &old.unrendered_config);
    match new.resource_type {
        ResourceType::Test => OF_TESTS.iter().all(|key| same_key(new_config, old_config, key)),
        _ => same_keys(new_config, old_config, &NOT_COMPARED),
    }
}

/// Descriptions, as far as they are written to the warehouse.
pub(super) fn same_persisted_description(new: &Node, old: &Node) -> bool {
    let persists = |part: &str| new.config("persist_docs").and_then(|docs| docs.get(part)?.as_bool()).unwrap_or(false);
    if persists("relation") && new.description != old.description {
        return false;
    }
    !persists("columns")
        || (new.columns.len() == old.columns.len()
            && new.columns.iter().all(|(name, column)| {
                old.columns.get(name).is_some_and(|other| other.description == column.description)
            }))
}

/// Where it was configured to be; not where that led to in one target or another.
pub(super) fn same_relation(new: &Node, old: &Node) -> bool {
    let value = |node: &Node, key: &str| node.unrendered_config.get(key).cloned().unwrap_or_default();
    ["database", "schema", "alias"].into_iter().all(|key| equal(&value(new, key), &value(old, key)))
}

/// What may break a `ref()` to the model.
fn same_reference(new: &Node, old: &Node) -> bool {
    // Schemas before 9 had no access, which is that of a model without one.
    let access = |node: &Node| node.access.clone().unwrap_or_else(|| "protected".to_owned());
    let version = |node: &Node| node.latest_version.clone().unwrap_or_default();
    equal(&version(new), &version(old)) && access(new) == access(old) && new.deprecation_date == old.deprecation_date
}

/// `unrendered`: compare database and schema as written (`state_modified_compare_more_unrendered_values`).
pub(super) fn same_source(new: &Source, old: &Source, unrendered: bool) -> bool {
    same_source_relation(new, old, unrendered)
        && new.fqn == old.fqn
        && same_source_config(new, old)
        && new.quoting == old.quoting
        && limits(new) == limits(old)
        && new.loaded_at_field == old.loaded_at_field
        && equal(&new.external.clone().unwrap_or_default(), &old.external.clone().unwrap_or_default())
}

fn limits(source: &Source) -> Option<&Freshness> {
    source.freshness.as_ref().filter(|freshness| freshness.has_threshold() || freshness.filter.is_some())
}

pub(super) fn same_source_relation(new: &Source, old: &Source, unrendered: bool) -> bool {
    let same_place = match unrendered {
        true => new.unrendered_database == old.unrendered_database && new.unrendered_schema == old.unrendered_schema,
        false => new.database == old.database && new.schema == old.schema,
    };
    same_place && new.identifier == old.identifier
}

pub(super) fn same_source_config(new: &Source, old: &Source) -> bool {
    same_keys(&of_source(new), &of_source(old), &[])
}

/// A freshness without limits is none, whether or not it is written out.
fn of_source(source: &Source) -> JsonMap {
    let mut config = source.unrendered_config.clone();
    let limit = |part: &str| config.get("freshness").and_then(|freshness| freshness.pointer(part)).cloned();
    if ["/warn_after/count", "/error_after/count", "/filter"]
        .into_iter()
        .all(|part| limit(part).is_none_or(|limit| limit.is_null()))
    {
        config.remove("freshness");
    }
    config
}

pub(super) fn same_exposure(new: &Exposure, old: &Exposure) -> bool {
    let needs = |exposure: &Exposure| {
        let mut nodes = exposure.depends_on.nodes.clone();
        nodes.sort();
        nodes.dedup();
        nodes
    };
    new.fqn == old.fqn
        && new.kind == old.kind
        && new.owner == old.owner
        && new.maturity == old.maturity
        && new.url == old.url
        && new.description == old.description
        && new.label == old.label
        && needs(new) == needs(old)
        && same_exposure_config(new, old)
}

pub(super) fn same_exposure_config(new: &Exposure, old: &Exposure) -> bool {
    same_keys(&new.unrendered_config, &old.unrendered_config, &[])
}

/// dbt compares a checksum over the same members.
pub(super) fn same_unit_test(new: &UnitTest, old: &UnitTest) -> bool {
    let overrides = |test: &UnitTest| serde_json::to_value(&test.overrides).unwrap_or_default();
    (new.checksum.is_some() && new.checksum == old.checksum)
        || (new.model == old.model
            && new.given == old.given
            && new.expect == old.expect
            && equal(&overrides(new), &overrides(old)))
}

/// Members of metrics, semantic models and saved queries that are compared, as JSON pointers.
pub(super) fn same_json(kind: &str, new: &Json, old: &Json) -> bool {
    let members: &[&str] = match kind {
        // Neither what a metric is made of nor its filter, as dbt Core 1.12.
        "metric" => &["/type", "/description", "/label"],
        "semantic_model" => &[
            "/model",
            "/description",
            "/defaults",
            "/entities",
            "/dimensions",
            "/measures",
            "/config",
            "/primary_entity",
            "/group",
        ],
        _ => &[
            "/query_params/metrics",
            "/query_params/group_by",
            "/description",
            "/query_params/where",
            "/label",
            "/config",
            "/group",
            "/exports",
            "/tags",
        ],
    };
    let value = |resource: &Json, pointer: &str| match pointer {
        "/exports" => exports(resource),
        _ => resource.pointer(pointer).cloned().unwrap_or_default(),
    };
    members.iter().all(|pointer| equal(&value(new, pointer), &value(old, pointer)))
        && (kind != "metric" || same_json_config(new, old))
}

/// What exports are compared by: as written, for a schema that follows the target is no change.
fn exports(resource: &Json) -> Json {
    let of = |export: &Json| {
        let written = |key: &str| export.pointer(&format!("/unrendered_config/{key}")).cloned().unwrap_or_default();
        serde_json::json!([export.get("name"), written("export_as"), written("schema"), written("alias")])
    };
    resource.get("exports").and_then(Json::as_array).map(|exports| exports.iter().map(of).collect()).unwrap_or_default()
}

pub(super) fn same_json_config(new: &Json, old: &Json) -> bool {
    let config = |resource: &Json| resource.get("unrendered_config").and_then(Json::as_object).cloned();
    same_keys(&config(new).unwrap_or_default(), &config(old).unwrap_or_default(), &["group"])
}

fn same_keys(new: &JsonMap, old: &JsonMap, but: &[&str]) -> bool {
    let compared = |key: &&String| !but.contains(&key.as_str());
    new.keys().chain(old.keys()).filter(compared).all(|key| same_key(new, old, key))
}

fn same_key(new: &JsonMap, old: &JsonMap, key: &str) -> bool {
    match (new.get(key), old.get(key)) {
        (None, None) => true,
        (Some(new), Some(old)) => equal(new, old),
        _ => false,
    }
}

/// Equal as Python sees it: 1 is 1.0.
fn equal(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| equal(value, other)))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn model(config: Json) -> Node {
        Node { unrendered_config: config.as_object().cloned().unwrap_or_default(), ..Node::default() }
    }

    #[test]
    fn configs_are_compared_as_written() {
        let table = model(json!({"materialized": "table", "schema": "a", "tags": ["x"]}));
        assert!(same_config(&table, &model(json!({"materialized": "table", "schema": "b", "group": "g"}))));
        assert!(!same_config(&table, &model(json!({"materialized": "view"}))));
        assert!(!same_config(&table, &model(json!({"materialized": "table", "custom": 1}))));
        assert!(same_config(&model(json!({"custom": 1})), &model(json!({"custom": 1.0}))));
        assert!(!same_relation(&table, &model(json!({"schema": "b"}))));
        assert!(same_relation(&table, &model(json!({"schema": "a"}))));
    }

    #[test]
    fn only_some_configs_of_a_test_count() {
        let test = |config: Json| Node { resource_type: ResourceType::Test, ..model(config) };
        assert!(same_config(&test(json!({"meta": {"a": 1}})), &test(json!({"enabled": true}))));
        assert!(!same_config(&test(json!({"severity": "warn"})), &test(json!({}))));
    }
}
