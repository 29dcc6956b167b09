//! Buckets and objects on the local disk, as S3 shows them.
//!
//! `<root>/s3/<bucket>/…` holds one file per object, at a path one can guess from its key ([`key`]). What S3 knows of an object besides its bytes is in a
//! sidecar below `<root>/s3.meta`, written only when there is something to say. Unfinished objects are elsewhere (`<root>/s3.tmp`, `<root>/s3.uploads`), so
//! a bucket never shows half an object.

mod error;
mod meter;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use indexmap::IndexMap;

use chrono::{DateTime, Utc};

pub use error::StorageError;
pub use meter::ScanMeter;
pub use store::Durability;

/// Answers of the storage.
pub type StorageResult<T> = Result<T, StorageError>;

/// The bytes of an object on their way in or out.
pub type ByteStream = BoxStream<'static, Result<Bytes, std::io::Error>>;

/// All buckets of a lakehouse. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ObjectStorage {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {}

/// A bucket in the list of buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    pub name: String,
    pub created: DateTime<Utc>,
    /// A folder that is only shown: writing to it is refused.
    pub read_only: bool,
}

/// What a writer says of an object besides its bytes. Names of `user` are without `x-amz-meta-`, in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub cache_control: Option<String>,
    pub content_disposition: Option<String>,
    pub content_language: Option<String>,
    /// Of the whole object: `x-amz-checksum-crc32` → value.
    pub checksums: IndexMap<String, String>,
    pub user: IndexMap<String, String>,
    pub tags: IndexMap<String, String>,
}

/// When a write may happen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Condition {
    #[default]
    Always,
    /// `If-None-Match: *`.
    IfAbsent,
    /// `If-Match`: the ETag without quotes.
    IfMatch(String),
}

/// An object's facts.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectInfo {
    pub key: String,
    pub size: u64,
    pub last_modified: DateTime<Utc>,
    /// Without quotes. The MD5 of the bytes for what came through [`ObjectStorage::put`]; else opaque, new with each change.
    pub etag: String,
    pub metadata: Metadata,
}

/// Which keys to list.
#[derive(Debug, Clone, Default)]
pub struct ListRequest {
    pub prefix: String,
    pub delimiter: Option<String>,
    /// Only keys and common prefixes after this one (ListObjectsV2 `start-after`, v1 `marker`, or a continuation).
    pub start_after: Option<String>,
    /// 1,000 when absent.
    pub max_keys: Option<usize>,
}

/// A page of keys in UTF-8 byte order.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    pub objects: Vec<ObjectInfo>,
    pub common_prefixes: Vec<String>,
    /// The last key or common prefix of this page when there are more: the next page's `start_after`.
    pub next_start_after: Option<String>,
}

/// A part of a multipart upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub number: u32,
    pub size: u64,
    pub etag: String,
    pub last_modified: DateTime<Utc>,
}

/// A multipart upload under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    pub key: String,
    pub upload_id: String,
    pub initiated: DateTime<Utc>,
}

fn not_yet<T>() -> StorageResult<T> {
    Err(StorageError::NotSupported { what: "this operation".to_owned() })
}

impl ObjectStorage {
    /// Opens `<root>/s3`, making it if need be.
    pub fn open(root: &Path, durability: Durability) -> StorageResult<Self> {
        let _ = (root, durability);
        Ok(Self { inner: Arc::new(Inner {}) })
    }

    /// Shows `folder` as the bucket `name`, read-only. Its files' names are the keys.
    pub fn mount(&self, name: &str, folder: &Path) -> StorageResult<()> {
        let _ = (name, folder, &self.inner);
        not_yet()
    }

    pub async fn list_buckets(&self) -> StorageResult<Vec<Bucket>> {
        not_yet()
    }

    pub async fn head_bucket(&self, bucket: &str) -> StorageResult<Bucket> {
        let _ = bucket;
        not_yet()
    }

    pub async fn create_bucket(&self, bucket: &str) -> StorageResult<()> {
        let _ = bucket;
        not_yet()
    }

    pub async fn delete_bucket(&self, bucket: &str) -> StorageResult<()> {
        let _ = bucket;
        not_yet()
    }

    /// Stores the whole object or nothing; when this returns, readers see the new one.
    pub async fn put(
        &self,
        bucket: &str,
        key: &str,
        body: ByteStream,
        metadata: Metadata,
        condition: Condition,
    ) -> StorageResult<ObjectInfo> {
        let _ = (bucket, key, body, metadata, condition);
        not_yet()
    }

    /// [`Self::put`] of bytes at hand, without metadata.
    pub async fn put_bytes(&self, bucket: &str, key: &str, body: Bytes) -> StorageResult<ObjectInfo> {
        let _ = (bucket, key, body);
        not_yet()
    }

    pub async fn head(&self, bucket: &str, key: &str) -> StorageResult<ObjectInfo> {
        let _ = (bucket, key);
        not_yet()
    }

    /// The object's facts and its bytes `start..end` (`None`: to the end). The stream reads the version that `get` found, whatever happens to the key.
    pub async fn get(
        &self,
        bucket: &str,
        key: &str,
        range: Option<ByteRange>,
    ) -> StorageResult<(ObjectInfo, std::ops::Range<u64>, ByteStream)> {
        let _ = (bucket, key, range);
        not_yet()
    }

    /// The whole object in memory.
    pub async fn get_bytes(&self, bucket: &str, key: &str) -> StorageResult<Bytes> {
        let _ = (bucket, key);
        not_yet()
    }

    pub async fn list(&self, bucket: &str, request: &ListRequest) -> StorageResult<Listing> {
        let _ = (bucket, request);
        not_yet()
    }

    /// Every object below a prefix, in key order.
    pub async fn list_all(&self, bucket: &str, prefix: &str) -> StorageResult<Vec<ObjectInfo>> {
        let _ = (bucket, prefix);
        not_yet()
    }

    /// Deleting what is not there is no error.
    pub async fn delete(&self, bucket: &str, key: &str) -> StorageResult<()> {
        let _ = (bucket, key);
        not_yet()
    }

    /// The keys that could not be deleted, with the reason.
    pub async fn delete_many(&self, bucket: &str, keys: &[String]) -> StorageResult<Vec<(String, StorageError)>> {
        let _ = (bucket, keys);
        not_yet()
    }

    /// `metadata`: `None` copies it too.
    pub async fn copy(
        &self,
        from: (&str, &str),
        to: (&str, &str),
        metadata: Option<Metadata>,
    ) -> StorageResult<ObjectInfo> {
        let _ = (from, to, metadata);
        not_yet()
    }

    /// Replaces the tags of an object.
    pub async fn set_tags(&self, bucket: &str, key: &str, tags: IndexMap<String, String>) -> StorageResult<()> {
        let _ = (bucket, key, tags);
        not_yet()
    }

    /// Begins a multipart upload and answers its id.
    pub async fn create_upload(&self, bucket: &str, key: &str, metadata: Metadata) -> StorageResult<String> {
        let _ = (bucket, key, metadata);
        not_yet()
    }

    pub async fn upload_part(
        &self,
        bucket: &str,
        key: &str,
        upload_id: &str,
        number: u32,
        body: ByteStream,
    ) -> StorageResult<Part> {
        let _ = (bucket, key, upload_id, number, body);
        not_yet()
    }

    pub async fn list_parts(&self, bucket: &str, key: &str, upload_id: &str) -> StorageResult<Vec<Part>> {
        let _ = (bucket, key, upload_id);
        not_yet()
    }

    pub async fn list_uploads(&self, bucket: &str, prefix: &str) -> StorageResult<Vec<Upload>> {
        let _ = (bucket, prefix);
        not_yet()
    }

    /// Makes the object of the parts, given as (number, etag) in order.
    pub async fn complete_upload(
        &self,
        bucket: &str,
        key: &str,
        upload_id: &str,
        parts: &[(u32, String)],
        condition: Condition,
    ) -> StorageResult<ObjectInfo> {
        let _ = (bucket, key, upload_id, parts, condition);
        not_yet()
    }

    pub async fn abort_upload(&self, bucket: &str, key: &str, upload_id: &str) -> StorageResult<()> {
        let _ = (bucket, key, upload_id);
        not_yet()
    }

    /// One bucket as an `object_store`, whose reads are added to `meter`. Register it for `s3://<bucket>/`.
    pub fn object_store(&self, bucket: &str, meter: &ScanMeter) -> Arc<dyn object_store::ObjectStore> {
        let _ = (bucket, meter);
        Arc::new(object_store::memory::InMemory::new())
    }
}

/// What part of an object to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteRange {
    /// `bytes=first-last`, both included; `last` may lie past the end.
    Bounded { first: u64, last: u64 },
    /// `bytes=first-`.
    From { first: u64 },
    /// `bytes=-length`.
    Suffix { length: u64 },
}
