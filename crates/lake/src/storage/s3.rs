//! [`athena_api::S3`] in process.

use async_trait::async_trait;
use athena_api::ApiResult;
use athena_api::s3::{ObjectSummary, S3};
use bytes::Bytes;
use names::S3Uri;

use super::ObjectStorage;

#[async_trait]
impl S3 for ObjectStorage {
    async fn list(&self, prefix: &S3Uri) -> ApiResult<Vec<ObjectSummary>> {
        let objects = self.list_all(&prefix.bucket, &prefix.key).await?;
        let summary = |info: super::ObjectInfo| ObjectSummary {
            uri: S3Uri { bucket: prefix.bucket.clone(), key: info.key },
            size: info.size,
        };
        Ok(objects.into_iter().map(summary).collect())
    }

    async fn delete(&self, objects: &[S3Uri]) -> ApiResult<()> {
        for object in objects {
            self.delete(&object.bucket, &object.key).await?;
        }
        Ok(())
    }

    async fn get(&self, object: &S3Uri) -> ApiResult<Bytes> {
        Ok(self.get_bytes(&object.bucket, &object.key).await?)
    }

    async fn put(&self, object: &S3Uri, body: Bytes) -> ApiResult<()> {
        self.put_bytes(&object.bucket, &object.key, body).await?;
        Ok(())
    }
}
