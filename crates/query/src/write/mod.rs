//! Statements that write rows: INSERT, CTAS, UNLOAD, UPDATE, DELETE, MERGE, OPTIMIZE.

mod change;
mod create;
mod insert;

use athena_api::glue::{Parameters, Partition, PartitionInput, SerDeInfo, StorageDescriptor, Table};
use athena_sql::{Expr as Ast, Pos, Property, TableName};
use datafusion::logical_expr::LogicalPlan;
use lake::{
    TableWriter, WriteOptions, WrittenFile,
    hive::partition_path,
    iceberg::{IcebergTable, spec},
};
use names::S3Uri;

pub(crate) use change::{delete, merge, optimize, update, vacuum};
pub(crate) use create::{check_columns, create_table_as, unload};
pub(crate) use insert::insert;

use crate::{
    analyze::{self, Field, TableKey},
    cast::cast,
    engine::{Work, analyze},
    error::QueryError,
    output::QueryOutput,
    run::next,
    tables::{from_api, from_lake},
    types::{Type, coerces, common},
    value::Value,
};

/// What Athena adds to most failures of statements that write.
pub(crate) fn may_need_cleaning(location: &S3Uri) -> String {
    format!(
        "You may need to manually clean the data at location '{location}' before retrying. Athena will not delete data in your account."
    )
}

impl Work<'_> {
    /// The whole name of a table.
    pub(crate) fn key(&self, name: &TableName) -> TableKey {
        TableKey {
            catalog: name.catalog.clone().unwrap_or_else(|| self.context.catalog()),
            database: name.database.clone().unwrap_or_else(|| self.context.database()),
            table: name.table.clone(),
            version: None,
        }
    }

    /// A table that must be there.
    pub(crate) async fn existing(&self, key: &TableKey, pos: Pos) -> Result<Table, QueryError> {
        if !crate::tables::is_catalog(&key.catalog) {
            return Err(QueryError::at("CATALOG_NOT_FOUND", pos, format!("Catalog '{}' does not exist", key.catalog)));
        }
        match self.resolver.glue_table(&key.database, &key.table).await? {
            Some(table) => Ok(table),
            None => {
                let error = self.resolver.missing(key).await?;
                let text = error.message.strip_prefix(&format!("{}: ", error.name)).unwrap_or(&error.message);
                Err(QueryError::at(&error.name, pos, text))
            }
        }
    }

    /// The constant values of properties.
    async fn properties(&self, properties: &[Property]) -> Result<Vec<(String, Value, Type)>, QueryError> {
        let mut values = Vec::new();
        for property in properties {
            let (value, ty) = self.constant(&property.value).await?;
            values.push((property.name.clone(), value, ty));
        }
        Ok(values)
    }

    pub(crate) async fn constant(&self, ast: &Ast) -> Result<(Value, Type), QueryError> {
        analyze!(self, analyzer => {
            let names = analyze::Names::of(self.context);
            let typed = analyzer.expression(ast, &analyze::Context::new(&names, &analyze::Scope::EMPTY))?;
            Ok((crate::run::constant(&typed.expr)?, typed.ty))
        })
    }

    /// Writes the rows of a plan into files of a Hive layout. Nothing stays when it fails.
    async fn write_files(&self, plan: &LogicalPlan, options: WriteOptions) -> Result<Vec<WrittenFile>, QueryError> {
        let mut rows = self.session.run(plan).await?;
        let mut writer = TableWriter::new(&self.resolver.storage, rows.schema(), options).map_err(from_lake)?;
        loop {
            let step = match next(&mut rows, &self.context.cancel).await {
                Ok(None) => break,
                Ok(Some(batch)) => writer.write(&batch).await.map_err(from_lake),
                Err(error) => Err(error),
            };
            if let Err(error) = step {
                writer.abort().await;
                return Err(error);
            }
        }
        writer.finish().await.map_err(from_lake)
    }

    /// Writes the rows of a plan into data files of an Iceberg table, and how many they are.
    async fn write_iceberg(
        &self,
        table: &IcebergTable,
        plan: &LogicalPlan,
    ) -> Result<(Vec<spec::DataFile>, u64), QueryError> {
        let mut rows = self.session.run(plan).await?;
        let mut writer = table.writer().map_err(from_lake)?;
        let mut count = 0;
        loop {
            let step = match next(&mut rows, &self.context.cancel).await {
                Ok(None) => break,
                Ok(Some(batch)) => {
                    count += batch.num_rows() as u64;
                    writer.write(&batch).await.map_err(from_lake)
                }
                Err(error) => Err(error),
            };
            if let Err(error) = step {
                writer.abort().await;
                return Err(error);
            }
        }
        Ok((writer.finish().await.map_err(from_lake)?, count))
    }

    /// Adds the partitions of written files to a table that are not there yet.
    async fn register_partitions(&self, table: &Table, written: &[WrittenFile]) -> Result<(), QueryError> {
        let keys: Vec<&str> = table.partition_keys().iter().map(|key| key.name.as_str()).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let mut all: Vec<&Vec<Option<String>>> = written.iter().map(|file| &file.partition_values).collect();
        all.sort();
        all.dedup();
        let storage = table.input.storage_descriptor.clone().unwrap_or_default();
        let root: S3Uri = table.location().unwrap_or_default().parse().map_err(QueryError::internal)?;
        let (database, name) = (&table.database_name, table.name());
        for chunk in all.chunks(100) {
            let texts = |values: &[Option<String>]| -> Vec<String> {
                values
                    .iter()
                    .map(|value| value.clone().unwrap_or_else(|| lake::hive::NULL_PARTITION.to_owned()))
                    .collect()
            };
            let wanted: Vec<Vec<String>> = chunk.iter().map(|values| texts(values)).collect();
            let glue = &self.resolver.glue;
            let there: Vec<Partition> =
                glue.batch_get_partition(None, database, name, &wanted).await.map_err(|error| from_api(&error))?;
            let mut inputs = Vec::new();
            for values in chunk {
                let texts = texts(values);
                if there.iter().any(|partition| partition.input.values == texts) {
                    continue;
                }
                let location = root.join(&partition_path(keys.iter().copied(), values)).as_directory().to_string();
                let storage = StorageDescriptor { location: Some(location), ..storage.clone() };
                inputs.push(PartitionInput {
                    values: texts,
                    storage_descriptor: Some(storage),
                    ..PartitionInput::default()
                });
            }
            if inputs.is_empty() {
                continue;
            }
            let failed =
                glue.batch_create_partition(None, database, name, inputs).await.map_err(|error| from_api(&error))?;
            if let Some(first) = failed.into_iter().find(|item| !item.error.to_string().contains("AlreadyExists")) {
                return Err(from_api(&first.error));
            }
        }
        Ok(())
    }
}

/// The plan's columns as the columns of a table, in order; the rows' types must fit.
fn fitted(plan: LogicalPlan, from: &[Field], to: &[(String, Type)]) -> Result<LogicalPlan, QueryError> {
    let shown = |types: Vec<String>| types.join(", ");
    // A common type is enough: a value that does not fit is an error when it is met. Source: Trino, release 315.
    let fits = |from: &Type, to: &Type| common(from, to).is_some() || is_text(from, to);
    if from.len() != to.len() || !from.iter().zip(to).all(|(a, b)| fits(&a.ty, &b.1)) {
        let table = shown(to.iter().map(|(_, ty)| ty.to_string()).collect());
        let query = shown(from.iter().map(|field| field.ty.to_string()).collect());
        let message = format!("Insert query has mismatched column types: Table: [{table}], Query: [{query}]");
        return Err(QueryError::at("TYPE_MISMATCH", Pos { line: 1, column: 1 }, message));
    }
    let items = from
        .iter()
        .zip(to)
        .map(|(field, (name, ty))| {
            let value = cast(analyze::column(&field.column), &field.ty, ty, false);
            (value, datafusion::common::Column::from_name(name))
        })
        .collect();
    analyze::project(plan, items)
}

/// Text fits into text of any length; nested text too.
fn is_text(from: &Type, to: &Type) -> bool {
    match (from, to) {
        (Type::Array(a), Type::Array(b)) => coerces(a, b) || is_text(a, b),
        _ => from.is_text() && to.is_text(),
    }
}

/// The result of a statement that wrote rows.
fn wrote(count: u64, manifest: Option<Vec<S3Uri>>) -> QueryOutput {
    QueryOutput { update_count: Some(count), manifest, ..QueryOutput::nothing() }
}

/// The classes of a format. Source: spec/athena.md §5.4.
pub(crate) fn storage_of(format: &str) -> Option<(&'static str, &'static str, &'static str)> {
    Some(match format {
        "PARQUET" => (
            "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        ),
        "ORC" => (
            "org.apache.hadoop.hive.ql.io.orc.OrcInputFormat",
            "org.apache.hadoop.hive.ql.io.orc.OrcOutputFormat",
            "org.apache.hadoop.hive.ql.io.orc.OrcSerde",
        ),
        "AVRO" => (
            "org.apache.hadoop.hive.ql.io.avro.AvroContainerInputFormat",
            "org.apache.hadoop.hive.ql.io.avro.AvroContainerOutputFormat",
            "org.apache.hadoop.hive.serde2.avro.AvroSerDe",
        ),
        "JSON" => (
            "org.apache.hadoop.mapred.TextInputFormat",
            "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
            "org.apache.hive.hcatalog.data.JsonSerDe",
        ),
        "ION" => (
            "com.amazon.ionhiveserde.formats.IonInputFormat",
            "com.amazon.ionhiveserde.formats.IonOutputFormat",
            "com.amazon.ionhiveserde.IonHiveSerDe",
        ),
        "TEXTFILE" => (
            "org.apache.hadoop.mapred.TextInputFormat",
            "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
            "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
        ),
        "SEQUENCEFILE" => (
            "org.apache.hadoop.mapred.SequenceFileInputFormat",
            "org.apache.hadoop.hive.ql.io.HiveSequenceFileOutputFormat",
            "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
        ),
        "RCFILE" => (
            "org.apache.hadoop.hive.ql.io.RCFileInputFormat",
            "org.apache.hadoop.hive.ql.io.RCFileOutputFormat",
            "org.apache.hadoop.hive.serde2.columnar.LazyBinaryColumnarSerDe",
        ),
        _ => return None,
    })
}

/// A storage descriptor of a format.
pub(crate) fn descriptor(
    format: &str,
    location: &str,
    columns: Vec<athena_api::glue::Column>,
    parameters: Parameters,
) -> Option<StorageDescriptor> {
    let (input, output, serde) = storage_of(format)?;
    Some(StorageDescriptor {
        columns,
        location: Some(location.to_owned()),
        input_format: Some(input.to_owned()),
        output_format: Some(output.to_owned()),
        compressed: Some(false),
        number_of_buckets: Some(-1),
        serde_info: Some(SerDeInfo {
            name: None,
            serialization_library: Some(serde.to_owned()),
            parameters: Some(parameters),
        }),
        bucket_columns: Some(Vec::new()),
        ..StorageDescriptor::default()
    })
}
