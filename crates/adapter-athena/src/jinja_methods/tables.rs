//! Methods that a project's own materializations build tables with.

use engine::adapter::{AdapterError, AdapterResult, ColumnSpec};
use indexmap::IndexMap;
use jinja::{CallArgs, Value};
use serde_json::Value as Json;

use super::{bad, json, relation, text};
use crate::{
    errors, location,
    step::{self, Archive, Describe},
    upload_args,
    warehouse::{Warehouse, is_s3_tables},
};

/// Gives the target the storage of the source, which keeps none of its own.
pub(super) async fn swap_table(warehouse: &Warehouse, arguments: CallArgs) -> AdapterResult<Value> {
    let [from, to] = arguments.bind("swap_table", ["src_relation", "target_relation"], 2).map_err(bad)?;
    step::swap(warehouse, &relation(from)?, &relation(to)?, Archive::Keep).await?;
    Ok(Value::None)
}

/// Deletes all but the newest versions. A table whose versions cannot be read has none to delete.
pub(super) async fn expire_versions(warehouse: &Warehouse, arguments: CallArgs) -> AdapterResult<Value> {
    let names = ["relation", "to_keep", "delete_s3"];
    let [of, keep, delete_files] = arguments.bind("expire_glue_table_versions", names, 3).map_err(bad)?;
    let of = relation(of)?;
    let keep = text(keep).unwrap_or_default();
    let keep: usize = keep.trim().parse().map_err(|_| {
        errors::mistake(
            format!("'{keep}' is not a number of versions to keep"),
            "expire_glue_table_versions takes a whole number",
            "correct `versions_to_keep`",
        )
    })?;
    if is_s3_tables(&of.database) {
        return Ok(Value::list(Vec::new()));
    }
    let expired = step::expire_versions(warehouse, &of, keep, delete_files.is_some_and(|flag| flag.is_true())).await?;
    Ok(Value::list(expired.into_iter().map(Value::from).collect()))
}

/// Descriptions and comments into Glue, as `persist_docs` has them.
pub(super) async fn persist_docs(warehouse: &Warehouse, arguments: CallArgs) -> AdapterResult<Value> {
    // `project` is the engine's, beside dbt's arguments.
    let names =
        ["relation", "model", "persist_relation_docs", "persist_column_docs", "skip_archive_table_version", "project"];
    let [of, model, of_relation, of_columns, _, project] =
        arguments.bind("persist_docs_to_glue", names, 2).map_err(bad)?;
    let is_set = |flag: Option<Value>| flag.is_some_and(|flag| flag.is_true());
    let (of, model) = (relation(of)?, json(model));
    let describes_table = is_set(of_relation);
    let describe = Describe {
        relation: of,
        description: describes_table.then(|| model["description"].as_str().unwrap_or_default().to_owned()),
        parameters: if describes_table { parameters(&model, &json(project)) } else { IndexMap::new() },
        columns: if is_set(of_columns) { columns(&model) } else { Vec::new() },
        classification: None,
    };
    describe.execute(warehouse).await?;
    Ok(Value::None)
}

/// The model's meta, and where the table comes from.
fn parameters(model: &Json, project: &Json) -> IndexMap<String, String> {
    let meta = model["config"]["meta"].as_object();
    let mut parameters: IndexMap<String, String> =
        meta.into_iter().flatten().map(|(key, value)| (key.clone(), step::python_text(value))).collect();
    let origin = [
        ("unique_id", &model["unique_id"]),
        ("materialized", &model["config"]["materialized"]),
        ("dbt_project_name", &project["name"]),
        ("dbt_project_version", &project["version"]),
    ];
    let origin = origin.into_iter().filter(|(_, value)| !value.is_null());
    parameters.extend(origin.map(|(key, value)| (key.to_owned(), step::python_text(value))));
    parameters
}

fn columns(model: &Json) -> Vec<ColumnSpec> {
    let column = |(name, column): (&String, &Json)| ColumnSpec {
        name: column["name"].as_str().unwrap_or(name).to_owned(),
        description: column["description"].as_str().unwrap_or_default().to_owned(),
        data_type: column["data_type"].as_str().map(str::to_owned),
        quote: column["quote"].as_bool().unwrap_or(false),
        meta: column["meta"].as_object().cloned().unwrap_or_default().into_iter().collect(),
    };
    model["columns"].as_object().into_iter().flatten().map(column).collect()
}

/// A seed's rows as a CSV object in a folder of their own; answers the folder.
pub(super) async fn upload_seed(warehouse: &Warehouse, arguments: CallArgs) -> AdapterResult<Value> {
    let names = ["relation", "table", "s3_data_dir", "s3_data_naming", "external_location", "seed_s3_upload_args"];
    let [of, table, data_dir, naming, external, upload_args] =
        arguments.bind("upload_seed_to_s3", names, 2).map_err(bad)?;
    let headers = match upload_args.filter(|args| !args.is_none() && args.is_true()) {
        Some(args) => upload_args::headers(&args.to_json_lossy()).map_err(|mistake| AdapterError::new(*mistake))?,
        None => Default::default(),
    };
    let part = match &of {
        Some(Value::Object(object)) => object.get_attr("s3_path_table_part"),
        _ => None,
    };
    let of = relation(of)?;
    let config = [("s3_data_dir", data_dir), ("s3_data_naming", naming), ("external_location", external)];
    let part = text(part).unwrap_or_else(|| of.identifier.clone());
    let folder = super::location(warehouse, &of, &part, config, location::Lifetime::Kept)?;
    let (names, rows) = cells(table)?;
    let object = folder.join(&format!("{}.csv", of.identifier));
    let csv = step::csv(names.iter().map(String::as_str), rows.iter());
    let put = warehouse.services.s3.put_with(&object, csv, &headers).await;
    put.map_err(|error| errors::of_api(&error, None))?;
    Ok(Value::from(folder.to_string()))
}

type Cells = (Vec<String>, Vec<Vec<Option<String>>>);

/// The names and texts of a table that a macro hands over.
fn cells(table: Option<Value>) -> AdapterResult<Cells> {
    let table = table.unwrap_or(Value::None);
    let Value::Object(table) = &table else {
        return Err(errors::mistake(
            format!("a table was expected, not {}", table.type_name()),
            "upload_seed_to_s3 uploads the rows of a table",
            "pass what `load_agate_table()` gives",
        ));
    };
    let texts = |value: Value| value.items().map_err(bad);
    let names = table.get_attr("column_names").map(texts).transpose()?.unwrap_or_default();
    let mut rows = Vec::new();
    for row in table.get_attr("rows").map(texts).transpose()?.unwrap_or_default() {
        rows.push(texts(row)?.into_iter().map(|value| text(Some(value))).collect());
    }
    Ok((names.iter().map(ToString::to_string).collect(), rows))
}
