//! Methods of Jinja's `adapter` that only Athena has.

mod lake_formation;
mod partitions;
mod tables;

use diagnostic::Diagnostic;
use engine::adapter::{AdapterError, AdapterResult, StatementOrigin};
use jinja::{CallArgs, Value};
use names::{RelationName, S3Uri};
use uuid::Uuid;

use crate::{
    batches,
    config::Layout,
    errors,
    location::{self, Lifetime},
    step,
    types::DataType,
    warehouse::{Warehouse, is_s3_tables, table_type as table_type_of},
};

/// `None` when there is no such method.
pub(crate) async fn call(warehouse: &Warehouse, method: &str, arguments: CallArgs) -> Option<AdapterResult<Value>> {
    Some(match method {
        "is_s3_tables_database" => one_text(method, arguments, "database").map(|name| Value::Bool(is_s3_tables(&name))),
        "is_work_group_output_location_enforced" => warehouse.work_group_enforces_location().await.map(Value::Bool),
        "generate_s3_location" | "s3_table_location" => generate_location(warehouse, arguments),
        "generate_unique_temporary_table_suffix" => suffix(arguments),
        "get_glue_table" => glue_table(warehouse, arguments).await,
        "get_glue_table_location" => table_location(warehouse, arguments).await,
        "get_glue_table_type" => table_type(warehouse, arguments).await,
        "clean_up_table" => clean_up_table(warehouse, arguments).await,
        "delete_from_s3" => delete_from_s3(warehouse, arguments).await,
        "delete_from_glue_catalog" => delete_from_glue(warehouse, arguments).await,
        "drop_glue_database" => drop_glue_database(warehouse, arguments).await,
        "quote" => one_text(method, arguments, "identifier").map(|name| Value::from(crate::types::quoted(&name))),
        "is_list" => Ok(Value::Bool(arguments.positional.first().is_some_and(|value| value.as_list().is_some()))),
        "date_function" => Ok(Value::str("now()")),
        "ddl_data_type" => ddl_data_type(arguments),
        "format_one_partition_key" => {
            one_text(method, arguments, "partition_key").map(|key| Value::from(batches::select_key(&key, &[])))
        }
        "format_partition_keys" => partitions::keys(arguments),
        "format_value_for_partition" => partitions::value(arguments),
        "get_partition_batches" => partitions::batches(warehouse, arguments).await,
        "clean_up_partitions" => partitions::clean_up(warehouse, arguments).await,
        "murmur3_hash" => partitions::murmur3(arguments),
        "swap_table" => tables::swap_table(warehouse, arguments).await,
        "expire_glue_table_versions" => tables::expire_versions(warehouse, arguments).await,
        "persist_docs_to_glue" => tables::persist_docs(warehouse, arguments).await,
        "upload_seed_to_s3" => tables::upload_seed(warehouse, arguments).await,
        "add_lf_tags" => lake_formation::add_tags(warehouse, arguments).await,
        "add_lf_tags_to_database" => lake_formation::add_tags_to_database(warehouse, arguments).await,
        "apply_lf_grants" => lake_formation::apply_grants(warehouse, arguments).await,
        "valid_snapshot_target" | "assert_valid_snapshot_target_given_strategy" => {
            valid_snapshot_target(warehouse, method, arguments).await
        }
        "run_query_with_partitions_limit_catching" => run_catching(warehouse, arguments).await,
        "run_operation_with_potential_multiple_runs" => run_until_done(warehouse, arguments).await,
        _ => return None,
    })
}

fn bad(error: jinja::Error) -> AdapterError {
    AdapterError::new(Diagnostic::error(error.to_string()))
}

fn one_text(method: &str, arguments: CallArgs, name: &str) -> AdapterResult<String> {
    let [value] = arguments.bind(method, [name], 1).map_err(bad)?;
    Ok(value.map(|value| value.to_string()).unwrap_or_default())
}

/// The relation object's three parts.
fn relation(value: Option<Value>) -> AdapterResult<RelationName> {
    let part = |name: &str| match &value {
        Some(Value::Object(object)) => {
            let part = object.get_attr(name).or_else(|| object.get_item(&Value::str(name)))?;
            (!part.is_none() && !part.is_undefined()).then(|| part.to_string())
        }
        Some(Value::Dict(entries)) => entries.get(name).map(|part| part.to_string()),
        _ => None,
    };
    match (part("database"), part("schema"), part("identifier")) {
        (database, Some(schema), Some(identifier)) => {
            Ok(RelationName::new(database.unwrap_or_else(|| "awsdatacatalog".to_owned()), schema, identifier))
        }
        _ => Err(errors::mistake(
            "a relation was expected",
            "the method was called with something that has no schema and identifier",
            "pass `this`, `ref(…)`, `source(…)` or `api.Relation.create(…)`",
        )),
    }
}

/// The parts of a relation that may have no identifier.
fn schema(value: Option<Value>) -> AdapterResult<(String, String)> {
    let part = |name: &str| match &value {
        Some(Value::Object(object)) => text(object.get_attr(name)),
        _ => None,
    };
    match part("schema") {
        Some(schema) => Ok((part("database").unwrap_or_else(|| "awsdatacatalog".to_owned()), schema)),
        None => Err(errors::mistake(
            "a relation with a schema was expected",
            "the method was called with something that has none",
            "pass a relation, for example `api.Relation.create(database=…, schema=…)`",
        )),
    }
}

fn text(value: Option<Value>) -> Option<String> {
    value.filter(|value| !value.is_none() && !value.is_undefined()).map(|value| value.to_string())
}

fn json(value: Option<Value>) -> serde_json::Value {
    value.map(|value| value.to_json_lossy()).unwrap_or_default()
}

fn generate_location(warehouse: &Warehouse, arguments: CallArgs) -> AdapterResult<Value> {
    let names =
        ["relation", "s3_data_dir", "s3_data_naming", "s3_tmp_table_dir", "external_location", "is_temporary_table"];
    let [of, data_dir, naming, tmp_dir, external, temporary] =
        arguments.bind("generate_s3_location", names, 1).map_err(bad)?;
    let part = match &of {
        Some(Value::Object(object)) => object.get_attr("s3_path_table_part"),
        _ => None,
    };
    let of = relation(of)?;
    let part = text(part).unwrap_or_else(|| of.identifier.clone());
    let config = [
        ("s3_data_dir", data_dir),
        ("s3_data_naming", naming),
        ("s3_tmp_table_dir", tmp_dir),
        ("external_location", external),
    ];
    let lifetime = if temporary.is_some_and(|flag| flag.is_true()) { Lifetime::Temporary } else { Lifetime::Kept };
    Ok(Value::from(location(warehouse, &of, &part, config, lifetime)?.to_string()))
}

/// Where a relation's files go by these keys of a node's configuration, without a slash at the end.
fn location<const N: usize>(
    warehouse: &Warehouse,
    of: &RelationName,
    part: &str,
    config: [(&str, Option<Value>); N],
    lifetime: Lifetime,
) -> AdapterResult<S3Uri> {
    let config = config.into_iter().map(|(key, value)| (key.to_owned(), text(value).into())).collect();
    let layout = Layout::parse(&config, warehouse.catalogs())?;
    Ok(location::wanted(&warehouse.profile, &layout, of, part, lifetime, Uuid::new_v4())?.uri)
}

/// Whether a snapshot's table has the columns that a snapshot adds.
async fn valid_snapshot_target(warehouse: &Warehouse, method: &str, arguments: CallArgs) -> AdapterResult<Value> {
    let [of, names, strategy] = arguments.bind(method, ["relation", "column_names", "strategy"], 1).map_err(bad)?;
    let (of, names) = (relation(of)?, json(names));
    let mut wanted = vec!["dbt_scd_id", "dbt_valid_from", "dbt_valid_to"];
    if json(strategy)["hard_deletes"] == "new_record" {
        wanted.push("dbt_is_deleted");
    }
    let wanted = wanted.into_iter().map(|name| names[name].as_str().unwrap_or(name).to_lowercase());
    let existing = warehouse.columns(&of).await?;
    let has = |name: &String| existing.iter().any(|column| column.name.eq_ignore_ascii_case(name));
    let missing: Vec<String> = wanted.filter(|name| !has(name)).collect();
    if missing.is_empty() {
        return Ok(Value::None);
    }
    Err(errors::mistake(
        format!("Snapshot target is not a snapshot table (missing \"{}\")", missing.join("\", \"")),
        format!("{of} was not made by a snapshot"),
        "rename the snapshot, or drop the table",
    ))
}

fn suffix(arguments: CallArgs) -> AdapterResult<Value> {
    let [initial] = arguments.bind("generate_unique_temporary_table_suffix", ["suffix_initial"], 0).map_err(bad)?;
    let initial = text(initial).unwrap_or_else(|| "__dbt_tmp".to_owned());
    Ok(Value::from(format!("{initial}_{}", Uuid::new_v4().to_string().replace('-', "_"))))
}

async fn table_location(warehouse: &Warehouse, arguments: CallArgs) -> AdapterResult<Value> {
    let [of] = arguments.bind("get_glue_table_location", ["relation"], 1).map_err(bad)?;
    let of = relation(of)?;
    let Some(table) = warehouse.table(&of).await?.filter(|table| !table.is_view()) else { return Ok(Value::None) };
    match table.location().filter(|location| !location.is_empty()) {
        Some(location) => Ok(Value::str(location)),
        None => Err(errors::mistake(
            format!("Relation {of} is of type 'table' which requires a location, but no location returned by Glue."),
            "the Glue table has no location",
            "set the table's location in Glue, or drop it there",
        )),
    }
}

async fn table_type(warehouse: &Warehouse, arguments: CallArgs) -> AdapterResult<Value> {
    let [of] = arguments.bind("get_glue_table_type", ["relation"], 1).map_err(bad)?;
    let table = warehouse.table(&relation(of)?).await?;
    Ok(table.map_or(Value::None, |table| Value::object(table_type_of(&table).member())))
}

/// GetTable's answer as boto3 gives it.
async fn glue_table(warehouse: &Warehouse, arguments: CallArgs) -> AdapterResult<Value> {
    let [of] = arguments.bind("get_glue_table", ["relation"], 1).map_err(bad)?;
    let Some(table) = warehouse.table(&relation(of)?).await? else { return Ok(Value::None) };
    let members = serde_json::to_value(&table).unwrap_or_default();
    let moments = [("CreateTime", table.create_time), ("UpdateTime", table.update_time)];
    let member = |(key, value): (&String, &serde_json::Value)| {
        let moment = moments.iter().find(|(name, _)| name == key).and_then(|(_, moment)| *moment);
        (key.clone(), moment.map_or_else(|| Value::from(value.clone()), |moment| Value::from(moment.0)))
    };
    let members = members.as_object().into_iter().flatten().map(member);
    Ok(Value::dict([("Table", Value::dict(members))]))
}

async fn clean_up_table(warehouse: &Warehouse, arguments: CallArgs) -> AdapterResult<Value> {
    let [of] = arguments.bind("clean_up_table", ["relation"], 1).map_err(bad)?;
    let of = crate::warehouse::folded(&relation(of)?);
    if let Some(location) = warehouse.table(&of).await?.and_then(|table| step::location_of(&table)) {
        warehouse.delete_files(&of, &location, None).await?;
    }
    Ok(Value::None)
}

async fn delete_from_s3(warehouse: &Warehouse, arguments: CallArgs) -> AdapterResult<Value> {
    let path = one_text("delete_from_s3", arguments, "s3_path")?;
    let location: S3Uri = path.parse().map_err(|error: names::S3UriError| {
        errors::mistake(error.to_string(), "delete_from_s3 takes one S3 folder", "pass `s3://bucket/prefix/`")
    })?;
    // No table is named: the files must be nobody's.
    let nobody = RelationName::new("", "", "");
    warehouse.delete_files(&nobody, &location, None).await?;
    Ok(Value::None)
}

async fn delete_from_glue(warehouse: &Warehouse, arguments: CallArgs) -> AdapterResult<Value> {
    let [of] = arguments.bind("delete_from_glue_catalog", ["relation"], 1).map_err(bad)?;
    step::drop_entry(warehouse, &relation(of)?).await?;
    Ok(Value::None)
}

async fn drop_glue_database(warehouse: &Warehouse, arguments: CallArgs) -> AdapterResult<Value> {
    let [database, catalog] =
        arguments.bind("drop_glue_database", ["database_name", "catalog_name"], 1).map_err(bad)?;
    let schema = text(database).unwrap_or_default().to_lowercase();
    let catalog_name = text(catalog).unwrap_or_else(|| "awsdatacatalog".to_owned());
    let catalog = warehouse.catalog_id(&catalog_name).await?;
    let deleted = warehouse.services.glue.delete_database(catalog.as_deref(), &schema).await;
    deleted.map_err(|error| errors::of_api(&error, None))?;
    warehouse.forget_schema(&catalog_name, &schema);
    Ok(Value::None)
}

fn ddl_data_type(arguments: CallArgs) -> AdapterResult<Value> {
    let [kind, table_type] = arguments.bind("ddl_data_type", ["col_type", "table_type"], 1).map_err(bad)?;
    let iceberg = text(table_type).is_some_and(|table_type| table_type == "iceberg");
    Ok(Value::from(DataType::parse(&text(kind).unwrap_or_default()).hive(iceberg)))
}

fn origin(step: &str) -> StatementOrigin {
    StatementOrigin { node: None, step: step.to_owned(), comment: None }
}

async fn run_catching(warehouse: &Warehouse, arguments: CallArgs) -> AdapterResult<Value> {
    let sql = one_text("run_query_with_partitions_limit_catching", arguments, "sql")?;
    match warehouse.run(&sql, &origin("run_query_with_partitions_limit_catching"), None).await {
        Ok(outcome) => Ok(Value::from(format!(
            "{{\"rowcount\":{},\"data_scanned_in_bytes\":{}}}",
            outcome.rows.unwrap_or(-1),
            outcome.data_scanned_in_bytes
        ))),
        Err(error) if errors::mentions(&error, "TOO_MANY_OPEN_PARTITIONS") => {
            Ok(Value::str("TOO_MANY_OPEN_PARTITIONS"))
        }
        Err(error) => Err(error),
    }
}

async fn run_until_done(warehouse: &Warehouse, arguments: CallArgs) -> AdapterResult<Value> {
    let [query, operation] =
        arguments.bind("run_operation_with_potential_multiple_runs", ["query", "op"], 2).map_err(bad)?;
    let more = match text(operation).unwrap_or_default().as_str() {
        "vacuum" => "ICEBERG_VACUUM_MORE_RUNS_NEEDED",
        _ => "ICEBERG_OPTIMIZE_MORE_RUNS_NEEDED",
    };
    let sql = text(query).unwrap_or_default();
    warehouse.run_until_done(&sql, &origin("run_operation_with_potential_multiple_runs"), more).await?;
    Ok(Value::None)
}
