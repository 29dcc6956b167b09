//! The catalog against Glue's semantics.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod expressions;
mod lake_formation;
mod tables;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use athena_api::Glue;
use athena_api::glue::{Column, DatabaseInput, PartitionInput, StorageDescriptor, TableInput};
use catalog::{Catalog, Clock};
use chrono::DateTime;
use store::{Durability, Store};

/// A catalog in its own directory, with a clock that goes on by a second at each look.
pub struct Fixture {
    pub catalog: Catalog,
    pub directory: tempfile::TempDir,
}

pub async fn fixture() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), Durability::Process).await.unwrap();
    let catalog = Catalog::open(store, "123456789012", clock()).await.unwrap();
    catalog.create_database(None, DatabaseInput { name: "Shop".to_owned(), ..Default::default() }).await.unwrap();
    Fixture { catalog, directory }
}

pub fn clock() -> Clock {
    let seconds = AtomicI64::new(1_700_000_000);
    Arc::new(move || DateTime::from_timestamp(seconds.fetch_add(1, Ordering::Relaxed), 0).unwrap())
}

pub fn table(name: &str, keys: &[(&str, &str)]) -> TableInput {
    TableInput {
        name: name.to_owned(),
        table_type: Some("EXTERNAL_TABLE".to_owned()),
        storage_descriptor: Some(StorageDescriptor {
            columns: vec![Column::new("Id", "bigint")],
            location: Some(format!("s3://lake/{name}/")),
            ..Default::default()
        }),
        partition_keys: Some(keys.iter().map(|(name, kind)| Column::new(*name, *kind)).collect()),
        ..Default::default()
    }
}

pub fn partition(values: &[&str]) -> PartitionInput {
    PartitionInput { values: values.iter().map(|value| (*value).to_owned()).collect(), ..Default::default() }
}
