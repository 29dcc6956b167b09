//! What commands leave: `target/*.json`, compiled SQL, `logs/dbt.log`. After each command what it changed, stored by content, is its snapshot.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::SystemTime,
};

use store::sqlx;

use super::{
    owner::{Gone, Owner},
    secrets::RunSecrets,
    storage::{ArtifactStorage, StorageError, Stored},
};
use crate::{SchedulerError, outbox::announce_system, slots::instant};

/// A larger file is left out, with a line in the log.
const MAX_SIZE: u64 = 512 << 20;

/// A file as it was seen last.
type Seen = (SystemTime, u64);

/// The artifacts of a project's folder.
#[derive(Debug, Default)]
pub(super) struct Artifacts {
    seen: HashMap<PathBuf, Seen>,
}

/// A file to be stored.
struct Found {
    /// Relative to the project, with `/`.
    path: String,
    file: PathBuf,
    seen: Seen,
}

impl Artifacts {
    /// Takes note of what is there before a command runs: it is none of its artifacts.
    pub(super) fn look(&mut self, project: &Path, targets: &[PathBuf]) {
        for found in find(project, targets) {
            self.seen.insert(found.file, found.seen);
        }
    }

    /// Stores what changed since, and answers its paths. Problems are said, in the log and to the receivers of system problems, and do not fail
    /// the command: what it built is built.
    pub(super) async fn collect(
        &mut self,
        owner: &Owner,
        storage: &ArtifactStorage,
        secrets: &RunSecrets,
        command_id: i64,
        (project, targets): (&Path, &[PathBuf]),
        complain: &mut (dyn FnMut(String) + Send),
    ) -> Result<Vec<String>, Gone> {
        let (folder, places) = (project.to_owned(), targets.to_owned());
        let found = tokio::task::spawn_blocking(move || find(&folder, &places)).await.unwrap_or_default();
        let mut stored = Vec::new();
        let mut refused: Option<StorageError> = None;
        for found in found {
            if self.seen.get(&found.file) == Some(&found.seen) {
                continue;
            }
            if found.seen.1 > MAX_SIZE {
                complain(format!("[owlet: {} is not stored: {} bytes are too many]", found.path, found.seen.1));
                continue;
            }
            let (file, path, secrets) = (found.file.clone(), found.path.clone(), secrets.clone());
            let read = move || fs_err::read(&file).map(|bytes| secrets.mask_file(&path, bytes));
            let Ok(Ok(masked)) = tokio::task::spawn_blocking(read).await else { continue };
            masked.remarks.iter().for_each(|remark| complain(format!("[owlet: {remark}]")));
            match storage.put(masked.bytes.into()).await {
                Ok(kept) => stored.push((found.path, kept)),
                Err(error) => {
                    complain(format!("[owlet: {} is not stored: {error}. {}]", found.path, error.fix()));
                    refused.get_or_insert(error);
                    continue;
                }
            }
            self.seen.insert(found.file, found.seen);
        }
        if !stored.is_empty() {
            owner.insist(|| write(owner, command_id, &stored)).await?;
        }
        if let Some(error) = refused {
            owner.insist(|| announce(owner, &error)).await?;
        }
        Ok(stored.into_iter().map(|(path, _)| path).collect())
    }
}

/// Tells the receivers of system problems once a day that artifacts are lost.
async fn announce(owner: &Owner, error: &StorageError) -> Result<(), SchedulerError> {
    let now = owner.scheduler.now();
    let day = instant(now).map(|now| now.format("%Y-%m-%d").to_string()).unwrap_or_default();
    let mut change = owner.scheduler.database().write().await?;
    let headline = "Artifacts of runs could not be stored";
    let cause = format!("{error} (first seen in run {})", owner.lease.run_id);
    announce_system(&mut change, &format!("artifacts:{day}"), headline, &cause, error.fix(), now)
        .await
        .map_err(|source| owner.scheduler.failed("announcing lost artifacts in", source))?;
    Ok(change.commit().await?)
}

async fn write(owner: &Owner, command_id: i64, stored: &[(String, Stored)]) -> Result<(), SchedulerError> {
    let insert = "INSERT INTO artifact (run_id, command_id, path, size_in_bytes, sha256, storage_key, created_at) \
                  SELECT $1, $2, $3, $4, $5, $6, $7 WHERE EXISTS (SELECT 1 FROM run WHERE id = $1 AND lease_fence = $8) \
                  ON CONFLICT (command_id, path) DO NOTHING";
    let mut change = owner.scheduler.database().write().await?;
    for (path, stored) in stored {
        sqlx::query(insert)
            .bind(owner.lease.run_id)
            .bind(command_id)
            .bind(path.as_str())
            .bind(i64::try_from(stored.size_in_bytes).unwrap_or(i64::MAX))
            .bind(stored.sha256.as_str())
            .bind(stored.key.as_str())
            .bind(owner.scheduler.now())
            .bind(owner.lease.fence)
            .execute(&mut *change)
            .await
            .map_err(|source| owner.scheduler.failed("writing artifacts to", source))?;
    }
    Ok(change.commit().await?)
}

/// JSON at the top of the target folders, SQL below `compiled` and `run`, and the log file.
fn find(project: &Path, targets: &[PathBuf]) -> Vec<Found> {
    let mut found = Vec::new();
    for target in targets {
        files(target, Some("json"), Depth::Here, &mut found);
        files(&target.join("compiled"), Some("sql"), Depth::All, &mut found);
        files(&target.join("run"), Some("sql"), Depth::All, &mut found);
    }
    files(&project.join("logs"), Some("log"), Depth::Here, &mut found);
    let mut artifacts: Vec<Found> = found
        .into_iter()
        .filter_map(|(file, seen)| {
            let path = file.strip_prefix(project).ok()?.to_str()?.replace('\\', "/");
            Some(Found { path, file, seen })
        })
        .collect();
    artifacts.sort_by(|a, b| a.path.cmp(&b.path));
    artifacts
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Here,
    All,
}

/// Links are not followed: an artifact lies in the project.
fn files(folder: &Path, extension: Option<&str>, depth: Depth, found: &mut Vec<(PathBuf, Seen)>) {
    let Ok(entries) = fs_err::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let (Ok(kind), path) = (entry.file_type(), entry.path()) else { continue };
        if kind.is_dir() && depth == Depth::All {
            files(&path, extension, depth, found);
        }
        if !kind.is_file() || path.extension().and_then(|found| found.to_str()) != extension {
            continue;
        }
        if let Ok(metadata) = entry.metadata()
            && let Ok(modified) = metadata.modified()
        {
            found.push((path, (modified, metadata.len())));
        }
    }
}

/// Puts stored artifacts of a command back as files: of each path the last part.
///
/// # Errors
/// They cannot be read from the storage, or not be written.
pub(super) async fn restore(
    storage: &ArtifactStorage,
    artifacts: &[(String, String)],
    folder: &Path,
) -> Result<(), RestoreError> {
    fs_err::create_dir_all(folder)?;
    for (path, key) in artifacts {
        let name = path.rsplit('/').next().unwrap_or(path);
        fs_err::write(folder.join(name), storage.get(key).await?)?;
    }
    Ok(())
}

/// Artifacts of an earlier run cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum RestoreError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
