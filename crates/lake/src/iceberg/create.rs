//! What a new table is made of: schema, partition spec, properties.

use std::collections::HashMap;
use std::sync::Arc;

use ::iceberg::TableCreation;
use ::iceberg::spec::{
    FormatVersion, NestedField, Schema, TableMetadata, TableMetadataBuilder, Transform, UnboundPartitionSpec,
};
use athena_api::glue::Column;

use super::{CreateTable, types};
use crate::{LakeError, LakeResult};

/// The first metadata of a table, without snapshot.
pub(super) fn metadata(request: &CreateTable) -> LakeResult<TableMetadata> {
    let doing = || format!("creating {}.{}", request.database, request.name);
    let schema = schema(&request.columns)?;
    let partition_spec = partition_spec(&request.partitioning, &schema)?;
    let creation = TableCreation::builder()
        .name(request.name.to_lowercase())
        .location(request.location.to_string().trim_end_matches('/').to_owned())
        .schema(schema)
        .partition_spec(partition_spec)
        .properties(properties(&request.properties)?)
        .format_version(FormatVersion::V2)
        .build();
    let builder = TableMetadataBuilder::from_table_creation(creation).map_err(LakeError::iceberg(doing()))?;
    Ok(builder.build().map_err(LakeError::iceberg(doing()))?.metadata)
}

fn schema(columns: &[Column]) -> LakeResult<Schema> {
    let mut last_id = i32::try_from(columns.len()).unwrap_or(i32::MAX);
    let fields = columns.iter().zip(1..).map(|(column, id)| {
        let kind = types::parse(column.type_text(), &mut last_id)?;
        let field = NestedField::optional(id, column.name.to_lowercase(), kind);
        Ok(Arc::new(match &column.comment {
            Some(comment) => field.with_doc(comment),
            None => field,
        }))
    });
    let fields = fields.collect::<LakeResult<Vec<_>>>()?;
    Schema::builder().with_fields(fields).build().map_err(LakeError::iceberg("making the schema"))
}

fn partition_spec(partitioning: &[String], schema: &Schema) -> LakeResult<UnboundPartitionSpec> {
    let mut builder = UnboundPartitionSpec::builder();
    for text in partitioning {
        let invalid =
            || LakeError::athena("INVALID_TABLE_PROPERTY", format!("Unable to parse partitioning value: {text}"));
        let (transform, column) = transform(text).ok_or_else(invalid)?;
        let field = schema.field_by_name_case_insensitive(&column).ok_or_else(|| {
            LakeError::athena("COLUMN_NOT_FOUND", format!("Partitioning column '{column}' does not exist"))
        })?;
        let name = match transform {
            Transform::Identity => field.name.clone(),
            Transform::Bucket(_) => format!("{}_bucket", field.name),
            Transform::Truncate(_) => format!("{}_trunc", field.name),
            other => format!("{}_{other}", field.name),
        };
        builder = builder.add_partition_field(field.id, name, transform).map_err(LakeError::iceberg("partitioning"))?;
    }
    Ok(builder.build())
}

/// `day(ts)`, `bucket(16, id)`, `bucket(id, 16)`, `truncate(s, 4)`, `c`.
fn transform(text: &str) -> Option<(Transform, String)> {
    let unquoted = |name: &str| name.trim().trim_matches(['"', '`']).to_lowercase();
    let Some((function, rest)) = text.split_once('(') else { return Some((Transform::Identity, unquoted(text))) };
    let arguments: Vec<&str> = rest.trim_end().strip_suffix(')')?.split(',').collect();
    let function = function.trim().to_ascii_lowercase();
    match (function.as_str(), arguments.as_slice()) {
        ("year" | "years", [column]) => Some((Transform::Year, unquoted(column))),
        ("month" | "months", [column]) => Some((Transform::Month, unquoted(column))),
        ("day" | "days", [column]) => Some((Transform::Day, unquoted(column))),
        ("hour" | "hours", [column]) => Some((Transform::Hour, unquoted(column))),
        ("bucket" | "truncate", [left, right]) => {
            let (number, column) = match left.trim().parse() {
                Ok(number) => (number, right),
                Err(_) => (right.trim().parse().ok()?, left),
            };
            let transform = if function == "bucket" { Transform::Bucket(number) } else { Transform::Truncate(number) };
            Some((transform, unquoted(column)))
        }
        _ => None,
    }
}

/// Athena's properties as Iceberg's; Iceberg's own, which have dots, are taken as they are.
pub(super) fn properties(given: &HashMap<String, String>) -> LakeResult<HashMap<String, String>> {
    let mut properties = HashMap::from([
        ("write.format.default".to_owned(), "PARQUET".to_owned()),
        ("write.parquet.compression-codec".to_owned(), "zstd".to_owned()),
    ]);
    for (key, value) in given {
        let lower = value.to_ascii_lowercase();
        match key.as_str() {
            "table_type" | "location" | "is_external" | "external" | "EXTERNAL" => {}
            "format" if lower == "parquet" => {}
            "format" => return Err(LakeError::not_supported(format!("Iceberg tables in the format {value}"))),
            "format_version" | "format-version" if value == "2" => {}
            "format_version" | "format-version" => {
                return Err(LakeError::not_supported(format!("Iceberg format version {value}; only 2 can be created")));
            }
            "write_compression" | "parquet_compression" => {
                properties.insert("write.parquet.compression-codec".to_owned(), lower);
            }
            "compression_level" => {
                properties.insert("write.parquet.compression-level".to_owned(), value.clone());
            }
            "write_target_data_file_size_bytes" => {
                properties.insert("write.target-file-size-bytes".to_owned(), value.clone());
            }
            _ if key.contains('.')
                || key.starts_with("optimize_")
                || key.starts_with("vacuum_")
                || key == "comment" =>
            {
                properties.insert(key.clone(), value.clone());
            }
            _ => {
                return Err(LakeError::athena(
                    "INVALID_TABLE_PROPERTY",
                    format!("Unsupported table property key: {key}"),
                ));
            }
        }
    }
    Ok(properties)
}
