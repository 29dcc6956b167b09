//! One bucket as an `object_store::ObjectStore`, for Parquet, Iceberg and DataFusion; what is read is counted.

use std::fmt;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use ::object_store::path::Path;
use ::object_store::{
    Attributes, CopyMode, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};

use super::{Condition, ListRequest, ObjectInfo, ObjectStorage, ObjectWriter, ScanMeter, StorageError, files, stream};

const STORE: &str = "lake";

/// See [`ObjectStorage::object_store`].
#[derive(Debug)]
pub(super) struct BucketStore {
    storage: ObjectStorage,
    bucket: String,
    meter: ScanMeter,
}

impl BucketStore {
    pub fn new(storage: ObjectStorage, bucket: &str, meter: ScanMeter) -> Self {
        Self { storage, bucket: bucket.to_owned(), meter }
    }

    fn open(&self, location: &Path) -> Result<files::Object> {
        let place = self.storage.place(&self.bucket).map_err(|error| foreign(error, location))?;
        files::open(&place, &self.bucket, location.as_ref()).map_err(|error| foreign(error, location))
    }
}

impl fmt::Display for BucketStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)
    }
}

fn foreign(error: StorageError, location: &Path) -> Error {
    let path = location.to_string();
    match &error {
        StorageError::NoSuchKey { .. } | StorageError::NoSuchBucket { .. } => {
            Error::NotFound { path, source: error.into() }
        }
        StorageError::PreconditionFailed { .. } => Error::Precondition { path, source: error.into() },
        StorageError::ReadOnlyMount { .. } => Error::PermissionDenied { path, source: error.into() },
        _ => generic(error),
    }
}

fn generic(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Generic { store: STORE, source: Box::new(error) }
}

/// `None` for keys that `object_store` has no path for, such as `a//b`.
fn meta(info: ObjectInfo) -> Option<ObjectMeta> {
    Some(ObjectMeta {
        location: Path::parse(&info.key).ok()?,
        last_modified: info.last_modified,
        size: info.size,
        e_tag: Some(info.etag),
        version: None,
    })
}

#[async_trait]
impl ObjectStore for BucketStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let condition = match options.mode {
            PutMode::Overwrite => Condition::Always,
            PutMode::Create => Condition::IfAbsent,
            PutMode::Update(version) => Condition::IfMatch(version.e_tag.unwrap_or_default()),
        };
        let absent = condition == Condition::IfAbsent;
        let put = || -> Result<ObjectInfo, StorageError> {
            let mut writer = self.storage.create(&self.bucket, location.as_ref())?;
            for piece in &payload {
                writer.append(piece)?;
            }
            writer.commit(&condition)
        };
        match put() {
            Ok(info) => Ok(PutResult { e_tag: Some(info.etag), version: None }),
            Err(error @ StorageError::PreconditionFailed { .. }) if absent => {
                Err(Error::AlreadyExists { path: location.to_string(), source: error.into() })
            }
            Err(error) => Err(foreign(error, location)),
        }
    }

    async fn put_multipart_opts(&self, location: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let writer = self.storage.create(&self.bucket, location.as_ref()).map_err(|error| foreign(error, location))?;
        Ok(Box::new(Upload { writer: Mutex::new(Some(writer)), location: location.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let object = self.open(location)?;
        let size = object.info.size;
        let meta = ObjectMeta {
            location: location.clone(),
            last_modified: object.info.last_modified,
            size,
            e_tag: Some(object.info.etag),
            version: None,
        };
        options.check_preconditions(&meta)?;
        let range = match &options.range {
            Some(range) => range.as_range(size).map_err(generic)?,
            None => 0..size,
        };
        let payload = if options.head {
            futures::stream::empty().boxed()
        } else {
            let meter = self.meter.clone();
            let read = stream::read(object.file, range.clone());
            read.inspect_ok(move |piece| meter.add(piece.len() as u64)).map_err(generic).boxed()
        };
        Ok(GetResult { payload: GetResultPayload::Stream(payload), meta, range, attributes: Attributes::new() })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let object = self.open(location)?;
        let size = object.info.size;
        let ranges: Vec<_> = ranges.iter().map(|range| range.start.min(size)..range.end.min(size)).collect();
        let pieces = stream::read_ranges(object.file, ranges).await.map_err(generic)?;
        self.meter.add(pieces.iter().map(|piece| piece.len() as u64).sum());
        Ok(pieces)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (storage, bucket) = (self.storage.clone(), self.bucket.clone());
        let delete = move |location: Path| {
            let (storage, bucket) = (storage.clone(), bucket.clone());
            async move {
                storage.delete(&bucket, location.as_ref()).await.map_err(|error| foreign(error, &location))?;
                Ok(location)
            }
        };
        locations.and_then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (storage, bucket) = (self.storage.clone(), self.bucket.clone());
        let prefix = directory(prefix);
        let list = async move {
            let objects = storage.list_all(&bucket, &prefix).await.map_err(generic)?;
            Ok::<_, Error>(futures::stream::iter(objects.into_iter().filter_map(meta).map(Ok)))
        };
        list.into_stream().try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let request = ListRequest {
            prefix: directory(prefix),
            delimiter: Some("/".to_owned()),
            start_after: None,
            max_keys: Some(usize::MAX),
        };
        let listing = self.storage.list(&self.bucket, &request).await.map_err(generic)?;
        Ok(ListResult {
            objects: listing.objects.into_iter().filter_map(meta).collect(),
            common_prefixes: listing.common_prefixes.iter().filter_map(|text| Path::parse(text).ok()).collect(),
        })
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let absent = matches!(options.mode, CopyMode::Create);
        let place = |path: &Path| (self.bucket.clone(), path.to_string());
        if absent && self.storage.head(&self.bucket, to.as_ref()).await.is_ok() {
            let error = StorageError::PreconditionFailed { bucket: self.bucket.clone(), key: to.to_string() };
            return Err(Error::AlreadyExists { path: to.to_string(), source: error.into() });
        }
        let ((from_bucket, from_key), (to_bucket, to_key)) = (place(from), place(to));
        let copied = self.storage.copy((&from_bucket, &from_key), (&to_bucket, &to_key), None).await;
        copied.map(|_| ()).map_err(|error| foreign(error, from))
    }
}

/// `object_store` means whole segments.
fn directory(prefix: Option<&Path>) -> String {
    prefix.filter(|prefix| !prefix.as_ref().is_empty()).map(|prefix| format!("{prefix}/")).unwrap_or_default()
}

/// Parts are written as they come: their order is the order of the calls.
#[derive(Debug)]
struct Upload {
    writer: Mutex<Option<ObjectWriter>>,
    location: Path,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner);
        let written = match writer {
            Some(writer) => {
                data.iter().try_for_each(|piece| writer.append(piece)).map_err(|error| foreign(error, &self.location))
            }
            None => Err(generic(std::io::Error::from(std::io::ErrorKind::BrokenPipe))),
        };
        futures::future::ready(written).boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let writer = writer.ok_or_else(|| generic(std::io::Error::from(std::io::ErrorKind::BrokenPipe)))?;
        let info = writer.commit(&Condition::Always).map_err(|error| foreign(error, &self.location))?;
        Ok(PutResult { e_tag: Some(info.etag), version: None })
    }

    async fn abort(&mut self) -> Result<()> {
        drop(self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        Ok(())
    }
}
