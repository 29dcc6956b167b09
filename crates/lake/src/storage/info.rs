//! What S3 knows of an object besides its bytes.

use std::fs::Metadata as Facts;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

/// What a writer says of an object besides its bytes. Names of `user` are without `x-amz-meta-`, in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
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
    /// Without quotes. The MD5 of the bytes for what came through [`super::ObjectStorage::put`]; else opaque, new with each change.
    pub etag: String,
    pub metadata: Metadata,
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

impl ByteRange {
    /// `None` when nothing of it is there.
    pub(super) fn of(self, size: u64) -> Option<Range<u64>> {
        match self {
            Self::Bounded { first, last } => {
                (first < size && first <= last).then(|| first..size.min(last.saturating_add(1)))
            }
            Self::From { first } => (first < size).then_some(first..size),
            Self::Suffix { length } => (length > 0 && size > 0).then(|| size.saturating_sub(length)..size),
        }
    }
}

/// The file beside the object.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Sidecar {
    pub etag: Option<String>,
    #[serde(flatten)]
    pub metadata: Metadata,
}

impl ObjectInfo {
    pub(super) fn of(key: &str, facts: &Facts, sidecar: Option<Sidecar>) -> Self {
        let Sidecar { etag, metadata } = sidecar.unwrap_or_default();
        Self {
            key: key.to_owned(),
            size: facts.len(),
            last_modified: DateTime::from_timestamp(facts.mtime(), 0).unwrap_or_default(),
            etag: etag.unwrap_or_else(|| opaque_etag(facts)),
            metadata,
        }
    }
}

/// Which version of a file this is: a new file has a new number even within one tick of the clock.
pub(super) fn identity(facts: &Facts) -> String {
    format!("{:x}-{:x}{:08x}-{:x}", facts.ino(), facts.mtime(), facts.mtime_nsec(), facts.len())
}

/// Looks like a multipart upload's, so that clients don't take it for the MD5 of the bytes.
fn opaque_etag(facts: &Facts) -> String {
    format!("{}-1", hex::encode(Md5::digest(identity(facts))))
}
