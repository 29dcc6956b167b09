//! Iceberg's files through our storage.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use ::iceberg::io::{
    FileIO, FileIOBuilder, FileMetadata, FileRead, FileWrite, InputFile, OutputFile, Storage, StorageConfig,
    StorageFactory,
};
use ::iceberg::{Error, ErrorKind, Result};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use names::S3Uri;
use serde::{Serialize, Serializer};

use crate::storage::{Condition, ObjectWriter};
use crate::{ObjectStorage, ScanMeter, StorageError};

/// Paths of files that were made, to be removed when what they were made for fails.
#[derive(Debug, Clone, Default)]
pub(super) struct Created {
    paths: Arc<Mutex<Vec<String>>>,
}

impl Created {
    fn add(&self, path: &str) {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
    }

    /// Removes the files, as far as possible.
    pub async fn remove(&self, storage: &ObjectStorage) {
        let paths = std::mem::take(&mut *self.paths.lock().unwrap_or_else(PoisonError::into_inner));
        for path in paths {
            let Ok(uri) = path.parse::<S3Uri>() else { continue };
            if let Err(error) = storage.delete(&uri.bucket, &uri.key).await {
                tracing::warn!(file = path, %error, "a file of a failed Iceberg commit is left");
            }
        }
    }
}

/// A `FileIO` over the storage: reads of file contents are added to `meter`, new files noted in `created`.
pub(super) fn file_io(storage: &ObjectStorage, meter: &ScanMeter, created: &Created) -> FileIO {
    let lake = LakeStorage { storage: storage.clone(), meter: meter.clone(), created: created.clone() };
    FileIOBuilder::new(Arc::new(lake)).build()
}

#[derive(Debug, Clone)]
struct LakeStorage {
    storage: ObjectStorage,
    meter: ScanMeter,
    created: Created,
}

/// The `iceberg` crate wants storages that could be sent to other processes; this one never is.
impl Serialize for LakeStorage {
    fn serialize<S: Serializer>(&self, _: S) -> std::result::Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("the storage of an embedded lakehouse stays in its process"))
    }
}

impl StorageFactory for LakeStorage {
    fn typetag_name(&self) -> &'static str {
        "LakeStorage"
    }

    fn typetag_deserialize(&self) {}

    fn build(&self, _: &StorageConfig) -> Result<Arc<dyn Storage>> {
        Ok(Arc::new(self.clone()))
    }
}

fn locate(path: &str) -> Result<S3Uri> {
    path.parse().map_err(|error: names::S3UriError| Error::new(ErrorKind::DataInvalid, error.to_string()))
}

fn foreign(error: StorageError) -> Error {
    let kind = if error.is_not_found() { ErrorKind::DataInvalid } else { ErrorKind::Unexpected };
    Error::new(kind, error.to_string()).with_source(error)
}

#[async_trait]
impl Storage for LakeStorage {
    fn typetag_name(&self) -> &'static str {
        "LakeStorage"
    }

    fn typetag_deserialize(&self) {}

    async fn exists(&self, path: &str) -> Result<bool> {
        let uri = locate(path)?;
        match self.storage.head(&uri.bucket, &uri.key).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(foreign(error)),
        }
    }

    async fn metadata(&self, path: &str) -> Result<FileMetadata> {
        let uri = locate(path)?;
        let info = self.storage.head(&uri.bucket, &uri.key).await.map_err(foreign)?;
        Ok(FileMetadata { size: info.size })
    }

    async fn read(&self, path: &str) -> Result<Bytes> {
        let uri = locate(path)?;
        let bytes = self.storage.get_bytes(&uri.bucket, &uri.key).await.map_err(foreign)?;
        self.meter.add(bytes.len() as u64);
        Ok(bytes)
    }

    async fn reader(&self, path: &str) -> Result<Box<dyn FileRead>> {
        let uri = locate(path)?;
        let (file, _) = self.storage.open_file(&uri).map_err(foreign)?;
        Ok(Box::new(Reader { file: Arc::new(file), meter: self.meter.clone() }))
    }

    async fn write(&self, path: &str, bytes: Bytes) -> Result<()> {
        let mut writer = self.writer(path).await?;
        writer.write(bytes).await?;
        writer.close().await
    }

    async fn writer(&self, path: &str) -> Result<Box<dyn FileWrite>> {
        let uri = locate(path)?;
        let writer = self.storage.create(&uri.bucket, &uri.key).map_err(foreign)?;
        self.created.add(path);
        Ok(Box::new(Writer { writer: Some(writer) }))
    }

    async fn delete(&self, path: &str) -> Result<()> {
        let uri = locate(path)?;
        self.storage.delete(&uri.bucket, &uri.key).await.map_err(foreign)
    }

    async fn delete_prefix(&self, path: &str) -> Result<()> {
        let uri = locate(path)?;
        for object in self.storage.list_all(&uri.bucket, &uri.prefix()).await.map_err(foreign)? {
            self.storage.delete(&uri.bucket, &object.key).await.map_err(foreign)?;
        }
        Ok(())
    }

    async fn delete_stream(&self, mut paths: BoxStream<'static, String>) -> Result<()> {
        while let Some(path) = paths.next().await {
            self.delete(&path).await?;
        }
        Ok(())
    }

    fn new_input(&self, path: &str) -> Result<InputFile> {
        Ok(InputFile::new(Arc::new(self.clone()), path.to_owned()))
    }

    fn new_output(&self, path: &str) -> Result<OutputFile> {
        Ok(OutputFile::new(Arc::new(self.clone()), path.to_owned()))
    }
}

struct Reader {
    file: Arc<std::fs::File>,
    meter: ScanMeter,
}

#[async_trait]
impl FileRead for Reader {
    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let file = Arc::clone(&self.file);
        let bytes = crate::storage::read_range(file, range).await;
        let bytes = bytes.map_err(|error| Error::new(ErrorKind::Unexpected, "reading a file").with_source(error))?;
        self.meter.add(bytes.len() as u64);
        Ok(bytes)
    }
}

struct Writer {
    writer: Option<ObjectWriter>,
}

#[async_trait]
impl FileWrite for Writer {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        match &mut self.writer {
            Some(writer) => writer.append(&bytes).map_err(foreign),
            None => Err(Error::new(ErrorKind::Unexpected, "writing to a closed file")),
        }
    }

    async fn close(&mut self) -> Result<()> {
        match self.writer.take() {
            Some(writer) => writer.commit(&Condition::Always).map(|_| ()).map_err(foreign),
            None => Err(Error::new(ErrorKind::Unexpected, "closing a closed file")),
        }
    }
}
