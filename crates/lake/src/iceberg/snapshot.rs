//! One commit's snapshot: manifests for what was added and removed, their list, the summary.
//!
//! Source: Iceberg table spec, version 2, "Manifests", "Snapshots", "Sequence numbers", and "Optional snapshot summary fields".

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ::iceberg::io::FileIO;
use ::iceberg::spec::{
    DataFile, ManifestContentType, ManifestFile, ManifestListWriter, ManifestWriterBuilder, Operation, Snapshot,
    Struct, Summary,
};
use ::iceberg::table::Table;

use super::Change;
use crate::{LakeError, LakeResult};

/// Adds to the summary of one commit.
#[derive(Default)]
struct Totals {
    files: u64,
    records: u64,
    bytes: u64,
}

impl Totals {
    fn add(&mut self, file: &DataFile) {
        self.files += 1;
        self.records += file.record_count();
        self.bytes += file.file_size_in_bytes();
    }
}

/// Writes the manifests and their list for a change on top of the table's current snapshot.
pub(super) async fn produce(table: &Table, file_io: &FileIO, change: &Change, now_ms: i64) -> LakeResult<Snapshot> {
    let metadata = table.metadata();
    let doing = || format!("committing to {}", table.identifier());
    let (remove, add) = match change {
        Change::Append { add } => (HashSet::new(), add),
        Change::Overwrite { remove, add } => (remove.iter().map(String::as_str).collect(), add),
    };
    let snapshot_id = new_id(table);
    let sequence_number = metadata.next_sequence_number();
    let commit = uuid::Uuid::new_v4();
    let location = metadata.location().trim_end_matches('/');
    let mut count = 0;
    let mut next_manifest = || {
        count += 1;
        file_io.new_output(format!("{location}/metadata/{commit}-m{}.avro", count - 1))
    };
    let (mut added, mut removed) = (Totals::default(), Totals::default());
    let mut partitions: HashSet<&Struct> = HashSet::new();
    let mut manifests: Vec<ManifestFile> = Vec::new();
    if !add.is_empty() {
        let mut writer = ManifestWriterBuilder::new(
            next_manifest().map_err(LakeError::iceberg(doing()))?,
            Some(snapshot_id),
            Arc::clone(metadata.current_schema()),
            metadata.default_partition_spec().as_ref().clone(),
        )
        .build_v2_data();
        for file in add {
            added.add(file);
            partitions.insert(file.partition());
            // -1: inherits the number of the commit that wins.
            writer.add_file(file.clone(), -1).map_err(LakeError::iceberg(doing()))?;
        }
        manifests.push(writer.write_manifest_file().await.map_err(LakeError::iceberg(doing()))?);
    }
    let mut found = HashSet::new();
    if let Some(current) = metadata.current_snapshot() {
        let list = table.manifest_list_reader(current).load().await.map_err(LakeError::iceberg(doing()))?;
        let carried: Vec<ManifestFile> = list.consume_entries().into_iter().collect();
        for manifest in carried {
            if !manifest.has_added_files() && !manifest.has_existing_files() {
                continue;
            }
            if remove.is_empty() || manifest.content != ManifestContentType::Data {
                manifests.push(manifest);
                continue;
            }
            let loaded = manifest.load_manifest(file_io).await.map_err(LakeError::iceberg(doing()))?;
            if !loaded.entries().iter().any(|entry| entry.is_alive() && remove.contains(entry.file_path())) {
                manifests.push(manifest);
                continue;
            }
            let output = next_manifest().map_err(LakeError::iceberg(doing()))?;
            let about = loaded.metadata();
            let mut writer = ManifestWriterBuilder::new(
                output,
                Some(snapshot_id),
                Arc::clone(about.schema()),
                about.partition_spec().clone(),
            )
            .build_v2_data();
            for entry in loaded.entries().iter().filter(|entry| entry.is_alive()) {
                let file = entry.data_file().clone();
                let number = entry.sequence_number.unwrap_or(0);
                let file_number = entry.file_sequence_number.or(Some(number));
                let written = if remove.contains(entry.file_path()) {
                    found.insert(entry.file_path().to_owned());
                    removed.add(&file);
                    writer.add_delete_file(file, number, file_number)
                } else {
                    let snapshot = entry.snapshot_id.unwrap_or(snapshot_id);
                    writer.add_existing_file(file, snapshot, number, file_number)
                };
                written.map_err(LakeError::iceberg(doing()))?;
            }
            manifests.push(writer.write_manifest_file().await.map_err(LakeError::iceberg(doing()))?);
        }
    }
    if let Some(lost) = remove.iter().find(|path| !found.contains(**path)) {
        return Err(LakeError::athena(
            "ICEBERG_COMMIT_ERROR",
            format!(
                "Failed to commit Iceberg update to table: {}: {lost} is no data file of it any more",
                table.identifier()
            ),
        ));
    }
    let path = format!("{location}/metadata/snap-{snapshot_id}-0-{commit}.avro");
    let output = file_io.new_output(&path).map_err(LakeError::iceberg(doing()))?;
    let writer = output.writer().await.map_err(LakeError::iceberg(doing()))?;
    let mut list = ManifestListWriter::v2(writer, snapshot_id, metadata.current_snapshot_id(), sequence_number);
    list.add_manifests(manifests.into_iter()).map_err(LakeError::iceberg(doing()))?;
    list.close().await.map_err(LakeError::iceberg(doing()))?;
    let operation = match change {
        Change::Append { .. } => Operation::Append,
        Change::Overwrite { add, .. } if add.is_empty() => Operation::Delete,
        Change::Overwrite { .. } => Operation::Overwrite,
    };
    // Never older than the table's last change, which Iceberg refuses, and never the same moment as another snapshot, so that time travel can tell them apart.
    let after_parent = metadata.current_snapshot().map_or(0, |parent| parent.timestamp_ms() + 1);
    let earliest = metadata.last_updated_ms().max(after_parent);
    let additional_properties = summary(table, &added, &removed, partitions.len());
    Ok(Snapshot::builder()
        .with_snapshot_id(snapshot_id)
        .with_parent_snapshot_id(metadata.current_snapshot_id())
        .with_sequence_number(sequence_number)
        .with_timestamp_ms(now_ms.max(earliest))
        .with_manifest_list(path)
        .with_summary(Summary { operation, additional_properties })
        .with_schema_id(metadata.current_schema_id())
        .build())
}

fn new_id(table: &Table) -> i64 {
    loop {
        let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
        let id = i64::try_from((high ^ low) >> 1).unwrap_or(1);
        if table.metadata().snapshot_by_id(id).is_none() {
            return id;
        }
    }
}

fn summary(table: &Table, added: &Totals, removed: &Totals, partitions: usize) -> HashMap<String, String> {
    let before = table.metadata().current_snapshot().map(|snapshot| &snapshot.summary().additional_properties);
    let mut summary = HashMap::new();
    let mut set = |key: &str, value: u64| {
        if value > 0 {
            summary.insert(key.to_owned(), value.to_string());
        }
    };
    set("added-data-files", added.files);
    set("added-records", added.records);
    set("added-files-size", added.bytes);
    set("deleted-data-files", removed.files);
    set("deleted-records", removed.records);
    set("removed-files-size", removed.bytes);
    set("changed-partition-count", partitions as u64);
    let total = |key: &str| before.and_then(|map| map.get(key)).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let mut carry = |key: &str, plus: u64, minus: u64| {
        summary.insert(key.to_owned(), (total(key) + plus).saturating_sub(minus).to_string());
    };
    carry("total-data-files", added.files, removed.files);
    carry("total-records", added.records, removed.records);
    carry("total-files-size", added.bytes, removed.bytes);
    carry("total-delete-files", 0, 0);
    carry("total-position-deletes", 0, 0);
    carry("total-equality-deletes", 0, 0);
    summary
}
