//! Where artifacts lie, and how the API serves them.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use async_trait::async_trait;
use athena_client::ClientOptions;
use bytes::Bytes;
use names::S3Uri;
use scheduler::worker::storage::{ArtifactStorage, StorageError};

use crate::{connection::endpoints, environment::Environment};

/// The workers' storage.
pub struct StoredArtifacts(pub ArtifactStorage);

#[async_trait]
impl web::ArtifactFiles for StoredArtifacts {
    async fn read(&self, storage_key: &str) -> std::io::Result<Option<Bytes>> {
        match self.0.get(storage_key).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StorageError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(StorageError::S3 { source, .. }) if source.code == "NoSuchKey" => Ok(None),
            Err(error) => Err(std::io::Error::other(error.to_string())),
        }
    }
}

/// The storage that was asked for, tried out: what is wrong with it is said before anything runs.
///
/// # Errors
/// The place is none; it cannot be written, read and deleted from.
pub async fn open(place: Option<&str>, directory: &Path, environment: &Environment) -> anyhow::Result<ArtifactStorage> {
    let Some(place) = place else { return Ok(ArtifactStorage::Directory(directory.join("artifacts"))) };
    if !place.contains("://") {
        let folder = std::path::absolute(PathBuf::from(place)).context("finding the folder of artifacts")?;
        return Ok(ArtifactStorage::Directory(folder));
    }
    let prefix: S3Uri = place.parse().map_err(|error| {
        anyhow!(
            "'{place}' is no place for artifacts\n  cause: {error}\n  fix:   write a folder, or s3://bucket/prefix/"
        )
    })?;
    let unusable =
        |cause: String, fix: &str| anyhow!("Artifacts cannot be kept in '{place}'\n  cause: {cause}\n  fix:   {fix}");
    let account_id = Some(String::new());
    let options = ClientOptions { endpoints: endpoints(None, environment), account_id, ..ClientOptions::default() };
    let services = Box::pin(athena_client::connect(options)).await.map_err(|error| {
        let fix = "give the machine a role, or AWS_REGION and credentials as the AWS tools read them";
        unusable(error.message, fix)
    })?;
    let storage = ArtifactStorage::S3 { client: services.s3, prefix };
    let trial = async {
        let stored = storage.put(Bytes::from_static(b"Owlet was here")).await?;
        storage.get(&stored.key).await?;
        storage.delete(&stored.key).await
    };
    trial.await.map_err(|error: StorageError| unusable(error.to_string(), error.fix()))?;
    Ok(storage)
}
