//! S3's errors: the code clients switch on, the HTTP status, and the sentence.

use std::path::{Path, PathBuf};

use athena_api::ApiError;

/// A bucket or object cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    #[error("The specified bucket does not exist: {bucket}")]
    NoSuchBucket { bucket: String },
    #[error("The specified key does not exist: s3://{bucket}/{key}")]
    NoSuchKey { bucket: String, key: String },
    #[error("The bucket you tried to delete is not empty: {bucket}")]
    BucketNotEmpty { bucket: String },
    #[error("Your previous request to create the named bucket succeeded and you already own it: {bucket}")]
    BucketAlreadyOwnedByYou { bucket: String },
    #[error("The specified bucket is not valid: {bucket}")]
    InvalidBucketName { bucket: String },
    #[error("Your key is too long: {length} bytes, at most 1,024 are allowed")]
    KeyTooLong { length: usize },
    #[error("Access Denied: the bucket {bucket} is a read-only mount")]
    ReadOnlyMount { bucket: String },
    #[error("At least one of the pre-conditions you specified did not hold: s3://{bucket}/{key}")]
    PreconditionFailed { bucket: String, key: String },
    #[error("The requested range is not satisfiable: s3://{bucket}/{key} has {size} bytes")]
    InvalidRange { bucket: String, key: String, size: u64 },
    #[error(
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed: {upload_id}"
    )]
    NoSuchUpload { upload_id: String },
    #[error("One or more of the specified parts could not be found or its entity tag did not match: part {number}")]
    InvalidPart { number: u32 },
    #[error("The list of parts was not in ascending order")]
    InvalidPartOrder,
    #[error("Your proposed upload is smaller than the minimum allowed size: part {number} has {size} bytes")]
    EntityTooSmall { number: u32, size: u64 },
    #[error("reading the body of s3://{bucket}/{key} failed: {source}")]
    IncompleteBody { bucket: String, key: String, source: std::io::Error },
    #[error("the disk is full while {doing} '{path}': free some space, nothing of it was kept")]
    DiskFull { doing: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{doing} '{path}' failed: {source}")]
    Io { doing: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{what} is not supported")]
    NotSupported { what: String },
}

impl StorageError {
    /// S3's code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSuchBucket { .. } => "NoSuchBucket",
            Self::NoSuchKey { .. } => "NoSuchKey",
            Self::BucketNotEmpty { .. } => "BucketNotEmpty",
            Self::BucketAlreadyOwnedByYou { .. } => "BucketAlreadyOwnedByYou",
            Self::InvalidBucketName { .. } => "InvalidBucketName",
            Self::KeyTooLong { .. } => "KeyTooLongError",
            Self::ReadOnlyMount { .. } => "AccessDenied",
            Self::PreconditionFailed { .. } => "PreconditionFailed",
            Self::InvalidRange { .. } => "InvalidRange",
            Self::NoSuchUpload { .. } => "NoSuchUpload",
            Self::InvalidPart { .. } => "InvalidPart",
            Self::InvalidPartOrder => "InvalidPartOrder",
            Self::EntityTooSmall { .. } => "EntityTooSmall",
            Self::IncompleteBody { .. } => "IncompleteBody",
            Self::DiskFull { .. } | Self::Io { .. } => "InternalError",
            Self::NotSupported { .. } => "NotImplemented",
        }
    }

    /// The HTTP status S3 answers.
    pub fn status(&self) -> u16 {
        match self {
            Self::NoSuchBucket { .. } | Self::NoSuchKey { .. } | Self::NoSuchUpload { .. } => 404,
            Self::BucketNotEmpty { .. } | Self::BucketAlreadyOwnedByYou { .. } => 409,
            Self::ReadOnlyMount { .. } => 403,
            Self::PreconditionFailed { .. } => 412,
            Self::InvalidRange { .. } => 416,
            Self::DiskFull { .. } | Self::Io { .. } => 500,
            Self::NotSupported { .. } => 501,
            _ => 400,
        }
    }

    /// The category under which a query reports it.
    pub fn athena_code(&self) -> &'static str {
        match self {
            Self::ReadOnlyMount { .. } => "PERMISSION_DENIED",
            _ => "HIVE_FILESYSTEM_ERROR",
        }
    }

    /// Nothing is there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NoSuchBucket { .. } | Self::NoSuchKey { .. })
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        Self { status: error.status(), ..Self::new(error.code(), error.to_string()) }
    }
}

/// Says what was being done, and tells a full disk from other failures.
pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StorageError {
    let path = path.to_owned();
    move |source| match source.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            StorageError::DiskFull { doing, path, source }
        }
        _ => StorageError::Io { doing, path, source },
    }
}
