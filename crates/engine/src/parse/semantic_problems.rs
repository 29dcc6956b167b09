//! What is wrong with one entry of the semantic layer by itself, beyond its shape.

use artifacts::JsonMap;
use diagnostic::Diagnostic;
use project::{PropertyFile, properties::NodeProperties};
use serde_json::Value as Json;

use super::test_entries::Place;

fn error(place: Place<'_>, what: &str, cause: &str, fix: &str) -> Diagnostic {
    place.file.source.error(place.position, format!("Parsing Error\n  {what}")).cause(cause).fix(fix)
}

/// Of a metric: its name, and that it has what its type is made of. `below_model`: it is a simple one below a model.
pub(super) fn of_metric(
    place: Place<'_>,
    name: &str,
    written: &Json,
    metric: &JsonMap,
    below_model: bool,
) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = wrong_name(place, name).into_iter().collect();
    let params = &metric["type_params"];
    let missing = |key: &str| params[key].is_null();
    let mut lacks = |what: &str, fix: &str| {
        found.push(error(place, &format!("Metric '{name}' {what}"), "nothing says what it is computed from", fix));
    };
    let is_flat = written.get("type_params").is_none();
    let conversion = &params["conversion_type_params"];
    match metric["type"].as_str().unwrap_or_default() {
        "simple" if is_flat && written["agg"].is_null() => {
            lacks("is simple and has no `agg`", "add `agg: sum`, `count`, …");
        }
        "simple" if is_flat && !below_model => {
            lacks(
                "is simple and belongs to no model",
                "write it below the `metrics:` of a model with `semantic_model: true`",
            );
        }
        "simple" if !is_flat && missing("measure") => {
            lacks("is simple and has no measure", "add `type_params: {measure: …}`")
        }
        "cumulative" if is_flat && params["cumulative_type_params"]["metric"].is_null() => {
            lacks("is cumulative and has no `input_metric`", "add `input_metric: …`");
        }
        "cumulative" if !is_flat && missing("measure") => {
            lacks("is cumulative and has no measure", "add `type_params: {measure: …}`");
        }
        "ratio" if missing("numerator") || missing("denominator") => {
            lacks("is a ratio and lacks a numerator or a denominator", "name both");
        }
        "conversion" if is_flat => {
            for key in ["base_metric", "conversion_metric", "entity", "calculation"] {
                if conversion[key].is_null() {
                    lacks(&format!("is a conversion and has no `{key}`"), &format!("add `{key}: …`"));
                }
            }
        }
        "conversion" if conversion.is_null() => {
            lacks("is a conversion and has no `conversion_type_params`", "add them below `type_params`");
        }
        _ => {}
    }
    found
}

fn wrong_name(place: Place<'_>, name: &str) -> Option<Diagnostic> {
    let mut wrong = Vec::new();
    if name.contains(' ') {
        wrong.push("cannot contain spaces");
    }
    if name.chars().count() > 250 {
        wrong.push("cannot contain more than 250 characters");
    }
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        wrong.push("must begin with a letter");
    }
    if !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        wrong.push("must contain only letters, numbers and underscores");
    }
    if wrong.is_empty() {
        return None;
    }
    let what = format!("The metric name '{name}' is invalid.  It {}", wrong.join(", "));
    Some(error(place, &what, "metrics become columns of queries", "rename the metric; `label` may be any text"))
}

/// Of a saved query's exports: what they are written as. `config` is the query's.
pub(super) fn of_exports(place: Place<'_>, name: &str, written: &Json, config: &JsonMap) -> Vec<Diagnostic> {
    let exports = written["exports"].as_array().into_iter().flatten();
    let wrong = exports.filter(|export| {
        let own = export["config"]["export_as"].as_str().or_else(|| config.get("export_as").and_then(Json::as_str));
        !own.is_some_and(|kind| matches!(kind.to_lowercase().as_str(), "table" | "view"))
    });
    wrong
        .map(|export| {
            let export = export["name"].as_str().unwrap_or_default();
            let what = format!("Export '{export}' of saved query '{name}' is neither a table nor a view");
            error(place, &what, "`export_as` is missing, or another word", "write `config: {export_as: table}`")
        })
        .collect()
}

/// The columns that time spines are of.
pub(super) fn check_time_spines(properties: &[PropertyFile], diagnostics: &mut Vec<Diagnostic>) {
    for file in properties {
        for model in &file.models {
            if model.time_spine.is_some() {
                diagnostics.extend(of_time_spine(file, model));
            }
        }
    }
}

fn of_time_spine(file: &PropertyFile, model: &NodeProperties) -> Vec<Diagnostic> {
    let place = Place { file, position: model.position };
    let columns = match model.versions.iter().find(|version| Some(&version.v) == model.latest_version.as_ref()) {
        Some(version) => model.columns_of(version),
        None => model.columns.clone(),
    };
    let Some(spine) = &model.time_spine else { return Vec::new() };
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let cause = format!("columns of model '{}' are: {}", model.name, names.join(", "));
    let mut found = Vec::new();
    let standard = spine["standard_granularity_column"].as_str().unwrap_or_default();
    match columns.iter().find(|column| column.name == standard) {
        None => {
            let what = format!("The time spine's standard granularity column '{standard}' is no column of the model");
            found.push(error(place, &what, &cause, "name a column that the entry describes"));
        }
        Some(column) if column.extra.get("granularity").is_none_or(Json::is_null) => {
            let what = format!("The time spine's standard granularity column '{standard}' has no granularity");
            let cause = "without one nobody knows how far its rows are apart";
            found.push(error(place, &what, cause, "add `granularity: day` to the column"));
        }
        Some(_) => {}
    }
    for custom in spine["custom_granularities"].as_array().into_iter().flatten() {
        let name = custom["column_name"].as_str().filter(|name| !name.is_empty()).or(custom["name"].as_str());
        if let Some(name) = name.filter(|name| !names.contains(name)) {
            let what = format!("The time spine's custom granularity column '{name}' is no column of the model");
            found.push(error(place, &what, &cause, "describe the column, or correct `column_name`"));
        }
    }
    found
}
