//! The few things the dbt side does with objects.

use async_trait::async_trait;
use bytes::Bytes;
use names::S3Uri;

use crate::ApiResult;

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectSummary {
    /// Its whole location.
    pub uri: S3Uri,
    /// In bytes.
    pub size: u64,
}

/// Request headers of PutObject in lower case: encryption, storage class, `x-amz-meta-…`. Source: S3 API.
pub type PutHeaders = Vec<(String, String)>;

/// Objects. A prefix is taken as text: to mean a directory, end it with `/` ([`S3Uri::prefix`]).
#[async_trait]
pub trait S3: Send + Sync {
    /// Every object whose key starts with the prefix, in key order.
    async fn list(&self, prefix: &S3Uri) -> ApiResult<Vec<ObjectSummary>>;
    /// Deletes the objects, in batches of 1,000; one that is not there is no error, one that cannot be deleted is.
    async fn delete(&self, objects: &[S3Uri]) -> ApiResult<()>;
    async fn get(&self, object: &S3Uri) -> ApiResult<Bytes>;
    async fn put(&self, object: &S3Uri, body: Bytes) -> ApiResult<()> {
        self.put_with(object, body, &PutHeaders::new()).await
    }
    async fn put_with(&self, object: &S3Uri, body: Bytes, headers: &PutHeaders) -> ApiResult<()>;
}
