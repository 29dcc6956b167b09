//! Ids and names as types, so that a schema is never taken for a bucket.

mod relation;
mod s3_uri;
mod unique_id;

pub use relation::RelationName;
pub use s3_uri::{S3Uri, S3UriError};
pub use unique_id::UniqueId;

/// The id of one query execution: 36 characters, as Athena makes them.
pub type QueryExecutionId = String;
