//! Artifacts as the API serves them.

use async_trait::async_trait;
use bytes::Bytes;
use scheduler::worker::storage::{ArtifactStorage, StorageError};

/// The workers' storage.
pub struct StoredArtifacts(pub ArtifactStorage);

#[async_trait]
impl web::ArtifactFiles for StoredArtifacts {
    async fn read(&self, storage_key: &str) -> std::io::Result<Option<Bytes>> {
        match self.0.get(storage_key).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StorageError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(std::io::Error::other(error.to_string())),
        }
    }
}
