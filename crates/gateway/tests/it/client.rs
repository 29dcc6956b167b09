//! `athena-client` against the gateway.

use athena_api::glue::{
    Column, DatabaseInput, PageRequest, Parameters, PartitionFilter, PartitionInput, StorageDescriptor, TableInput,
    UpdateOptions, all_partitions, all_tables, find_table,
};
use bytes::Bytes;
use names::S3Uri;

use crate::harness::Served;

fn uri(text: &str) -> S3Uri {
    text.parse().expect("a location")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_is_the_lakehouse_s() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start(dir.path(), Vec::new()).await;
    let client = served.client("any", "thing").await;
    assert_eq!((client.account_id.as_str(), client.region.as_str()), ("000000000000", "us-east-1"));
    let identity = athena_client::caller_identity(served.options("any", "thing")).await.expect("an identity");
    assert_eq!(identity.arn, "arn:aws:iam::000000000000:root");
    served.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_keep_their_keys_and_bytes() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start(dir.path(), Vec::new()).await;
    let s3 = served.client("any", "thing").await.s3;
    let keys = ["d=2013-01-01/a b+c%.csv", "d=2013-01-01/ünï/x", "d=2013-01-01/a&b<c>'\"", "other"];
    for key in keys {
        let object = S3Uri::new("owlet", key);
        s3.put(&object, Bytes::from(format!("bytes of {key}"))).await.expect("stored");
        assert_eq!(s3.get(&object).await.expect("read"), format!("bytes of {key}"));
    }
    let listed = s3.list(&uri("s3://owlet/d=2013-01-01/")).await.expect("listed");
    let mut expected: Vec<&str> = keys[..3].to_vec();
    expected.sort_unstable();
    assert_eq!(listed.iter().map(|object| object.uri.key.as_str()).collect::<Vec<_>>(), expected);
    assert_eq!(listed[0].size, s3.get(&listed[0].uri).await.expect("read").len() as u64);

    let gone: Vec<S3Uri> = listed.into_iter().map(|object| object.uri).chain([uri("s3://owlet/never-there")]).collect();
    s3.delete(&gone).await.expect("deleted");
    assert!(s3.list(&uri("s3://owlet/d=")).await.expect("listed").is_empty());

    let error = s3.get(&gone[0]).await.expect_err("gone");
    assert_eq!((error.code.as_str(), error.status, error.operation.as_str()), ("NoSuchKey", 404, "GetObject"));
    let error = s3.list(&uri("s3://no-such-bucket/")).await.expect_err("no bucket");
    assert_eq!(error.code, "NoSuchBucket");
    served.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_and_deletions_go_over_pages() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start(dir.path(), Vec::new()).await;
    let s3 = served.client("any", "thing").await.s3;
    for number in 0..1005 {
        let key = format!("many/{number:04}");
        served.lakehouse.storage().put_bytes("owlet", &key, Bytes::from_static(b"x")).await.expect("stored");
    }
    let listed = s3.list(&uri("s3://owlet/many/")).await.expect("listed");
    assert_eq!(listed.len(), 1005);
    assert!(listed.is_sorted_by_key(|object| object.uri.key.clone()));
    let all: Vec<S3Uri> = listed.into_iter().map(|object| object.uri).collect();
    s3.delete(&all).await.expect("deleted");
    assert!(s3.list(&uri("s3://owlet/many/")).await.expect("listed").is_empty());
    served.close().await;
}

fn table(name: &str) -> TableInput {
    TableInput {
        name: name.to_owned(),
        table_type: Some("EXTERNAL_TABLE".to_owned()),
        parameters: Some(Parameters::from([("EXTERNAL".to_owned(), "TRUE".to_owned())])),
        partition_keys: Some(vec![Column::new("d", "date")]),
        storage_descriptor: Some(StorageDescriptor {
            columns: vec![Column::new("id", "bigint")],
            location: Some(format!("s3://owlet/tables/{name}/")),
            ..StorageDescriptor::default()
        }),
        ..TableInput::default()
    }
}

fn partition(day: &str) -> PartitionInput {
    PartitionInput {
        values: vec![day.to_owned()],
        storage_descriptor: Some(StorageDescriptor {
            location: Some(format!("s3://owlet/tables/flights/d={day}/")),
            ..StorageDescriptor::default()
        }),
        ..PartitionInput::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalog_is_the_same_over_the_wire() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start(dir.path(), Vec::new()).await;
    let glue = served.client("any", "thing").await.glue;
    let glue = glue.as_ref();
    let error = glue.get_database(None, "raw").await.expect_err("none yet");
    assert!(error.is_not_found() && error.operation == "GetDatabase", "{error}");
    let input =
        DatabaseInput { name: "raw".to_owned(), description: Some("as it came".to_owned()), ..Default::default() };
    glue.create_database(None, input.clone()).await.expect("created");
    assert_eq!(glue.create_database(None, input).await.expect_err("twice").code, "AlreadyExistsException");
    let databases = glue.get_databases(None, PageRequest::default()).await.expect("databases").items;
    assert!(databases.iter().any(|database| database.description.as_deref() == Some("as it came")));

    for name in ["flights", "planes"] {
        glue.create_table(None, "raw", table(name)).await.expect("created");
    }
    assert_eq!(all_tables(glue, None, "raw").await.expect("tables").len(), 2);
    let found = glue.get_tables(None, "raw", Some("fl.*"), PageRequest::default()).await.expect("tables").items;
    assert_eq!(found.iter().map(|table| table.name()).collect::<Vec<_>>(), ["flights"]);
    let before = glue.get_table(None, "raw", "flights").await.expect("a table");
    assert_eq!(before.partition_keys(), [Column::new("d", "date")]);
    assert_eq!(before.version_id.as_deref(), Some("0"));

    let changed = TableInput { description: Some("changed".to_owned()), ..table("flights") };
    let options = UpdateOptions { expected_version: before.version_id, skip_archive: false };
    glue.update_table(None, "raw", changed.clone(), options.clone()).await.expect("updated");
    let error = glue.update_table(None, "raw", changed, options).await.expect_err("an old version");
    assert_eq!(error.code, "ConcurrentModificationException");
    let versions = glue.get_table_versions(None, "raw", "flights", PageRequest::default()).await.expect("versions");
    assert_eq!(versions.items.iter().map(|version| version.version_id.as_str()).collect::<Vec<_>>(), ["1", "0"]);
    glue.delete_table_version(None, "raw", "flights", "0").await.expect("deleted");

    let days = ["2013-01-01", "2013-01-02", "2013-02-01"];
    let created = glue.batch_create_partition(None, "raw", "flights", days.map(partition).to_vec()).await;
    assert_eq!(created.expect("created"), []);
    let again = glue.batch_create_partition(None, "raw", "flights", vec![partition(days[0])]).await.expect("answered");
    assert_eq!(
        (again[0].key.as_slice(), again[0].error.code.as_str()),
        ([days[0].to_owned()].as_slice(), "AlreadyExistsException")
    );
    let filter = PartitionFilter { expression: Some("d >= '2013-01-02'".to_owned()), ..PartitionFilter::default() };
    let some = all_partitions(glue, None, "raw", "flights", &filter).await.expect("partitions");
    assert_eq!(some.len(), 2);
    let wanted = [vec![days[0].to_owned()], vec!["1999-01-01".to_owned()]];
    let got = glue.batch_get_partition(None, "raw", "flights", &wanted).await.expect("partitions");
    assert_eq!(got.iter().map(|partition| partition.input.values[0].as_str()).collect::<Vec<_>>(), [days[0]]);
    let gone = glue.batch_delete_partition(None, "raw", "flights", &wanted[..1]).await.expect("deleted");
    assert_eq!(gone, []);
    let error = glue.get_partition(None, "raw", "flights", &wanted[0]).await.expect_err("gone");
    assert!(error.is_not_found());

    let errors =
        glue.batch_delete_table(None, "raw", &["planes".to_owned(), "none".to_owned()]).await.expect("deleted");
    assert_eq!(errors.iter().map(|error| error.key.as_str()).collect::<Vec<_>>(), ["none"]);
    assert_eq!(find_table(glue, None, "raw", "planes").await.expect("answered"), None);
    glue.delete_database(None, "raw").await.expect("deleted");
    assert!(glue.get_table(None, "raw", "flights").await.expect_err("gone").is_not_found());
    served.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_server_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start(dir.path(), Vec::new()).await;
    let client = served.client("any", "very-secret").await;
    let endpoint = served.endpoint.clone();
    served.close().await;
    let error = client.athena.get_work_group("primary").await.expect_err("nobody is there");
    assert_eq!((error.code.as_str(), error.operation.as_str()), ("EndpointConnectionError", "GetWorkGroup"));
    assert!(error.message.contains(&endpoint), "{error}");
    assert!(!format!("{error:?}").contains("very-secret"));
}
