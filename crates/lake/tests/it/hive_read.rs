//! Hive tables of text files, from case files: a table, its files, and the rows or the error.

use athena_api::Glue;
use athena_api::glue::{Column, Parameters, PartitionInput, SerDeInfo, StorageDescriptor, TableInput};
use bytes::Bytes;
use futures::TryStreamExt;
use lake::hive::{HiveTable, ReadOptions};
use lake::{LakeError, ScanMeter};

use crate::{Fixture, columns, fixture, rows};

/// What a case file says.
#[derive(Default)]
struct Case {
    columns: Vec<Column>,
    keys: Vec<Column>,
    serde: String,
    parameters: Parameters,
    properties: Parameters,
    injected: Vec<(String, Vec<String>)>,
    projection: Option<Vec<usize>>,
    limit: Option<usize>,
    files: Vec<(String, String)>,
    expected: String,
}

/// `␁` stands for the control character 1, and so on.
fn control(text: &str) -> String {
    text.chars()
        .map(|c| char::from_u32(u32::from(c).wrapping_sub(0x2400)).filter(|c| c.is_control() && *c < ' ').unwrap_or(c))
        .collect()
}

fn parse(text: &str) -> Case {
    let mut case = Case::default();
    let (head, expected) = text.split_once("\n----\n").expect("a case has ----");
    expected.trim_end().clone_into(&mut case.expected);
    let mut files = head.split("\nfile: ");
    for line in files.next().unwrap().lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (word, rest) = line.split_once(": ").expect(line);
        let numbers = || rest.split(' ').map(|number| number.parse().unwrap());
        match word {
            "columns" => case.columns = columns(rest),
            "partitions" => case.keys = columns(rest),
            "serde" => rest.clone_into(&mut case.serde),
            "projection" => case.projection = Some(if rest == "none" { Vec::new() } else { numbers().collect() }),
            "injected" => {
                let (key, values) = rest.split_once('=').expect(line);
                case.injected.push((key.to_owned(), values.split(',').map(str::to_owned).collect()));
            }
            "property" => {
                let (key, value) = rest.split_once('=').expect(line);
                case.properties.insert(key.to_owned(), value.to_owned());
            }
            "limit" => case.limit = numbers().next(),
            _ => {
                let (key, value) = rest.split_once('=').expect(line);
                case.parameters.insert(key.to_owned(), control(value));
            }
        }
    }
    for file in files {
        let (name, body) = file.split_once('\n').unwrap_or((file, ""));
        case.files.push((name.to_owned(), format!("{}\n", control(body))));
    }
    case
}

async fn run(lakehouse: &Fixture, case: &Case) -> Result<Vec<String>, LakeError> {
    let storage = |location: &str| StorageDescriptor {
        columns: case.columns.clone(),
        location: Some(location.to_owned()),
        serde_info: Some(SerDeInfo {
            serialization_library: Some(case.serde.clone()),
            parameters: Some(case.parameters.clone()),
            name: None,
        }),
        ..Default::default()
    };
    let input = TableInput {
        name: "t".to_owned(),
        table_type: Some("EXTERNAL_TABLE".to_owned()),
        storage_descriptor: Some(storage("s3://lake/t")),
        partition_keys: Some(case.keys.clone()),
        parameters: Some(case.properties.clone()),
        ..Default::default()
    };
    lakehouse.catalog.create_table(None, "shop", input).await?;
    let mut partitions: Vec<PartitionInput> = Vec::new();
    for (name, body) in &case.files {
        lakehouse.storage.put_bytes("lake", &format!("t/{name}"), Bytes::from(body.clone())).await?;
        let path: Vec<&str> = name.split('/').take(case.keys.len()).collect();
        let values: Vec<String> = path
            .iter()
            .filter_map(|part| part.split_once('='))
            .map(|(_, value)| lake::hive::unescape_value(value))
            .collect();
        let known = partitions.iter().any(|partition| partition.values == values);
        if !case.keys.is_empty() && !known && case.properties.is_empty() {
            let storage_descriptor = Some(storage(&format!("s3://lake/t/{}/", path.join("/"))));
            partitions.push(PartitionInput { values, storage_descriptor, ..Default::default() });
        }
    }
    lakehouse.catalog.create_partitions("shop", "t", partitions).await?;
    let mut table = HiveTable::resolve(&lakehouse.catalog.get_table(None, "shop", "t").await?)?;
    table.injected = case.injected.iter().cloned().collect();
    let files = table.data_files(&lakehouse.storage, &lakehouse.catalog, None, &|_| true).await?;
    let meter = ScanMeter::new();
    let mut lines = Vec::new();
    for file in &files {
        let options = ReadOptions { projection: case.projection.clone(), batch_size: 2, limit: case.limit };
        let batches: Vec<_> = table.read(&lakehouse.storage, &meter, file, &options).try_collect().await?;
        lines.extend(rows(&batches));
    }
    if case.limit.is_none() {
        assert_eq!(meter.bytes(), files.iter().map(|file| file.size).sum::<u64>());
    }
    Ok(lines)
}

#[tokio::test]
async fn text_files_are_rows_as_their_serde_says() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/cases/hive");
    let mut failures = Vec::new();
    let mut names: Vec<_> = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(!names.is_empty());
    for path in names {
        let text = fs_err::read_to_string(&path).unwrap();
        let case = parse(&text);
        let actual = match run(&fixture().await, &case).await {
            Ok(lines) => lines.join("\n"),
            Err(error) => error.reason(),
        };
        if actual != case.expected {
            failures.push(format!("{}\n--- expected\n{}\n--- actual\n{actual}", path.display(), case.expected));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[tokio::test]
async fn compressed_text_is_read_by_its_extension() {
    use std::io::Write;
    let lakehouse = fixture().await;
    let mut case = parse("columns: a int\nserde: org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe\n----\n");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"1\n2\n").unwrap();
    lakehouse.storage.put_bytes("lake", "t/a.gz", gzip.finish().unwrap().into()).await.unwrap();
    let zstd = zstd::encode_all(&b"3\n"[..], 1).unwrap();
    lakehouse.storage.put_bytes("lake", "t/b.zst", zstd.into()).await.unwrap();
    case.limit = None;
    assert_eq!(run(&lakehouse, &case).await.unwrap(), ["1", "2", "3"]);
    lakehouse.catalog.delete_table(None, "shop", "t").await.unwrap();
    lakehouse.storage.put_bytes("lake", "t/c.bz2", Bytes::from_static(b"x")).await.unwrap();
    let error = run(&lakehouse, &case).await.unwrap_err();
    assert_eq!(error.code(), "NOT_SUPPORTED");
}
