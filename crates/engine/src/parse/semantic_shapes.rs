//! Metrics, semantic models and saved queries as the manifest has them: every member, with dbt's defaults.
//!
//! Source: dbt Core, `artifacts/resources/v1/{metric,semantic_model,saved_query}.py`.

use artifacts::JsonMap;
use serde_json::{Value as Json, json};

/// Renders `doc()` in a description.
pub(super) type Describe<'a> = &'a dyn Fn(&str) -> String;

/// The named members, in order: those written, else the default.
fn members(written: &Json, defaults: &[(&str, Json)]) -> JsonMap {
    defaults
        .iter()
        .map(|(key, default)| {
            let value = written.get(*key).filter(|value| !value.is_null()).unwrap_or(default);
            ((*key).to_owned(), value.clone())
        })
        .collect()
}

pub(super) fn list(written: &Json, key: &str, shape: &dyn Fn(&Json) -> Json) -> Json {
    written.get(key).and_then(Json::as_array).into_iter().flatten().map(shape).collect::<Vec<_>>().into()
}

pub(super) fn optional(written: Option<&Json>, shape: &dyn Fn(&Json) -> Json) -> Json {
    written.filter(|value| !value.is_null()).map_or(Json::Null, shape)
}

fn text(value: &Json) -> Json {
    match value {
        Json::String(text) => text.as_str().into(),
        // As Python spells them.
        Json::Bool(true) => "True".into(),
        Json::Bool(false) => "False".into(),
        other => Json::String(other.to_string()),
    }
}

/// A word of a fixed list, which dbt takes in any case.
pub(super) fn word(written: Option<&Json>) -> Json {
    optional(written, &|written| written.as_str().map_or_else(|| written.clone(), |text| text.to_lowercase().into()))
}

/// `filter:` and `where:`: a condition or a list of them.
pub(super) fn filter(written: Option<&Json>) -> Json {
    optional(written, &|written| {
        let conditions = match written {
            Json::Array(items) => items.iter().collect(),
            one => vec![one],
        };
        let filters: Vec<Json> = conditions.into_iter().map(|text| json!({"where_sql_template": text})).collect();
        json!({"where_filters": filters})
    })
}

/// `28 days` as count and granularity.
fn window(written: Option<&Json>) -> Json {
    const STANDARD: [&str; 11] = [
        "nanosecond",
        "microsecond",
        "millisecond",
        "second",
        "minute",
        "hour",
        "day",
        "week",
        "month",
        "quarter",
        "year",
    ];
    optional(written, &|written| {
        let text = written.as_str().unwrap_or_default().to_lowercase();
        let Some((count, granularity)) = text.split_once(' ') else { return Json::Null };
        let singular = granularity.strip_suffix('s').filter(|word| STANDARD.contains(word)).unwrap_or(granularity);
        json!({"count": count.parse::<i64>().unwrap_or(0), "granularity": singular})
    })
}

fn input_measure(written: &Json) -> Json {
    let written = if written.is_string() { &json!({"name": written}) } else { written };
    let mut input = members(
        written,
        &[
            ("name", Json::Null),
            ("filter", Json::Null),
            ("alias", Json::Null),
            ("join_to_timespine", false.into()),
            ("fill_nulls_with", Json::Null),
        ],
    );
    input.insert("filter".to_owned(), filter(written.get("filter")));
    Json::Object(input)
}

fn input_metric(written: &Json) -> Json {
    let written = if written.is_string() { &json!({"name": written}) } else { written };
    json!({
        "name": written["name"],
        "filter": filter(written.get("filter")),
        "alias": written["alias"],
        "offset_window": window(written.get("offset_window")),
        "offset_to_grain": written["offset_to_grain"],
    })
}

/// A metric's `type_params`; `kind` is its `type`. `input_measures` are found when all metrics are known.
pub(super) fn type_params(written: &Json, kind: &str) -> Json {
    let conversion = optional(written.get("conversion_type_params"), &|written| {
        json!({
            "entity": written["entity"],
            "base_measure": optional(written.get("base_measure"), &input_measure),
            "conversion_measure": optional(written.get("conversion_measure"), &input_measure),
            "base_metric": null,
            "conversion_metric": null,
            "calculation": word(Some(written.get("calculation").unwrap_or(&"conversion_rate".into()))),
            "window": window(written.get("window")),
            "constant_properties": written["constant_properties"],
        })
    });
    let cumulative = if kind == "cumulative" {
        let own = &written["cumulative_type_params"];
        let either = |key: &str| own.get(key).filter(|value| !value.is_null()).or(written.get(key));
        json!({
            "window": window(either("window")),
            "grain_to_date": either("grain_to_date"),
            "period_agg": word(Some(own.get("period_agg").unwrap_or(&"first".into()))),
            "metric": null,
        })
    } else {
        Json::Null
    };
    json!({
        "measure": optional(written.get("measure"), &input_measure),
        "input_measures": [],
        "numerator": optional(written.get("numerator"), &input_metric),
        "denominator": optional(written.get("denominator"), &input_metric),
        "expr": optional(written.get("expr"), &text),
        "window": window(written.get("window")),
        "grain_to_date": word(written.get("grain_to_date")),
        "metrics": list(written, "metrics", &input_metric),
        "conversion_type_params": conversion,
        "cumulative_type_params": cumulative,
        "metric_aggregation_params": null,
        "fill_nulls_with": null,
        "join_to_timespine": false,
        "is_private": null,
    })
}

/// The `type_params` that a metric of the newer form comes to. `model` is its semantic model with the time dimension of
/// its metrics, when it is a simple metric below a model.
pub(super) fn flat_type_params(written: &Json, kind: &str, model: Option<(&str, Option<&str>)>) -> Json {
    let conversion = (kind == "conversion").then(|| {
        json!({
            "entity": written["entity"],
            "base_measure": null,
            "conversion_measure": null,
            "base_metric": optional(written.get("base_metric"), &input_metric),
            "conversion_metric": optional(written.get("conversion_metric"), &input_metric),
            "calculation": word(written.get("calculation")),
            "window": window(written.get("window")),
            "constant_properties": written["constant_properties"],
        })
    });
    let cumulative = (kind == "cumulative").then(|| {
        json!({
            "window": window(written.get("window")),
            "grain_to_date": written["grain_to_date"],
            "period_agg": word(Some(written.get("period_agg").unwrap_or(&"first".into()))),
            "metric": optional(written.get("input_metric"), &input_metric),
        })
    });
    let aggregation = model.filter(|_| !written["agg"].is_null()).map(|(model, time)| {
        let percentile = written["percentile_type"].as_str().unwrap_or_default().to_lowercase();
        json!({
            "semantic_model": model,
            "agg": word(written.get("agg")),
            "agg_params": {
                "percentile": written["percentile"],
                "use_discrete_percentile": percentile == "discrete",
                "use_approximate_percentile": percentile == "continuous",
            },
            "agg_time_dimension": written["agg_time_dimension"].as_str().filter(|name| !name.is_empty()).or(time),
            "non_additive_dimension": optional(written.get("non_additive_dimension"), &|written| json!({
                "name": written["name"],
                "window_choice": word(written.get("window_agg")),
                "window_groupings": list(written, "group_by", &Json::clone),
            })),
        })
    });
    json!({
        "measure": null,
        "input_measures": [],
        "numerator": optional(written.get("numerator"), &input_metric),
        "denominator": optional(written.get("denominator"), &input_metric),
        "expr": optional(written.get("expr"), &text),
        "window": window(written.get("window")),
        "grain_to_date": null,
        "metrics": list(written, "input_metrics", &input_metric),
        "conversion_type_params": conversion,
        "cumulative_type_params": cumulative,
        "metric_aggregation_params": aggregation,
        "fill_nulls_with": null,
        "join_to_timespine": written["join_to_timespine"].as_bool().unwrap_or(false),
        "is_private": written["hidden"].as_bool().unwrap_or(false),
    })
}

/// The config of an element: its own `meta` over its model's.
fn element_config(written: &Json, model_meta: &JsonMap) -> Json {
    let mut meta = model_meta.clone();
    if let Some(own) = written["config"]["meta"].as_object() {
        meta.extend(own.clone());
    }
    json!({"meta": meta})
}

fn described(written: &Json, describe: Describe<'_>) -> Json {
    optional(written.get("description"), &|text| text.as_str().map_or(Json::Null, |text| describe(text).into()))
}

pub(super) fn entities(model: &Json, meta: &JsonMap, describe: Describe<'_>) -> Json {
    list(model, "entities", &|written| {
        json!({
            "name": written["name"], "type": word(written.get("type")), "description": described(written, describe),
            "label": written["label"], "role": written["role"], "expr": optional(written.get("expr"), &text),
            "config": element_config(written, meta),
        })
    })
}

pub(super) fn measures(model: &Json, meta: &JsonMap, describe: Describe<'_>) -> Json {
    list(model, "measures", &|written| {
        let agg_params = optional(written.get("agg_params"), &|written| {
            let defaults = [
                ("percentile", Json::Null),
                ("use_discrete_percentile", false.into()),
                ("use_approximate_percentile", false.into()),
            ];
            Json::Object(members(written, &defaults))
        });
        let non_additive = optional(written.get("non_additive_dimension"), &|written| {
            json!({
                "name": written["name"], "window_choice": word(written.get("window_choice")),
                "window_groupings": list(written, "window_groupings", &Json::clone),
            })
        });
        json!({
            "name": written["name"], "agg": word(written.get("agg")), "description": described(written, describe),
            "label": written["label"], "create_metric": false, "expr": optional(written.get("expr"), &text),
            "agg_params": agg_params, "non_additive_dimension": non_additive,
            "agg_time_dimension": written["agg_time_dimension"], "config": element_config(written, meta),
        })
    })
}

pub(super) fn dimensions(model: &Json, meta: &JsonMap, describe: Describe<'_>) -> Json {
    list(model, "dimensions", &|written| {
        let type_params = optional(written.get("type_params"), &|written| {
            let validity = optional(written.get("validity_params"), &|written| {
                Json::Object(members(written, &[("is_start", false.into()), ("is_end", false.into())]))
            });
            json!({"time_granularity": word(written.get("time_granularity")), "validity_params": validity})
        });
        json!({
            "name": written["name"], "type": word(written.get("type")), "description": described(written, describe),
            "label": written["label"], "is_partition": written["is_partition"].as_bool().unwrap_or(false),
            "type_params": type_params, "expr": optional(written.get("expr"), &text), "metadata": null,
            "config": element_config(written, meta),
        })
    })
}

pub(super) fn defaults(model: &Json) -> Json {
    optional(model.get("defaults"), &|written| json!({"agg_time_dimension": written["agg_time_dimension"]}))
}

/// A saved query's `query_params`.
pub(super) fn query_params(written: &Json) -> Json {
    let params = &written["query_params"];
    json!({
        "metrics": list(params, "metrics", &Json::clone), "group_by": list(params, "group_by", &Json::clone),
        "where": filter(params.get("where")), "order_by": list(params, "order_by", &Json::clone), "limit": params["limit"],
    })
}

/// A saved query's `exports`; `config` is the query's, `place` the target's database and schema.
pub(super) fn exports(written: &Json, config: &JsonMap, place: (&str, &str)) -> Json {
    list(written, "exports", &|export| {
        let own = &export["config"];
        let value = |key: &str| own.get(key).filter(|value| !value.is_null()).or_else(|| config.get(key)).cloned();
        let schema = value("schema_name").or_else(|| value("schema")).filter(|schema| !schema.is_null());
        let alias = own.get("alias").filter(|alias| !alias.is_null()).unwrap_or(&export["name"]);
        json!({
            "name": export["name"],
            "config": {
                "export_as": value("export_as"), "schema_name": schema.unwrap_or_else(|| place.1.into()), "alias": alias,
                "database": value("database").filter(|database| !database.is_null()).unwrap_or_else(|| place.0.into()),
            },
            "unrendered_config": own.as_object().cloned().unwrap_or_default(),
        })
    })
}
