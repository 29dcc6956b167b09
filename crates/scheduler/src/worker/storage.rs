//! Where the bytes of artifacts are: below a directory or a prefix in S3, named by their content, so that what does not change is kept once.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use athena_api::{ApiError, S3};
use bytes::Bytes;
use names::S3Uri;
use sha2::{Digest, Sha256};

/// Enough to make JSON and SQL a tenth of their size; more costs more time than it saves room.
const LEVEL: i32 = 3;

/// Bytes by their content.
#[derive(Clone)]
pub enum ArtifactStorage {
    /// Files below a directory.
    Directory(PathBuf),
    /// Objects below a prefix.
    S3 { client: Arc<dyn S3>, prefix: S3Uri },
}

impl fmt::Debug for ArtifactStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => f.debug_tuple("Directory").field(path).finish(),
            Self::S3 { prefix, .. } => f.debug_tuple("S3").field(prefix).finish(),
        }
    }
}

/// What was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// For [`ArtifactStorage::get`].
    pub key: String,
    /// Of the content, in hexadecimal.
    pub sha256: String,
    pub size_in_bytes: u64,
}

/// Artifacts cannot be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    #[error("{doing} the artifact storage '{path}' failed: {source}")]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("{doing} the artifact storage '{uri}' failed: {source}")]
    S3 { doing: &'static str, uri: String, source: ApiError },
    #[error("the artifact '{key}' is damaged: its content does not have its name")]
    Damaged { key: String },
    #[error("'{key}' is no artifact")]
    NoKey { key: String },
}

impl StorageError {
    /// What one can do now.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Io { .. } => "see that the disk has room and that the directory may be read and written",
            Self::S3 { .. } => {
                "see that the bucket exists and that the server's role may read and write below the prefix"
            }
            Self::Damaged { .. } | Self::NoKey { .. } => "run the command again: it leaves new artifacts",
        }
    }
}

impl ArtifactStorage {
    /// Stores bytes; the same bytes again cost nothing.
    ///
    /// # Errors
    /// The disk or the bucket does not take them; then nothing is half there.
    pub async fn put(&self, bytes: Bytes) -> Result<Stored, StorageError> {
        let sha256 = hex::encode(Sha256::digest(&bytes));
        let stored =
            Stored { key: format!("{}/{sha256}.zst", &sha256[..2]), sha256, size_in_bytes: bytes.len() as u64 };
        match self {
            Self::Directory(root) => {
                let path = root.join(&stored.key);
                let written = tokio::task::spawn_blocking({
                    let path = path.clone();
                    move || write(&path, &bytes)
                });
                let written = written.await.map_err(io::Error::other).and_then(|done| done);
                written.map_err(|source| StorageError::Io { doing: "writing to", path, source })?;
            }
            Self::S3 { client, prefix } => {
                let object = prefix.join(&stored.key);
                let failed = |source| StorageError::S3 { doing: "writing to", uri: object.to_string(), source };
                let is_there = client.list(&object).await.map_err(failed)?.iter().any(|found| found.uri == object);
                if !is_there {
                    let compressed = compress(&bytes).map_err(|source| StorageError::Io {
                        doing: "compressing for",
                        path: PathBuf::from(object.to_string()),
                        source,
                    })?;
                    client.put(&object, compressed.into()).await.map_err(failed)?;
                }
            }
        }
        Ok(stored)
    }

    /// The bytes.
    ///
    /// # Errors
    /// They are not there any more, or are not what they were.
    pub async fn get(&self, key: &str) -> Result<Bytes, StorageError> {
        let sha256 = digest_of(key)?;
        let compressed: Vec<u8> = match self {
            Self::Directory(root) => {
                let path = root.join(key);
                let read = tokio::task::spawn_blocking({
                    let path = path.clone();
                    move || fs_err::read(path)
                });
                let read = read.await.map_err(io::Error::other).and_then(|done| done);
                read.map_err(|source| StorageError::Io { doing: "reading from", path, source })?
            }
            Self::S3 { client, prefix } => {
                let object = prefix.join(key);
                let failed = |source| StorageError::S3 { doing: "reading from", uri: object.to_string(), source };
                client.get(&object).await.map_err(failed)?.to_vec()
            }
        };
        let damaged = || StorageError::Damaged { key: key.to_owned() };
        let bytes = zstd::stream::decode_all(compressed.as_slice()).map_err(|_| damaged())?;
        if hex::encode(Sha256::digest(&bytes)) != sha256 {
            return Err(damaged());
        }
        Ok(bytes.into())
    }

    /// Deletes bytes that no artifact names any more; what is gone already is no error.
    ///
    /// # Errors
    /// They cannot be deleted.
    pub async fn delete(&self, key: &str) -> Result<(), StorageError> {
        digest_of(key)?;
        match self {
            Self::Directory(root) => {
                let path = root.join(key);
                match fs_err::remove_file(&path) {
                    Err(source) if source.kind() != io::ErrorKind::NotFound => {
                        Err(StorageError::Io { doing: "deleting from", path, source })
                    }
                    _ => Ok(()),
                }
            }
            Self::S3 { client, prefix } => {
                let object = prefix.join(key);
                let deleted = client.delete(std::slice::from_ref(&object)).await;
                deleted.map_err(|source| StorageError::S3 { doing: "deleting from", uri: object.to_string(), source })
            }
        }
    }
}

/// Only keys that we made: nothing else below the directory can be read.
fn digest_of(key: &str) -> Result<&str, StorageError> {
    let digest = key.get(3..).and_then(|rest| rest.strip_suffix(".zst")).filter(|digest| {
        digest.len() == 64
            && digest.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
            && key.get(..3) == Some(format!("{}/", &digest[..2]).as_str())
    });
    digest.ok_or_else(|| StorageError::NoKey { key: key.to_owned() })
}

fn compress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    zstd::stream::encode_all(bytes, LEVEL)
}

/// Whole or not at all: another name first, then a rename.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if path.is_file() {
        return Ok(());
    }
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs_err::create_dir_all(folder)?;
    let new = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    fs_err::write(new.path(), compress(bytes)?)?;
    new.as_file().sync_all()?;
    new.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_same_bytes_are_kept_once_and_come_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let storage = ArtifactStorage::Directory(folder.path().join("artifacts"));
        let text = Bytes::from("{\"nodes\": {}}\n".repeat(1000));
        let stored = storage.put(text.clone()).await.expect("stored");
        assert_eq!((stored.size_in_bytes, stored.sha256.len()), (14_000, 64));
        assert_eq!(storage.put(text.clone()).await.expect("stored"), stored);
        assert_eq!(storage.get(&stored.key).await.expect("there"), text);
        let path = folder.path().join("artifacts").join(&stored.key);
        assert!(fs_err::metadata(&path).expect("a file").len() < 1000);
        assert_eq!(fs_err::read_dir(path.parent().expect("a folder")).expect("readable").count(), 1);

        fs_err::write(&path, zstd::stream::encode_all(&b"other"[..], 1).expect("compressed")).expect("written");
        assert!(matches!(storage.get(&stored.key).await, Err(StorageError::Damaged { .. })));
        storage.delete(&stored.key).await.expect("deleted");
        storage.delete(&stored.key).await.expect("gone already");
        assert!(matches!(storage.get(&stored.key).await, Err(StorageError::Io { .. })));
        for key in ["../../etc/passwd", "", "ab/cd.zst", &stored.key.to_uppercase()] {
            assert!(matches!(storage.get(key).await, Err(StorageError::NoKey { .. })), "{key}");
        }
    }

    /// A bucket in memory.
    #[derive(Default)]
    struct Bucket(std::sync::Mutex<std::collections::BTreeMap<String, Bytes>>);

    impl Bucket {
        fn keys(&self) -> Vec<String> {
            self.0.lock().expect("unpoisoned").keys().cloned().collect()
        }
    }

    #[async_trait::async_trait]
    impl S3 for Bucket {
        async fn list(&self, prefix: &S3Uri) -> athena_api::ApiResult<Vec<athena_api::s3::ObjectSummary>> {
            let objects = self.0.lock().expect("unpoisoned");
            let found = objects.iter().filter(|(key, _)| key.starts_with(&prefix.to_string()));
            Ok(found
                .map(|(key, body)| athena_api::s3::ObjectSummary {
                    uri: key.parse().expect("a location"),
                    size: body.len() as u64,
                })
                .collect())
        }

        async fn delete(&self, objects: &[S3Uri]) -> athena_api::ApiResult<()> {
            let mut all = self.0.lock().expect("unpoisoned");
            objects.iter().for_each(|object| drop(all.remove(&object.to_string())));
            Ok(())
        }

        async fn get(&self, object: &S3Uri) -> athena_api::ApiResult<Bytes> {
            let found = self.0.lock().expect("unpoisoned").get(&object.to_string()).cloned();
            found.ok_or_else(|| ApiError::new("NoSuchKey", "The specified key does not exist.".to_owned()))
        }

        async fn put_with(
            &self,
            object: &S3Uri,
            body: Bytes,
            _: &athena_api::s3::PutHeaders,
        ) -> athena_api::ApiResult<()> {
            self.0.lock().expect("unpoisoned").insert(object.to_string(), body);
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_bucket_keeps_them_below_its_prefix_and_forgets_what_is_deleted() {
        let bucket = Arc::new(Bucket::default());
        let prefix: S3Uri = "s3://acme/owlet".parse().expect("a location");
        let storage = ArtifactStorage::S3 { client: Arc::clone(&bucket) as _, prefix };
        let text = Bytes::from("{\"nodes\": {}}\n".repeat(1000));
        let stored = storage.put(text.clone()).await.expect("stored");
        assert_eq!(storage.put(text.clone()).await.expect("stored"), stored);
        assert_eq!(bucket.keys(), [format!("s3://acme/owlet/{}", stored.key)]);
        assert_eq!(storage.get(&stored.key).await.expect("there"), text);
        storage.delete(&stored.key).await.expect("deleted");
        storage.delete(&stored.key).await.expect("gone already");
        assert_eq!(bucket.keys(), [""; 0]);
        assert!(matches!(storage.get(&stored.key).await, Err(StorageError::S3 { .. })));
    }
}
