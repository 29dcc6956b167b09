//! The files of a Hive table, and the rows in them.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use athena_api::glue::{self, Glue};
use chrono::{DateTime, Utc};
use names::S3Uri;

use crate::{BatchStream, HiveType, LakeError, LakeResult, ObjectStorage, ScanMeter};

/// How the bytes of the files become rows, by SerDe.
#[derive(Debug, Clone, PartialEq)]
pub enum FileFormat {
    Parquet {
        /// By position instead of by name (`parquet.column.index.access`).
        by_position: bool,
    },
    /// LazySimpleSerDe.
    Delimited,
    /// OpenCSVSerde.
    Csv,
    /// OpenX and Hive JSON.
    Json,
}

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

/// Decides whether a partition is read, by its values as text in the order of the keys.
pub type PartitionPruner<'a> = &'a (dyn Fn(&[Option<String>]) -> bool + Send + Sync);

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
        Err(LakeError::not_supported(table.name().to_owned()))
    }

    /// Columns, then partition keys.
    pub fn schema(&self) -> SchemaRef {
        Arc::new(arrow::datatypes::Schema::empty())
    }

    /// The columns in the files.
    pub fn file_schema(&self) -> SchemaRef {
        Arc::new(arrow::datatypes::Schema::empty())
    }

    /// The files, recursively below the location of the table or of its partitions; names that begin with `_` or `.` and empty directory markers are no
    /// data. `expression` is Glue's partition filter, to have fewer partitions to look at; `pruner` has the last word.
    pub async fn data_files(
        &self,
        storage: &ObjectStorage,
        glue: &dyn Glue,
        expression: Option<String>,
        pruner: PartitionPruner<'_>,
    ) -> LakeResult<Vec<DataFile>> {
        let _ = (storage, glue, expression, pruner);
        Ok(Vec::new())
    }

    /// The rows of one file, partition keys included, with the projected schema. Any format.
    pub fn read(&self, storage: &ObjectStorage, meter: &ScanMeter, file: &DataFile, options: &ReadOptions) -> BatchStream {
        let _ = (storage, meter, file, options);
        Box::pin(futures::stream::empty())
    }
}
