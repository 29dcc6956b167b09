//! Reading one file on a thread of its own, batch by batch.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use futures::StreamExt;
use tokio::sync::mpsc::{Sender, channel};

use super::builder::ColumnBuilder;
use super::json::{JsonColumn, key_of};
use super::parquet::ParquetColumn;
use super::{DataFile, FileFormat, HiveColumn, HiveTable, ReadOptions, csv, delimited, json, parquet, text};
use crate::{BatchStream, LakeError, LakeResult, ObjectStorage, ScanMeter};

/// A file whose reads are counted.
#[derive(Clone)]
pub(super) struct MeteredFile {
    file: Arc<File>,
    pub size: u64,
    at: u64,
    meter: ScanMeter,
}

impl MeteredFile {
    /// The same file, read from another place on.
    pub fn at(&self, start: u64) -> Self {
        Self { at: start, ..self.clone() }
    }
}

impl Read for MeteredFile {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.file.read_at(buffer, self.at)?;
        self.at += length as u64;
        self.meter.add(length as u64);
        Ok(length)
    }
}

/// See [`HiveTable::read`].
pub(super) fn read(
    table: &HiveTable,
    storage: &ObjectStorage,
    meter: &ScanMeter,
    file: &DataFile,
    options: &ReadOptions,
) -> BatchStream {
    let (table, storage, meter, file, options) =
        (table.clone(), storage.clone(), meter.clone(), file.clone(), options.clone());
    let begin = async move {
        // Two batches ahead: enough to keep both sides busy.
        let (sender, receiver) = channel(2);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = read_file(&table, &storage, meter, &file, &options, &sender) {
                // Nobody listens any more: the query was stopped.
                let _ = sender.blocking_send(Err(error));
            }
        });
        futures::stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) })
    };
    futures::stream::once(begin).flatten().boxed()
}

fn read_file(
    table: &HiveTable,
    storage: &ObjectStorage,
    meter: ScanMeter,
    file: &DataFile,
    options: &ReadOptions,
    sender: &Sender<LakeResult<RecordBatch>>,
) -> LakeResult<()> {
    let opened = storage.open_file(&file.uri)?;
    let source = MeteredFile { size: opened.1, file: Arc::new(opened.0), at: 0, meter };
    let mut output = Output::new(table, file, options, sender)?;
    if output.remaining == 0 {
        return Ok(());
    }
    let wanted: Vec<(usize, &HiveColumn)> = output.positions.iter().map(|at| (*at, &table.columns[*at])).collect();
    if let FileFormat::Parquet { by_position } = file.format {
        let columns: Vec<ParquetColumn> = wanted
            .iter()
            .map(|(position, column)| ParquetColumn {
                position: *position,
                name: column.name.clone(),
                data_type: column.hive_type.to_arrow(),
                hive_type: column.hive_type.to_string(),
            })
            .collect();
        return parquet::read(&file.uri, source, &columns, by_position, options.batch_size, |arrays, rows| {
            output.send(arrays, rows)
        });
    }
    let mut columns: Vec<(usize, ColumnBuilder)> =
        wanted.iter().map(|(position, column)| (*position, ColumnBuilder::new(&column.hive_type))).collect();
    let mut rows = 0;
    match &file.format {
        FileFormat::Delimited(format) => {
            text::lines(&file.uri, source, format.lines, |line| {
                delimited::row(line, format, &mut columns);
                rows += 1;
                flush(&mut rows, options.batch_size, &mut output, columns.iter_mut().map(|(_, column)| column))
            })?;
        }
        FileFormat::Csv(format) => {
            text::lines(&file.uri, source, format.lines, |line| {
                csv::row(line, format, &mut columns)?;
                rows += 1;
                flush(&mut rows, options.batch_size, &mut output, columns.iter_mut().map(|(_, column)| column))
            })?;
        }
        FileFormat::Json(format) => {
            let mut columns: Vec<JsonColumn> = wanted
                .iter()
                .map(|(position, column)| JsonColumn {
                    position: *position,
                    key: key_of(&column.name, format),
                    builder: ColumnBuilder::new(&column.hive_type),
                })
                .collect();
            text::lines(&file.uri, source, format.lines, |line| {
                if line.trim().is_empty() {
                    return Ok(true);
                }
                json::row(line, format, &mut columns)?;
                rows += 1;
                flush(&mut rows, options.batch_size, &mut output, columns.iter_mut().map(|column| &mut column.builder))
            })?;
            flush(&mut rows, 1, &mut output, columns.iter_mut().map(|column| &mut column.builder))?;
            return Ok(());
        }
        FileFormat::Parquet { .. } => {}
    }
    flush(&mut rows, 1, &mut output, columns.iter_mut().map(|(_, column)| column))?;
    Ok(())
}

/// Sends the rows when there are enough.
fn flush<'a>(
    rows: &mut usize,
    enough: usize,
    output: &mut Output<'_>,
    columns: impl Iterator<Item = &'a mut ColumnBuilder>,
) -> LakeResult<bool> {
    if *rows < enough.min(output.remaining).max(1) {
        return Ok(true);
    }
    let arrays = columns.map(ColumnBuilder::finish).collect();
    output.send(arrays, std::mem::take(rows))
}

/// Where a column of the answer comes from.
enum Source {
    /// A column of the file, by its place among those that are read.
    File(usize),
    /// The partition's value, as one row.
    Partition(ArrayRef),
}

struct Output<'a> {
    /// Columns of the table to read from the file.
    positions: Vec<usize>,
    sources: Vec<Source>,
    schema: SchemaRef,
    remaining: usize,
    sender: &'a Sender<LakeResult<RecordBatch>>,
}

impl<'a> Output<'a> {
    fn new(
        table: &HiveTable,
        file: &DataFile,
        options: &ReadOptions,
        sender: &'a Sender<LakeResult<RecordBatch>>,
    ) -> LakeResult<Self> {
        let all = table.schema();
        let projection = options.projection.clone().unwrap_or_else(|| (0..all.fields().len()).collect());
        let (mut positions, mut sources) = (Vec::new(), Vec::new());
        for at in &projection {
            if *at < table.columns.len() {
                let place = positions.iter().position(|wanted| wanted == at).unwrap_or_else(|| {
                    positions.push(*at);
                    positions.len() - 1
                });
                sources.push(Source::File(place));
            } else {
                let key = at - table.columns.len();
                sources
                    .push(Source::Partition(partition_value(&table.partition_keys[key], &file.partition_values[key])?));
            }
        }
        let schema = all.project(&projection).map_err(LakeError::arrow("projecting a Hive table"))?;
        let schema: SchemaRef = Arc::new(Schema::new(schema.fields));
        Ok(Self { positions, sources, schema, remaining: options.limit.unwrap_or(usize::MAX), sender })
    }

    /// Sends rows; `false` when nobody wants more.
    fn send(&mut self, arrays: Vec<ArrayRef>, rows: usize) -> LakeResult<bool> {
        let taken = rows.min(self.remaining);
        let mut columns = Vec::with_capacity(self.sources.len());
        for source in &self.sources {
            columns.push(match source {
                Source::File(at) => arrays[*at].slice(0, taken),
                Source::Partition(value) => take(value, &UInt32Array::from_value(0, taken), None)
                    .map_err(LakeError::arrow("repeating a partition value"))?,
            });
        }
        let with_rows = RecordBatchOptions::new().with_row_count(Some(taken));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &with_rows)
            .map_err(LakeError::arrow("reading a Hive table"))?;
        self.remaining -= taken;
        Ok(self.sender.blocking_send(Ok(batch)).is_ok() && self.remaining > 0)
    }
}

/// The value of a partition key, as an array of one.
fn partition_value(key: &HiveColumn, value: &Option<String>) -> LakeResult<ArrayRef> {
    let mut builder = ColumnBuilder::new(&key.hive_type);
    match value {
        None => builder.null(),
        Some(text) if builder.text(text) => {}
        Some(text) => {
            return Err(LakeError::athena(
                "HIVE_INVALID_PARTITION_VALUE",
                format!(
                    "Invalid partition value '{text}' for {} partition key: {}",
                    key.hive_type.to_string().to_uppercase(),
                    key.name
                ),
            ));
        }
    }
    Ok(builder.finish())
}
