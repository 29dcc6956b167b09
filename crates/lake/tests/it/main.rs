//! The lake: objects, Hive tables, Iceberg tables.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod hive_read;
mod hive_types;
mod hive_write;
mod iceberg_tables;
mod storage;
mod vacuum;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use athena_api::Glue;
use athena_api::glue::{Column, DatabaseInput};
use catalog::{Catalog, Clock};
use chrono::DateTime;
use lake::ObjectStorage;
use lake::storage::Durability;
use store::Store;

/// A lakehouse in its own directory, with the bucket `lake` and the database `shop`.
pub struct Fixture {
    pub directory: tempfile::TempDir,
    pub storage: ObjectStorage,
    pub catalog: Catalog,
    pub clock: Clock,
}

pub async fn fixture() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let milliseconds = AtomicI64::new(1_700_000_000_000);
    let clock: Clock =
        Arc::new(move || DateTime::from_timestamp_millis(milliseconds.fetch_add(1000, Ordering::Relaxed)).unwrap());
    let storage = ObjectStorage::open(directory.path(), Durability::Process).unwrap();
    storage.create_bucket("lake").await.unwrap();
    let store = Store::open(directory.path(), Durability::Process).await.unwrap();
    let catalog = Catalog::open(store, "123456789012", Arc::clone(&clock)).await.unwrap();
    catalog.create_database(None, DatabaseInput { name: "shop".to_owned(), ..Default::default() }).await.unwrap();
    Fixture { directory, storage, catalog, clock }
}

/// `a int, b array<string>`.
pub fn columns(text: &str) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    let mut depth = 0;
    let mut start = 0;
    for (at, c) in text.char_indices().chain([(text.len(), ',')]) {
        match c {
            '<' | '(' => depth += 1,
            '>' | ')' => depth -= 1,
            ',' if depth == 0 => {
                if let Some((name, kind)) = text[start..at].trim().split_once(' ') {
                    columns.push(Column::new(name, kind.trim()));
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    columns
}

/// One line a row.
pub fn rows(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::new().with_null("NULL").with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"));
    let mut lines = Vec::new();
    for batch in batches {
        let columns: Vec<_> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            if columns.is_empty() {
                lines.push("(no columns)".to_owned());
                continue;
            }
            lines.push(columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|"));
        }
    }
    lines
}
