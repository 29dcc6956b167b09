//! New data files of an Iceberg table, split by its partition spec.

use std::collections::HashSet;
use std::sync::Arc;

use ::iceberg::arrow::{RecordBatchPartitionSplitter, schema_to_arrow_schema};
use ::iceberg::spec::{DataFile, DataFileFormat, Struct, TableMetadata};
use ::iceberg::writer::base_writer::data_file_writer::{DataFileWriter, DataFileWriterBuilder};
use ::iceberg::writer::file_writer::ParquetWriterBuilder;
use ::iceberg::writer::file_writer::location_generator::{DefaultFileNameGenerator, DefaultLocationGenerator};
use ::iceberg::writer::file_writer::rolling_writer::RollingFileWriterBuilder;
use ::iceberg::writer::partitioning::PartitioningWriter;
use ::iceberg::writer::partitioning::fanout_writer::FanoutWriter;
use ::iceberg::writer::{IcebergWriter as _, IcebergWriterBuilder as _};
use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use super::io::{Created, file_io};
use crate::hive::coerce::{CoerceError, coerce};
use crate::write::{Compression, encode_properties};
use crate::{LakeError, LakeResult, ObjectStorage, ScanMeter};

/// Source: Athena user guide, partitions that one statement may write.
const MAX_OPEN_PARTITIONS: usize = 100;

type Builder = DataFileWriterBuilder<ParquetWriterBuilder, DefaultLocationGenerator, DefaultFileNameGenerator>;
type Files = DataFileWriter<ParquetWriterBuilder, DefaultLocationGenerator, DefaultFileNameGenerator>;

enum Body {
    Whole {
        builder: Box<Builder>,
        writer: Option<Box<Files>>,
    },
    Partitioned {
        splitter: Box<RecordBatchPartitionSplitter>,
        writer: Box<FanoutWriter<Builder>>,
        open: HashSet<Struct>,
    },
}

/// Writes data files of one Iceberg table, split by its partition spec.
pub struct IcebergWriter {
    storage: ObjectStorage,
    created: Created,
    schema: SchemaRef,
    table: String,
    body: Body,
}

impl IcebergWriter {
    pub(super) fn new(storage: &ObjectStorage, table: String, metadata: &TableMetadata) -> LakeResult<Self> {
        let doing = || format!("writing to {table}");
        let created = Created::default();
        let schema = metadata.current_schema();
        let arrow = schema_to_arrow_schema(schema).map_err(LakeError::iceberg(doing()))?;
        let properties = metadata.properties();
        let level = properties.get("write.parquet.compression-level").and_then(|text| text.parse().ok());
        let codec = properties.get("write.parquet.compression-codec").map_or("zstd", String::as_str);
        let compression = match codec.to_ascii_lowercase().as_str() {
            "zstd" => Compression::Zstd(level),
            "snappy" => Compression::Snappy,
            "gzip" => Compression::Gzip,
            "none" | "uncompressed" => Compression::None,
            other => return Err(LakeError::not_supported(format!("the compression codec {other} of {table}"))),
        };
        let target = properties.get("write.target-file-size-bytes").and_then(|text| text.parse().ok());
        let parquet = ParquetWriterBuilder::new(encode_properties(compression)?, Arc::clone(schema));
        let files = RollingFileWriterBuilder::new(
            parquet,
            target.unwrap_or(512 << 20),
            file_io(storage, &ScanMeter::new(), &created),
            DefaultLocationGenerator::new(metadata).map_err(LakeError::iceberg(doing()))?,
            DefaultFileNameGenerator::new(uuid::Uuid::new_v4().to_string(), None, DataFileFormat::Parquet),
        );
        let builder = DataFileWriterBuilder::new(files);
        let spec = metadata.default_partition_spec();
        let body = if spec.is_unpartitioned() {
            Body::Whole { builder: Box::new(builder), writer: None }
        } else {
            let splitter =
                RecordBatchPartitionSplitter::try_new_with_computed_values(Arc::clone(schema), Arc::clone(spec));
            Body::Partitioned {
                splitter: Box::new(splitter.map_err(LakeError::iceberg(doing()))?),
                writer: Box::new(FanoutWriter::new(builder)),
                open: HashSet::new(),
            }
        };
        Ok(Self { storage: storage.clone(), created, schema: Arc::new(arrow), table, body })
    }

    /// Takes rows with the table's columns, in the table's order; types are cast to the table's.
    ///
    /// # Errors
    /// Columns that don't fit, more than 100 partitions, the disk. [`abort`](Self::abort) it then.
    pub async fn write(&mut self, batch: &RecordBatch) -> LakeResult<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let doing = || format!("writing to {}", self.table);
        let fields = self.schema.fields();
        if batch.num_columns() != fields.len() {
            return Err(LakeError::athena(
                "TYPE_MISMATCH",
                format!("{} columns for the {} columns of {}", batch.num_columns(), fields.len(), self.table),
            ));
        }
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(fields.len());
        for (column, field) in batch.columns().iter().zip(fields) {
            columns.push(coerce(column, field.data_type()).map_err(|error| match error {
                CoerceError::Incompatible => LakeError::athena(
                    "TYPE_MISMATCH",
                    format!(
                        "Column {} of {} is {}, not {}",
                        field.name(),
                        self.table,
                        field.data_type(),
                        column.data_type()
                    ),
                ),
                CoerceError::Value(source) => {
                    LakeError::Arrow { doing: format!("storing column {}", field.name()), source }
                }
            })?);
        }
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(LakeError::arrow(doing()))?;
        match &mut self.body {
            Body::Whole { builder, writer } => {
                if writer.is_none() {
                    *writer = Some(Box::new(builder.build(None).await.map_err(LakeError::iceberg(doing()))?));
                }
                if let Some(writer) = writer {
                    writer.write(rows).await.map_err(LakeError::iceberg(doing()))?;
                }
            }
            Body::Partitioned { splitter, writer, open } => {
                for (key, part) in splitter.split(&rows).map_err(LakeError::iceberg(doing()))? {
                    if !open.contains(key.data()) {
                        if open.len() >= MAX_OPEN_PARTITIONS {
                            return Err(LakeError::athena(
                                "ICEBERG_TOO_MANY_OPEN_PARTITIONS",
                                format!("Exceeded limit of {MAX_OPEN_PARTITIONS} open writers for partitions"),
                            ));
                        }
                        open.insert(key.data().clone());
                    }
                    writer.write(key, part).await.map_err(LakeError::iceberg(doing()))?;
                }
            }
        }
        Ok(())
    }

    /// Closes the files: what [`super::Change::Append`] adds. They belong to the table once they are committed.
    ///
    /// # Errors
    /// The disk; what was written is removed as far as possible.
    pub async fn finish(self) -> LakeResult<Vec<DataFile>> {
        let closed = match self.body {
            Body::Whole { writer: None, .. } => Ok(Vec::new()),
            Body::Whole { writer: Some(mut writer), .. } => writer.close().await,
            Body::Partitioned { writer, .. } => writer.close().await,
        };
        match closed {
            Ok(files) => Ok(files),
            Err(source) => {
                self.created.remove(&self.storage).await;
                Err(LakeError::Iceberg { doing: format!("writing to {}", self.table), source: Box::new(source) })
            }
        }
    }

    /// Removes what was written, as far as possible.
    pub async fn abort(self) {
        let Self { storage, created, body, .. } = self;
        drop(body);
        created.remove(&storage).await;
    }
}
