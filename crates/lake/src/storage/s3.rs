//! [`athena_api::S3`] in process.

use async_trait::async_trait;
use athena_api::ApiResult;
use athena_api::s3::{ObjectSummary, PutHeaders, S3};
use bytes::Bytes;
use names::S3Uri;

use super::{Condition, Metadata, ObjectStorage};

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

    /// What the headers say of the object is kept; encryption, storage class and access lists mean nothing here.
    async fn put_with(&self, object: &S3Uri, body: Bytes, headers: &PutHeaders) -> ApiResult<()> {
        let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let user = headers.iter().filter_map(|(name, value)| Some((name.strip_prefix("x-amz-meta-")?, value)));
        let metadata = Metadata {
            content_type: header("content-type"),
            content_encoding: header("content-encoding"),
            cache_control: header("cache-control"),
            content_disposition: header("content-disposition"),
            content_language: header("content-language"),
            user: user.map(|(name, value)| (name.to_owned(), value.clone())).collect(),
            ..Metadata::default()
        };
        let mut writer = self.create(&object.bucket, &object.key)?;
        if metadata != Metadata::default() {
            writer = writer.with_metadata(metadata);
        }
        writer.append(&body)?;
        writer.commit(&Condition::Always)?;
        Ok(())
    }
}
