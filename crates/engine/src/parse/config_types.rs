//! Configs whose value has another type than dbt's: some become what dbt makes of them, others are mistakes.
//!
//! Source: dbt Core 1.12, the members of `ModelConfig`, `TestConfig`, `SnapshotConfig` and their like, with each type of value.

use artifacts::{JsonMap, manifest::ResourceType};
use jinja::Value;
use serde_json::Value as Json;

use super::config::defaults;

/// Texts. Python's text of any value is one.
const TEXTS: [&str; 5] = ["materialized", "fail_calc", "warn_if", "error_if", "delimiter"];

/// Texts, or null.
const OPTIONAL_TEXTS: [&str; 19] = [
    "alias",
    "schema",
    "database",
    "group",
    "static_analysis",
    "incremental_strategy",
    "on_schema_change",
    "store_failures_as",
    "where",
    "strategy",
    "target_schema",
    "target_database",
    "updated_at",
    "dbt_valid_to_current",
    "loaded_at_field",
    "loaded_at_query",
    "runtime_version",
    "entry_point",
    "unique_key",
];

/// Lists of texts.
const LISTS: [&str; 2] = ["tags", "packages"];

/// Mappings with members of their own; others are dropped.
const FIXED: [&str; 6] =
    ["docs", "contract", "latest_version_pointer", "snapshot_meta_column_names", "snowflake", "cache"];

const MAPPINGS: [&str; 5] = ["meta", "persist_docs", "quoting", "column_types", "grants"];

/// Makes of values what dbt makes of them.
pub(super) fn conform(kind: ResourceType, config: &mut JsonMap) {
    let known = defaults(kind);
    for (key, value) in config.iter_mut().filter(|(key, _)| known.contains_key(*key)) {
        let key = key.as_str();
        match value {
            Json::Null if matches!(key, "on_schema_change" | "lookback") => *value = known[key].clone(),
            Json::Null if OPTIONAL_TEXTS.contains(&key) => {}
            Json::Array(items) if LISTS.contains(&key) || matches!(key, "unique_key" | "check_cols") => {
                items.iter_mut().for_each(to_text);
            }
            Json::Object(members) if matches!(key, "unique_key" | "check_cols") => {
                *value = members.keys().map(String::as_str).collect();
            }
            Json::Object(members) if FIXED.contains(&key) => {
                let Some(known) = known.get(key).and_then(Json::as_object) else { continue };
                let member = |(name, default): (&String, &Json)| {
                    (name.clone(), members.get(name).cloned().unwrap_or_else(|| default.clone()))
                };
                *value = Json::Object(known.iter().map(member).collect());
            }
            _ if key == "check_cols" && !value.is_null() => to_text(value),
            _ if TEXTS.contains(&key) || OPTIONAL_TEXTS.contains(&key) => to_text(value),
            _ if key == "limit" => to_integer(value),
            _ => {}
        }
    }
}

fn to_text(value: &mut Json) {
    if !value.is_string() {
        *value = Json::String(Value::from(&*value).to_string());
    }
}

/// As Python's `int(value)`, where that is one.
fn to_integer(value: &mut Json) {
    let number = match &*value {
        Json::Bool(flag) => Some(i64::from(*flag)),
        #[expect(clippy::cast_possible_truncation, reason = "Python's int() cuts the fraction off")]
        Json::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|number| number as i64)),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    if let Some(number) = number {
        *value = number.into();
    }
}

/// A config that dbt refuses.
pub(super) struct Mistake<'a> {
    pub key: &'a str,
    /// What it would have to be: "a mapping".
    pub expected: &'static str,
    pub fix: String,
}

/// The configs of a node that are none.
pub(super) fn mistakes<'a>(kind: ResourceType, config: &'a JsonMap) -> impl Iterator<Item = Mistake<'a>> {
    let known = defaults(kind);
    config.iter().filter_map(move |(key, value)| {
        let key = key.as_str();
        let default = known.get(key)?;
        let wrong = |expected, fix: String| Some(Mistake { key, expected, fix });
        let switch = |key: &str| format!("write `{key}: true` or `{key}: false`, without quotes");
        match key {
            "enabled" if !value.is_boolean() => wrong("true or false", switch(key)),
            "full_refresh" | "store_failures" | "quote_columns" if !value.is_null() && !value.is_boolean() => {
                wrong("true or false", switch(key))
            }
            _ if (MAPPINGS.contains(&key) || FIXED.contains(&key)) && !value.is_object() => {
                wrong("a mapping", format!("write `{key}: {{…: …}}`"))
            }
            _ if FIXED.contains(&key) => {
                let member = |(name, default): (&String, &Json)| {
                    let value = value.get(name).unwrap_or(&Json::Null);
                    let may_be_null = default.is_null() || !default.is_boolean();
                    let is_switch = default.is_boolean() || (key == "latest_version_pointer" && name == "enabled");
                    let is_wrong = is_switch && !value.is_boolean() && !(may_be_null && value.is_null());
                    is_wrong.then(|| name.clone())
                };
                let name = default.as_object()?.iter().find_map(member)?;
                wrong("a mapping of dbt's", format!("write `{key}: {{{name}: true}}` or `{key}: {{{name}: false}}`"))
            }
            "limit" if !value.is_null() && !value.is_i64() => wrong("a whole number", format!("write `{key}: 100`")),
            "on_configuration_change" if !matches!(value.as_str(), Some("apply" | "continue" | "fail")) => {
                wrong("apply, continue or fail", format!("write `{key}: apply`, `continue` or `fail`"))
            }
            "export_as" if !value.is_null() && !value.as_str().is_some_and(|kind| matches!(kind, "table" | "view")) => {
                wrong("'table' or 'view'", "write `export_as: table` or `export_as: view`".to_owned())
            }
            "severity" if !value.as_str().is_some_and(|word| matches!(&*word.to_lowercase(), "warn" | "error")) => {
                wrong("'warn' or 'error'", "write `severity: warn` or `severity: error`".to_owned())
            }
            "pre-hook" | "post-hook" => {
                let is_wrong = |hook: &Json| !hook.get("sql").is_some_and(Json::is_string);
                value.as_array()?.iter().any(is_wrong).then_some(())?;
                wrong("SQL, or a mapping with `sql`", format!("write `{key}: \"…\"` or `{key}: {{sql: \"…\"}}`"))
            }
            _ => None,
        }
    })
}
