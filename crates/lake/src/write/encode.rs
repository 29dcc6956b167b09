//! One file on its way: Parquet or text, compressed.

use std::io::Write;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use flate2::write::GzEncoder;
use names::S3Uri;
use parquet::arrow::ArrowWriter;
use parquet::basic::{self, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::text::RowFormat;
use super::{Compression, WriteFormat, WriteOptions};
use crate::storage::ObjectWriter;
use crate::{LakeError, LakeResult};

/// A row group is closed when so much of it is in memory.
const ROW_GROUP_BYTES: usize = 64 << 20;

pub(super) struct Encoder {
    uri: S3Uri,
    rows: u64,
    body: Body,
}

enum Body {
    Parquet(Box<ArrowWriter<ObjectWriter>>),
    Text { sink: Sink, format: RowFormat, buffer: Vec<u8>, written: u64 },
}

enum Sink {
    Plain(Box<ObjectWriter>),
    Gzip(Box<GzEncoder<ObjectWriter>>),
    Zstd(Box<zstd::Encoder<'static, ObjectWriter>>),
}

/// Parquet files have no extension in Athena; text files say how they are compressed.
pub(super) fn extension(format: WriteFormat, compression: Compression) -> &'static str {
    match (format, compression) {
        (WriteFormat::Parquet, _) | (_, Compression::None | Compression::Snappy) => "",
        (_, Compression::Gzip) => ".gz",
        (_, Compression::Zstd(_)) => ".zst",
    }
}

pub(crate) fn parquet_properties(compression: Compression) -> LakeResult<WriterProperties> {
    let codec = match compression {
        Compression::None => basic::Compression::UNCOMPRESSED,
        Compression::Snappy => basic::Compression::SNAPPY,
        Compression::Gzip => basic::Compression::GZIP(GzipLevel::default()),
        Compression::Zstd(level) => {
            let level =
                ZstdLevel::try_new(level.unwrap_or(3)).map_err(LakeError::parquet("choosing the compression level"))?;
            basic::Compression::ZSTD(level)
        }
    };
    Ok(WriterProperties::builder().set_compression(codec).set_created_by("owlet".to_owned()).build())
}

impl Encoder {
    pub fn new(file: ObjectWriter, uri: S3Uri, schema: &SchemaRef, options: &WriteOptions) -> LakeResult<Self> {
        let body = match options.format {
            WriteFormat::Parquet => {
                let properties = parquet_properties(options.compression)?;
                let writer = ArrowWriter::try_new(file, SchemaRef::clone(schema), Some(properties));
                Body::Parquet(Box::new(writer.map_err(LakeError::parquet(format!("writing {uri}")))?))
            }
            WriteFormat::Delimited | WriteFormat::Json => {
                let sink = match options.compression {
                    Compression::None | Compression::Snappy => Sink::Plain(Box::new(file)),
                    Compression::Gzip => Sink::Gzip(Box::new(GzEncoder::new(file, flate2::Compression::default()))),
                    Compression::Zstd(level) => {
                        let encoder =
                            zstd::Encoder::new(file, level.unwrap_or(3)).map_err(|error| failed(&uri, error))?;
                        Sink::Zstd(Box::new(encoder))
                    }
                };
                let format = match options.format {
                    WriteFormat::Json => RowFormat::Json,
                    _ => RowFormat::Delimited { field: options.field_delimiter },
                };
                Body::Text { sink, format, buffer: Vec::new(), written: 0 }
            }
        };
        Ok(Self { uri, rows: 0, body })
    }

    pub fn append(&mut self, rows: &RecordBatch) -> LakeResult<()> {
        self.rows += rows.num_rows() as u64;
        let doing = || format!("writing {}", self.uri);
        match &mut self.body {
            Body::Parquet(writer) => {
                writer.write(rows).map_err(LakeError::parquet(doing()))?;
                if writer.in_progress_size() >= ROW_GROUP_BYTES {
                    writer.flush().map_err(LakeError::parquet(doing()))?;
                }
            }
            Body::Text { sink, format, buffer, written } => {
                for row in 0..rows.num_rows() {
                    format.row(rows, row, buffer)?;
                }
                *written += buffer.len() as u64;
                sink.write(buffer).map_err(|error| failed(&self.uri, error))?;
                buffer.clear();
            }
        }
        Ok(())
    }

    /// About so many bytes by now.
    pub fn size(&self) -> u64 {
        match &self.body {
            Body::Parquet(writer) => (writer.bytes_written() + writer.in_progress_size()) as u64,
            Body::Text { written, .. } => *written,
        }
    }

    /// The finished object, not yet visible.
    pub fn finish(self) -> LakeResult<(ObjectWriter, S3Uri, u64)> {
        let mut object = match self.body {
            Body::Parquet(writer) => {
                writer.into_inner().map_err(LakeError::parquet(format!("writing {}", self.uri)))?
            }
            Body::Text { sink, .. } => sink.finish().map_err(|error| failed(&self.uri, error))?,
        };
        object.close()?;
        Ok((object, self.uri, self.rows))
    }
}

impl Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    fn finish(self) -> std::io::Result<ObjectWriter> {
        match self {
            Self::Plain(file) => Ok(*file),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

fn failed(uri: &S3Uri, error: std::io::Error) -> LakeError {
    LakeError::athena("HIVE_WRITER_DATA_ERROR", format!("writing {uri} failed: {error}"))
}
