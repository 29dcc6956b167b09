//! Parquet files as rows of a Hive table: columns by name in any case, missing ones NULL.

use std::io::Read;

use arrow::array::{ArrayRef, new_null_array};
use arrow::datatypes::DataType;
use bytes::Bytes;
use names::S3Uri;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::Result as ParquetResult;
use parquet::file::reader::{ChunkReader, Length};

use super::coerce::{CoerceError, coerce};
use super::read::MeteredFile;
use crate::{LakeError, LakeResult};

/// A wanted column.
pub(super) struct ParquetColumn {
    /// In the table.
    pub position: usize,
    pub name: String,
    pub data_type: DataType,
    pub hive_type: String,
}

/// Reads the columns; `each` gets them with the number of rows, and answers whether it wants more.
pub(super) fn read(
    uri: &S3Uri,
    file: MeteredFile,
    columns: &[ParquetColumn],
    by_position: bool,
    batch_size: usize,
    mut each: impl FnMut(Vec<ArrayRef>, usize) -> LakeResult<bool>,
) -> LakeResult<()> {
    let opening = || format!("Error opening Hive split {uri}");
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(LakeError::parquet(opening()))?;
    let names: Vec<String> = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
    // For each wanted column the root column in the file.
    let roots: Vec<Option<usize>> = columns
        .iter()
        .map(|column| {
            if by_position {
                return (column.position < names.len()).then_some(column.position);
            }
            names
                .iter()
                .position(|name| *name == column.name)
                .or_else(|| names.iter().position(|name| name.eq_ignore_ascii_case(&column.name)))
        })
        .collect();
    let mut read: Vec<usize> = roots.iter().flatten().copied().collect();
    read.sort_unstable();
    read.dedup();
    let mask = ProjectionMask::roots(builder.parquet_schema(), read.iter().copied());
    let reader = builder.with_projection(mask).with_batch_size(batch_size).build();
    for batch in reader.map_err(LakeError::parquet(opening()))? {
        let batch = batch.map_err(LakeError::arrow(format!("Failed to read Parquet file: {uri}")))?;
        let mut arrays = Vec::with_capacity(columns.len());
        for (column, root) in columns.iter().zip(&roots) {
            let at = root.and_then(|root| read.iter().position(|wanted| *wanted == root));
            arrays.push(match at {
                None => new_null_array(&column.data_type, batch.num_rows()),
                Some(at) => coerce(batch.column(at), &column.data_type)
                    .map_err(|error| bad_column(uri, column, batch.column(at).data_type(), error))?,
            });
        }
        if !each(arrays, batch.num_rows())? {
            return Ok(());
        }
    }
    Ok(())
}

fn bad_column(uri: &S3Uri, column: &ParquetColumn, from: &DataType, error: CoerceError) -> LakeError {
    let (name, hive_type) = (&column.name, &column.hive_type);
    match error {
        CoerceError::Incompatible => {
            let physical = physical_type(from);
            LakeError::athena(
                "HIVE_BAD_DATA",
                format!(
                    "Field {name}'s type {physical} in parquet file {uri} is incompatible with type {hive_type} \
                     defined in table schema"
                ),
            )
        }
        CoerceError::Value(error) => {
            LakeError::athena("HIVE_BAD_DATA", format!("Field {name} in parquet file {uri}: {error}"))
        }
    }
}

/// Parquet's name of the type that Arrow's came from.
fn physical_type(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Boolean => "BOOLEAN",
        DataType::Int64 | DataType::UInt64 | DataType::Timestamp(..) | DataType::Time64(_) => "INT64",
        DataType::Float32 => "FLOAT",
        DataType::Float64 => "DOUBLE",
        DataType::FixedSizeBinary(_) | DataType::Decimal128(..) => "FIXED_LEN_BYTE_ARRAY",
        DataType::Struct(_) | DataType::List(_) | DataType::Map(..) => "GROUP",
        kind if kind.is_integer() || matches!(kind, DataType::Date32 | DataType::Time32(_)) => "INT32",
        _ => "BINARY",
    }
}

impl Length for MeteredFile {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for MeteredFile {
    type T = Box<dyn Read>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(Box::new(std::io::BufReader::new(self.at(start))))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let mut buffer = vec![0; length];
        self.at(start).read_exact(&mut buffer)?;
        Ok(buffer.into())
    }
}
