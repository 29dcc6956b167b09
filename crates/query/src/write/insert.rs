//! `INSERT INTO`.

use athena_api::glue::Table;
use athena_sql::Insert;
use lake::{
    FileFormat, HiveTable, WriteOptions,
    iceberg::{Change, IcebergTable},
    write::{Compression, WriteFormat},
};

use super::{fitted, may_need_cleaning, wrote};
use crate::{
    analyze::{self, Field, visible},
    engine::{Work, analyze},
    error::QueryError,
    output::QueryOutput,
    tables::{from_lake, hive_column_type},
    types::Type,
};

pub(crate) async fn insert(work: &Work<'_>, insert: &Insert) -> Result<QueryOutput, QueryError> {
    let key = work.key(&insert.table);
    let table = work.existing(&key, insert.table.pos).await?;
    if table.is_view() {
        return Err(QueryError::at("NOT_SUPPORTED", insert.table.pos, "Inserting into views is not supported"));
    }
    let relation = analyze!(work, analyzer => analyzer.plan(&insert.query))?;
    let fields = visible(&relation);
    let iceberg = if table.is_iceberg() {
        Some(work.resolver.iceberg.load(table.clone()).await.map_err(from_lake)?)
    } else {
        None
    };
    let columns = match &iceberg {
        Some(iceberg) => iceberg_columns(iceberg)?,
        None => hive_columns(&table)?,
    };
    let (plan, fields) = arranged(insert, relation.plan, &fields, &columns)?;
    let plan = fitted(plan, &fields, &columns)?;
    if let Some(iceberg) = iceberg {
        let (add, count) = work.write_iceberg(&iceberg, &plan).await?;
        if count > 0 {
            iceberg.commit(Change::Append { add }).await.map_err(from_lake)?;
        }
        return Ok(wrote(count, None));
    }
    let hive = HiveTable::resolve(&table).map_err(from_lake)?;
    let options = write_options(work, &table, &hive)?;
    let location = hive.location.clone();
    let written = work.write_files(&plan, options).await.map_err(|error| cleaning(error, &location))?;
    work.register_partitions(&table, &written).await?;
    let count = written.iter().map(|file| file.row_count).sum();
    let manifest = (!written.is_empty()).then(|| written.into_iter().map(|file| file.uri).collect());
    Ok(wrote(count, manifest))
}

/// With Athena's advice about what may be left behind.
pub(super) fn cleaning(error: QueryError, location: &names::S3Uri) -> QueryError {
    if error.is_cancelled() {
        return error;
    }
    QueryError { message: format!("{}. {}", error.message.trim_end_matches('.'), may_need_cleaning(location)), ..error }
}

/// The query's columns in the table's order; columns that are not named are NULL.
fn arranged(
    insert: &Insert,
    plan: datafusion::logical_expr::LogicalPlan,
    fields: &[Field],
    columns: &[(String, Type)],
) -> Result<(datafusion::logical_expr::LogicalPlan, Vec<Field>), QueryError> {
    if insert.columns.is_empty() {
        return Ok((plan, fields.to_vec()));
    }
    let pos = insert.table.pos;
    let named: Vec<String> = insert.columns.iter().map(athena_sql::Ident::lower).collect();
    for (at, (name, ident)) in named.iter().zip(&insert.columns).enumerate() {
        if !columns.iter().any(|(column, _)| column == name) {
            let message = format!("Insert column name does not exist in target table: {}", ident.value);
            return Err(QueryError::at("COLUMN_NOT_FOUND", pos, message));
        }
        if named[..at].contains(name) {
            return Err(QueryError::at(
                "DUPLICATE_COLUMN_NAME",
                pos,
                format!("Insert column name is specified more than once: {}", ident.value),
            ));
        }
    }
    if named.len() != fields.len() {
        let of = |types: Vec<String>| types.join(", ");
        let table = named
            .iter()
            .filter_map(|name| columns.iter().find(|(column, _)| column == name))
            .map(|(_, ty)| ty.to_string());
        let message = format!(
            "Insert query has mismatched column types: Table: [{}], Query: [{}]",
            of(table.collect()),
            of(fields.iter().map(|field| field.ty.to_string()).collect())
        );
        return Err(QueryError::at("TYPE_MISMATCH", pos, message));
    }
    let (mut items, mut arranged) = (Vec::new(), Vec::new());
    for (name, ty) in columns {
        let unique = datafusion::common::Column::from_name(format!("{name}#insert"));
        let (value, ty) = match named.iter().position(|other| other == name) {
            Some(at) => (analyze::column(&fields[at].column), fields[at].ty.clone()),
            None => (analyze::null(ty)?, ty.clone()),
        };
        items.push((value, unique.clone()));
        arranged.push(Field {
            relation: Vec::new(),
            name: name.clone(),
            label: name.clone(),
            ty,
            column: unique,
            hidden: false,
        });
    }
    Ok((analyze::project(plan, items)?, arranged))
}

pub(super) fn iceberg_columns(table: &IcebergTable) -> Result<Vec<(String, Type)>, QueryError> {
    let schema = table.schema().map_err(from_lake)?;
    schema
        .fields()
        .iter()
        .map(|field| Ok((field.name().to_lowercase(), Type::from_arrow(field.data_type())?)))
        .collect()
}

fn hive_columns(table: &Table) -> Result<Vec<(String, Type)>, QueryError> {
    table
        .columns()
        .chain(table.partition_keys())
        .map(|column| Ok((column.name.to_lowercase(), hive_column_type(column.type_text())?)))
        .collect()
}

/// How files of a table are written.
fn write_options(work: &Work<'_>, table: &Table, hive: &HiveTable) -> Result<WriteOptions, QueryError> {
    let mut options = WriteOptions::new(hive.location.clone(), work.context.query_execution_id.clone());
    let serde = || {
        let storage = table.input.storage_descriptor.as_ref();
        let class = storage.and_then(|storage| storage.serde_info.as_ref()?.serialization_library.clone());
        class.unwrap_or_default()
    };
    options.format = match &hive.format {
        FileFormat::Parquet { .. } => WriteFormat::Parquet,
        FileFormat::Delimited(_) => WriteFormat::Delimited,
        FileFormat::Json(_) => WriteFormat::Json,
        _ => {
            let message = format!(
                "Output format {} with SerDe {} is not supported.",
                table
                    .input
                    .storage_descriptor
                    .as_ref()
                    .and_then(|storage| storage.output_format.clone())
                    .unwrap_or_default(),
                serde()
            );
            return Err(QueryError::new("HIVE_UNSUPPORTED_FORMAT", message));
        }
    };
    let parameters =
        table.input.storage_descriptor.as_ref().and_then(|storage| storage.serde_info.as_ref()?.parameters.as_ref());
    if let Some(delimiter) = parameters.and_then(|all| all.get("field.delim")).and_then(|text| text.chars().next()) {
        options.field_delimiter = delimiter;
    }
    let codec = ["write.compression", "parquet.compression"].iter().find_map(|key| table.parameter(key));
    options.compression = match (codec.map(str::to_uppercase).as_deref(), options.format) {
        (Some("NONE" | "UNCOMPRESSED"), _) => Compression::None,
        (Some("SNAPPY"), WriteFormat::Parquet) => Compression::Snappy,
        (Some("ZSTD"), WriteFormat::Parquet) => Compression::Zstd(None),
        (_, WriteFormat::Parquet) => Compression::Gzip,
        (Some("GZIP"), _) => Compression::Gzip,
        _ => Compression::None,
    };
    options.partition_columns = hive.partition_keys.len();
    let buckets = table.input.storage_descriptor.as_ref().and_then(|storage| storage.number_of_buckets).unwrap_or(-1);
    if buckets > 0 {
        let name = format!("{}.{}", table.database_name, table.name());
        return Err(QueryError::not_supported(format!("Inserting into bucketed tables is not supported: {name}")));
    }
    Ok(options)
}
