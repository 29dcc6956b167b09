//! `information_schema`, and the tables about tables.

use athena_api::{Glue, glue};
use lake::iceberg::IcebergTable;

use super::{from_api, hive_column_type, memory_table};
use crate::{
    analyze::{Found, TableColumn},
    error::QueryError,
    types::{Type, VARCHAR, map_of},
    value::Value,
};

fn found(columns: Vec<(String, Type)>, rows: &[Vec<Value>]) -> Result<Found, QueryError> {
    let provider = memory_table(&columns, rows)?;
    let columns = columns.into_iter().map(|(name, ty)| TableColumn { name, ty, hidden: false }).collect();
    Ok(Found::Table { provider, columns })
}

fn text(value: impl Into<String>) -> Value {
    Value::Str(value.into())
}

async fn databases(glue: &dyn Glue) -> Result<Vec<String>, QueryError> {
    let (mut names, mut page) = (Vec::new(), glue::PageRequest::default());
    loop {
        let answer = glue.get_databases(None, page).await.map_err(|error| from_api(&error))?;
        names.extend(answer.items.into_iter().map(|database| database.name));
        match answer.next_token {
            Some(token) => page = glue::PageRequest { next_token: Some(token), max_results: None },
            None => return Ok(names),
        }
    }
}

/// A table of `information_schema`.
pub(super) async fn table(glue: &dyn Glue, catalog: &str, name: &str) -> Result<Found, QueryError> {
    let named = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), VARCHAR)).collect::<Vec<_>>();
    let all = databases(glue).await?;
    if name == "schemata" {
        let mut rows: Vec<Vec<Value>> = all.into_iter().map(|name| vec![text(catalog), text(name)]).collect();
        rows.push(vec![text(catalog), text("information_schema")]);
        return found(named(&["catalog_name", "schema_name"]), &rows);
    }
    let mut tables = Vec::new();
    for database in &all {
        let listed = glue::all_tables(glue, None, database).await.map_err(|error| from_api(&error))?;
        tables.extend(listed);
    }
    match name {
        "tables" => {
            let kind = |table: &glue::Table| if table.is_view() { "VIEW" } else { "BASE TABLE" };
            let rows: Vec<Vec<Value>> = tables
                .iter()
                .map(|table| vec![text(catalog), text(&table.database_name), text(table.name()), text(kind(table))])
                .collect();
            found(named(&["table_catalog", "table_schema", "table_name", "table_type"]), &rows)
        }
        "views" => {
            let mut rows = Vec::new();
            for table in tables.iter().filter(|table| table.is_view()) {
                let sql = crate::view::definition(table).map_or(Value::Null, |view| text(view.original_sql));
                rows.push(vec![text(catalog), text(&table.database_name), text(table.name()), sql]);
            }
            found(named(&["table_catalog", "table_schema", "table_name", "view_definition"]), &rows)
        }
        "columns" => {
            let mut columns = named(&["table_catalog", "table_schema", "table_name", "column_name"]);
            columns.push(("ordinal_position".to_owned(), Type::BigInt));
            columns.extend(named(&["column_default", "is_nullable", "data_type", "comment", "extra_info"]));
            let mut rows = Vec::new();
            for table in &tables {
                let view = crate::view::definition(table);
                let keys = table.partition_keys();
                let own: Vec<&glue::Column> = table.columns().collect();
                for (at, column) in own.iter().copied().chain(keys).enumerate() {
                    let shown = match &view {
                        Some(view) => view.columns.get(at).map(|column| column.r#type.clone()),
                        None => column_type(table, column).map(|ty| ty.to_string()),
                    };
                    rows.push(vec![
                        text(catalog),
                        text(&table.database_name),
                        text(table.name()),
                        text(column.name.to_lowercase()),
                        Value::Int(i64::try_from(at + 1).unwrap_or(0)),
                        Value::Null,
                        text("YES"),
                        shown.map_or(Value::Null, Value::Str),
                        column.comment.clone().map_or(Value::Null, Value::Str),
                        if at >= own.len() { text("partition key") } else { Value::Null },
                    ]);
                }
            }
            found(columns, &rows)
        }
        other => {
            let message = format!("Table '{catalog}.information_schema.{other}' does not exist");
            Ok(Found::Error(QueryError::new("TABLE_NOT_FOUND", message)))
        }
    }
}

/// A column's type, as Trino shows it.
fn column_type(table: &glue::Table, column: &glue::Column) -> Option<Type> {
    let parsed: athena_sql::HiveType = column.type_text().parse().ok()?;
    Type::from_hive(&parsed, table.is_iceberg()).ok()
}

/// `t$partitions` of a Hive table: one column for each key.
pub(super) async fn hive_partitions(glue: &dyn Glue, table: &glue::Table) -> Result<Found, QueryError> {
    let mut columns = Vec::new();
    for key in table.partition_keys() {
        columns.push((key.name.to_lowercase(), hive_column_type(key.type_text())?));
    }
    let filter = glue::PartitionFilter::default();
    let partitions = glue::all_partitions(glue, None, &table.database_name, table.name(), &filter).await;
    let mut rows = Vec::new();
    for partition in partitions.map_err(|error| from_api(&error))? {
        let row = partition.input.values.iter().zip(&columns).map(|(value, (_, ty))| match ty {
            _ if value == "__HIVE_DEFAULT_PARTITION__" => Value::Null,
            ty if ty.is_text() => text(value),
            ty => crate::cast::from_text(value, ty).unwrap_or(Value::Null),
        });
        rows.push(row.collect());
    }
    found(columns, &rows)
}

/// `t$snapshots`, `t$history`, `t$properties`, `t$refs`.
pub(super) fn iceberg_metadata(table: &IcebergTable, suffix: &str) -> Result<Option<Found>, QueryError> {
    let metadata = table.metadata();
    let instant = || Type::TimestampTz(3, std::sync::Arc::from("UTC"));
    let named =
        |columns: Vec<(&str, Type)>| columns.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect::<Vec<_>>();
    let parent = |id: i64| {
        let snapshot = metadata.snapshot_by_id(id);
        snapshot.and_then(|snapshot| snapshot.parent_snapshot_id()).map_or(Value::Null, Value::Int)
    };
    let (columns, rows): (Vec<(String, Type)>, Vec<Vec<Value>>) = match suffix {
        "snapshots" => {
            let mut snapshots: Vec<_> = metadata.snapshots().collect();
            snapshots.sort_by_key(|snapshot| snapshot.timestamp_ms());
            let rows = snapshots
                .into_iter()
                .map(|snapshot| {
                    let summary = snapshot.summary();
                    let extra =
                        summary.additional_properties.iter().map(|(key, value)| (text(key), text(value))).collect();
                    vec![
                        Value::Int(snapshot.timestamp_ms() * 1000),
                        Value::Int(snapshot.snapshot_id()),
                        snapshot.parent_snapshot_id().map_or(Value::Null, Value::Int),
                        text(format!("{:?}", summary.operation).to_lowercase()),
                        text(snapshot.manifest_list()),
                        Value::Map(extra),
                    ]
                })
                .collect();
            let columns = vec![
                ("committed_at", instant()),
                ("snapshot_id", Type::BigInt),
                ("parent_id", Type::BigInt),
                ("operation", VARCHAR),
                ("manifest_list", VARCHAR),
                ("summary", map_of(VARCHAR, VARCHAR)),
            ];
            (named(columns), rows)
        }
        "history" => {
            let current = metadata.current_snapshot_id();
            let ancestors: Vec<i64> =
                std::iter::successors(current, |id| metadata.snapshot_by_id(*id).and_then(|s| s.parent_snapshot_id()))
                    .collect();
            let rows = metadata
                .history()
                .iter()
                .map(|entry| {
                    vec![
                        Value::Int(entry.timestamp_ms * 1000),
                        Value::Int(entry.snapshot_id),
                        parent(entry.snapshot_id),
                        Value::Bool(ancestors.contains(&entry.snapshot_id)),
                    ]
                })
                .collect();
            let columns = vec![
                ("made_current_at", instant()),
                ("snapshot_id", Type::BigInt),
                ("parent_id", Type::BigInt),
                ("is_current_ancestor", Type::Boolean),
            ];
            (named(columns), rows)
        }
        "properties" => {
            let rows = metadata.properties().iter().map(|(key, value)| vec![text(key), text(value)]).collect();
            (named(vec![("key", VARCHAR), ("value", VARCHAR)]), rows)
        }
        _ => return Ok(None),
    };
    found(columns, &rows).map(Some)
}
