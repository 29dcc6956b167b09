//! `VACUUM`: what nobody reads goes, everything else stays.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use athena_api::Glue;
use athena_api::glue::{StorageDescriptor, TableInput, UpdateOptions};
use bytes::Bytes;
use chrono::{TimeDelta, Utc};
use lake::iceberg::{Alteration, Change, IcebergTable, IcebergTables, Version};

use crate::iceberg_tables::{append, batch, ids, request, tables, write};
use crate::{Fixture, fixture};

/// The tables as they are seen so many days from now; files are as old as they are.
fn days_later(lakehouse: &Fixture, days: i64) -> IcebergTables {
    let now = Utc::now() + TimeDelta::days(days);
    IcebergTables::new(lakehouse.storage.clone(), Arc::new(lakehouse.catalog.clone()), Arc::new(move || now))
}

async fn loaded(lakehouse: &Fixture, tables: &IcebergTables) -> IcebergTable {
    tables.load(lakehouse.catalog.get_table(None, "shop", "orders").await.unwrap()).await.unwrap()
}

async fn files(lakehouse: &Fixture, folder: &str) -> BTreeSet<String> {
    let found = lakehouse.storage.list_all("lake", &format!("orders/{folder}/")).await.unwrap();
    found.into_iter().map(|object| format!("s3://lake/{}", object.key)).collect()
}

fn lists(files: &BTreeSet<String>) -> usize {
    files.iter().filter(|path| path.contains("/snap-")).count()
}

async fn keeping(table: &IcebergTable, snapshots: &str) -> IcebergTable {
    let keep = HashMap::from([("vacuum_min_snapshots_to_keep".to_owned(), snapshots.to_owned())]);
    table.alter(Alteration::SetProperties(keep)).await.unwrap()
}

/// Three snapshots: rows 0 to 2 in a file, 3 and 4 in another, and then only the second file and 7.
async fn three_snapshots(lakehouse: &Fixture) -> (IcebergTable, String) {
    let table = tables(lakehouse).create(request(&[])).await.unwrap();
    let first = write(&table, batch(0..3)).await;
    let replaced = first[0].file_path().to_owned();
    let table = table.commit(Change::Append { add: first }).await.unwrap();
    let table = append(&table, 3..5).await;
    let add = write(&table, batch(7..8)).await;
    (table.commit(Change::Overwrite { remove: vec![replaced.clone()], add }).await.unwrap(), replaced)
}

#[tokio::test]
async fn old_snapshots_go_and_the_files_that_only_they_read() {
    let lakehouse = fixture().await;
    let (table, replaced) = three_snapshots(&lakehouse).await;
    keeping(&table, "2").await;
    let table = loaded(&lakehouse, &days_later(&lakehouse, 6)).await.vacuum().await.unwrap();
    let snapshots: Vec<i64> = {
        let mut all: Vec<_> =
            table.metadata().snapshots().map(|one| (one.sequence_number(), one.snapshot_id())).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, id)| id).collect()
    };
    assert_eq!(snapshots.len(), 2);
    assert_eq!(ids(&table, Version::Snapshot(snapshots[0])).await, [0, 1, 2, 3, 4], "an older state is still read");
    assert!(files(&lakehouse, "data").await.contains(&replaced));
    assert_eq!(lists(&files(&lakehouse, "metadata").await), 2);

    keeping(&table, "1").await;
    let table = loaded(&lakehouse, &days_later(&lakehouse, 6)).await.vacuum().await.unwrap();
    assert_eq!(ids(&table, Version::Current).await, [3, 4, 7]);
    let left = files(&lakehouse, "data").await;
    assert_eq!((left.len(), left.contains(&replaced)), (2, false));
    assert_eq!(lists(&files(&lakehouse, "metadata").await), 1);
    // Once more there is nothing to do, not even a commit.
    let version = table.glue_table().version_id.clone();
    assert_eq!(table.vacuum().await.unwrap().glue_table().version_id, version);
    assert_eq!(append(&table, 8..9).await.metadata().snapshots().count(), 2);
}

#[tokio::test]
async fn snapshots_that_are_young_or_have_a_name_stay() {
    let lakehouse = fixture().await;
    let (table, _) = three_snapshots(&lakehouse).await;
    let age = HashMap::from([("vacuum_max_snapshot_age_seconds".to_owned(), "9000000000".to_owned())]);
    table.alter(Alteration::SetProperties(age)).await.unwrap();
    let table = loaded(&lakehouse, &days_later(&lakehouse, 6)).await.vacuum().await.unwrap();
    assert_eq!(table.metadata().snapshots().count(), 3);

    // Another writer tags the first one.
    let first = table.metadata().snapshots().min_by_key(|one| one.sequence_number()).unwrap().snapshot_id();
    let mut document = serde_json::to_value(table.metadata()).unwrap();
    document["refs"]["audited"] = serde_json::json!({"snapshot-id": first, "type": "tag"});
    document["properties"].as_object_mut().unwrap().remove("vacuum_max_snapshot_age_seconds");
    let location = "orders/metadata/00099-00000000-0000-0000-0000-000000000000.metadata.json";
    lakehouse.storage.put_bytes("lake", location, Bytes::from(document.to_string())).await.unwrap();
    let mut input = table.glue_table().input.clone();
    input.parameters.as_mut().unwrap().insert("metadata_location".to_owned(), format!("s3://lake/{location}"));
    let options = UpdateOptions { skip_archive: true, expected_version: None };
    lakehouse.catalog.update_table(None, "shop", input, options).await.unwrap();
    let table = loaded(&lakehouse, &days_later(&lakehouse, 6)).await.vacuum().await.unwrap();
    assert_eq!(table.metadata().snapshots().count(), 2, "the current one and the tagged one");
    assert_eq!(ids(&table, Version::Reference("audited".to_owned())).await, [0, 1, 2]);
}

#[tokio::test]
async fn files_of_no_commit_go_when_they_are_old_and_nobody_else_can_mean_them() {
    let lakehouse = fixture().await;
    let (table, _) = three_snapshots(&lakehouse).await;
    let orphan = write(&table, batch(20..21)).await[0].file_path().to_owned();
    loaded(&lakehouse, &days_later(&lakehouse, 1)).await.vacuum().await.unwrap();
    assert!(files(&lakehouse, "data").await.contains(&orphan), "a statement may still be running");

    let beside = TableInput {
        name: "beside".to_owned(),
        storage_descriptor: Some(StorageDescriptor {
            location: Some("s3://lake/orders/data".to_owned()),
            ..StorageDescriptor::default()
        }),
        ..TableInput::default()
    };
    lakehouse.catalog.create_table(None, "shop", beside).await.unwrap();
    loaded(&lakehouse, &days_later(&lakehouse, 6)).await.vacuum().await.unwrap();
    assert!(files(&lakehouse, "data").await.contains(&orphan), "it may be the other table's");

    lakehouse.catalog.delete_table(None, "shop", "beside").await.unwrap();
    let table = loaded(&lakehouse, &days_later(&lakehouse, 6)).await.vacuum().await.unwrap();
    assert!(!files(&lakehouse, "data").await.contains(&orphan));
    assert_eq!(ids(&table, Version::Current).await, [3, 4, 7]);
    let table = loaded(&lakehouse, &tables(&lakehouse)).await;
    assert_eq!(ids(&append(&table, 8..9).await, Version::Current).await, [3, 4, 7, 8]);
}
