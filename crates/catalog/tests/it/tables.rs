//! Databases, tables, versions, partitions.

use athena_api::Glue;
use athena_api::glue::{
    DatabaseInput, PageRequest, PartitionFilter, TableInput, UpdateOptions, all_partitions, all_tables,
};
use catalog::Catalog;
use store::{Durability, Store};

use crate::{clock, fixture, partition, table};

fn expecting(version: &str) -> UpdateOptions {
    UpdateOptions { skip_archive: false, expected_version: Some(version.to_owned()) }
}

#[tokio::test]
async fn names_are_folded_and_lookups_ignore_case() {
    let shop = fixture().await;
    shop.catalog.create_table(None, "SHOP", table("Orders", &[("Day", "date")])).await.unwrap();
    let found = shop.catalog.get_table(Some("123456789012"), "Shop", "ORDERS").await.unwrap();
    assert_eq!((found.database_name.as_str(), found.name()), ("shop", "orders"));
    assert_eq!(found.columns().next().unwrap().name, "id");
    assert_eq!(found.partition_keys()[0].name, "day");
    assert_eq!(found.version_id.as_deref(), Some("0"));
    assert!(found.input.parameters.is_some());
}

#[tokio::test]
async fn lists_and_maps_are_there_even_when_nothing_was_given() {
    let shop = fixture().await;
    shop.catalog
        .create_table(None, "shop", TableInput { name: "bare".to_owned(), ..Default::default() })
        .await
        .unwrap();
    let found = shop.catalog.get_table(None, "shop", "bare").await.unwrap();
    let wire = serde_json::to_value(&found).unwrap();
    assert_eq!(wire["Parameters"], serde_json::json!({}));
    assert_eq!(wire["PartitionKeys"], serde_json::json!([]));
    assert_eq!(wire["StorageDescriptor"]["Columns"], serde_json::json!([]));
}

#[tokio::test]
async fn what_is_missing_or_there_already_has_glues_codes() {
    let shop = fixture().await;
    let catalog = &shop.catalog;
    catalog.create_table(None, "shop", table("orders", &[])).await.unwrap();
    let cases = [
        (
            catalog.create_table(None, "shop", table("ORDERS", &[])).await.unwrap_err(),
            "AlreadyExistsException",
            "Table already exists.",
        ),
        (
            catalog.create_table(None, "nowhere", table("t", &[])).await.unwrap_err(),
            "EntityNotFoundException",
            "Database nowhere not found.",
        ),
        (catalog.get_table(None, "shop", "nothing").await.unwrap_err(), "EntityNotFoundException", "Entity Not Found"),
        (
            catalog.get_table(Some("999"), "shop", "orders").await.unwrap_err(),
            "EntityNotFoundException",
            "Catalog 999 not found.",
        ),
        (
            catalog
                .create_database(None, DatabaseInput { name: "SHOP".to_owned(), ..Default::default() })
                .await
                .unwrap_err(),
            "AlreadyExistsException",
            "Database already exists.",
        ),
        (
            catalog.delete_table_version(None, "shop", "orders", "7").await.unwrap_err(),
            "EntityNotFoundException",
            "Version not found.",
        ),
        (
            catalog.delete_table_version(None, "shop", "orders", "x").await.unwrap_err(),
            "InvalidInputException",
            "Version id 'x' is not a number",
        ),
    ];
    for (error, code, message) in cases {
        assert_eq!((error.code.as_str(), error.message.as_str()), (code, message));
        assert!(!error.operation.is_empty());
    }
}

#[tokio::test]
async fn a_comment_with_a_line_break_is_refused_with_its_place() {
    let shop = fixture().await;
    let mut input = table("orders", &[]);
    input.storage_descriptor.as_mut().unwrap().columns[0].comment = Some("a\nb".to_owned());
    let error = shop.catalog.create_table(None, "shop", input).await.unwrap_err();
    assert_eq!(error.code, "ValidationException");
    assert!(error.message.contains("'table.storageDescriptor.columns.1.member.comment'"), "{}", error.message);
}

#[tokio::test]
async fn an_update_with_the_version_that_was_read_wins_once() {
    let shop = fixture().await;
    let catalog = &shop.catalog;
    catalog.create_table(None, "shop", table("orders", &[])).await.unwrap();
    catalog.update_table(None, "shop", table("orders", &[]), expecting("0")).await.unwrap();
    let lost = catalog.update_table(None, "shop", table("orders", &[]), expecting("0")).await.unwrap_err();
    assert_eq!(lost.code, "ConcurrentModificationException");
    assert_eq!(catalog.get_table(None, "shop", "orders").await.unwrap().version_id.as_deref(), Some("1"));
}

#[tokio::test]
async fn of_many_concurrent_swaps_of_one_version_exactly_one_wins() {
    let shop = fixture().await;
    shop.catalog.create_table(None, "shop", table("orders", &[])).await.unwrap();
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let catalog = shop.catalog.clone();
            tokio::spawn(async move { catalog.update_table(None, "shop", table("orders", &[]), expecting("0")).await })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => won += 1,
            Err(error) => assert_eq!(error.code, "ConcurrentModificationException", "{error}"),
        }
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn versions_are_newest_first_and_skip_archive_keeps_none() {
    let shop = fixture().await;
    let catalog = &shop.catalog;
    catalog.create_table(None, "shop", table("orders", &[])).await.unwrap();
    for skip_archive in [false, true, false] {
        let options = UpdateOptions { skip_archive, expected_version: None };
        catalog.update_table(None, "shop", table("orders", &[]), options).await.unwrap();
    }
    let versions = |page: PageRequest| catalog.get_table_versions(None, "shop", "orders", page);
    let all = versions(PageRequest::default()).await.unwrap();
    let ids: Vec<_> = all.items.iter().map(|version| version.version_id.as_str()).collect();
    assert_eq!(ids, ["3", "2", "0"]);
    let first = versions(PageRequest { next_token: None, max_results: Some(2) }).await.unwrap();
    let second = versions(PageRequest { next_token: first.next_token, max_results: Some(2) }).await.unwrap();
    assert_eq!((second.items[0].version_id.as_str(), second.next_token), ("0", None));
    catalog.delete_table_version(None, "shop", "orders", "0").await.unwrap();
    assert_eq!(versions(PageRequest::default()).await.unwrap().items.len(), 2);
}

#[tokio::test]
async fn tables_are_found_by_pattern_and_page() {
    let shop = fixture().await;
    for number in 0..250 {
        shop.catalog.create_table(None, "shop", table(&format!("stg_{number:03}"), &[])).await.unwrap();
    }
    shop.catalog.create_table(None, "shop", table("mart", &[])).await.unwrap();
    assert_eq!(all_tables(&shop.catalog, None, "shop").await.unwrap().len(), 251);
    let find = async |pattern: &str| {
        let page = shop.catalog.get_tables(None, "shop", Some(pattern), PageRequest::default()).await.unwrap();
        page.items.iter().map(|table| table.name().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(find("mart").await, ["mart"]);
    assert_eq!(find("*art").await, ["mart"]);
    assert_eq!(find("stg_24*").await.len(), 10);
    assert_eq!(find("stg_.*9").await.len(), 25);
    assert_eq!(find("stg").await.len(), 0);
}

#[tokio::test]
async fn deleting_takes_partitions_and_versions_along() {
    let shop = fixture().await;
    let catalog = &shop.catalog;
    catalog.create_table(None, "shop", table("orders", &[("day", "string")])).await.unwrap();
    catalog.batch_create_partition(None, "shop", "orders", vec![partition(&["1"])]).await.unwrap();
    catalog.update_table(None, "shop", table("orders", &[("day", "string")]), UpdateOptions::default()).await.unwrap();
    catalog.delete_table(None, "shop", "orders").await.unwrap();
    assert!(catalog.delete_table(None, "shop", "orders").await.unwrap_err().is_not_found());
    catalog.create_table(None, "shop", table("orders", &[("day", "string")])).await.unwrap();
    let left = all_partitions(catalog, None, "shop", "orders", &PartitionFilter::default()).await.unwrap();
    assert_eq!(left, []);
    catalog.delete_database(None, "shop").await.unwrap();
    assert!(catalog.get_table(None, "shop", "orders").await.unwrap_err().is_not_found());
    let errors = catalog.batch_delete_table(None, "shop", &["orders".to_owned()]).await.unwrap_err();
    assert_eq!(errors.message, "Database shop not found.");
}

#[tokio::test]
async fn a_batch_says_which_partitions_failed() {
    let shop = fixture().await;
    let catalog = &shop.catalog;
    catalog.create_table(None, "shop", table("orders", &[("year", "int"), ("day", "string")])).await.unwrap();
    let inputs =
        vec![partition(&["2024", "a"]), partition(&["2024"]), partition(&["2024", "a"]), partition(&["2024", "b"])];
    let errors = catalog.batch_create_partition(None, "shop", "orders", inputs).await.unwrap();
    let failed: Vec<_> = errors.iter().map(|item| (item.key.len(), item.error.message.as_str())).collect();
    assert_eq!(
        failed,
        [
            (1, "The number of partition keys do not match the number of partition values"),
            (2, "Partition already exists."),
        ]
    );
    let too_many = (0..101).map(|day| partition(&["2025", &day.to_string()])).collect();
    let error = catalog.batch_create_partition(None, "shop", "orders", too_many).await.unwrap_err();
    assert_eq!(error.code, "ValidationException");
    let values = vec![vec!["2024".to_owned(), "a".to_owned()], vec!["2024".to_owned(), "z".to_owned()]];
    assert_eq!(catalog.batch_get_partition(None, "shop", "orders", &values).await.unwrap().len(), 1);
    let errors = catalog.batch_delete_partition(None, "shop", "orders", &values).await.unwrap();
    assert_eq!(errors[0].error.message, "Cannot find partition.");
}

#[tokio::test]
async fn five_thousand_partitions_are_created_at_once_and_read_in_segments() {
    let shop = fixture().await;
    let catalog = &shop.catalog;
    catalog.create_table(None, "shop", table("orders", &[("day", "string")])).await.unwrap();
    let inputs = (0..5000).map(|day| partition(&[&format!("{day:05}")])).collect();
    assert_eq!(catalog.create_partitions("shop", "orders", inputs).await.unwrap(), []);
    let mut days = Vec::new();
    for segment in 0..4 {
        let filter = PartitionFilter { segment: Some((segment, 4)), ..Default::default() };
        let part = all_partitions(catalog, None, "shop", "orders", &filter).await.unwrap();
        assert!(part.len() > 500, "segment {segment} has {}", part.len());
        days.extend(part.into_iter().map(|partition| partition.input.values[0].clone()));
    }
    days.sort();
    days.dedup();
    assert_eq!(days.len(), 5000);
}

#[tokio::test]
async fn a_table_moves_with_its_partitions() {
    let shop = fixture().await;
    let catalog = &shop.catalog;
    catalog.create_table(None, "shop", table("orders", &[("day", "string")])).await.unwrap();
    catalog.batch_create_partition(None, "shop", "orders", vec![partition(&["1"])]).await.unwrap();
    catalog.rename_table(("shop", "orders"), ("shop", "Sales")).await.unwrap();
    assert!(catalog.get_table(None, "shop", "orders").await.unwrap_err().is_not_found());
    assert_eq!(catalog.get_partition(None, "shop", "sales", &["1".to_owned()]).await.unwrap().table_name, "sales");
}

#[tokio::test]
async fn everything_is_there_after_reopening_and_a_newer_schema_is_refused() {
    let shop = fixture().await;
    shop.catalog.create_table(None, "shop", table("orders", &[])).await.unwrap();
    let path = shop.directory.path();
    let store = Store::open(path, Durability::Process).await.unwrap();
    let again = Catalog::open(store.clone(), "123456789012", clock()).await.unwrap();
    assert_eq!(again.get_table(None, "shop", "orders").await.unwrap().name(), "orders");
    let mut change = store.write().await.unwrap();
    sqlx::query("UPDATE schema_version SET version = 99").execute(&mut *change).await.unwrap();
    change.commit().await.unwrap();
    let error = Catalog::open(store, "123456789012", clock()).await.err().unwrap();
    assert!(error.to_string().contains("newer version of Owlet: its 'catalog' tables are at version 99"), "{error}");
}
