//! Glue, S3 and STS of a server that is not ours, at `OWLET_THIRD_PARTY_ENDPOINT`: `conformance/clients/moto.sh` sets it.

use athena_api::glue::{
    Column, DatabaseInput, PageRequest, PartitionFilter, PartitionInput, StorageDescriptor, TableInput, UpdateOptions,
    all_partitions, all_tables,
};
use athena_client::{ClientOptions, CredentialSource, Endpoints};
use bytes::Bytes;
use names::S3Uri;

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a test has no Settings; its script says where the server is")]
async fn third_party() {
    let endpoint = std::env::var("OWLET_THIRD_PARTY_ENDPOINT").expect("conformance/clients/moto.sh sets the endpoint");
    // The trait has no operation that makes a bucket.
    let made = reqwest::Client::new().put(format!("{endpoint}/lake")).send().await.expect("an answer");
    assert!(made.status().is_success(), "{made:?}");
    let client = athena_client::connect(ClientOptions {
        region: Some("us-east-1".to_owned()),
        credentials: CredentialSource::Keys {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "secret".to_owned(),
            session_token: None,
        },
        endpoints: Endpoints { all: Some(endpoint), ..Endpoints::default() },
        ..ClientOptions::default()
    })
    .await
    .expect("connected");
    assert_eq!(client.account_id, "123456789012");

    let keys = ["t/d=1/a b+c.csv", "t/d=1/ü", "t/d=2/x&<y>"];
    for key in keys {
        client.s3.put(&S3Uri::new("lake", key), Bytes::from(key)).await.expect("stored");
        assert_eq!(client.s3.get(&S3Uri::new("lake", key)).await.expect("read"), key);
    }
    let listed = client.s3.list(&S3Uri::new("lake", "t/d=1/")).await.expect("listed");
    assert_eq!(listed.iter().map(|object| object.uri.key.as_str()).collect::<Vec<_>>(), keys[..2]);
    client.s3.delete(&keys.map(|key| S3Uri::new("lake", key))).await.expect("deleted");
    assert_eq!(client.s3.list(&S3Uri::new("lake", "t/")).await.expect("listed"), []);
    let error = client.s3.get(&S3Uri::new("lake", "none")).await.expect_err("gone");
    assert_eq!((error.code.as_str(), error.status), ("NoSuchKey", 404));

    let glue = client.glue.as_ref();
    let input = DatabaseInput { name: "shop".to_owned(), ..DatabaseInput::default() };
    glue.create_database(None, input).await.expect("created");
    let table = TableInput {
        name: "orders".to_owned(),
        table_type: Some("EXTERNAL_TABLE".to_owned()),
        partition_keys: Some(vec![Column::new("d", "string")]),
        storage_descriptor: Some(StorageDescriptor {
            columns: vec![Column::new("id", "bigint")],
            location: Some("s3://lake/t/".to_owned()),
            ..StorageDescriptor::default()
        }),
        ..TableInput::default()
    };
    glue.create_table(None, "shop", table.clone()).await.expect("created");
    assert_eq!(all_tables(glue, None, "shop").await.expect("tables").len(), 1);
    glue.update_table(None, "shop", table, UpdateOptions { skip_archive: true, expected_version: None })
        .await
        .expect("updated");
    let inputs: Vec<PartitionInput> =
        (0..120).map(|day| PartitionInput { values: vec![day.to_string()], ..PartitionInput::default() }).collect();
    // More than one batch takes.
    assert_eq!(glue.batch_create_partition(None, "shop", "orders", inputs).await.expect("created"), []);
    let all = all_partitions(glue, None, "shop", "orders", &PartitionFilter::default()).await.expect("partitions");
    assert_eq!(all.len(), 120);
    let filter = PartitionFilter { expression: Some("d = '7'".to_owned()), ..PartitionFilter::default() };
    assert_eq!(all_partitions(glue, None, "shop", "orders", &filter).await.expect("partitions").len(), 1);
    let values: Vec<Vec<String>> = (0..60).map(|day| vec![day.to_string()]).collect();
    assert_eq!(glue.batch_get_partition(None, "shop", "orders", &values).await.expect("partitions").len(), 60);
    assert_eq!(glue.batch_delete_partition(None, "shop", "orders", &values).await.expect("deleted"), []);
    let versions = glue.get_table_versions(None, "shop", "orders", PageRequest::default()).await.expect("versions");
    assert!(!versions.items.is_empty());
    assert!(glue.get_table(None, "shop", "none").await.expect_err("none").is_not_found());
    glue.delete_table(None, "shop", "orders").await.expect("deleted");
    glue.delete_database(None, "shop").await.expect("deleted");
}
