//! Writing the files of a result.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use athena_api::athena::ColumnInfo;
use bytes::Bytes;
use futures::{SinkExt, StreamExt, channel::mpsc, stream};
use lake::{
    ObjectStorage, StorageError,
    storage::{Condition, Metadata, ObjectInfo},
};
use names::S3Uri;
use query::{QueryError, RowStream};
use tokio::task::JoinHandle;

use super::{
    body::{append_csv, append_row},
    companion::Companion,
};
use crate::history::ResultFormat;

/// A body that grows past this is sent to the storage while its rows are still computed.
const IN_MEMORY: usize = 4 << 20;

/// What is written where.
pub(crate) struct Writing<'a> {
    pub(crate) storage: &'a ObjectStorage,
    pub(crate) location: &'a S3Uri,
    pub(crate) query_id: &'a str,
    pub(crate) format: ResultFormat,
    pub(crate) columns: &'a [ColumnInfo],
    /// The text body starts with a line of labels: EXPLAIN.
    pub(crate) labels_in_text: bool,
    pub(crate) update_type: Option<&'static str>,
    pub(crate) update_count: Option<i64>,
    /// `binary/octet-stream` where the service has that.
    pub(crate) content_type: &'static str,
    /// Whether `.metadata` is written beside the body.
    pub(crate) companion: bool,
}

/// What was written.
pub(crate) struct Stored {
    /// Rows, header included.
    pub(crate) rows: u64,
    /// The whole body, when it is small.
    pub(crate) body: Option<Bytes>,
}

/// Why writing stopped.
pub(crate) enum WriteError {
    /// The rows failed.
    Query(QueryError),
    /// The objects failed.
    Storage(StorageError),
}

impl From<StorageError> for WriteError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

/// Reads all rows and writes body and companion. `watch` sees each batch and may stop the query.
pub(crate) async fn write_result(
    writing: &Writing<'_>,
    mut rows: RowStream,
    mut watch: impl FnMut() -> Result<(), QueryError>,
) -> Result<Stored, WriteError> {
    let mut body = Body::new(writing);
    let mut count = 0;
    let labels = || writing.columns.iter().map(|column| Some(column.label.as_str()));
    match writing.format {
        ResultFormat::Csv => {
            append_csv(&mut body.buffer, labels());
            count += 1;
        }
        ResultFormat::Text if writing.labels_in_text => {
            let labels: Vec<_> = labels().map(|label| label.map(str::to_owned)).collect();
            append_row(&mut body.buffer, ResultFormat::Text, true, &labels);
            count += 1;
        }
        ResultFormat::Text | ResultFormat::Nothing => {}
    }
    while let Some(batch) = rows.next().await {
        for row in batch.map_err(WriteError::Query)? {
            append_row(&mut body.buffer, writing.format, count == 0, &row);
            count += 1;
        }
        watch().map_err(WriteError::Query)?;
        body.send_if_large().await?;
    }
    let body = if writing.format == ResultFormat::Nothing { None } else { body.finish().await? };
    if writing.companion {
        write_companion(writing).await?;
    }
    Ok(Stored { rows: count, body })
}

async fn write_companion(writing: &Writing<'_>) -> Result<(), StorageError> {
    let companion = Companion {
        query_id: writing.query_id,
        update_type: writing.update_type,
        update_count: writing.update_type.and(writing.update_count),
        columns: writing.columns,
    };
    let key = format!("{}.metadata", writing.location.key);
    put(writing.storage, &writing.location.bucket, &key, companion.encode().into(), writing.content_type).await
}

/// A failed Hive statement leaves its reason as text.
pub(crate) async fn write_failure(storage: &ObjectStorage, location: &S3Uri, reason: &str) -> Result<(), StorageError> {
    let body = Bytes::copy_from_slice(reason.as_bytes());
    put(storage, &location.bucket, &location.key, body, "application/octet-stream").await
}

/// `<id>-manifest.csv`: the files that a statement wrote, one a line.
pub(crate) async fn write_manifest(
    storage: &ObjectStorage,
    location: &S3Uri,
    files: &[S3Uri],
) -> Result<S3Uri, StorageError> {
    let manifest = S3Uri { bucket: location.bucket.clone(), key: format!("{}-manifest.csv", location.key) };
    let lines: Vec<String> = files.iter().map(ToString::to_string).collect();
    put(storage, &manifest.bucket, &manifest.key, lines.join("\n").into(), "application/octet-stream").await?;
    Ok(manifest)
}

async fn put(
    storage: &ObjectStorage,
    bucket: &str,
    key: &str,
    body: Bytes,
    content_type: &str,
) -> Result<(), StorageError> {
    let body = stream::once(std::future::ready(Ok(body))).boxed();
    storage.put(bucket, key, body, metadata(content_type), Condition::Always).await.map(|_| ())
}

fn metadata(content_type: &str) -> Metadata {
    Metadata { content_type: Some(content_type.to_owned()), ..Metadata::default() }
}

/// The body as it grows: in memory while small, then a stream into the storage.
struct Body<'a> {
    writing: &'a Writing<'a>,
    buffer: Vec<u8>,
    upload: Option<Upload>,
}

struct Upload {
    chunks: mpsc::Sender<Result<Bytes, std::io::Error>>,
    /// All rows were sent. Without it the end of the channel is the end of a broken body: an abort alone may come too late to keep the
    /// storage from taking what it has for the whole.
    complete: Arc<AtomicBool>,
    task: JoinHandle<Result<ObjectInfo, StorageError>>,
}

impl<'a> Body<'a> {
    fn new(writing: &'a Writing<'a>) -> Self {
        Self { writing, buffer: Vec::new(), upload: None }
    }

    async fn send_if_large(&mut self) -> Result<(), StorageError> {
        if self.buffer.len() < IN_MEMORY {
            return Ok(());
        }
        let chunk = Bytes::from(std::mem::take(&mut self.buffer));
        self.send(chunk).await
    }

    async fn send(&mut self, chunk: Bytes) -> Result<(), StorageError> {
        let upload = self.upload.get_or_insert_with(|| start(self.writing));
        if upload.chunks.send(Ok(chunk)).await.is_err()
            && let Some(upload) = self.upload.take()
        {
            // The storage stopped reading; its error says why.
            join(upload.task).await?;
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<Option<Bytes>, StorageError> {
        let rest = Bytes::from(std::mem::take(&mut self.buffer));
        if self.upload.is_none() {
            let location = self.writing.location;
            let content_type = self.writing.content_type;
            put(self.writing.storage, &location.bucket, &location.key, rest.clone(), content_type).await?;
            return Ok(Some(rest));
        }
        self.send(rest).await?;
        if let Some(mut upload) = self.upload.take() {
            upload.complete.store(true, Ordering::Release);
            upload.chunks.close_channel();
            join(upload.task).await?;
        }
        Ok(None)
    }
}

/// Rows that fail half-way leave no object: the stream ends with an error, and the storage keeps nothing.
impl Drop for Body<'_> {
    fn drop(&mut self) {
        if let Some(upload) = self.upload.take() {
            upload.task.abort();
        }
    }
}

fn start(writing: &Writing<'_>) -> Upload {
    let (chunks, receiver) = mpsc::channel(2);
    let complete = Arc::new(AtomicBool::new(false));
    let end = Arc::clone(&complete);
    let body = receiver.chain(stream::once(async move {
        if end.load(Ordering::Acquire) { Ok(Bytes::new()) } else { Err(std::io::Error::other("the rows ended early")) }
    }));
    let (storage, location) = (writing.storage.clone(), writing.location.clone());
    let metadata = metadata(writing.content_type);
    let task = tokio::spawn(async move {
        storage.put(&location.bucket, &location.key, body.boxed(), metadata, Condition::Always).await
    });
    Upload { chunks, complete, task }
}

async fn join(task: JoinHandle<Result<ObjectInfo, StorageError>>) -> Result<(), StorageError> {
    match task.await {
        Ok(stored) => stored.map(|_| ()),
        Err(error) => Err(StorageError::Io {
            doing: "writing the result",
            path: std::path::PathBuf::new(),
            source: std::io::Error::other(error),
        }),
    }
}
