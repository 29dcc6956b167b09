//! The files of a Hive table, and the rows in them.

mod builder;
pub mod coerce;
mod csv;
mod delimited;
mod files;
mod json;
mod parquet;
mod projection;
mod read;
mod scalar;
mod serde;
mod text;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use athena_api::glue;
use chrono::{DateTime, Utc};
use names::S3Uri;

use crate::{BatchStream, HiveType, LakeError, LakeResult, ObjectStorage, ScanMeter, hive_type};

pub use files::{NULL_PARTITION, PartitionPruner, escape_value, partition_path, unescape_value};
pub use projection::Projection;
pub use serde::{CsvFormat, DelimitedFormat, FileFormat, JsonFormat, LineFormat};

/// A column of a Hive table.
#[derive(Debug, Clone, PartialEq)]
pub struct HiveColumn {
    /// Lower case.
    pub name: String,
    pub hive_type: HiveType,
    pub comment: Option<String>,
}

/// A Hive table as Glue describes it, ready to be read.
#[derive(Debug, Clone)]
pub struct HiveTable {
    pub database: String,
    pub name: String,
    /// Columns in the files, in table order.
    pub columns: Vec<HiveColumn>,
    /// Columns that come from the partition, after the others.
    pub partition_keys: Vec<HiveColumn>,
    pub location: S3Uri,
    pub format: FileFormat,
    /// Partitions are computed; the catalog's are ignored.
    pub projection: Option<Projection>,
    /// The values that equality conditions of the WHERE clause give to partition keys, by key: injected projected keys need them.
    pub injected: HashMap<String, Vec<String>>,
}

/// One file of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct DataFile {
    pub uri: S3Uri,
    pub size: u64,
    pub last_modified: DateTime<Utc>,
    /// One for each partition key, as text; `None` is NULL (`__HIVE_DEFAULT_PARTITION__`).
    pub partition_values: Vec<Option<String>>,
    /// A partition may have another format than its table.
    pub format: FileFormat,
}

/// What to read of files.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// Indices into [`HiveTable::schema`] (partition keys included), in any order; `None` is all.
    pub projection: Option<Vec<usize>>,
    pub batch_size: usize,
    /// Stops after so many rows.
    pub limit: Option<usize>,
}

impl HiveTable {
    /// Reads Glue's description: the SerDe decides, not the classification.
    ///
    /// # Errors
    /// A type or SerDe that is not supported, no location.
    pub fn resolve(table: &glue::Table) -> LakeResult<Self> {
        let of = |column: &glue::Column| -> LakeResult<HiveColumn> {
            Ok(HiveColumn {
                name: column.name.to_lowercase(),
                hive_type: hive_type::parse(column.type_text())?,
                comment: column.comment.clone(),
            })
        };
        let columns = table.columns().map(of).collect::<LakeResult<Vec<_>>>()?;
        let partition_keys = table.partition_keys().iter().map(of).collect::<LakeResult<Vec<_>>>()?;
        let mut names: Vec<&str> = columns.iter().chain(&partition_keys).map(|column| column.name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            let name = table.name();
            return Err(LakeError::athena(
                "HIVE_INVALID_METADATA",
                format!("Hive metadata for table {name} is invalid: Table descriptor contains duplicate columns"),
            ));
        }
        let location = table.location().unwrap_or_default();
        let location = location.parse().map_err(|error: names::S3UriError| {
            LakeError::athena(
                "HIVE_METASTORE_ERROR",
                format!("table {}.{}: {error}", table.database_name, table.name()),
            )
        })?;
        let storage = table.input.storage_descriptor.clone().unwrap_or_default();
        let format = serde::format_of(&storage, table.input.parameters.as_ref())?;
        let of = format!("{}.{}", table.database_name, table.name());
        let projection = Projection::of(&of, table.input.parameters.as_ref(), &partition_keys)?;
        Ok(Self {
            database: table.database_name.clone(),
            name: table.name().to_owned(),
            columns,
            partition_keys,
            location,
            format,
            projection,
            injected: HashMap::new(),
        })
    }

    /// Columns, then partition keys.
    pub fn schema(&self) -> SchemaRef {
        schema_of(self.columns.iter().chain(&self.partition_keys))
    }

    /// The columns in the files.
    pub fn file_schema(&self) -> SchemaRef {
        schema_of(&self.columns)
    }

    /// The rows of one file, partition keys included, with the projected schema. Any format.
    pub fn read(
        &self,
        storage: &ObjectStorage,
        meter: &ScanMeter,
        file: &DataFile,
        options: &ReadOptions,
    ) -> BatchStream {
        read::read(self, storage, meter, file, options)
    }
}

fn schema_of<'a>(columns: impl IntoIterator<Item = &'a HiveColumn>) -> SchemaRef {
    let field = |column: &HiveColumn| Field::new(&column.name, column.hive_type.to_arrow(), true);
    Arc::new(Schema::new(columns.into_iter().map(field).collect::<Vec<_>>()))
}
