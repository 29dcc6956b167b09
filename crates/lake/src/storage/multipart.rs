//! Multipart uploads: each is a directory with its parts, whose names carry their ETags.

use std::io::Read;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use super::error::io;
use super::{ByteStream, Condition, Metadata, ObjectInfo, ObjectStorage, StorageError, StorageResult};

/// All parts but the last must have so many bytes. Source: Amazon S3 user guide, "Multipart upload limits".
const SMALLEST_PART: u64 = 5 << 20;

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

#[derive(Serialize, Deserialize)]
struct Begun {
    key: String,
    metadata: Metadata,
}

const BEGUN: &str = "upload.json";

impl ObjectStorage {
    /// Begins a multipart upload and answers its id.
    ///
    /// # Errors
    /// The bucket or the disk.
    pub async fn create_upload(&self, bucket: &str, key: &str, metadata: Metadata) -> StorageResult<String> {
        self.writable(bucket)?;
        let upload_id = uuid::Uuid::new_v4().simple().to_string();
        let directory = self.inner.uploads.join(bucket).join(&upload_id);
        fs_err::create_dir_all(&directory).map_err(io("creating", &directory))?;
        let begun = serde_json::to_vec(&Begun { key: key.to_owned(), metadata }).unwrap_or_default();
        let path = directory.join(BEGUN);
        fs_err::write(&path, begun).map_err(io("writing", &path))?;
        Ok(upload_id)
    }

    fn upload(&self, bucket: &str, key: &str, upload_id: &str) -> StorageResult<(PathBuf, Begun)> {
        self.writable(bucket)?;
        let missing = || StorageError::NoSuchUpload { upload_id: upload_id.to_owned() };
        // The id becomes a path.
        if upload_id.is_empty() || !upload_id.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(missing());
        }
        let directory = self.inner.uploads.join(bucket).join(upload_id);
        let text = fs_err::read(directory.join(BEGUN)).map_err(|_| missing())?;
        let begun: Begun = serde_json::from_slice(&text).map_err(|_| missing())?;
        if begun.key == key { Ok((directory, begun)) } else { Err(missing()) }
    }

    /// Stores a part; a part of the same number is replaced.
    ///
    /// # Errors
    /// `NoSuchUpload`, the body, the disk.
    pub async fn upload_part(
        &self,
        bucket: &str,
        key: &str,
        upload_id: &str,
        number: u32,
        mut body: ByteStream,
    ) -> StorageResult<Part> {
        let (directory, _) = self.upload(bucket, key, upload_id)?;
        let unfinished = self.inner.unfinished();
        let mut file = fs_err::File::create_new(&unfinished).map_err(io("creating", &unfinished))?;
        let (mut md5, mut size) = (Md5::new(), 0);
        let done = async {
            let broken =
                |source| StorageError::IncompleteBody { bucket: bucket.to_owned(), key: key.to_owned(), source };
            while let Some(chunk) = body.try_next().await.map_err(broken)? {
                std::io::Write::write_all(&mut file, &chunk).map_err(io("writing", &unfinished))?;
                md5.update(&chunk);
                size += chunk.len() as u64;
            }
            Ok::<(), StorageError>(())
        };
        if let Err(error) = done.await {
            fs_err::remove_file(&unfinished).ok();
            return Err(error);
        }
        let etag = hex::encode(md5.finalize());
        let path = directory.join(format!("{number:05}-{etag}"));
        let _names = self.inner.lock_names();
        for (part, old) in parts(&directory)? {
            if part.number == number && old != path {
                fs_err::remove_file(old).ok();
            }
        }
        fs_err::rename(&unfinished, &path).map_err(io("writing", &path))?;
        let facts = fs_err::metadata(&path).map_err(io("reading", &path))?;
        let last_modified = facts.modified().map_err(io("reading", &path))?.into();
        Ok(Part { number, size, etag, last_modified })
    }

    /// The parts so far, by number.
    ///
    /// # Errors
    /// `NoSuchUpload`.
    pub async fn list_parts(&self, bucket: &str, key: &str, upload_id: &str) -> StorageResult<Vec<Part>> {
        let (directory, _) = self.upload(bucket, key, upload_id)?;
        Ok(parts(&directory)?.into_iter().map(|(part, _)| part).collect())
    }

    /// The uploads under way, by key.
    ///
    /// # Errors
    /// The bucket or the disk.
    pub async fn list_uploads(&self, bucket: &str, prefix: &str) -> StorageResult<Vec<Upload>> {
        self.place(bucket)?;
        let directory = self.inner.uploads.join(bucket);
        if !directory.is_dir() {
            return Ok(Vec::new());
        }
        let mut uploads = Vec::new();
        for entry in fs_err::read_dir(&directory).map_err(io("listing", &directory))?.flatten() {
            let Ok(text) = fs_err::read(entry.path().join(BEGUN)) else { continue };
            let Ok(begun) = serde_json::from_slice::<Begun>(&text) else { continue };
            let Ok(modified) = fs_err::metadata(entry.path().join(BEGUN)).and_then(|facts| facts.modified()) else {
                continue;
            };
            if begun.key.starts_with(prefix) {
                let upload_id = entry.file_name().to_string_lossy().into_owned();
                uploads.push(Upload { key: begun.key, upload_id, initiated: modified.into() });
            }
        }
        uploads.sort_by(|left, right| (&left.key, left.initiated).cmp(&(&right.key, right.initiated)));
        Ok(uploads)
    }

    /// Makes the object of the parts, given as (number, etag) in order.
    ///
    /// # Errors
    /// `InvalidPart`, `InvalidPartOrder`, `EntityTooSmall`, the condition, the disk.
    pub async fn complete_upload(
        &self,
        bucket: &str,
        key: &str,
        upload_id: &str,
        wanted: &[(u32, String)],
        condition: Condition,
    ) -> StorageResult<ObjectInfo> {
        let (directory, begun) = self.upload(bucket, key, upload_id)?;
        let there = parts(&directory)?;
        if !wanted.is_sorted_by(|left, right| left.0 < right.0) {
            return Err(StorageError::InvalidPartOrder);
        }
        let mut paths = Vec::new();
        let mut md5 = Md5::new();
        for (at, (number, etag)) in wanted.iter().enumerate() {
            let etag = etag.trim_matches('"');
            let found = there.iter().find(|(part, _)| part.number == *number && part.etag == etag);
            let (part, path) = found.ok_or(StorageError::InvalidPart { number: *number })?;
            if part.size < SMALLEST_PART && at + 1 < wanted.len() {
                return Err(StorageError::EntityTooSmall { number: *number, size: part.size });
            }
            md5.update(hex::decode(etag).map_err(|_| StorageError::InvalidPart { number: *number })?);
            paths.push(path.clone());
        }
        let etag = format!("{}-{}", hex::encode(md5.finalize()), wanted.len());
        let mut writer = self.create(bucket, key)?.with_metadata(begun.metadata).with_etag(etag);
        let join = move || -> StorageResult<_> {
            let mut buffer = vec![0; 1 << 20];
            for path in paths {
                let mut file = fs_err::File::open(&path).map_err(io("reading", &path))?;
                loop {
                    let length = file.read(&mut buffer).map_err(io("reading", &path))?;
                    if length == 0 {
                        break;
                    }
                    writer.append(&buffer[..length])?;
                }
            }
            writer.commit(&condition)
        };
        let failed = |error| io("writing", &directory)(std::io::Error::other(error));
        let info = tokio::task::spawn_blocking(join).await.map_err(failed)??;
        fs_err::remove_dir_all(&directory).ok();
        Ok(info)
    }

    /// # Errors
    /// `NoSuchUpload`.
    pub async fn abort_upload(&self, bucket: &str, key: &str, upload_id: &str) -> StorageResult<()> {
        let (directory, _) = self.upload(bucket, key, upload_id)?;
        fs_err::remove_dir_all(&directory).map_err(io("removing", &directory))
    }
}

fn parts(directory: &std::path::Path) -> StorageResult<Vec<(Part, PathBuf)>> {
    let mut parts = Vec::new();
    for entry in fs_err::read_dir(directory).map_err(io("listing", directory))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((number, etag)) = name.split_once('-') else { continue };
        let (Ok(number), Ok(facts)) = (number.parse(), entry.metadata()) else { continue };
        let last_modified = facts.modified().map_err(io("reading", directory))?.into();
        let part = Part { number, size: facts.len(), etag: etag.to_owned(), last_modified };
        parts.push((part, entry.path()));
    }
    parts.sort_by_key(|(part, _)| part.number);
    Ok(parts)
}
