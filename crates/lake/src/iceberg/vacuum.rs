//! `VACUUM`: snapshots that are too old end, and with them the files that nothing else reads; so do files that no commit ever knew.
//!
//! The commit comes first, the deletions after it: a crash between leaves files that the next run takes for unknown ones.

use std::collections::{HashMap, HashSet};

use ::iceberg::spec::{ManifestFile, Snapshot, TableMetadata};
use athena_api::glue::{self, PageRequest};
use chrono::{DateTime, TimeDelta, Utc};
use names::S3Uri;

use super::IcebergTable;
use super::commit::ATTEMPTS;
use super::io::{Created, file_io};
use crate::{LakeError, LakeResult, ScanMeter};

/// Source: Athena's documentation of the table properties of VACUUM.
const MAX_SNAPSHOT_AGE_SECONDS: i64 = 432_000;
const MIN_SNAPSHOTS_TO_KEEP: usize = 1;
/// A younger file that no snapshot has may be a statement's that is still running. Source: Iceberg's `remove_orphan_files`, default.
const YOUNGEST_ORPHAN: TimeDelta = TimeDelta::days(3);

/// Which files a set of snapshots reads.
#[derive(Default)]
struct Reached {
    manifests: HashMap<String, ManifestFile>,
    /// Manifest lists, manifests, data and delete files.
    paths: HashSet<String>,
}

/// The snapshots of branches and tags, which the `iceberg` crate only tells in the metadata's JSON.
fn named(metadata: &TableMetadata) -> Vec<i64> {
    let document = serde_json::to_value(metadata).unwrap_or_default();
    let references = document["refs"].as_object();
    references.into_iter().flatten().filter_map(|(_, reference)| reference["snapshot-id"].as_i64()).collect()
}

impl IcebergTable {
    /// Ends snapshots by the table's `vacuum_max_snapshot_age_seconds` and `vacuum_min_snapshots_to_keep`, and deletes what nobody reads any more.
    ///
    /// # Errors
    /// `ICEBERG_COMMIT_ERROR` when others keep winning the race; a manifest that cannot be read; the disk.
    pub async fn vacuum(&self) -> LakeResult<IcebergTable> {
        let mut table = self.clone();
        for _ in 0..ATTEMPTS {
            let now = (self.tables.clock)();
            let expired = table.expired(now);
            if expired.is_empty() {
                table.remove_orphans(now, &table.reached(&table.snapshots()).await?).await?;
                return Ok(table);
            }
            let was_read = table.reached(&expired).await?;
            let created = Created::default();
            let done = table.try_expire(&expired, &created).await;
            if let Some(committed) = table.settle(done, &created).await? {
                let is_read = committed.reached(&committed.snapshots()).await?;
                for path in was_read.paths.difference(&is_read.paths) {
                    committed.remove(path).await?;
                }
                committed.remove_orphans(now, &is_read).await?;
                return Ok(committed);
            }
            table = self.reload().await?;
        }
        Err(self.commit_error())
    }

    fn snapshots(&self) -> Vec<&Snapshot> {
        self.metadata().snapshots().map(AsRef::as_ref).collect()
    }

    /// Snapshots that are older than the table allows, no branch or tag names and are not among the newest that are to be kept.
    fn expired(&self, now: DateTime<Utc>) -> Vec<&Snapshot> {
        let metadata = self.metadata();
        let number = |key: &str| metadata.properties().get(key).and_then(|text| text.parse::<i64>().ok());
        let age = number("vacuum_max_snapshot_age_seconds").unwrap_or(MAX_SNAPSHOT_AGE_SECONDS).max(0);
        let keep = number("vacuum_min_snapshots_to_keep").and_then(|keep| usize::try_from(keep).ok());
        let oldest = now.timestamp_millis().saturating_sub(age.saturating_mul(1000));
        let parent = |snapshot: &&Snapshot| Some(metadata.snapshot_by_id(snapshot.parent_snapshot_id()?)?.as_ref());
        let line = std::iter::successors(metadata.current_snapshot().map(AsRef::as_ref), parent);
        let mut kept: HashSet<i64> =
            line.take(keep.unwrap_or(MIN_SNAPSHOTS_TO_KEEP).max(1)).map(Snapshot::snapshot_id).collect();
        kept.extend(named(metadata));
        let is_over =
            |snapshot: &&Snapshot| snapshot.timestamp_ms() < oldest && !kept.contains(&snapshot.snapshot_id());
        self.snapshots().into_iter().filter(is_over).collect()
    }

    async fn try_expire(&self, expired: &[&Snapshot], created: &Created) -> LakeResult<IcebergTable> {
        let ids: Vec<i64> = expired.iter().map(|snapshot| snapshot.snapshot_id()).collect();
        let built = self.builder().remove_snapshots(&ids).build();
        let metadata = built.map_err(LakeError::iceberg(format!("vacuuming {}", self.table.identifier())))?.metadata;
        self.swap(metadata, created).await
    }

    async fn reached(&self, snapshots: &[&Snapshot]) -> LakeResult<Reached> {
        let doing = || format!("vacuuming {}", self.table.identifier());
        let io = file_io(&self.tables.storage, &ScanMeter::new(), &Created::default());
        let mut reached = Reached::default();
        for snapshot in snapshots {
            reached.paths.insert(snapshot.manifest_list().to_owned());
            let reader = self.table.manifest_list_reader(&std::sync::Arc::new((*snapshot).clone()));
            let list = reader.load().await.map_err(LakeError::iceberg(doing()))?;
            for manifest in list.consume_entries() {
                reached.manifests.insert(manifest.manifest_path.clone(), manifest);
            }
        }
        for (path, manifest) in &reached.manifests {
            reached.paths.insert(path.clone());
            let loaded = manifest.load_manifest(&io).await.map_err(LakeError::iceberg(doing()))?;
            let alive = loaded.entries().iter().filter(|entry| entry.is_alive());
            reached.paths.extend(alive.map(|entry| entry.file_path().to_owned()));
        }
        Ok(reached)
    }

    /// Files below the table's `data/` and `metadata/` that it does not know, unless another table lives there too.
    async fn remove_orphans(&self, now: DateTime<Utc>, is_read: &Reached) -> LakeResult<()> {
        let metadata = self.metadata();
        let Ok(root) = metadata.location().parse::<S3Uri>() else { return Ok(()) };
        if root.prefix().is_empty() || self.is_shared(&root).await? {
            return Ok(());
        }
        let age = metadata.properties().get("vacuum_max_snapshot_age_seconds").and_then(|text| text.parse().ok());
        let age = TimeDelta::try_seconds(age.unwrap_or(MAX_SNAPSHOT_AGE_SECONDS)).unwrap_or(TimeDelta::MAX);
        let before = now.checked_sub_signed(age.max(YOUNGEST_ORPHAN)).unwrap_or(DateTime::<Utc>::MIN_UTC);
        let mut known: HashSet<&str> = is_read.paths.iter().map(String::as_str).collect();
        known.extend(self.table.metadata_location());
        known.extend(metadata.metadata_log().iter().map(|entry| entry.metadata_file.as_str()));
        known.extend(metadata.statistics_iter().map(|file| file.statistics_path.as_str()));
        known.extend(metadata.partition_statistics_iter().map(|file| file.statistics_path.as_str()));
        for folder in ["data/", "metadata/"] {
            for object in self.tables.storage.list_all(&root.bucket, &format!("{}{folder}", root.prefix())).await? {
                let path = format!("s3://{}/{}", root.bucket, object.key);
                if object.last_modified < before && !known.contains(path.as_str()) {
                    self.remove(&path).await?;
                }
            }
        }
        Ok(())
    }

    /// Whether another table of the catalog has its location at, below or above this one.
    async fn is_shared(&self, root: &S3Uri) -> LakeResult<bool> {
        let glue = &*self.tables.glue;
        let own = (self.glue_table.database_name.as_str(), self.glue_table.name());
        let root = format!("s3://{}/{}", root.bucket, root.prefix());
        let mut page = PageRequest::default();
        loop {
            let databases = glue.get_databases(None, page).await?;
            for database in databases.items {
                for table in glue::all_tables(glue, None, &database.name).await? {
                    let location = table.location().map(|location| format!("{}/", location.trim_end_matches('/')));
                    let meets = location.is_some_and(|other| other.starts_with(&root) || root.starts_with(&other));
                    if meets && !table.is_view() && (table.database_name.as_str(), table.name()) != own {
                        return Ok(true);
                    }
                }
            }
            match databases.next_token {
                Some(token) => page = PageRequest { next_token: Some(token), max_results: None },
                None => return Ok(false),
            }
        }
    }

    async fn remove(&self, path: &str) -> LakeResult<()> {
        let Ok(uri) = path.parse::<S3Uri>() else { return Ok(()) };
        self.tables.storage.delete(&uri.bucket, &uri.key).await?;
        Ok(())
    }
}
