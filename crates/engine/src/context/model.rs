//! `model`: what a template sees of its node.

use artifacts::manifest::Node;
use jinja::Value;
use serde_json::Value as Json;

use crate::{compile::Batch, parse};

/// The node as a mapping. What is null is left out, but not within what a project writes as it likes: `meta`, configs of its own.
pub(super) fn of(node: &Node, batch: Option<&Batch>) -> Value {
    let mut json = serde_json::to_value(node).unwrap_or_default();
    without_nulls(&mut json);
    for key in ["docs", "contract", "constraints", "refs", "test_metadata", "freshness", "time_spine"] {
        without_nulls_below(&mut json, key);
    }
    if let Some(config) = json.get_mut("config") {
        of_config(config, node);
    }
    if let Some(columns) = json.get_mut("columns").and_then(Json::as_object_mut) {
        columns.values_mut().for_each(|column| of_column(column, node.contract.alias_types));
    }
    if let Some(code) = json.get("compiled_code").cloned() {
        json["compiled_sql"] = code;
    }
    let model = Value::from(json);
    if let (Some(batch), Some(dict)) = (batch, model.as_dict()) {
        // Names of dbt's own that models came to use before there was `model.batch`.
        if let Some(config) = dict.get("config").as_ref().and_then(Value::as_dict) {
            config.insert("__dbt_internal_microbatch_event_time_start", Value::from(batch.start));
            config.insert("__dbt_internal_microbatch_event_time_end", Value::from(batch.end));
        }
        dict.insert(
            "batch",
            Value::dict([
                ("id", Value::str(batch.id.as_str())),
                ("event_time_start", Value::from(batch.start)),
                ("event_time_end", Value::from(batch.end)),
            ]),
        );
    }
    model
}

fn of_config(config: &mut Json, node: &Node) {
    let known = parse::known_configs(node.resource_type);
    if let Some(config) = config.as_object_mut() {
        config.retain(|key, value| !value.is_null() || !known.contains_key(key));
    }
    for key in ["docs", "contract", "latest_version_pointer", "freshness", "pre-hook", "post-hook"] {
        without_nulls_below(config, key);
    }
}

fn of_column(column: &mut Json, translates_types: bool) {
    without_nulls(column);
    for key in ["constraints", "dimension", "entity"] {
        without_nulls_below(column, key);
    }
    if let Some(Json::String(data_type)) = column.get_mut("data_type").filter(|_| translates_types) {
        *data_type = super::column::translate_type(data_type);
    }
}

/// The object below a key, or those of the list there.
fn without_nulls_below(json: &mut Json, key: &str) {
    match json.get_mut(key) {
        Some(Json::Array(items)) => items.iter_mut().for_each(without_nulls),
        Some(inner) => without_nulls(inner),
        None => {}
    }
}

fn without_nulls(json: &mut Json) {
    if let Some(object) = json.as_object_mut() {
        object.retain(|_, value| !value.is_null());
    }
}
