//! Glue, Lake Formation, S3 and STS of a server that is not ours, at `OWLET_THIRD_PARTY_ENDPOINT`: `conformance/clients/moto.sh` sets it.

use athena_api::glue::{
    Column, DatabaseInput, PageRequest, PartitionFilter, PartitionInput, StorageDescriptor, TableInput, UpdateOptions,
    all_partitions, all_tables,
};
use athena_api::lake_formation::{
    ColumnsResource, LfTag, PermissionsEntry, Principal, PrincipalPermissions, Resource, TableResource,
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

    let lake_formation = client.lake_formation.as_ref();
    let of_table = Resource::Table(TableResource {
        catalog_id: None,
        database_name: "shop".to_owned(),
        name: "orders".to_owned(),
    });
    let of_column = Resource::TableWithColumns(ColumnsResource {
        catalog_id: None,
        database_name: "shop".to_owned(),
        name: "orders".to_owned(),
        column_names: vec!["id".to_owned()],
    });
    assert_eq!(lake_formation.add_lf_tags(&of_table, &[LfTag::new("pii", "no")]).await.expect("tagged"), []);
    assert_eq!(lake_formation.add_lf_tags(&of_column, &[LfTag::new("pii", "yes")]).await.expect("tagged"), []);
    let failures = lake_formation.add_lf_tags(&of_table, &[LfTag::new("unknown", "x")]).await.expect("an answer");
    assert_eq!(failures.iter().map(|failure| failure.tag.key.as_str()).collect::<Vec<_>>(), ["unknown"]);
    let found = lake_formation.get_resource_lf_tags(&of_table, true).await.expect("tags");
    assert_eq!(found.on_table.iter().map(|tag| tag.values.join(",")).collect::<Vec<_>>(), ["no"]);
    // moto only tells of the columns that are asked for.
    let found = lake_formation.get_resource_lf_tags(&of_column, true).await.expect("tags");
    assert_eq!(found.on_columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["id"]);
    assert_eq!(lake_formation.remove_lf_tags(&of_column, &[LfTag::new("pii", "yes")]).await.expect("removed"), []);
    assert_eq!(lake_formation.get_resource_lf_tags(&of_column, true).await.expect("tags").on_columns, []);
    let grants: Vec<PermissionsEntry> = (0..45)
        .map(|number| PermissionsEntry {
            id: number.to_string(),
            permissions: PrincipalPermissions {
                principal: Principal { data_lake_principal_identifier: format!("arn:aws:iam::1:role/r{number}") },
                resource: of_table.clone(),
                permissions: vec!["SELECT".to_owned()],
                permissions_with_grant_option: Vec::new(),
            },
        })
        .collect();
    // More than one batch takes.
    assert_eq!(lake_formation.grant_permissions(&grants).await.expect("granted"), []);
    assert_eq!(lake_formation.list_permissions(&of_table).await.expect("permissions").len(), 45);
    assert_eq!(lake_formation.revoke_permissions(&grants).await.expect("revoked"), []);
    assert_eq!(lake_formation.list_permissions(&of_table).await.expect("permissions"), []);

    let headers = vec![
        ("x-amz-meta-by".to_owned(), "us".to_owned()),
        ("x-amz-server-side-encryption".to_owned(), "AES256".to_owned()),
    ];
    client.s3.put_with(&S3Uri::new("lake", "seed.csv"), Bytes::from("a"), &headers).await.expect("stored");
    glue.delete_table(None, "shop", "orders").await.expect("deleted");
    glue.delete_database(None, "shop").await.expect("deleted");
}
