//! `CREATE TABLE … AS`, `UNLOAD`.

use std::collections::HashMap;

use athena_api::glue::{Column, Parameters, TableInput};
use athena_sql::{CreateTableAs, Pos, Unload};
use datafusion::logical_expr::LogicalPlan;
use lake::{
    WriteOptions, iceberg,
    write::{Compression, WriteFormat},
};
use names::S3Uri;

use super::{descriptor, fitted, insert::cleaning, may_need_cleaning, wrote};
use crate::{
    analyze::{Field, TableKey, filtered, visible},
    engine::{Work, analyze},
    error::{ErrorCategory, QueryError},
    output::QueryOutput,
    tables::{from_api, from_lake},
    types::Type,
    value::Value,
};

const START: Pos = Pos { line: 1, column: 1 };

/// The `WITH` properties of CTAS and UNLOAD.
struct Properties(Vec<(String, Value, Type)>);

impl Properties {
    fn text(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(key, ..)| key == name).and_then(|(_, value, ty)| crate::text::print(value, ty))
    }

    fn list(&self, name: &str) -> Vec<String> {
        let found = self.0.iter().find(|(key, ..)| key == name);
        found
            .map(|(_, value, _)| value.array().iter().map(|item| item.str().to_lowercase()).collect())
            .unwrap_or_default()
    }

    fn check(&self, allowed: &[&str]) -> Result<(), QueryError> {
        match self.0.iter().find(|(key, ..)| !allowed.contains(&key.as_str())) {
            Some((key, ..)) => Err(QueryError::at(
                "INVALID_TABLE_PROPERTY",
                START,
                format!("Catalog 'awsdatacatalog' table property '{key}' does not exist"),
            )),
            None => Ok(()),
        }
    }
}

pub(crate) async fn create_table_as(work: &Work<'_>, create: &CreateTableAs) -> Result<QueryOutput, QueryError> {
    let key = work.key(&create.table);
    if !crate::tables::is_catalog(&key.catalog) {
        let message = format!("Catalog '{}' does not exist", key.catalog);
        return Err(QueryError::at("CATALOG_NOT_FOUND", create.table.pos, message));
    }
    let properties = Properties(work.properties(&create.properties).await?);
    properties.check(&[
        "table_type",
        "external_location",
        "location",
        "is_external",
        "format",
        "write_compression",
        "parquet_compression",
        "orc_compression",
        "compression_level",
        "field_delimiter",
        "partitioned_by",
        "partitioning",
        "bucketed_by",
        "bucket_count",
        "write_target_data_file_size_bytes",
        "optimize_rewrite_min_data_file_size_bytes",
        "optimize_rewrite_max_data_file_size_bytes",
        "optimize_rewrite_data_file_threshold",
        "optimize_rewrite_delete_file_threshold",
        "vacuum_min_snapshots_to_keep",
        "vacuum_max_snapshot_age_seconds",
        "vacuum_max_metadata_files_to_keep",
        "format_version",
    ])?;
    let relation = analyze!(work, analyzer => analyzer.plan(&create.query))?;
    let mut fields = visible(&relation);
    for (field, alias) in fields.iter_mut().zip(&create.column_aliases) {
        field.name = alias.lower();
        field.label.clone_from(&alias.value);
    }
    check_columns(&fields)?;
    if work.resolver.glue.get_database(None, &key.database).await.is_err_and(|error| error.is_not_found()) {
        let location = &work.context.default_table_location;
        let message =
            format!("Database {} not found. Please check your query. {}", key.database, may_need_cleaning(location));
        return Err(QueryError::plain(1301, ErrorCategory::User, message));
    }
    if work.resolver.glue_table(&key.database, &key.table).await?.is_some() {
        if create.if_not_exists {
            return Ok(wrote(0, None));
        }
        let message = format!("Destination table 'awsdatacatalog.{}.{}' already exists", key.database, key.table);
        return Err(QueryError::at("TABLE_ALREADY_EXISTS", START, message));
    }
    let plan = match create.with_data {
        true => relation.plan,
        false => filtered(relation.plan, datafusion::logical_expr::lit(false))?,
    };
    match properties.text("table_type").map(|kind| kind.to_uppercase()).as_deref() {
        None | Some("HIVE") => hive(work, &key, &properties, plan, &fields, create).await,
        Some("ICEBERG") => iceberg_table(work, &key, &properties, plan, &fields, create).await,
        Some(other) => Err(QueryError::at("INVALID_TABLE_PROPERTY", START, format!("Invalid table_type: {other}"))),
    }
}

/// Columns that are stored must have names and types.
pub(crate) fn check_columns(fields: &[Field]) -> Result<(), QueryError> {
    for (at, field) in fields.iter().enumerate() {
        if field.name == format!("_col{at}") {
            let message = format!("Column name not specified at position {}", at + 1);
            return Err(QueryError::at("MISSING_COLUMN_NAME", START, message));
        }
        if field.ty == Type::Unknown {
            return Err(QueryError::at(
                "COLUMN_TYPE_UNKNOWN",
                START,
                format!("Column type is unknown at position {}", at + 1),
            ));
        }
        if fields[..at].iter().any(|other| other.name == field.name) {
            let message = format!("Column name '{}' specified more than once", field.name);
            return Err(QueryError::at("DUPLICATE_COLUMN_NAME", START, message));
        }
    }
    Ok(())
}

fn uri(text: &str) -> Result<S3Uri, QueryError> {
    text.parse()
        .map_err(|_| QueryError::at("INVALID_TABLE_PROPERTY", START, format!("Location '{text}' is not an S3 path")))
}

fn format(text: Option<String>) -> Result<(String, WriteFormat), QueryError> {
    let name = text.unwrap_or_else(|| "PARQUET".to_owned()).to_uppercase();
    let format = match name.as_str() {
        "PARQUET" => WriteFormat::Parquet,
        "JSON" => WriteFormat::Json,
        "TEXTFILE" => WriteFormat::Delimited,
        "ORC" | "AVRO" | "ION" => {
            return Err(QueryError::not_supported(format!("writing {name} is not supported yet")));
        }
        _ => return Err(QueryError::at("INVALID_TABLE_PROPERTY", START, format!("Invalid format: {name}"))),
    };
    Ok((name, format))
}

fn compression(properties: &Properties, names: &[&str], default: Compression) -> Result<Compression, QueryError> {
    let Some(codec) = names.iter().find_map(|name| properties.text(name)) else { return Ok(default) };
    Ok(match codec.to_uppercase().as_str() {
        "NONE" | "UNCOMPRESSED" => Compression::None,
        "SNAPPY" => Compression::Snappy,
        "GZIP" => Compression::Gzip,
        "ZSTD" => Compression::Zstd(properties.text("compression_level").and_then(|level| level.parse().ok())),
        other => return Err(QueryError::not_supported(format!("the compression codec {other} is not supported yet"))),
    })
}

/// The trailing columns that `partitioned_by` must name, in order.
fn check_partitions(fields: &[Field], partitioned_by: &[String]) -> Result<usize, QueryError> {
    let count = partitioned_by.len();
    let tail: Vec<&str> =
        fields[fields.len().saturating_sub(count)..].iter().map(|field| field.name.as_str()).collect();
    if let Some(missing) = partitioned_by.iter().find(|name| !fields.iter().any(|field| field.name == **name)) {
        let message = format!("Partition columns {missing:?} not present in schema").replace('"', "");
        return Err(QueryError::new("INVALID_TABLE_PROPERTY", message));
    }
    if count >= fields.len() && count > 0 {
        return Err(QueryError::new("INVALID_TABLE_PROPERTY", "Table contains only partition columns"));
    }
    if tail != partitioned_by {
        let message = format!(
            "Partition keys must be the last columns in the table and in the same order as the table properties: [{}]",
            partitioned_by.join(", ")
        );
        return Err(QueryError::new("HIVE_COLUMN_ORDER_MISMATCH", message));
    }
    Ok(count)
}

async fn check_empty(work: &Work<'_>, location: &S3Uri, what: &str) -> Result<(), QueryError> {
    let there = work.resolver.storage.list_all(&location.bucket, &location.prefix()).await;
    let there = there.map_err(|error| from_lake(error.into()))?;
    if there.is_empty() {
        return Ok(());
    }
    let message =
        format!("Target directory for table '{what}' already exists: {location}. {}", may_need_cleaning(location));
    Err(QueryError::new("HIVE_PATH_ALREADY_EXISTS", message))
}

async fn hive(
    work: &Work<'_>,
    key: &TableKey,
    properties: &Properties,
    plan: LogicalPlan,
    fields: &[Field],
    create: &CreateTableAs,
) -> Result<QueryOutput, QueryError> {
    let location = match properties.text("external_location") {
        Some(text) => uri(&text)?.as_directory(),
        None => work.context.default_table_location.as_directory(),
    };
    let partitioned_by = properties.list("partitioned_by");
    let keys = check_partitions(fields, &partitioned_by)?;
    let bucketed_by = properties.list("bucketed_by");
    let bucket_count = properties.text("bucket_count").and_then(|count| count.parse::<usize>().ok()).unwrap_or(0);
    if bucketed_by.is_empty() != (bucket_count == 0) {
        return Err(QueryError::new("INVALID_TABLE_PROPERTY", "bucketed_by and bucket_count must be given together"));
    }
    let mut buckets = Vec::new();
    for name in &bucketed_by {
        let at = fields[..fields.len() - keys].iter().position(|field| field.name == *name);
        buckets.push(at.ok_or_else(|| {
            QueryError::new("INVALID_TABLE_PROPERTY", format!("Bucketing columns [{name}] not present in schema"))
        })?);
    }
    let (name, write_format) = format(properties.text("format"))?;
    let mut columns: Vec<Column> = Vec::new();
    for field in fields {
        columns.push(Column::new(&field.name, field.ty.hive(false)?));
    }
    let partition_keys = columns.split_off(columns.len() - keys);
    check_empty(work, &location, &format!("{}.{}", key.database, key.table)).await?;

    let mut options = WriteOptions::new(location.clone(), work.context.query_execution_id.clone());
    options.format = write_format;
    let codecs = ["write_compression", "parquet_compression", "orc_compression"];
    options.compression = compression(properties, &codecs, Compression::Gzip)?;
    options.partition_columns = keys;
    options.bucketed_by = buckets;
    options.bucket_count = bucket_count;
    let mut serde = Parameters::from_iter([("serialization.format".to_owned(), "1".to_owned())]);
    if let Some(delimiter) = properties.text("field_delimiter") {
        options.field_delimiter = delimiter.chars().next().unwrap_or('\u{1}');
        serde.insert("field.delim".to_owned(), delimiter.clone());
        serde.insert("serialization.format".to_owned(), delimiter);
    }
    let targets: Vec<(String, Type)> = fields.iter().map(|field| (field.name.clone(), field.ty.clone())).collect();
    let plan = fitted(plan, fields, &targets)?;
    let written = work.write_files(&plan, options).await.map_err(|error| cleaning(error, &location))?;

    let mut parameters = Parameters::from_iter([
        ("EXTERNAL".to_owned(), "TRUE".to_owned()),
        ("has_encrypted_data".to_owned(), "false".to_owned()),
        ("transient_lastDdlTime".to_owned(), work.context.now.timestamp().to_string()),
    ]);
    if let Some(codec) = properties.text("write_compression").or_else(|| properties.text("parquet_compression")) {
        parameters.insert("parquet.compression".to_owned(), codec.to_uppercase());
    }
    let mut storage =
        descriptor(&name, &location.to_string(), columns, serde).ok_or_else(|| QueryError::internal(&name))?;
    if bucket_count > 0 {
        storage.number_of_buckets = i32::try_from(bucket_count).ok();
        storage.bucket_columns = Some(bucketed_by);
    }
    let input = TableInput {
        name: key.table.clone(),
        description: create.comment.clone(),
        owner: Some("hadoop".to_owned()),
        retention: Some(0),
        storage_descriptor: Some(storage),
        partition_keys: Some(partition_keys),
        table_type: Some("EXTERNAL_TABLE".to_owned()),
        parameters: Some(parameters),
        ..TableInput::default()
    };
    let glue = &work.resolver.glue;
    glue.create_table(None, &key.database, input).await.map_err(|error| cleaning(from_api(&error), &location))?;
    let table = work.existing(key, START).await?;
    work.register_partitions(&table, &written).await?;
    let count = written.iter().map(|file| file.row_count).sum();
    Ok(wrote(count, Some(written.into_iter().map(|file| file.uri).collect())))
}

async fn iceberg_table(
    work: &Work<'_>,
    key: &TableKey,
    properties: &Properties,
    plan: LogicalPlan,
    fields: &[Field],
    create: &CreateTableAs,
) -> Result<QueryOutput, QueryError> {
    if properties.text("is_external").as_deref() == Some("true") {
        let message = "is_external property must be false for ICEBERG tables";
        return Err(QueryError::at("INVALID_TABLE_PROPERTY", START, message));
    }
    let Some(location) = properties.text("location") else {
        let message = "Table location can not be null or empty for Iceberg tables";
        return Err(QueryError::at("INVALID_TABLE_PROPERTY", START, message));
    };
    let (name, _) = format(properties.text("format"))?;
    if name != "PARQUET" {
        return Err(QueryError::not_supported(format!("Iceberg tables in {name} are not supported yet")));
    }
    let (mut columns, mut targets) = (Vec::new(), Vec::new());
    for field in fields {
        check_iceberg(&field.ty)?;
        columns.push(Column::new(&field.name, field.ty.hive(true)?));
        targets.push((field.name.clone(), stored(&field.ty)));
    }
    let mut extra = HashMap::new();
    for (property, value, ty) in &properties.0 {
        let own =
            ["table_type", "location", "is_external", "partitioning", "partitioned_by", "bucketed_by", "bucket_count"];
        if !own.contains(&property.as_str())
            && let Some(text) = crate::text::print(value, ty)
        {
            extra.insert(property.clone(), text);
        }
    }
    let request = iceberg::CreateTable {
        database: key.database.clone(),
        name: key.table.clone(),
        location: uri(&location)?,
        columns,
        partitioning: properties.list("partitioning"),
        properties: extra,
        comment: create.comment.clone(),
    };
    let tables = &work.resolver.iceberg;
    let prepared = tables.prepare(request).await.map_err(from_lake)?;
    let plan = fitted(plan, fields, &targets)?;
    let (add, count) = work.write_iceberg(&prepared, &plan).await?;
    tables.register(&prepared, add).await.map_err(from_lake)?;
    Ok(wrote(count, None))
}

/// Types that Iceberg does not hold, in Athena's words.
fn check_iceberg(ty: &Type) -> Result<(), QueryError> {
    match ty {
        Type::Timestamp(p) | Type::TimestampTz(p, _) | Type::Time(p) if *p != 6 => {
            let name = ty.base_name();
            Err(QueryError::not_supported(format!(
                "{} precision ({p}) not supported for Iceberg. Use \"{}\" instead.",
                name[..1].to_uppercase() + &name[1..],
                ty.to_string().replacen(&format!("({p})"), "(6)", 1)
            )))
        }
        Type::Array(element) => check_iceberg(element),
        Type::Map(key, value) => check_iceberg(key).and_then(|()| check_iceberg(value)),
        Type::Row(fields) => fields.iter().try_for_each(|(_, ty)| check_iceberg(ty)),
        _ => Ok(()),
    }
}

/// The type that a column has once it is stored: Iceberg has neither small integers nor lengths.
fn stored(ty: &Type) -> Type {
    match ty {
        Type::TinyInt | Type::SmallInt => Type::Integer,
        Type::Varchar(_) | Type::Char(_) => crate::types::VARCHAR,
        other => other.clone(),
    }
}

pub(crate) async fn unload(work: &Work<'_>, unload: &Unload) -> Result<QueryOutput, QueryError> {
    let properties = Properties(work.properties(&unload.properties).await?);
    properties.check(&["format", "compression", "compression_level", "field_delimiter", "partitioned_by"])?;
    let relation = analyze!(work, analyzer => analyzer.plan(&unload.query))?;
    let fields = visible(&relation);
    check_columns(&fields)?;
    let location = uri(&unload.location)?.as_directory();
    let Some(name) = properties.text("format") else {
        return Err(QueryError::at("INVALID_TABLE_PROPERTY", START, "UNLOAD needs the property format"));
    };
    let (_, write_format) = format(Some(name))?;
    let keys = check_partitions(&fields, &properties.list("partitioned_by"))?;
    for field in &fields {
        field.ty.hive(false)?;
    }
    check_empty(work, &location, &format!("unload_{}", work.context.query_execution_id.replace('-', "_"))).await?;
    let mut options = WriteOptions::new(location.clone(), work.context.query_execution_id.clone());
    options.format = write_format;
    options.compression = compression(&properties, &["compression"], Compression::Gzip)?;
    options.partition_columns = keys;
    if let Some(delimiter) = properties.text("field_delimiter") {
        options.field_delimiter = delimiter.chars().next().unwrap_or('\u{1}');
    }
    let targets: Vec<(String, Type)> = fields.iter().map(|field| (field.name.clone(), field.ty.clone())).collect();
    let plan = fitted(relation.plan, &fields, &targets)?;
    let written = work.write_files(&plan, options).await.map_err(|error| cleaning(error, &location))?;
    let count = written.iter().map(|file| file.row_count).sum();
    Ok(wrote(count, Some(written.into_iter().map(|file| file.uri).collect())))
}
