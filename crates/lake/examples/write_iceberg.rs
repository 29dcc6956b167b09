//! Writes a lakehouse with Iceberg tables of many kinds into a directory, for `conformance/iceberg/check.py` to read with other engines.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListBuilder, StringArray,
    StringBuilder, StructArray, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field};
use arrow::record_batch::RecordBatch;
use athena_api::Glue;
use athena_api::glue::{Column, DatabaseInput};
use catalog::Catalog;
use lake::ObjectStorage;
use lake::iceberg::{Alteration, Change, CreateTable, IcebergTable, IcebergTables, ScanRequest};
use lake::storage::Durability;
use store::Store;

type Failure = Box<dyn std::error::Error>;

const COLUMNS: [(&str, &str); 10] = [
    ("id", "bigint"),
    ("flag", "boolean"),
    ("name", "string"),
    ("price", "double"),
    ("money", "decimal(10,2)"),
    ("day", "date"),
    ("at", "timestamp"),
    ("clock", "time"),
    ("tags", "array<string>"),
    ("pair", "struct<x:bigint,y:string>"),
];

fn batch(ids: std::ops::Range<i64>) -> Result<RecordBatch, Failure> {
    let mut tags = ListBuilder::new(StringBuilder::new());
    for id in ids.clone() {
        (0..id % 3).for_each(|tag| tags.values().append_value(format!("t{tag}")));
        tags.append(id % 4 != 0);
    }
    let texts = || StringArray::from_iter(ids.clone().map(|id| (id % 5 != 0).then(|| format!("n{id}"))));
    let longs = || Arc::new(Int64Array::from_iter_values(ids.clone())) as ArrayRef;
    let pair = StructArray::from(vec![
        (Arc::new(Field::new("x", DataType::Int64, true)), longs()),
        (Arc::new(Field::new("y", DataType::Utf8, true)), Arc::new(texts()) as ArrayRef),
    ]);
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "the numbers are small")]
    let columns: [ArrayRef; 10] = [
        longs(),
        Arc::new(BooleanArray::from_iter(ids.clone().map(|id| Some(id % 2 == 0)))),
        Arc::new(texts()),
        Arc::new(Float64Array::from_iter_values(ids.clone().map(|id| id as f64 / 4.0))),
        Arc::new(Decimal128Array::from_iter_values(ids.clone().map(i128::from)).with_precision_and_scale(10, 2)?),
        Arc::new(Date32Array::from_iter_values(ids.clone().map(|id| 19_000 + id as i32 / 10))),
        Arc::new(TimestampMicrosecondArray::from_iter_values(
            ids.clone().map(|id| 1_700_000_000_000_001 + id * 3_600_000_000),
        )),
        Arc::new(Time64MicrosecondArray::from_iter_values(ids.clone().map(|id| id * 1_000_000))),
        Arc::new(tags.finish()),
        Arc::new(pair),
    ];
    Ok(RecordBatch::try_from_iter(COLUMNS.iter().map(|(name, _)| *name).zip(columns))?)
}

async fn append(table: &IcebergTable, ids: std::ops::Range<i64>) -> Result<IcebergTable, Failure> {
    let mut writer = table.writer()?;
    writer.write(&batch(ids)?).await?;
    Ok(table.commit(Change::Append { add: writer.finish().await? }).await?)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let root = PathBuf::from(std::env::args().nth(1).ok_or("usage: write_iceberg DIR")?);
    let storage = ObjectStorage::open(&root, Durability::Process)?;
    storage.create_bucket("lake").await?;
    let clock: catalog::Clock = Arc::new(chrono::Utc::now);
    let catalog =
        Catalog::open(Store::open(&root, Durability::Process).await?, "123456789012", Arc::clone(&clock)).await?;
    catalog.create_database(None, DatabaseInput { name: "shop".to_owned(), ..Default::default() }).await?;
    let tables = IcebergTables::new(storage, Arc::new(catalog), clock);
    let kinds: [(&str, &[&str]); 5] = [
        ("plain", &[]),
        ("by_day", &["day"]),
        ("by_hidden", &["month(at)", "bucket(4, id)", "truncate(name, 2)"]),
        ("by_name", &["name"]),
        ("by_year", &["year(day)", "truncate(10, id)"]),
    ];
    for (name, partitioning) in kinds {
        let table = tables
            .create(CreateTable {
                database: "shop".to_owned(),
                name: name.to_owned(),
                location: format!("s3://lake/{name}").parse()?,
                columns: COLUMNS.iter().map(|(name, kind)| Column::new(*name, *kind)).collect(),
                partitioning: partitioning.iter().map(|text| (*text).to_owned()).collect(),
                properties: HashMap::new(),
                comment: None,
            })
            .await?;
        let table = append(&table, 0..30).await?;
        let table = append(&table, 30..60).await?;
        // Rows 50 to 59 go; the rest of their files is written again.
        let mut remove: Vec<String> = Vec::new();
        for task in table.plan(&ScanRequest::default()).await? {
            let batches: Vec<RecordBatch> = {
                use futures::TryStreamExt;
                table.read(vec![task.clone()], 1000, &lake::ScanMeter::new()).try_collect().await?
            };
            let ids = batches.iter().flat_map(|batch| {
                use arrow::array::AsArray;
                batch.column(0).as_primitive::<arrow::datatypes::Int64Type>().values().to_vec()
            });
            if ids.max() >= Some(30) {
                remove.push(task.data_file_path);
            }
        }
        let mut writer = table.writer()?;
        writer.write(&batch(30..50)?).await?;
        let table = table.commit(Change::Overwrite { remove, add: writer.finish().await? }).await?;
        let table = table.alter(Alteration::AddColumns(vec![Column::new("extra", "int")])).await?;
        let to = Column::new("cost", "double");
        table.alter(Alteration::ChangeColumn { name: "price".to_owned(), to }).await?;
    }
    Ok(())
}
