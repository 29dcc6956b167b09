//! Written files are read back as they were; a statement that fails leaves none.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int8Array, Int32Array, Int64Array,
    StringArray, StringViewArray, StructArray, TimestampMicrosecondArray, UInt8Array,
};
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use arrow::record_batch::RecordBatch;
use athena_api::Glue;
use athena_api::glue::{Column, Parameters, PartitionInput, SerDeInfo, StorageDescriptor, TableInput};
use bytes::Bytes;
use futures::TryStreamExt;
use lake::hive::{HiveTable, ReadOptions};
use lake::write::{Compression, WriteFormat};
use lake::{HiveType, ScanMeter, TableWriter, WriteOptions, WrittenFile};

use crate::{Fixture, columns, fixture, rows};

const PARQUET: &str = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe";

fn batch() -> RecordBatch {
    let list = arrow::array::ListArray::from_iter_primitive::<Int32Type, _, _>([
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
    ]);
    let pair = StructArray::from(vec![
        (Arc::new(Field::new("x", DataType::Int32, true)), Arc::new(Int32Array::from(vec![1, 2, 3])) as ArrayRef),
        (Arc::new(Field::new("y", DataType::Utf8, true)), Arc::new(StringArray::from(vec!["a", "b", "c"])) as ArrayRef),
    ]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("Flag", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        ("tiny", Arc::new(Int8Array::from(vec![1, -2, 3]))),
        ("small", Arc::new(UInt8Array::from(vec![255, 0, 1]))),
        ("big", Arc::new(Int64Array::from(vec![Some(i64::MAX), None, Some(0)]))),
        ("real", Arc::new(Float64Array::from(vec![1.5, f64::NAN, -0.0]))),
        ("money", Arc::new(Decimal128Array::from(vec![12345, -1, 0]).with_precision_and_scale(10, 2).unwrap())),
        ("name", Arc::new(StringViewArray::from(vec![Some("a,\"b"), None, Some("")]))),
        ("raw", Arc::new(BinaryArray::from(vec![b"\x00\xff".as_slice(), b"", b"x"]))),
        ("day", Arc::new(Date32Array::from(vec![19000, -1, 0]))),
        ("at", Arc::new(TimestampMicrosecondArray::from(vec![1_700_000_000_123_500, -1, 0]))),
        ("list", Arc::new(list)),
        ("pair", Arc::new(pair)),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn hive_columns(schema: &Schema) -> Vec<Column> {
    let column =
        |field: &Arc<Field>| Column::new(field.name(), HiveType::from_arrow(field.data_type()).unwrap().to_string());
    schema.fields().iter().map(column).collect()
}

async fn create(
    lakehouse: &Fixture,
    columns: Vec<Column>,
    keys: Vec<Column>,
    serde: &str,
    files: &[WrittenFile],
) -> HiveTable {
    let storage = StorageDescriptor {
        columns,
        location: Some("s3://lake/t/".to_owned()),
        serde_info: Some(SerDeInfo {
            serialization_library: Some(serde.to_owned()),
            parameters: Some(Parameters::new()),
            name: None,
        }),
        ..Default::default()
    };
    let input = TableInput {
        name: "t".to_owned(),
        storage_descriptor: Some(storage),
        partition_keys: Some(keys),
        ..Default::default()
    };
    lakehouse.catalog.create_table(None, "shop", input).await.unwrap();
    let mut values: Vec<Vec<String>> = files
        .iter()
        .map(|file| {
            file.partition_values
                .iter()
                .map(|value| value.clone().unwrap_or_else(|| lake::hive::NULL_PARTITION.to_owned()))
                .collect()
        })
        .collect();
    values.sort();
    values.dedup();
    if values.iter().any(|values| !values.is_empty()) {
        let inputs = values.into_iter().map(|values| PartitionInput { values, ..Default::default() }).collect();
        assert_eq!(lakehouse.catalog.create_partitions("shop", "t", inputs).await.unwrap(), []);
    }
    HiveTable::resolve(&lakehouse.catalog.get_table(None, "shop", "t").await.unwrap()).unwrap()
}

async fn read(lakehouse: &Fixture, table: &HiveTable) -> Vec<String> {
    let files = table.data_files(&lakehouse.storage, &lakehouse.catalog, None, &|_| true).await.unwrap();
    let mut lines = Vec::new();
    for file in &files {
        let options = ReadOptions { projection: None, batch_size: 1000, limit: None };
        let batches: Vec<_> =
            table.read(&lakehouse.storage, &ScanMeter::new(), file, &options).try_collect().await.unwrap();
        lines.extend(rows(&batches));
    }
    lines
}

fn options() -> WriteOptions {
    WriteOptions::new("s3://lake/t/".parse().unwrap(), "query")
}

#[tokio::test]
async fn every_type_comes_back_in_every_format() {
    let expected = [
        "true|1|255|9223372036854775807|1.5|123.45|a,\"b|00ff|2022-01-08|2023-11-14 22:13:20.124|[1, NULL]|{x: 1, y: a}",
        "NULL|-2|0|NULL|NaN|-0.01|NULL||1969-12-31|1970-01-01 00:00:00|NULL|{x: 2, y: b}",
        "false|3|1|0|-0.0|0.00||78|1970-01-01|1970-01-01 00:00:00|[]|{x: 3, y: c}",
    ];
    let formats = [
        (WriteFormat::Parquet, Compression::Snappy, PARQUET, ""),
        (WriteFormat::Parquet, Compression::Zstd(Some(5)), PARQUET, ""),
        (WriteFormat::Parquet, Compression::Gzip, PARQUET, ""),
        (WriteFormat::Parquet, Compression::None, PARQUET, ""),
        (WriteFormat::Delimited, Compression::Gzip, "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe", ".gz"),
        (WriteFormat::Delimited, Compression::None, "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe", ""),
        (WriteFormat::Json, Compression::Zstd(None), "org.apache.hive.hcatalog.data.JsonSerDe", ".zst"),
    ];
    for (format, compression, serde, extension) in formats {
        let lakehouse = fixture().await;
        let batch = batch();
        let options = WriteOptions { format, compression, ..options() };
        let mut writer = TableWriter::new(&lakehouse.storage, batch.schema(), options).unwrap();
        writer.write(&batch).await.unwrap();
        let files = writer.finish().await.unwrap();
        assert_eq!((files.len(), files[0].row_count), (1, 3));
        let name = files[0].uri.key.rsplit('/').next().unwrap();
        assert!(name.starts_with("query_") && name.ends_with(extension), "{name}");
        assert_eq!(lakehouse.storage.head("lake", &files[0].uri.key).await.unwrap().size, files[0].size);
        let table = create(&lakehouse, hive_columns(&batch.schema()), vec![], serde, &files).await;
        assert_eq!(read(&lakehouse, &table).await, expected, "{format:?} {compression:?}");
    }
}

fn partitioned(count: i32) -> RecordBatch {
    let ids = Int32Array::from_iter_values(0..count);
    let city = StringArray::from_iter((0..count).map(|id| match id % 3 {
        0 => None,
        1 => Some("a/b=c d"),
        _ => Some("Zürich"),
    }));
    let day = Date32Array::from_iter_values((0..count).map(|id| 19000 + id % 2));
    RecordBatch::try_from_iter([("id", Arc::new(ids) as ArrayRef), ("day", Arc::new(day)), ("city", Arc::new(city))])
        .unwrap()
}

#[tokio::test]
async fn rows_go_to_the_directories_of_their_partitions() {
    let lakehouse = fixture().await;
    let batch = partitioned(12);
    let options = WriteOptions { partition_columns: 2, ..options() };
    let mut writer = TableWriter::new(&lakehouse.storage, batch.schema(), options).unwrap();
    writer.write(&batch.slice(0, 5)).await.unwrap();
    writer.write(&batch.slice(5, 7)).await.unwrap();
    // Nothing shows before the end.
    assert!(lakehouse.storage.list_all("lake", "").await.unwrap().is_empty());
    let files = writer.finish().await.unwrap();
    let mut directories: Vec<&str> = files.iter().map(|file| file.uri.key.rsplit_once('/').unwrap().0).collect();
    directories.sort_unstable();
    assert_eq!(
        directories,
        [
            "t/day=2022-01-08/city=Zürich",
            "t/day=2022-01-08/city=__HIVE_DEFAULT_PARTITION__",
            "t/day=2022-01-08/city=a%2Fb%3Dc d",
            "t/day=2022-01-09/city=Zürich",
            "t/day=2022-01-09/city=__HIVE_DEFAULT_PARTITION__",
            "t/day=2022-01-09/city=a%2Fb%3Dc d",
        ]
    );
    assert_eq!(files.iter().map(|file| file.row_count).sum::<u64>(), 12);
    let table = create(&lakehouse, columns("id int"), columns("day date, city string"), PARQUET, &files).await;
    let mut expected = rows(&[batch]);
    let mut actual = read(&lakehouse, &table).await;
    expected.sort();
    actual.sort();
    assert_eq!(actual, expected);
    // Partitions that are pruned are not listed.
    let pruner = |values: &[Option<String>]| values[1].is_none();
    let files =
        table.data_files(&lakehouse.storage, &lakehouse.catalog, Some("day = '2022-01-08'".to_owned()), &pruner);
    assert_eq!(files.await.unwrap().len(), 1);
}

#[tokio::test]
async fn too_many_partitions_are_refused_and_leave_nothing() {
    let lakehouse = fixture().await;
    let ids = Int32Array::from_iter_values(0..101);
    let batch =
        RecordBatch::try_from_iter([("id", Arc::new(ids.clone()) as ArrayRef), ("key", Arc::new(ids))]).unwrap();
    let options = WriteOptions { partition_columns: 1, ..options() };
    let mut writer = TableWriter::new(&lakehouse.storage, batch.schema(), options.clone()).unwrap();
    let error = writer.write(&batch).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of 100 open writers for partitions/buckets"
    );
    writer.abort().await;
    assert!(lakehouse.storage.list_all("lake", "").await.unwrap().is_empty());
    assert_eq!(fs_err::read_dir(lakehouse.directory.path().join("s3.tmp")).unwrap().count(), 0);
    let mut writer = TableWriter::new(&lakehouse.storage, batch.schema(), options).unwrap();
    writer.write(&batch.slice(0, 100)).await.unwrap();
    assert_eq!(writer.finish().await.unwrap().len(), 100);
}

#[tokio::test]
async fn files_roll_at_their_size_and_buckets_have_their_own() {
    let lakehouse = fixture().await;
    let text =
        StringArray::from_iter_values((0..20_000).map(|id: u64| format!("{}", id.wrapping_mul(0x9E37_79B9_7F4A_7C15))));
    let batch = RecordBatch::try_from_iter([("text", Arc::new(text) as ArrayRef)]).unwrap();
    let rolled = WriteOptions { target_file_size: 100_000, compression: Compression::None, ..options() };
    let mut writer = TableWriter::new(&lakehouse.storage, batch.schema(), rolled).unwrap();
    for at in 0..20 {
        writer.write(&batch.slice(at * 1000, 1000)).await.unwrap();
    }
    let files = writer.finish().await.unwrap();
    assert!((3..10).contains(&files.len()), "{}", files.len());
    assert_eq!(files.iter().map(|file| file.row_count).sum::<u64>(), 20_000);
    let ids = Int32Array::from(vec![0, 1, 2, 3, 4, 5]);
    let batch = RecordBatch::try_from_iter([("id", Arc::new(ids) as ArrayRef)]).unwrap();
    let bucketed =
        WriteOptions { bucketed_by: vec![0], bucket_count: 4, location: "s3://lake/b".parse().unwrap(), ..options() };
    let mut writer = TableWriter::new(&lakehouse.storage, batch.schema(), bucketed).unwrap();
    writer.write(&batch).await.unwrap();
    let files = writer.finish().await.unwrap();
    let buckets: Vec<(&str, u64)> = files.iter().map(|file| (&file.uri.key[2..8], file.row_count)).collect();
    assert_eq!(buckets, [("000000", 2), ("000001", 2), ("000002", 1), ("000003", 1)]);
}

#[tokio::test]
async fn types_hive_cannot_hold_are_refused() {
    let lakehouse = fixture().await;
    let zoned = DataType::Timestamp(arrow::datatypes::TimeUnit::Millisecond, Some("UTC".into()));
    for (data_type, sentence) in [
        (zoned, "NOT_SUPPORTED: Unsupported Hive type: timestamp(3) with time zone"),
        (DataType::Time64(arrow::datatypes::TimeUnit::Microsecond), "NOT_SUPPORTED: Unsupported Hive type: time(3)"),
    ] {
        let schema = Arc::new(Schema::new(vec![Field::new("c", data_type, true)]));
        let error = TableWriter::new(&lakehouse.storage, schema, options()).err().unwrap();
        assert_eq!(error.to_string(), sentence);
    }
}

#[tokio::test]
async fn parquet_columns_are_found_by_name_and_coerced() {
    let lakehouse = fixture().await;
    let batch = RecordBatch::try_from_iter([
        ("B", Arc::new(Int32Array::from(vec![1, 2])) as ArrayRef),
        ("a", Arc::new(StringArray::from(vec!["x", "y"]))),
    ])
    .unwrap();
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    lakehouse.storage.put_bytes("lake", "t/f", Bytes::from(bytes)).await.unwrap();
    let table = create(&lakehouse, columns("a string, b bigint, c struct<x:int>"), vec![], PARQUET, &[]).await;
    assert_eq!(read(&lakehouse, &table).await, ["x|1|NULL", "y|2|NULL"]);
    lakehouse.catalog.delete_table(None, "shop", "t").await.unwrap();
    let table = create(&lakehouse, columns("a bigint"), vec![], PARQUET, &[]).await;
    let files = table.data_files(&lakehouse.storage, &lakehouse.catalog, None, &|_| true).await.unwrap();
    let options = ReadOptions { projection: None, batch_size: 10, limit: None };
    let read = table.read(&lakehouse.storage, &ScanMeter::new(), &files[0], &options);
    let error = read.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "HIVE_BAD_DATA: Field a's type BINARY in parquet file s3://lake/t/f is incompatible with type bigint defined in table schema"
    );
}
