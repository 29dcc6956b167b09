//! Iceberg tables: what is committed is read, what is not is not.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Int32Array, Int64Array, StringArray, TimestampMillisecondArray};
use arrow::record_batch::RecordBatch;
use athena_api::Glue;
use futures::TryStreamExt;
use lake::ScanMeter;
use lake::iceberg::expr::Reference;
use lake::iceberg::spec::Datum;
use lake::iceberg::{Alteration, Change, CreateTable, FILE_COLUMN, IcebergTable, IcebergTables, ScanRequest, Version};

use crate::{Fixture, columns, fixture, rows};

pub fn tables(lakehouse: &Fixture) -> IcebergTables {
    IcebergTables::new(lakehouse.storage.clone(), Arc::new(lakehouse.catalog.clone()), Arc::clone(&lakehouse.clock))
}

pub fn request(partitioning: &[&str]) -> CreateTable {
    CreateTable {
        database: "shop".to_owned(),
        name: "Orders".to_owned(),
        location: "s3://lake/orders/".parse().unwrap(),
        columns: columns("id bigint, name string, at timestamp, day date"),
        partitioning: partitioning.iter().map(|text| (*text).to_owned()).collect(),
        properties: HashMap::new(),
        comment: None,
    }
}

pub fn batch(ids: std::ops::Range<i32>) -> RecordBatch {
    let names = StringArray::from_iter(ids.clone().map(|id| (id % 5 != 0).then(|| format!("n{id}"))));
    let moments = TimestampMillisecondArray::from_iter_values(
        ids.clone().map(|id| 1_700_000_000_000 + i64::from(id) * 86_400_000),
    );
    let days = Date32Array::from_iter_values(ids.clone().map(|id| 19_000 + id / 10));
    // int and milliseconds are cast to the table's bigint and microseconds
    RecordBatch::try_from_iter([
        ("id", Arc::new(Int32Array::from_iter_values(ids)) as ArrayRef),
        ("name", Arc::new(names)),
        ("at", Arc::new(moments)),
        ("day", Arc::new(days)),
    ])
    .unwrap()
}

pub async fn append(table: &IcebergTable, ids: std::ops::Range<i32>) -> IcebergTable {
    let add = write(table, batch(ids)).await;
    table.commit(Change::Append { add }).await.unwrap()
}

pub async fn write(table: &IcebergTable, batch: RecordBatch) -> Vec<lake::iceberg::spec::DataFile> {
    let mut writer = table.writer().unwrap();
    writer.write(&batch).await.unwrap();
    writer.finish().await.unwrap()
}

async fn scan(table: &IcebergTable, request: ScanRequest) -> Vec<String> {
    let tasks = table.plan(&request).await.unwrap();
    let batches: Vec<_> = table.read(tasks, 1000, &ScanMeter::new()).try_collect().await.unwrap();
    let mut lines = rows(&batches);
    lines.sort();
    lines
}

pub async fn ids(table: &IcebergTable, version: Version) -> Vec<i64> {
    let request = ScanRequest { columns: Some(vec!["id".to_owned()]), filter: None, version };
    let mut ids: Vec<i64> = scan(table, request).await.iter().map(|line| line.parse().unwrap()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn a_new_table_is_in_glue_as_athena_puts_it_there() {
    let lakehouse = fixture().await;
    let table = tables(&lakehouse).create(request(&[])).await.unwrap();
    let glue = lakehouse.catalog.get_table(None, "shop", "orders").await.unwrap();
    assert!(glue.is_iceberg());
    assert_eq!(glue.input.table_type.as_deref(), Some("EXTERNAL_TABLE"));
    assert_eq!(glue.location(), Some("s3://lake/orders"));
    let location = glue.parameter("metadata_location").unwrap();
    assert!(
        location.starts_with("s3://lake/orders/metadata/00000-") && location.ends_with(".metadata.json"),
        "{location}"
    );
    let first = glue.columns().next().unwrap();
    assert_eq!((first.name.as_str(), first.type_text()), ("id", "bigint"));
    let parameters: Vec<_> =
        first.parameters.as_ref().unwrap().iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(parameters, ["iceberg.field.id=1", "iceberg.field.optional=true", "iceberg.field.current=true"]);
    assert_eq!(table.schema().unwrap().fields().len(), 4);
    assert_eq!(ids(&table, Version::Current).await, Vec::<i64>::new());
    let again = tables(&lakehouse).create(request(&[])).await.err().unwrap();
    assert_eq!(again.code(), "ICEBERG_FILESYSTEM_ERROR");
}

#[tokio::test]
async fn appended_rows_are_read_and_older_versions_stay() {
    let lakehouse = fixture().await;
    let table = tables(&lakehouse).create(request(&[])).await.unwrap();
    let first = append(&table, 0..3).await;
    let second = append(&first, 3..5).await;
    assert_eq!(ids(&second, Version::Current).await, [0, 1, 2, 3, 4]);
    let expected = [
        "0|NULL|2023-11-14 22:13:20|2022-01-08",
        "1|n1|2023-11-15 22:13:20|2022-01-08",
        "2|n2|2023-11-16 22:13:20|2022-01-08",
    ];
    assert_eq!(scan(&first, ScanRequest::default()).await, expected);
    let snapshot = first.metadata().current_snapshot().unwrap();
    assert_eq!(ids(&second, Version::Snapshot(snapshot.snapshot_id())).await, [0, 1, 2]);
    assert_eq!(ids(&second, Version::Timestamp(snapshot.timestamp_ms())).await, [0, 1, 2]);
    assert_eq!(ids(&second, Version::Reference("main".to_owned())).await.len(), 5);
    let early = second.plan(&ScanRequest { version: Version::Timestamp(0), ..Default::default() }).await.unwrap_err();
    assert_eq!(
        early.to_string(),
        "INVALID_ARGUMENTS: No version history table \"shop\".\"orders\" at or before 1970-01-01T00:00:00.000Z"
    );
    let unknown = second.plan(&ScanRequest { version: Version::Snapshot(7), ..Default::default() }).await.unwrap_err();
    assert_eq!(unknown.to_string(), "INVALID_ARGUMENTS: Iceberg snapshot ID does not exists: 7");
    let summary = &second.metadata().current_snapshot().unwrap().summary().additional_properties;
    assert_eq!(
        (summary["added-records"].as_str(), summary["total-records"].as_str(), summary["total-data-files"].as_str()),
        ("2", "5", "2")
    );
}

#[tokio::test]
async fn a_prepared_table_shows_itself_with_its_first_rows() {
    let lakehouse = fixture().await;
    let tables = tables(&lakehouse);
    let prepared = tables.prepare(request(&["day"])).await.unwrap();
    let add = write(&prepared, batch(0..25)).await;
    assert!(lakehouse.catalog.get_table(None, "shop", "orders").await.unwrap_err().is_not_found());
    let table = tables.register(&prepared, add.clone()).await.unwrap();
    assert_eq!(ids(&table, Version::Current).await.len(), 25);
    // The name is taken: nothing of the attempt stays but the data files.
    let before = lakehouse.storage.list_all("lake", "").await.unwrap().len();
    let error = tables.register(&prepared, add).await.err().unwrap();
    assert!(error.to_string().contains("Table already exists."), "{error}");
    assert_eq!(lakehouse.storage.list_all("lake", "").await.unwrap().len(), before);
}

#[tokio::test]
async fn every_transform_partitions_and_filters_prune_files() {
    for partitioning in [
        vec!["day(at)"],
        vec!["month(at)", "bucket(4, id)"],
        vec!["year(day)"],
        vec!["hour(at)"],
        vec!["truncate(name, 2)"],
        vec!["bucket(id, 3)"],
        vec!["truncate(10, id)"],
        vec!["day"],
        vec!["name"],
    ] {
        let lakehouse = fixture().await;
        let table = tables(&lakehouse).create(request(&partitioning)).await.unwrap();
        let table = append(&table, 0..20).await;
        assert_eq!(ids(&table, Version::Current).await, (0..20).collect::<Vec<i64>>(), "{partitioning:?}");
        let all = table.plan(&ScanRequest::default()).await.unwrap();
        assert!(!all.is_empty());
        let filter = Reference::new("id").less_than(Datum::long(3));
        let request = ScanRequest { filter: Some(filter), ..Default::default() };
        assert_eq!(scan(&table, request).await.len(), 3, "{partitioning:?}");
    }
    let lakehouse = fixture().await;
    let table = tables(&lakehouse).create(request(&["day"])).await.unwrap();
    let table = append(&table, 0..30).await;
    let filter = Reference::new("day").equal_to(Datum::date(19_001));
    let tasks = table.plan(&ScanRequest { filter: Some(filter), ..Default::default() }).await.unwrap();
    assert_eq!(tasks.len(), 1);
    let location = &tasks[0].data_file_path;
    assert!(location.starts_with("s3://lake/orders/data/day=2022-01-09/"), "{location}");
}

#[tokio::test]
async fn more_than_a_hundred_partitions_are_refused_and_leave_no_file() {
    let lakehouse = fixture().await;
    let table = tables(&lakehouse).create(request(&["id"])).await.unwrap();
    let before = lakehouse.storage.list_all("lake", "").await.unwrap().len();
    let mut writer = table.writer().unwrap();
    let error = writer.write(&batch(0..101)).await.unwrap_err();
    assert_eq!(error.code(), "ICEBERG_TOO_MANY_OPEN_PARTITIONS");
    writer.abort().await;
    assert_eq!(lakehouse.storage.list_all("lake", "").await.unwrap().len(), before);
}

#[tokio::test]
async fn an_overwrite_replaces_just_its_files() {
    let lakehouse = fixture().await;
    let table = tables(&lakehouse).create(request(&[])).await.unwrap();
    let table = append(&append(&table, 0..3).await, 3..6).await;
    let request = ScanRequest {
        columns: Some(vec![FILE_COLUMN.to_owned(), "id".to_owned()]),
        filter: Some(Reference::new("id").equal_to(Datum::long(4))),
        version: Version::Current,
    };
    let line = scan(&table, request).await.remove(0);
    let (file, id) = line.split_once('|').unwrap();
    assert_eq!(id, "4");
    let add = write(&table, batch(5..6)).await;
    let after = table.commit(Change::Overwrite { remove: vec![file.to_owned()], add }).await.unwrap();
    assert_eq!(ids(&after, Version::Current).await, [0, 1, 2, 5]);
    let snapshot = after.metadata().current_snapshot().unwrap();
    assert_eq!(snapshot.summary().operation.as_str(), "overwrite");
    assert_eq!(snapshot.sequence_number(), 3);
    let summary = &snapshot.summary().additional_properties;
    let facts =
        ["deleted-data-files", "deleted-records", "added-records", "total-records"].map(|key| summary[key].as_str());
    assert_eq!(facts, ["1", "3", "1", "4"]);
    // Deleting the rest, then inserting again: the manifests stay right.
    let files: Vec<String> =
        after.plan(&ScanRequest::default()).await.unwrap().into_iter().map(|task| task.data_file_path).collect();
    let empty = after.commit(Change::Overwrite { remove: files, add: vec![] }).await.unwrap();
    assert_eq!(ids(&empty, Version::Current).await, Vec::<i64>::new());
    assert_eq!(empty.metadata().current_snapshot().unwrap().summary().operation.as_str(), "delete");
    assert_eq!(ids(&append(&empty, 8..9).await, Version::Current).await, [8]);
    assert_eq!(ids(&empty, Version::Snapshot(snapshot.snapshot_id())).await, [0, 1, 2, 5]);
}

#[tokio::test]
async fn concurrent_inserts_all_arrive() {
    let lakehouse = fixture().await;
    let table = tables(&lakehouse).create(request(&[])).await.unwrap();
    let tasks: Vec<_> = (0..4)
        .map(|at| {
            let table = table.clone();
            tokio::spawn(async move { append(&table, at * 10..at * 10 + 10).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let table =
        tables(&lakehouse).load(lakehouse.catalog.get_table(None, "shop", "orders").await.unwrap()).await.unwrap();
    assert_eq!(ids(&table, Version::Current).await, (0..40).collect::<Vec<i64>>());
    assert_eq!(table.metadata().current_snapshot().unwrap().sequence_number(), 4);
}

#[tokio::test]
async fn an_overwrite_that_lost_the_race_fails_and_changes_nothing() {
    let lakehouse = fixture().await;
    let table = tables(&lakehouse).create(request(&[])).await.unwrap();
    let table = append(&table, 0..3).await;
    let files: Vec<String> =
        table.plan(&ScanRequest::default()).await.unwrap().into_iter().map(|task| task.data_file_path).collect();
    append(&table, 3..4).await;
    let before = lakehouse.storage.list_all("lake", "orders/metadata/").await.unwrap().len();
    let error = table.commit(Change::Overwrite { remove: files, add: vec![] }).await.err().unwrap();
    assert_eq!(error.to_string(), "ICEBERG_COMMIT_ERROR: Failed to commit Iceberg update to table: shop.orders");
    assert_eq!(lakehouse.storage.list_all("lake", "orders/metadata/").await.unwrap().len(), before);
    let table =
        tables(&lakehouse).load(lakehouse.catalog.get_table(None, "shop", "orders").await.unwrap()).await.unwrap();
    assert_eq!(ids(&table, Version::Current).await, [0, 1, 2, 3]);
}

/// A writer that dies between its files and the swap of the pointer leaves the table as it was.
#[tokio::test]
async fn a_statement_that_dies_before_the_swap_leaves_the_old_table() {
    let lakehouse = fixture().await;
    let table = tables(&lakehouse).create(request(&[])).await.unwrap();
    let table = append(&table, 0..3).await;
    let mut writer = table.writer().unwrap();
    writer.write(&batch(3..9)).await.unwrap();
    std::mem::forget(writer.finish().await.unwrap());
    let table =
        tables(&lakehouse).load(lakehouse.catalog.get_table(None, "shop", "orders").await.unwrap()).await.unwrap();
    assert_eq!(ids(&table, Version::Current).await, [0, 1, 2]);
}

#[tokio::test]
async fn columns_come_go_and_change() {
    let lakehouse = fixture().await;
    let table = tables(&lakehouse).create(request(&[])).await.unwrap();
    let table = append(&table, 0..2).await;
    let table = table.alter(Alteration::AddColumns(columns("Extra int, tags array<string>"))).await.unwrap();
    // The snapshot is older than the columns.
    let request = |columns: &[&str]| ScanRequest {
        columns: Some(columns.iter().map(|name| (*name).to_owned()).collect()),
        ..Default::default()
    };
    assert_eq!(scan(&table, request(&["extra", "id"])).await, ["NULL|0", "NULL|1"]);
    let filter = Reference::new("extra").is_null();
    let filtered = ScanRequest { filter: Some(filter), ..request(&["id"]) };
    assert_eq!(scan(&table, filtered).await.len(), 2);
    let to = columns("total bigint").remove(0);
    let table = table.alter(Alteration::ChangeColumn { name: "EXTRA".to_owned(), to }).await.unwrap();
    let table = table.alter(Alteration::DropColumn("name".to_owned())).await.unwrap();
    let names: Vec<_> =
        table.glue_table().columns().map(|column| format!("{} {}", column.name, column.type_text())).collect();
    assert_eq!(names, ["id bigint", "at timestamp", "day date", "total bigint", "tags array<string>"]);
    let all = &table.glue_table().input.storage_descriptor.as_ref().unwrap().columns;
    let dropped: Vec<_> =
        all.iter().filter(|column| column.parameters.as_ref().unwrap()["iceberg.field.current"] == "false").collect();
    assert_eq!((dropped.len(), dropped[0].name.as_str()), (1, "name"));
    let rows = RecordBatch::try_from_iter([
        ("id", Arc::new(Int64Array::from(vec![9])) as ArrayRef),
        ("at", Arc::new(TimestampMillisecondArray::from(vec![0]))),
        ("day", Arc::new(Date32Array::from(vec![0]))),
        ("total", Arc::new(Int64Array::from(vec![1 << 40]))),
        (
            "tags",
            arrow::array::new_null_array(
                &arrow::datatypes::DataType::new_list(arrow::datatypes::DataType::Utf8, true),
                1,
            ),
        ),
    ])
    .unwrap();
    let add = write(&table, rows).await;
    let table = table.commit(Change::Append { add }).await.unwrap();
    assert_eq!(scan(&table, request(&["total", "id"])).await, ["1099511627776|9", "NULL|0", "NULL|1"]);
    // A column of an old name again is another column.
    let table = table.alter(Alteration::AddColumns(columns("name string"))).await.unwrap();
    assert_eq!(scan(&table, request(&["name"])).await, ["NULL", "NULL", "NULL"]);
    let errors = [
        table.alter(Alteration::DropColumn("nothing".to_owned())).await.err().unwrap(),
        table.alter(Alteration::AddColumns(columns("ID int"))).await.err().unwrap(),
        table
            .alter(Alteration::ChangeColumn { name: "total".to_owned(), to: columns("total int").remove(0) })
            .await
            .err()
            .unwrap(),
    ];
    assert_eq!(
        errors.each_ref().map(|error| error.code()),
        ["COLUMN_NOT_FOUND", "COLUMN_ALREADY_EXISTS", "NOT_SUPPORTED"]
    );
}

#[tokio::test]
async fn properties_are_checked_mapped_and_kept() {
    let lakehouse = fixture().await;
    let mut with = request(&[]);
    with.properties.insert("write_compression".to_owned(), "SNAPPY".to_owned());
    with.properties.insert("vacuum_max_snapshot_age_seconds".to_owned(), "60".to_owned());
    let table = tables(&lakehouse).create(with).await.unwrap();
    assert_eq!(table.metadata().properties()["write.parquet.compression-codec"], "snappy");
    let set = HashMap::from([("optimize_rewrite_delete_file_threshold".to_owned(), "10".to_owned())]);
    let table = append(&table.alter(Alteration::SetProperties(set)).await.unwrap(), 0..2).await;
    assert_eq!(table.metadata().properties()["optimize_rewrite_delete_file_threshold"], "10");
    assert_eq!(table.metadata().properties()["write.parquet.compression-codec"], "snappy");
    let removed =
        table.alter(Alteration::RemoveProperties(vec!["vacuum_max_snapshot_age_seconds".to_owned()])).await.unwrap();
    assert!(!removed.metadata().properties().contains_key("vacuum_max_snapshot_age_seconds"));
    let mut unknown = request(&[]);
    unknown.properties.insert("color".to_owned(), "red".to_owned());
    unknown.location = "s3://lake/other".parse().unwrap();
    let error = tables(&lakehouse).create(unknown).await.err().unwrap();
    assert_eq!(error.to_string(), "INVALID_TABLE_PROPERTY: Unsupported table property key: color");
}

#[tokio::test]
async fn a_table_without_its_metadata_says_so_and_a_dropped_one_leaves_nothing() {
    let lakehouse = fixture().await;
    let tables = tables(&lakehouse);
    let table = append(&tables.create(request(&[])).await.unwrap(), 0..2).await;
    lakehouse.storage.put_bytes("lake", "orders2/keep", bytes::Bytes::from_static(b"x")).await.unwrap();
    let glue = table.glue_table().clone();
    tables.purge(&glue).await.unwrap();
    assert_eq!(lakehouse.storage.list_all("lake", "").await.unwrap().len(), 1);
    let error = tables.load(glue).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        "ICEBERG_MISSING_METADATA: Metadata not found in metadata location for table shop.orders"
    );
}

/// Other engines delete by position: a file that names rows of data files. It is applied, and goes on being applied after our own commits.
#[tokio::test]
async fn position_deletes_of_other_writers_are_applied() {
    let lakehouse = fixture().await;
    let table = tables(&lakehouse).create(request(&[])).await.unwrap();
    let table = append(&table, 0..10).await;
    let data_file = table.plan(&ScanRequest::default()).await.unwrap().remove(0).data_file_path;
    delete_positions(&lakehouse, &table, &data_file, &[0, 3, 9]).await;
    let load = async || {
        let glue = lakehouse.catalog.get_table(None, "shop", "orders").await.unwrap();
        tables(&lakehouse).load(glue).await.unwrap()
    };
    let table = load().await;
    assert_eq!(ids(&table, Version::Current).await, [1, 2, 4, 5, 6, 7, 8]);
    let table = append(&table, 20..22).await;
    assert_eq!(ids(&table, Version::Current).await, [1, 2, 4, 5, 6, 7, 8, 20, 21]);
    let add = write(&table, batch(1..3)).await;
    let table = table.commit(Change::Overwrite { remove: vec![data_file], add }).await.unwrap();
    assert_eq!(ids(&table, Version::Current).await, [1, 2, 20, 21]);
}

async fn delete_positions(lakehouse: &Fixture, table: &IcebergTable, data_file: &str, positions: &[i64]) {
    use lake::iceberg::spec::{
        DataContentType, DataFileBuilder, DataFileFormat, ManifestListWriter, ManifestWriterBuilder, Operation,
        Snapshot, Summary,
    };
    let field = |name: &str, kind: arrow::datatypes::DataType, id: &str| {
        let metadata = HashMap::from([("PARQUET:field_id".to_owned(), id.to_owned())]);
        arrow::datatypes::Field::new(name, kind, false).with_metadata(metadata)
    };
    let schema = Arc::new(arrow::datatypes::Schema::new(vec![
        field("file_path", arrow::datatypes::DataType::Utf8, "2147483546"),
        field("pos", arrow::datatypes::DataType::Int64, "2147483545"),
    ]));
    let paths: ArrayRef = Arc::new(StringArray::from_iter_values(positions.iter().map(|_| data_file)));
    let rows =
        RecordBatch::try_new(Arc::clone(&schema), vec![paths, Arc::new(Int64Array::from(positions.to_vec()))]).unwrap();
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, schema, None).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
    let deletes = DataFileBuilder::default()
        .content(DataContentType::PositionDeletes)
        .file_path("s3://lake/orders/data/deletes.parquet".to_owned())
        .file_format(DataFileFormat::Parquet)
        .record_count(positions.len() as u64)
        .file_size_in_bytes(bytes.len() as u64)
        .build()
        .unwrap();
    lakehouse.storage.put_bytes("lake", "orders/data/deletes.parquet", bytes.into()).await.unwrap();
    let (metadata, io) = (table.metadata(), table.inner().file_io());
    let current = metadata.current_snapshot().unwrap();
    let id = current.snapshot_id() / 2;
    let spec = metadata.default_partition_spec().as_ref().clone();
    let output = io.new_output("s3://lake/orders/metadata/foreign-m0.avro").unwrap();
    let mut manifest =
        ManifestWriterBuilder::new(output, Some(id), Arc::clone(metadata.current_schema()), spec).build_v2_deletes();
    manifest.add_file(deletes, -1).unwrap();
    let manifest = manifest.write_manifest_file().await.unwrap();
    let list = "s3://lake/orders/metadata/foreign-list.avro";
    let output = io.new_output(list).unwrap().writer().await.unwrap();
    let number = metadata.next_sequence_number();
    let mut writer = ManifestListWriter::v2(output, id, Some(current.snapshot_id()), number);
    let before = table.inner().manifest_list_reader(current).load().await.unwrap();
    writer.add_manifests(before.consume_entries().into_iter().chain([manifest])).unwrap();
    writer.close().await.unwrap();
    let snapshot = Snapshot::builder()
        .with_snapshot_id(id)
        .with_parent_snapshot_id(Some(current.snapshot_id()))
        .with_sequence_number(number)
        .with_timestamp_ms(metadata.last_updated_ms() + 1)
        .with_manifest_list(list)
        .with_summary(Summary { operation: Operation::Delete, additional_properties: HashMap::new() })
        .with_schema_id(metadata.current_schema_id())
        .build();
    let location = table.glue_table().parameter("metadata_location").unwrap().to_owned();
    let builder = metadata.clone().into_builder(Some(location)).set_branch_snapshot(snapshot, "main").unwrap();
    let text = serde_json::to_vec(&builder.build().unwrap().metadata).unwrap();
    lakehouse.storage.put_bytes("lake", "orders/metadata/00009-foreign.metadata.json", text.into()).await.unwrap();
    let mut input = table.glue_table().input.clone();
    let pointer = "s3://lake/orders/metadata/00009-foreign.metadata.json".to_owned();
    input.parameters.as_mut().unwrap().insert("metadata_location".to_owned(), pointer);
    lakehouse.catalog.update_table(None, "shop", input, Default::default()).await.unwrap();
}
