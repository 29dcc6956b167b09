//! An object on its way into a bucket.

use std::io::Write;
use std::path::PathBuf;

use md5::{Digest, Md5};

use super::error::io;
use super::info::Sidecar;
use super::{Condition, Durability, Metadata, ObjectInfo, ObjectStorage, Place, StorageError, StorageResult, files};

/// Source: Amazon S3 user guide, "Object key names".
const LONGEST_KEY: usize = 1024;

/// Writes an object outside its bucket; [`commit`](Self::commit) lets it appear there. Dropped before that, it leaves nothing.
#[derive(Debug)]
pub struct ObjectWriter {
    storage: ObjectStorage,
    place: Place,
    bucket: String,
    key: String,
    file: Option<fs_err::File>,
    path: PathBuf,
    size: u64,
    md5: Option<Md5>,
    etag: Option<String>,
    metadata: Metadata,
}

impl ObjectWriter {
    pub(super) fn new(storage: &ObjectStorage, bucket: &str, key: &str) -> StorageResult<Self> {
        let place = storage.writable(bucket)?;
        if key.len() > LONGEST_KEY {
            return Err(StorageError::KeyTooLong { length: key.len() });
        }
        let path = storage.inner.unfinished();
        let file = fs_err::File::create_new(&path).map_err(io("creating", &path))?;
        Ok(Self {
            storage: storage.clone(),
            place,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            file: Some(file),
            path,
            size: 0,
            md5: None,
            etag: None,
            metadata: Metadata::default(),
        })
    }

    /// What to remember of it besides its bytes.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Its ETag is to be the MD5 of its bytes.
    #[must_use]
    pub(super) fn with_md5(mut self) -> Self {
        self.md5 = Some(Md5::new());
        self
    }

    #[must_use]
    pub(super) fn with_etag(mut self, etag: String) -> Self {
        self.etag = Some(etag);
        self
    }

    /// Bytes so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds bytes at the end.
    ///
    /// # Errors
    /// The disk.
    pub fn append(&mut self, bytes: &[u8]) -> StorageResult<()> {
        let path = self.path.clone();
        self.write_all(bytes).map_err(io("writing", &path))
    }

    /// No more bytes come: lets go of the file, which stays invisible.
    ///
    /// # Errors
    /// The disk.
    pub fn close(&mut self) -> StorageResult<()> {
        if let Some(file) = self.file.take()
            && self.storage.inner.durability == Durability::Power
        {
            file.sync_all().map_err(io("writing", &self.path))?;
        }
        Ok(())
    }

    /// Lets the object appear, whole, in place of the one that was there.
    ///
    /// # Errors
    /// The condition, or the disk; then the old object stays.
    pub fn commit(mut self, condition: &Condition) -> StorageResult<ObjectInfo> {
        self.close()?;
        let md5 = self.md5.take().map(|md5| hex::encode(md5.finalize()));
        let etag = self.etag.take().or(md5);
        let sidecar = Sidecar { etag, metadata: std::mem::take(&mut self.metadata) };
        let needed = sidecar.etag.is_some() || sidecar.metadata != Metadata::default();
        let sidecar = needed.then_some(&sidecar);
        files::appear(&self.storage.inner, &self.place, (&self.bucket, &self.key), &self.path, sidecar, condition)
    }
}

impl Write for ObjectWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let Some(file) = &mut self.file else { return Err(std::io::ErrorKind::BrokenPipe.into()) };
        let written = file.write(bytes)?;
        if let Some(md5) = &mut self.md5 {
            md5.update(&bytes[..written]);
        }
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for ObjectWriter {
    fn drop(&mut self) {
        // After a commit the file has another name and this finds nothing.
        std::fs::remove_file(&self.path).ok();
    }
}
