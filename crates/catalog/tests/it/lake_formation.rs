//! Tags, filters of data cells and permissions, and that they end with what they are about.

use athena_api::lake_formation::{
    ColumnWildcard, ColumnsResource, DataCellsFilter, DatabaseResource, LakeFormation, LfTag, PermissionsEntry,
    Principal, PrincipalPermissions, Resource, ResourceLfTags, RowFilter, TableResource,
};
use athena_api::{ApiResult, Glue};

use crate::{fixture, table};

fn orders() -> Resource {
    Resource::Table(of_orders())
}

fn of_orders() -> TableResource {
    TableResource { catalog_id: None, database_name: "SHOP".to_owned(), name: "Orders".to_owned() }
}

fn columns(names: &[&str]) -> Resource {
    Resource::TableWithColumns(ColumnsResource {
        catalog_id: Some("123456789012".to_owned()),
        database_name: "shop".to_owned(),
        name: "orders".to_owned(),
        column_names: names.iter().map(|name| (*name).to_owned()).collect(),
    })
}

fn filter(name: &str) -> DataCellsFilter {
    DataCellsFilter {
        table_catalog_id: "123456789012".to_owned(),
        database_name: "shop".to_owned(),
        table_name: "orders".to_owned(),
        name: name.to_owned(),
        row_filter: Some(RowFilter { filter_expression: Some("id > 1".to_owned()), ..RowFilter::default() }),
        column_names: Vec::new(),
        column_wildcard: Some(ColumnWildcard::default()),
    }
}

fn entry(filter: &DataCellsFilter, principal: &str) -> PermissionsEntry {
    PermissionsEntry {
        id: principal.to_owned(),
        permissions: PrincipalPermissions {
            principal: Principal { data_lake_principal_identifier: principal.to_owned() },
            resource: Resource::DataCellsFilter(filter.resource()),
            permissions: vec!["SELECT".to_owned()],
            permissions_with_grant_option: Vec::new(),
        },
    }
}

fn texts(tags: &[LfTag]) -> Vec<String> {
    tags.iter().map(|tag| format!("{}={}", tag.key, tag.values.join(","))).collect()
}

fn code<T: std::fmt::Debug>(answer: ApiResult<T>) -> String {
    answer.unwrap_err().code
}

#[tokio::test]
async fn tags_are_on_databases_tables_and_columns_and_tables_inherit_them() {
    let shop = fixture().await;
    let catalog = &shop.catalog;
    catalog.create_table(None, "shop", table("orders", &[("day", "date")])).await.unwrap();
    let database = Resource::Database(DatabaseResource { catalog_id: None, name: "Shop".to_owned() });
    let both = [LfTag::new("team", "data"), LfTag::new("level", "1")];
    assert_eq!(catalog.add_lf_tags(&database, &both).await.unwrap(), []);
    assert_eq!(catalog.add_lf_tags(&orders(), &[LfTag::new("level", "2")]).await.unwrap(), []);
    assert_eq!(catalog.add_lf_tags(&columns(&["ID", "day"]), &[LfTag::new("pii", "yes")]).await.unwrap(), []);
    // A second value takes the place of the first.
    assert_eq!(catalog.add_lf_tags(&columns(&["id"]), &[LfTag::new("pii", "no")]).await.unwrap(), []);

    let found: ResourceLfTags = catalog.get_resource_lf_tags(&orders(), true).await.unwrap();
    assert_eq!(texts(&found.on_database), ["level=1", "team=data"]);
    assert_eq!(texts(&found.on_table), ["level=2"]);
    let of_columns: Vec<_> = found.on_columns.iter().map(|of| (of.name.as_str(), texts(&of.tags))).collect();
    assert_eq!(of_columns, [("day", vec!["pii=yes".to_owned()]), ("id", vec!["pii=no".to_owned()])]);
    let found = catalog.get_resource_lf_tags(&orders(), false).await.unwrap();
    assert_eq!(texts(&found.on_table), ["level=2", "team=data"]);

    let failures =
        catalog.remove_lf_tags(&orders(), &[LfTag::new("level", "2"), LfTag::new("team", "data")]).await.unwrap();
    let failed: Vec<_> = failures.iter().map(|failure| failure.tag.key.as_str()).collect();
    assert_eq!(failed, ["team"], "what is inherited cannot be removed");
    assert_eq!(code(catalog.add_lf_tags(&columns(&["none"]), &both).await), "EntityNotFoundException");
    let two = LfTag { values: vec!["a".to_owned(), "b".to_owned()], ..LfTag::new("level", "") };
    assert_eq!(code(catalog.add_lf_tags(&orders(), &[LfTag::new("x", "y"), two]).await), "InvalidInputException");
    assert!(catalog.get_resource_lf_tags(&orders(), true).await.unwrap().on_table.is_empty(), "all or nothing");

    catalog.delete_table(None, "shop", "orders").await.unwrap();
    assert_eq!(code(catalog.get_resource_lf_tags(&orders(), true).await), "EntityNotFoundException");
    catalog.create_table(None, "shop", table("orders", &[])).await.unwrap();
    let found = catalog.get_resource_lf_tags(&orders(), true).await.unwrap();
    assert_eq!((found.on_table.len(), found.on_columns.len()), (0, 0), "a new table has none");
}

#[tokio::test]
async fn filters_have_readers_and_take_them_along() {
    let shop = fixture().await;
    let catalog = &shop.catalog;
    catalog.create_table(None, "shop", table("orders", &[])).await.unwrap();
    let (first, second) = (filter("first"), filter("second"));
    catalog.create_data_cells_filter(&first).await.unwrap();
    catalog.create_data_cells_filter(&second).await.unwrap();
    assert_eq!(code(catalog.create_data_cells_filter(&first).await), "AlreadyExistsException");
    assert_eq!(code(catalog.update_data_cells_filter(&filter("none")).await), "EntityNotFoundException");
    let both = DataCellsFilter { column_names: vec!["id".to_owned()], ..first.clone() };
    assert_eq!(code(catalog.update_data_cells_filter(&both).await), "InvalidInputException");
    let named = DataCellsFilter { column_wildcard: None, ..both };
    catalog.update_data_cells_filter(&named).await.unwrap();
    assert_eq!(catalog.list_data_cells_filters(&of_orders()).await.unwrap(), [named, second.clone()]);

    let entries = [entry(&first, "a"), entry(&first, "b"), entry(&filter("none"), "c")];
    let failures = catalog.grant_permissions(&entries).await.unwrap();
    assert_eq!(failures.iter().map(|failure| failure.request_entry.id.as_str()).collect::<Vec<_>>(), ["c"]);
    let failures = catalog.revoke_permissions(&[entry(&first, "a"), entry(&second, "a")]).await.unwrap();
    assert_eq!(failures.len(), 1, "nobody was granted the second");
    let resource = Resource::DataCellsFilter(first.resource());
    let readers = catalog.list_permissions(&resource).await.unwrap();
    assert_eq!(readers, [entry(&first, "b").permissions]);

    catalog.delete_data_cells_filter(&first.resource()).await.unwrap();
    catalog.create_data_cells_filter(&first).await.unwrap();
    assert_eq!(catalog.list_permissions(&resource).await.unwrap(), [], "the readers went with the filter");
}
