//! `CREATE TABLE` with columns, `DROP TABLE`.

use std::collections::HashMap;

use athena_api::glue::{Column, Parameters, SerDeInfo, StorageDescriptor, TableInput};
use athena_sql::{ColumnDefinition, CreateTable, PartitionField, RowFormat, StorageFormat, TableName};
use lake::iceberg;
use names::S3Uri;

use super::is_there;
use crate::{
    engine::Work,
    error::QueryError,
    output::QueryOutput,
    tables::{from_api, from_lake},
    write::{descriptor, storage_of},
};

/// A column as Glue keeps it.
pub(super) fn glue_column(column: &ColumnDefinition) -> Column {
    Column { comment: column.comment.clone(), ..Column::new(&column.name, column.data_type.to_string()) }
}

fn location(text: &str) -> Result<S3Uri, QueryError> {
    text.parse().map_err(|_| QueryError::hive_ddl_task("MetaException", format!("'{text}' is not a valid S3 location")))
}

pub(super) async fn create(work: &Work<'_>, create: &CreateTable) -> Result<QueryOutput, QueryError> {
    let key = work.key(&create.table);
    let glue = &work.resolver.glue;
    match glue.get_database(None, &key.database).await {
        Err(error) if error.is_not_found() => {
            return Err(QueryError::hive_ddl(format!(
                "SemanticException [Error 10072]: Database does not exist: {}",
                key.database
            )));
        }
        other => other.map_err(|error| from_api(&error))?,
    };
    let exists = || QueryError::hive_ddl_task("AlreadyExistsException", format!("Table {} already exists", key.table));
    if work.resolver.glue_table(&key.database, &key.table).await?.is_some() {
        return if create.if_not_exists { Ok(QueryOutput::nothing()) } else { Err(exists()) };
    }
    if create.is_iceberg() {
        return create_iceberg(work, create).await;
    }
    let input = hive_input(work, create)?;
    match glue.create_table(None, &key.database, input).await {
        Err(error) if is_there(&error) && create.if_not_exists => Ok(QueryOutput::nothing()),
        Err(error) if is_there(&error) => Err(exists()),
        other => other.map(|()| QueryOutput::nothing()).map_err(|error| from_api(&error)),
    }
}

fn hive_input(work: &Work<'_>, create: &CreateTable) -> Result<TableInput, QueryError> {
    let columns: Vec<Column> = create.columns.iter().map(glue_column).collect();
    let mut partition_keys = Vec::new();
    for field in &create.partitioned_by {
        match field {
            PartitionField::Column(column) => partition_keys.push(glue_column(column)),
            PartitionField::Transform { column, .. } => {
                return Err(QueryError::hive_ddl(format!(
                    "ParseException cannot recognize input near '{column}' in column specification"
                )));
            }
        }
    }
    let place = create.location.clone().unwrap_or_default();
    // Hive's paths have no slash at their end, whatever was typed: PyAthena's suite sees them so in Glue.
    let place = match location(&place)? {
        uri if uri.key.is_empty() => place,
        _ => place.trim_end_matches('/').to_owned(),
    };
    let mut serde = Parameters::from_iter([("serialization.format".to_owned(), "1".to_owned())]);
    if let Some(RowFormat::Delimited { field, escape, collection, map_key, line, null }) = &create.row_format {
        let named = [
            ("field.delim", field),
            ("escape.delim", escape),
            ("collection.delim", collection),
            ("mapkey.delim", map_key),
            ("line.delim", line),
            ("serialization.null.format", null),
        ];
        for (name, value) in named {
            if let Some(value) = value {
                serde.insert(name.to_owned(), value.clone());
            }
        }
        if let Some(field) = field {
            serde.insert("serialization.format".to_owned(), field.clone());
        }
    }
    let mut storage: StorageDescriptor = match &create.stored_as {
        None => descriptor("TEXTFILE", &place, columns, serde),
        Some(StorageFormat::Named(name)) => descriptor(name, &place, columns, serde),
        Some(StorageFormat::Classes { input, output }) => {
            descriptor("TEXTFILE", &place, columns, serde).map(|storage| StorageDescriptor {
                input_format: Some(input.clone()),
                output_format: Some(output.clone()),
                ..storage
            })
        }
    }
    .ok_or_else(|| QueryError::hive_ddl("SemanticException Unrecognized file format in STORED AS clause"))?;
    if let Some(RowFormat::Serde { class, properties }) = &create.row_format {
        let mut parameters = Parameters::from_iter([("serialization.format".to_owned(), "1".to_owned())]);
        parameters.extend(properties.clone());
        storage.serde_info =
            Some(SerDeInfo { name: None, serialization_library: Some(class.clone()), parameters: Some(parameters) });
        // A Parquet or ORC SerDe without STORED AS still reads such files.
        if create.stored_as.is_none() {
            for format in ["PARQUET", "ORC", "AVRO"] {
                if let Some((input, output, serde)) = storage_of(format)
                    && serde == class
                {
                    storage.input_format = Some(input.to_owned());
                    storage.output_format = Some(output.to_owned());
                }
            }
        }
    }
    if let Some((columns, count)) = &create.clustered_by {
        storage.bucket_columns = Some(columns.clone());
        storage.number_of_buckets = i32::try_from(*count).ok();
        let sorted = create.sorted_by.iter();
        let sorted: Vec<_> = sorted
            .map(|(column, ascending)| serde_json::json!({"Column": column, "SortOrder": i32::from(*ascending)}))
            .collect();
        storage.sort_columns = (!sorted.is_empty()).then(|| serde_json::Value::Array(sorted));
    }
    let mut parameters = Parameters::from_iter([
        ("EXTERNAL".to_owned(), "TRUE".to_owned()),
        ("transient_lastDdlTime".to_owned(), work.context.now.timestamp().to_string()),
    ]);
    parameters.extend(create.properties.clone());
    if let Some(comment) = &create.comment {
        parameters.insert("comment".to_owned(), comment.clone());
    }
    Ok(TableInput {
        name: create.table.table.clone(),
        owner: Some("hadoop".to_owned()),
        retention: Some(0),
        storage_descriptor: Some(storage),
        partition_keys: Some(partition_keys),
        table_type: Some("EXTERNAL_TABLE".to_owned()),
        parameters: Some(parameters),
        ..TableInput::default()
    })
}

async fn create_iceberg(work: &Work<'_>, create: &CreateTable) -> Result<QueryOutput, QueryError> {
    let key = work.key(&create.table);
    let Some(place) = &create.location else {
        return Err(QueryError::plain(
            1103,
            crate::ErrorCategory::User,
            "Table location can not be null or empty for Iceberg tables",
        ));
    };
    let mut columns: Vec<Column> = create.columns.iter().map(glue_column).collect();
    let mut partitioning = Vec::new();
    for field in &create.partitioned_by {
        partitioning.push(match field {
            // `PARTITIONED BY (c string)` is no Iceberg, but what it means is clear.
            PartitionField::Column(column) => {
                columns.push(glue_column(column));
                column.name.clone()
            }
            PartitionField::Transform { transform, argument, column } => match (transform.as_str(), argument) {
                ("identity", _) => column.clone(),
                (transform, Some(number)) => format!("{transform}({number}, {column})"),
                (transform, None) => format!("{transform}({column})"),
            },
        });
    }
    let known = [
        "format",
        "write_compression",
        "compression_level",
        "write_target_data_file_size_bytes",
        "format_version",
        "optimize_rewrite_min_data_file_size_bytes",
        "optimize_rewrite_max_data_file_size_bytes",
        "optimize_rewrite_data_file_threshold",
        "optimize_rewrite_delete_file_threshold",
        "vacuum_min_snapshots_to_keep",
        "vacuum_max_snapshot_age_seconds",
        "vacuum_max_metadata_files_to_keep",
    ];
    let mut properties = HashMap::new();
    for (name, value) in create.properties.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("table_type")) {
        if !known.contains(&name.to_lowercase().as_str()) {
            return Err(QueryError::plain(
                1103,
                crate::ErrorCategory::User,
                format!("Unsupported table property key: {name}"),
            ));
        }
        properties.insert(name.to_lowercase(), value.clone());
    }
    let request = iceberg::CreateTable {
        database: key.database,
        name: key.table,
        location: location(place)?,
        columns,
        partitioning,
        properties,
        comment: create.comment.clone(),
    };
    work.resolver.iceberg.create(request).await.map_err(from_lake)?;
    Ok(QueryOutput::nothing())
}

pub(super) async fn drop(work: &Work<'_>, name: &TableName, if_exists: bool) -> Result<QueryOutput, QueryError> {
    let key = work.key(name);
    let Some(table) = work.resolver.glue_table(&key.database, &key.table).await? else {
        if if_exists {
            return Ok(QueryOutput::nothing());
        }
        return Err(not_found(&key.database, &key.table));
    };
    if table.is_view() {
        return Err(QueryError::hive_ddl("SemanticException Cannot drop a view with DROP TABLE"));
    }
    work.resolver.glue.delete_table(None, &key.database, &key.table).await.map_err(|error| from_api(&error))?;
    if table.is_iceberg() {
        work.resolver.iceberg.purge(&table).await.map_err(from_lake)?;
    }
    Ok(QueryOutput::nothing())
}

/// Hive's sentence for a table that is not there.
pub(super) fn not_found(database: &str, table: &str) -> QueryError {
    QueryError::hive_ddl(format!("SemanticException [Error 10001]: Table not found {database}.{table}"))
}
