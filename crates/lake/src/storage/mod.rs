//! Buckets and objects on the local disk, as S3 shows them.
//!
//! `<root>/s3/<bucket>/…` holds one file per object, at a path one can guess from its key ([`key`]). What S3 knows of an object besides its bytes is in a
//! sidecar below `<root>/s3.meta`, written only when there is something to say. Unfinished objects are elsewhere (`<root>/s3.tmp`, `<root>/s3.uploads`), so
//! a bucket never shows half an object: it appears by one rename, after all its bytes are written.
//!
//! What survives: with [`Durability::Process`] a killed process loses no object that was answered for, since the kernel has the bytes. With
//! [`Durability::Power`] bytes and name are on the disk before the answer.

mod error;
mod files;
mod info;
mod key;
mod listing;
mod meter;
mod multipart;
mod object_store;
mod s3;
mod stream;
mod writer;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use futures::stream::BoxStream;

pub use error::StorageError;
pub use info::{ByteRange, Condition, Metadata, ObjectInfo};
pub use listing::{ListRequest, Listing};
pub use meter::ScanMeter;
pub use multipart::{Part, Upload};
pub use store::Durability;
pub use writer::ObjectWriter;

use error::io;
pub(crate) use stream::read_range;

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
struct Inner {
    buckets: PathBuf,
    sidecars: PathBuf,
    unfinished: PathBuf,
    uploads: PathBuf,
    mounts: RwLock<BTreeMap<String, PathBuf>>,
    /// Held while names change: making directories, renaming, removing. Never while bytes are written.
    names: Mutex<()>,
    durability: Durability,
    counter: AtomicU64,
}

/// A bucket in the list of buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    pub name: String,
    pub created: DateTime<Utc>,
    /// A folder that is only shown: writing to it is refused.
    pub read_only: bool,
}

/// Where a bucket's files are, and how their names are meant.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    root: PathBuf,
    /// `None` for mounts, whose files are as they are.
    sidecars: Option<PathBuf>,
}

impl ObjectStorage {
    /// Opens `<root>/s3`, making it if need be, and removes what a killed process left unfinished: the caller holds the directory's lock.
    ///
    /// # Errors
    /// The directories cannot be made.
    pub fn open(root: &Path, durability: Durability) -> StorageResult<Self> {
        let inner = Inner {
            buckets: root.join("s3"),
            sidecars: root.join("s3.meta"),
            unfinished: root.join("s3.tmp"),
            uploads: root.join("s3.uploads"),
            mounts: RwLock::default(),
            names: Mutex::default(),
            durability,
            counter: AtomicU64::new(0),
        };
        for directory in [&inner.buckets, &inner.unfinished] {
            fs_err::create_dir_all(directory).map_err(io("creating", directory))?;
        }
        for left in fs_err::read_dir(&inner.unfinished).map_err(io("reading", &inner.unfinished))?.flatten() {
            fs_err::remove_file(left.path()).ok();
        }
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Shows `folder` as the bucket `name`, read-only. Its files' names are the keys.
    ///
    /// # Errors
    /// No such folder, a name that is none for a bucket.
    pub fn mount(&self, name: &str, folder: &Path) -> StorageResult<()> {
        check_bucket_name(name)?;
        let folder = fs_err::canonicalize(folder).map_err(io("mounting", folder))?;
        if !folder.is_dir() {
            return Err(io("mounting", &folder)(std::io::Error::from(std::io::ErrorKind::NotADirectory)));
        }
        self.inner.mounts.write().unwrap_or_else(std::sync::PoisonError::into_inner).insert(name.to_owned(), folder);
        Ok(())
    }

    fn mounted(&self, bucket: &str) -> Option<PathBuf> {
        self.inner.mounts.read().unwrap_or_else(std::sync::PoisonError::into_inner).get(bucket).cloned()
    }

    /// Where to read a bucket.
    pub(crate) fn place(&self, bucket: &str) -> StorageResult<Place> {
        if let Some(root) = self.mounted(bucket) {
            return Ok(Place { root, sidecars: None });
        }
        let missing = || StorageError::NoSuchBucket { bucket: bucket.to_owned() };
        check_bucket_name(bucket).map_err(|_| missing())?;
        let root = self.inner.buckets.join(bucket);
        if !root.is_dir() {
            return Err(missing());
        }
        Ok(Place { root, sidecars: Some(self.inner.sidecars.join(bucket)) })
    }

    /// Where to write a bucket.
    fn writable(&self, bucket: &str) -> StorageResult<Place> {
        let place = self.place(bucket)?;
        match place.sidecars {
            None => Err(StorageError::ReadOnlyMount { bucket: bucket.to_owned() }),
            Some(_) => Ok(place),
        }
    }

    /// All buckets, by name.
    ///
    /// # Errors
    /// The disk.
    pub async fn list_buckets(&self) -> StorageResult<Vec<Bucket>> {
        let mut names: Vec<String> = fs_err::read_dir(&self.inner.buckets)
            .map_err(io("reading", &self.inner.buckets))?
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| check_bucket_name(name).is_ok())
            .collect();
        let mounts = self.inner.mounts.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        names.retain(|name| !mounts.contains_key(name));
        names.extend(mounts.into_keys());
        names.sort();
        Ok(names.iter().filter_map(|name| self.bucket(name).ok()).collect())
    }

    fn bucket(&self, name: &str) -> StorageResult<Bucket> {
        let place = self.place(name)?;
        let facts = fs_err::metadata(&place.root).map_err(io("reading", &place.root))?;
        let created = facts.created().or_else(|_| facts.modified()).map_err(io("reading", &place.root))?;
        Ok(Bucket { name: name.to_owned(), created: created.into(), read_only: place.sidecars.is_none() })
    }

    /// # Errors
    /// `NoSuchBucket`.
    pub async fn head_bucket(&self, bucket: &str) -> StorageResult<Bucket> {
        self.bucket(bucket)
    }

    /// # Errors
    /// `InvalidBucketName`, `BucketAlreadyOwnedByYou`.
    pub async fn create_bucket(&self, bucket: &str) -> StorageResult<()> {
        check_bucket_name(bucket)?;
        let owned = || StorageError::BucketAlreadyOwnedByYou { bucket: bucket.to_owned() };
        if self.mounted(bucket).is_some() {
            return Err(owned());
        }
        let path = self.inner.buckets.join(bucket);
        match fs_err::create_dir(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(owned()),
            done => done.map_err(io("creating", &path)),
        }
    }

    /// # Errors
    /// `BucketNotEmpty`.
    pub async fn delete_bucket(&self, bucket: &str) -> StorageResult<()> {
        let place = self.writable(bucket)?;
        let request = ListRequest { max_keys: Some(1), ..ListRequest::default() };
        if !self.list(bucket, &request).await?.objects.is_empty() {
            return Err(StorageError::BucketNotEmpty { bucket: bucket.to_owned() });
        }
        fs_err::remove_dir_all(&place.root).map_err(io("removing", &place.root))?;
        for leftovers in [self.inner.sidecars.join(bucket), self.inner.uploads.join(bucket)] {
            fs_err::remove_dir_all(leftovers).ok();
        }
        Ok(())
    }

    /// Stores the whole object or nothing; when this returns, readers see the new one.
    ///
    /// # Errors
    /// The bucket, the body, the condition or the disk.
    pub async fn put(
        &self,
        bucket: &str,
        key: &str,
        mut body: ByteStream,
        metadata: Metadata,
        condition: Condition,
    ) -> StorageResult<ObjectInfo> {
        let mut writer = self.create(bucket, key)?.with_metadata(metadata).with_md5();
        let broken = |source| StorageError::IncompleteBody { bucket: bucket.to_owned(), key: key.to_owned(), source };
        while let Some(chunk) = body.try_next().await.map_err(broken)? {
            writer.append(&chunk)?;
        }
        writer.commit(&condition)
    }

    /// [`Self::put`] of bytes at hand, without metadata.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub async fn put_bytes(&self, bucket: &str, key: &str, body: Bytes) -> StorageResult<ObjectInfo> {
        let mut writer = self.create(bucket, key)?;
        writer.append(&body)?;
        writer.commit(&Condition::Always)
    }

    /// Begins an object that is written piece by piece and shows itself when it is committed.
    ///
    /// # Errors
    /// The bucket or the disk.
    pub fn create(&self, bucket: &str, key: &str) -> StorageResult<ObjectWriter> {
        ObjectWriter::new(self, bucket, key)
    }

    /// # Errors
    /// `NoSuchBucket`, `NoSuchKey`.
    pub async fn head(&self, bucket: &str, key: &str) -> StorageResult<ObjectInfo> {
        Ok(files::open(&self.place(bucket)?, bucket, key)?.info)
    }

    /// The object's facts, which of its bytes come, and the bytes. The stream reads the version that `get` found, whatever happens to the key.
    ///
    /// # Errors
    /// `NoSuchKey`, `InvalidRange`.
    pub async fn get(
        &self,
        bucket: &str,
        key: &str,
        range: Option<ByteRange>,
    ) -> StorageResult<(ObjectInfo, Range<u64>, ByteStream)> {
        let object = files::open(&self.place(bucket)?, bucket, key)?;
        let size = object.info.size;
        let invalid = || StorageError::InvalidRange { bucket: bucket.to_owned(), key: key.to_owned(), size };
        let range = match range {
            None => 0..size,
            Some(range) => range.of(size).ok_or_else(invalid)?,
        };
        Ok((object.info, range.clone(), stream::read(object.file, range)))
    }

    /// The whole object in memory.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn get_bytes(&self, bucket: &str, key: &str) -> StorageResult<Bytes> {
        let object = files::open(&self.place(bucket)?, bucket, key)?;
        let path = object.path.clone();
        stream::read_range(Arc::new(object.file), 0..object.info.size).await.map_err(io("reading", &path))
    }

    /// The file of an object and its size, for readers on threads of their own.
    pub(crate) fn open_file(&self, uri: &names::S3Uri) -> StorageResult<(std::fs::File, u64)> {
        let object = files::open(&self.place(&uri.bucket)?, &uri.bucket, &uri.key)?;
        Ok((object.file, object.info.size))
    }

    /// Deleting what is not there is no error.
    ///
    /// # Errors
    /// The bucket or the disk.
    pub async fn delete(&self, bucket: &str, key: &str) -> StorageResult<()> {
        let place = self.writable(bucket)?;
        files::remove(&self.inner, &place, key)
    }

    /// The keys that could not be deleted, with the reason.
    ///
    /// # Errors
    /// The bucket.
    pub async fn delete_many(&self, bucket: &str, keys: &[String]) -> StorageResult<Vec<(String, StorageError)>> {
        let place = self.writable(bucket)?;
        let failed = keys.iter().filter_map(|key| Some((key.clone(), files::remove(&self.inner, &place, key).err()?)));
        Ok(failed.collect())
    }

    /// `metadata`: `None` copies it too.
    ///
    /// # Errors
    /// As [`Self::get`] and [`Self::put`].
    pub async fn copy(
        &self,
        from: (&str, &str),
        to: (&str, &str),
        metadata: Option<Metadata>,
    ) -> StorageResult<ObjectInfo> {
        let (info, _, body) = self.get(from.0, from.1, None).await?;
        self.put(to.0, to.1, body, metadata.unwrap_or(info.metadata), Condition::Always).await
    }

    /// Replaces the tags of an object.
    ///
    /// # Errors
    /// `NoSuchKey`.
    pub async fn set_tags(
        &self,
        bucket: &str,
        key: &str,
        tags: indexmap::IndexMap<String, String>,
    ) -> StorageResult<()> {
        let place = self.writable(bucket)?;
        files::set_tags(&self.inner, &place, bucket, key, tags)
    }

    /// One bucket as an `object_store`, whose reads are added to `meter`. Register it for `s3://<bucket>/`.
    pub fn object_store(&self, bucket: &str, meter: &ScanMeter) -> Arc<dyn ::object_store::ObjectStore> {
        Arc::new(object_store::BucketStore::new(self.clone(), bucket, meter.clone()))
    }
}

impl Inner {
    /// A file name nobody else uses.
    fn unfinished(&self) -> PathBuf {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        self.unfinished.join(format!("{number}-{}", uuid::Uuid::new_v4().simple()))
    }

    fn lock_names(&self) -> std::sync::MutexGuard<'_, ()> {
        self.names.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Source: Amazon S3 user guide, "Bucket naming rules".
fn check_bucket_name(name: &str) -> StorageResult<()> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let valid = (3..=63).contains(&name.len())
        && name.chars().all(inner)
        && edge(name.chars().next())
        && edge(name.chars().last())
        && !name.contains("..");
    if valid { Ok(()) } else { Err(StorageError::InvalidBucketName { bucket: name.to_owned() }) }
}
