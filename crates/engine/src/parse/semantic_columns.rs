//! What models and columns say of the semantic layer, in the newer form: as the manifest keeps it, and as the parts of a
//! semantic model.
//!
//! Source: dbt Core, `parser/common.py` and `parser/schema_yaml_readers.py`.

use artifacts::JsonMap;
use project::properties::ColumnProperties;
use serde_json::{Value as Json, json};

use super::semantic_shapes::{Describe, list, optional, word};

/// `dimension:` of a column with every member; a word alone stays one.
pub(super) fn dimension(written: &Json, column: &ColumnProperties) -> Json {
    if written.is_string() {
        return word(Some(written));
    }
    json!({
        "name": written["name"].as_str().unwrap_or(&column.name), "type": word(written.get("type")),
        "description": own_or(written, "description", &column.description), "label": written["label"],
        "is_partition": written["is_partition"].as_bool().unwrap_or(false), "config": mapping(written.get("config")),
        "validity_params": validity(written.get("validity_params")),
    })
}

/// `entity:` of a column with every member; a word alone stays one.
pub(super) fn entity(written: &Json, column: &ColumnProperties) -> Json {
    if written.is_string() {
        return word(Some(written));
    }
    json!({
        "name": written["name"].as_str().unwrap_or(&column.name), "type": word(written.get("type")),
        "description": own_or(written, "description", &column.description), "label": written["label"],
        "config": mapping(written.get("config")),
    })
}

fn own_or<'a>(written: &'a Json, key: &str, other: &'a str) -> &'a str {
    written[key].as_str().filter(|text| !text.is_empty()).unwrap_or(other)
}

fn mapping(written: Option<&Json>) -> JsonMap {
    super::config::mapping(written)
}

fn validity(written: Option<&Json>) -> Json {
    optional(written, &|written| {
        let flag = |key: &str| written[key].as_bool().unwrap_or(false);
        json!({"is_start": flag("is_start"), "is_end": flag("is_end")})
    })
}

/// The config of an element: its own `meta` over its model's.
fn element_config(own: JsonMap, model_meta: &JsonMap) -> Json {
    let mut meta = model_meta.clone();
    meta.extend(own);
    json!({"meta": meta})
}

fn meta_of(written: &Json) -> JsonMap {
    super::config::mapping(written["config"].get("meta"))
}

fn type_params(granularity: &Json, validity_params: Json) -> Json {
    optional(
        Some(granularity),
        &|granularity| json!({"time_granularity": word(Some(granularity)), "validity_params": validity_params}),
    )
}

/// The dimensions of a semantic model: of its columns, then derived ones.
pub(super) fn dimensions(
    columns: &[ColumnProperties],
    derived: &Json,
    model_meta: &JsonMap,
    describe: Describe<'_>,
) -> Json {
    let of_columns = columns.iter().filter_map(|column| {
        let written = column.extra.get("dimension").filter(|written| !written.is_null())?;
        let mut meta = column.meta.clone();
        // A word alone has no type_params: dbt does not look at the column's granularity then.
        let (name, granularity) = match written {
            Json::String(_) => (column.name.as_str(), &Json::Null),
            _ => {
                meta.extend(meta_of(written));
                let name = written["name"].as_str().filter(|name| !name.is_empty()).unwrap_or(&column.name);
                (name, column.extra.get("granularity").unwrap_or(&Json::Null))
            }
        };
        Some(json!({
            "name": name, "type": word(Some(written.get("type").unwrap_or(written))),
            "description": describe(own_or(written, "description", &column.description)), "label": written["label"],
            "is_partition": written["is_partition"].as_bool().unwrap_or(false),
            "type_params": type_params(granularity, validity(written.get("validity_params"))),
            "expr": (name != column.name).then_some(&column.name), "metadata": null,
            "config": element_config(meta, model_meta),
        }))
    });
    let derived = list(derived, "dimensions", &|written| {
        json!({
            "name": written["name"], "type": word(written.get("type")),
            "description": optional(written.get("description"), &|text| describe(text.as_str().unwrap_or_default()).into()),
            "label": written["label"], "is_partition": written["is_partition"].as_bool().unwrap_or(false),
            "type_params": type_params(&written["granularity"], validity(written.get("validity_params"))),
            "expr": written["expr"], "metadata": null, "config": element_config(meta_of(written), model_meta),
        })
    });
    joined(of_columns, derived)
}

/// The entities of a semantic model: of its columns, then derived ones.
pub(super) fn entities(
    columns: &[ColumnProperties],
    derived: &Json,
    model_meta: &JsonMap,
    describe: Describe<'_>,
) -> Json {
    let of_columns = columns.iter().filter_map(|column| {
        let written = column.extra.get("entity").filter(|written| !written.is_null())?;
        let name = written["name"].as_str().filter(|name| !name.is_empty()).unwrap_or(&column.name);
        let own = written.get("config").and_then(|config| config.get("meta"));
        let meta = own.map_or_else(|| column.meta.clone(), |meta| mapping(Some(meta)));
        Some(json!({
            "name": name, "type": word(Some(written.get("type").unwrap_or(written))),
            "description": describe(own_or(written, "description", &column.description)), "label": written["label"],
            "role": null, "expr": (name != column.name).then_some(&column.name),
            "config": element_config(meta, model_meta),
        }))
    });
    let derived = list(derived, "entities", &|written| {
        json!({
            "name": written["name"], "type": word(written.get("type")),
            "description": optional(written.get("description"), &|text| describe(text.as_str().unwrap_or_default()).into()),
            "label": written["label"], "role": null, "expr": written["expr"],
            "config": element_config(meta_of(written), model_meta),
        })
    });
    joined(of_columns, derived)
}

fn joined(of_columns: impl Iterator<Item = Json>, derived: Json) -> Json {
    let derived = match derived {
        Json::Array(items) => items,
        _ => Vec::new(),
    };
    of_columns.chain(derived).collect()
}
