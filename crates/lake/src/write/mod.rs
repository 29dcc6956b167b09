//! Rows into files: split by partition and bucket, rolled at a size. The files show themselves all together at the end, so a statement that fails leaves
//! nothing, and a reader of the table sees nothing half-written.

mod bucket;
mod encode;
mod partition;
mod text;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use names::S3Uri;

use crate::hive::coerce::{CoerceError, coerce};
use crate::hive::partition_path;
use crate::storage::{Condition, ObjectWriter};
use crate::{HiveType, LakeError, LakeResult, ObjectStorage};

use encode::Encoder;
pub(crate) use encode::parquet_properties as encode_properties;

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

impl WriteOptions {
    /// Parquet with Snappy, unpartitioned, with Athena's limits.
    pub fn new(location: S3Uri, file_prefix: impl Into<String>) -> Self {
        Self {
            location,
            format: WriteFormat::Parquet,
            compression: Compression::Snappy,
            partition_columns: 0,
            bucketed_by: Vec::new(),
            bucket_count: 0,
            target_file_size: 512 << 20,
            max_open_partitions: 100,
            file_prefix: file_prefix.into(),
            field_delimiter: '\u{1}',
        }
    }
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

/// Where a row goes: its partition values and its bucket.
type Target = (Vec<Option<String>>, Option<usize>);

/// Writes the files of one statement.
pub struct TableWriter {
    storage: ObjectStorage,
    options: WriteOptions,
    /// Of the files, without partition keys.
    schema: SchemaRef,
    partition_keys: Vec<String>,
    open: HashMap<Target, Encoder>,
    finished: Vec<(ObjectWriter, WrittenFile)>,
}

impl TableWriter {
    /// `schema`: of the batches, partition keys last.
    ///
    /// # Errors
    /// A type that the format cannot hold.
    pub fn new(storage: &ObjectStorage, schema: SchemaRef, options: WriteOptions) -> LakeResult<Self> {
        let count = schema.fields().len().checked_sub(options.partition_columns);
        let count = count.ok_or_else(|| LakeError::not_supported("more partition columns than columns"))?;
        let fields = schema.fields()[..count].iter().map(|field| {
            let stored = HiveType::from_arrow(field.data_type())?.to_arrow();
            Ok(Field::new(field.name().to_lowercase(), stored, true))
        });
        let fields = fields.collect::<LakeResult<Vec<_>>>()?;
        for key in &schema.fields()[count..] {
            if key.data_type().is_nested() {
                return Err(LakeError::not_supported(format!(
                    "Partition column {} has the type {}: partition columns must have a scalar type",
                    key.name(),
                    HiveType::from_arrow(key.data_type())?
                )));
            }
            HiveType::from_arrow(key.data_type())?;
        }
        if options.format == WriteFormat::Parquet {
            encode::parquet_properties(options.compression)?;
        } else if options.compression == Compression::Snappy {
            return Err(LakeError::not_supported("SNAPPY compression of text files"));
        }
        let partition_keys = schema.fields()[count..].iter().map(|field| field.name().to_lowercase()).collect();
        Ok(Self {
            storage: storage.clone(),
            options,
            schema: Arc::new(Schema::new(fields)),
            partition_keys,
            open: HashMap::new(),
            finished: Vec::new(),
        })
    }

    /// Takes some rows.
    ///
    /// # Errors
    /// Too many partitions, a value out of range, or the disk. The writer is then of no more use: dropping it leaves nothing.
    pub async fn write(&mut self, batch: &RecordBatch) -> LakeResult<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let (columns, keys) = batch.columns().split_at(self.schema.fields().len());
        let stored: Vec<ArrayRef> = columns
            .iter()
            .zip(self.schema.fields())
            .map(|(column, field)| store_as(column, field))
            .collect::<LakeResult<_>>()?;
        let with_rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.schema), stored, &with_rows)
            .map_err(LakeError::arrow("writing rows"))?;
        let values = partition::texts(keys)?;
        let buckets = bucket::numbers(&rows, &self.options.bucketed_by, self.options.bucket_count)?;
        if values.is_empty() && buckets.is_none() {
            return self.append((Vec::new(), None), &rows);
        }
        let mut targets: HashMap<Target, Vec<u32>> = HashMap::new();
        for row in 0..batch.num_rows() {
            let target =
                (values.iter().map(|column| column[row].clone()).collect(), buckets.as_ref().map(|all| all[row]));
            targets.entry(target).or_default().push(u32::try_from(row).unwrap_or(u32::MAX));
        }
        for (target, picked) in targets {
            if picked.len() == rows.num_rows() {
                self.append(target, &rows)?;
            } else {
                let part = take_record_batch(&rows, &UInt32Array::from(picked));
                self.append(target, &part.map_err(LakeError::arrow("splitting rows by partition"))?)?;
            }
        }
        Ok(())
    }

    fn append(&mut self, target: Target, rows: &RecordBatch) -> LakeResult<()> {
        if !self.open.contains_key(&target) {
            if self.open.len() >= self.options.max_open_partitions {
                return Err(LakeError::athena(
                    "HIVE_TOO_MANY_OPEN_PARTITIONS",
                    format!(
                        "Exceeded limit of {} open writers for partitions/buckets",
                        self.options.max_open_partitions
                    ),
                ));
            }
            let encoder = self.encoder(&target)?;
            self.open.insert(target.clone(), encoder);
        }
        let Some(encoder) = self.open.get_mut(&target) else { return Ok(()) };
        encoder.append(rows)?;
        if encoder.size() >= self.options.target_file_size
            && let Some(full) = self.open.remove(&target)
        {
            // The next rows begin another file; the place in the count of open writers stays taken by it.
            self.close(target.0, full)?;
        }
        Ok(())
    }

    fn encoder(&self, (values, bucket): &Target) -> LakeResult<Encoder> {
        let unique = uuid::Uuid::new_v4();
        let prefix = &self.options.file_prefix;
        let name = match bucket {
            Some(number) => format!("{number:06}_0_{prefix}_{unique}"),
            None => format!("{prefix}_{unique}"),
        };
        let extension = encode::extension(self.options.format, self.options.compression);
        let directory = partition_path(self.partition_keys.iter().map(String::as_str), values);
        let directory = if directory.is_empty() { directory } else { format!("{directory}/") };
        let uri = self.options.location.join(&format!("{directory}{name}{extension}"));
        let file = self.storage.create(&uri.bucket, &uri.key)?;
        Encoder::new(file, uri, &self.schema, &self.options)
    }

    fn close(&mut self, partition_values: Vec<Option<String>>, encoder: Encoder) -> LakeResult<()> {
        let (object, uri, row_count) = encoder.finish()?;
        let size = object.size();
        self.finished.push((object, WrittenFile { uri, row_count, size, partition_values }));
        Ok(())
    }

    /// Closes the files and lets them appear. Nothing is registered anywhere: that is the caller's, after this.
    ///
    /// # Errors
    /// The disk; what had appeared is removed as far as possible.
    pub async fn finish(mut self) -> LakeResult<Vec<WrittenFile>> {
        for ((values, _), encoder) in std::mem::take(&mut self.open) {
            self.close(values, encoder)?;
        }
        let mut written: Vec<WrittenFile> = Vec::with_capacity(self.finished.len());
        for (object, file) in std::mem::take(&mut self.finished) {
            if let Err(error) = object.commit(&Condition::Always) {
                remove(&self.storage, &written).await;
                return Err(error.into());
            }
            written.push(file);
        }
        written.sort_by(|left, right| left.uri.cmp(&right.uri));
        Ok(written)
    }

    /// Leaves nothing; the same as dropping it.
    pub async fn abort(self) {}
}

/// Removes files of a statement that failed after all.
pub async fn remove(storage: &ObjectStorage, written: &[WrittenFile]) {
    for file in written {
        if let Err(error) = storage.delete(&file.uri.bucket, &file.uri.key).await {
            tracing::warn!(file = %file.uri, %error, "a file of a failed statement is left");
        }
    }
}

fn store_as(column: &ArrayRef, field: &Field) -> LakeResult<ArrayRef> {
    coerce(column, field.data_type()).map_err(|error| match error {
        CoerceError::Incompatible => LakeError::not_supported(format!(
            "Column {} cannot be stored as {}: it is {}",
            field.name(),
            field.data_type(),
            column.data_type()
        )),
        CoerceError::Value(source) => LakeError::Arrow { doing: format!("storing column {}", field.name()), source },
    })
}
