//! The Glue Data Catalog: databases, tables, versions, partitions.
//!
//! Source of shapes and limits: AWS Glue API, "Catalog" chapters. Names are folded to lower case by the catalog.

use async_trait::async_trait;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{ApiError, ApiResult, Timestamp};

/// String properties in the order they were given.
pub type Parameters = IndexMap<String, String>;

/// A database as it is stored.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Database {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Parameters>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_time: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_table_default_permissions: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog_id: Option<String>,
}

/// What a caller says of a database.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DatabaseInput {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Parameters>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_table_default_permissions: Option<serde_json::Value>,
}

/// A column or partition key; `type` is Hive grammar: `struct<a:int,b:array<string>>`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Column {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Parameters>,
}

impl Column {
    /// A column without comment.
    pub fn new(name: impl Into<String>, r#type: impl Into<String>) -> Self {
        Self { name: name.into(), r#type: Some(r#type.into()), comment: None, parameters: None }
    }

    /// The type's text; Glue allows none, which Hive reads as `string`.
    pub fn type_text(&self) -> &str {
        self.r#type.as_deref().unwrap_or("string")
    }
}

/// How the bytes of a row are read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SerDeInfo {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serialization_library: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Parameters>,
}

/// Where the files are and how they are read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StorageDescriptor {
    #[serde(default)]
    pub columns: Vec<Column>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_locations: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_format: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_format: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compressed: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number_of_buckets: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serde_info: Option<SerDeInfo>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket_columns: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort_columns: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Parameters>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skewed_info: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_as_sub_directories: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_reference: Option<serde_json::Value>,
}

/// What a caller says of a table. UpdateTable replaces all of it; nothing is merged.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TableInput {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_access_time: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_analyzed_time: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_descriptor: Option<StorageDescriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_keys: Option<Vec<Column>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view_original_text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view_expanded_text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Parameters>,
}

/// A table or view as it is stored.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Table {
    pub database_name: String,
    /// What the caller said of it; flattened on the wire.
    #[serde(flatten)]
    pub input: TableInput,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_time: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_time: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_registered_with_lake_formation: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog_id: Option<String>,
    /// A decimal number from `0`, one more with each UpdateTable: the value to compare and swap on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
}

impl Table {
    /// The table's name.
    pub fn name(&self) -> &str {
        &self.input.name
    }

    /// `VIRTUAL_VIEW`.
    pub fn is_view(&self) -> bool {
        self.input.table_type.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("VIRTUAL_VIEW"))
    }

    /// Parameter `table_type` is `ICEBERG`, in any case.
    pub fn is_iceberg(&self) -> bool {
        self.parameter("table_type").is_some_and(|kind| kind.eq_ignore_ascii_case("ICEBERG"))
    }

    /// A table parameter.
    pub fn parameter(&self, key: &str) -> Option<&str> {
        self.input.parameters.as_ref()?.get(key).map(String::as_str)
    }

    /// Where its files are, as it was typed.
    pub fn location(&self) -> Option<&str> {
        self.input.storage_descriptor.as_ref()?.location.as_deref()
    }

    /// The columns without partition keys. Dropped Iceberg columns, which Glue keeps with `iceberg.field.current=false`, are left out.
    pub fn columns(&self) -> impl Iterator<Item = &Column> {
        self.input.storage_descriptor.iter().flat_map(|storage| &storage.columns).filter(|column| {
            column
                .parameters
                .as_ref()
                .and_then(|all| all.get("iceberg.field.current"))
                .is_none_or(|current| current != "false")
        })
    }

    /// The partition keys of a Hive table.
    pub fn partition_keys(&self) -> &[Column] {
        self.input.partition_keys.as_deref().unwrap_or_default()
    }
}

/// What a caller says of a partition.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PartitionInput {
    #[serde(default)]
    pub values: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_access_time: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_descriptor: Option<StorageDescriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Parameters>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_analyzed_time: Option<Timestamp>,
}

/// A partition as it is stored.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Partition {
    pub database_name: String,
    pub table_name: String,
    #[serde(flatten)]
    pub input: PartitionInput,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creation_time: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog_id: Option<String>,
}

/// An archived version of a table.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TableVersion {
    pub table: Table,
    pub version_id: String,
}

/// One page of a list; `next_token` is absent on the last. A filtered page may be empty and still not be the last.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_token: Option<String>,
}

/// Which page of a list, and how long it may be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageRequest {
    pub next_token: Option<String>,
    pub max_results: Option<usize>,
}

/// The answer for one item of a batch that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemError<K> {
    pub key: K,
    pub error: ApiError,
}

/// How UpdateTable treats the version it replaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateOptions {
    /// Do not keep the old version.
    pub skip_archive: bool,
    /// The version that was read; another one there now is a `ConcurrentModificationException`.
    pub expected_version: Option<String>,
}

/// Which partitions GetPartitions answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartitionFilter {
    /// SQL-like text over the partition keys, at most 2,048 characters; blank is no filter.
    pub expression: Option<String>,
    /// Leaves the columns out of each partition's storage descriptor.
    pub exclude_column_schema: bool,
    /// `(number, total)`: one of `total` disjoint parts.
    pub segment: Option<(u32, u32)>,
}

/// The Glue Data Catalog's operations. `catalog` is the catalog id; `None` is the caller's account.
///
/// Batches are limited as on AWS: 100 partitions to create, 25 to delete, 1,000 to get, 100 tables or versions to delete.
#[async_trait]
pub trait Glue: Send + Sync {
    async fn create_database(&self, catalog: Option<&str>, input: DatabaseInput) -> ApiResult<()>;
    async fn get_database(&self, catalog: Option<&str>, name: &str) -> ApiResult<Database>;
    async fn get_databases(&self, catalog: Option<&str>, page: PageRequest) -> ApiResult<Page<Database>>;
    async fn update_database(&self, catalog: Option<&str>, name: &str, input: DatabaseInput) -> ApiResult<()>;
    /// Deletes the tables in it without asking.
    async fn delete_database(&self, catalog: Option<&str>, name: &str) -> ApiResult<()>;

    async fn create_table(&self, catalog: Option<&str>, database: &str, input: TableInput) -> ApiResult<()>;
    async fn get_table(&self, catalog: Option<&str>, database: &str, name: &str) -> ApiResult<Table>;
    /// `expression` is a regular expression on the name.
    async fn get_tables(
        &self,
        catalog: Option<&str>,
        database: &str,
        expression: Option<&str>,
        page: PageRequest,
    ) -> ApiResult<Page<Table>>;
    async fn update_table(
        &self,
        catalog: Option<&str>,
        database: &str,
        input: TableInput,
        options: UpdateOptions,
    ) -> ApiResult<()>;
    async fn delete_table(&self, catalog: Option<&str>, database: &str, name: &str) -> ApiResult<()>;
    async fn batch_delete_table(
        &self,
        catalog: Option<&str>,
        database: &str,
        names: &[String],
    ) -> ApiResult<Vec<ItemError<String>>>;
    /// Newest first, the current one included.
    async fn get_table_versions(
        &self,
        catalog: Option<&str>,
        database: &str,
        name: &str,
        page: PageRequest,
    ) -> ApiResult<Page<TableVersion>>;
    async fn delete_table_version(
        &self,
        catalog: Option<&str>,
        database: &str,
        name: &str,
        version: &str,
    ) -> ApiResult<()>;

    async fn get_partition(
        &self,
        catalog: Option<&str>,
        database: &str,
        table: &str,
        values: &[String],
    ) -> ApiResult<Partition>;
    async fn get_partitions(
        &self,
        catalog: Option<&str>,
        database: &str,
        table: &str,
        filter: PartitionFilter,
        page: PageRequest,
    ) -> ApiResult<Page<Partition>>;
    async fn batch_get_partition(
        &self,
        catalog: Option<&str>,
        database: &str,
        table: &str,
        values: &[Vec<String>],
    ) -> ApiResult<Vec<Partition>>;
    async fn batch_create_partition(
        &self,
        catalog: Option<&str>,
        database: &str,
        table: &str,
        inputs: Vec<PartitionInput>,
    ) -> ApiResult<Vec<ItemError<Vec<String>>>>;
    async fn update_partition(
        &self,
        catalog: Option<&str>,
        database: &str,
        table: &str,
        values: &[String],
        input: PartitionInput,
    ) -> ApiResult<()>;
    async fn batch_delete_partition(
        &self,
        catalog: Option<&str>,
        database: &str,
        table: &str,
        values: &[Vec<String>],
    ) -> ApiResult<Vec<ItemError<Vec<String>>>>;
}

/// All tables of a database, page after page.
pub async fn all_tables(glue: &dyn Glue, catalog: Option<&str>, database: &str) -> ApiResult<Vec<Table>> {
    let mut tables = Vec::new();
    let mut page = PageRequest::default();
    loop {
        let answer = glue.get_tables(catalog, database, None, page).await?;
        tables.extend(answer.items);
        match answer.next_token {
            Some(token) => page = PageRequest { next_token: Some(token), max_results: None },
            None => return Ok(tables),
        }
    }
}

/// All partitions that match, page after page.
pub async fn all_partitions(
    glue: &dyn Glue,
    catalog: Option<&str>,
    database: &str,
    table: &str,
    filter: &PartitionFilter,
) -> ApiResult<Vec<Partition>> {
    let mut partitions = Vec::new();
    let mut page = PageRequest::default();
    loop {
        let answer = glue.get_partitions(catalog, database, table, filter.clone(), page).await?;
        partitions.extend(answer.items);
        match answer.next_token {
            Some(token) => page = PageRequest { next_token: Some(token), max_results: None },
            None => return Ok(partitions),
        }
    }
}

/// A table that may not be there.
pub async fn find_table(
    glue: &dyn Glue,
    catalog: Option<&str>,
    database: &str,
    name: &str,
) -> ApiResult<Option<Table>> {
    match glue.get_table(catalog, database, name).await {
        Ok(table) => Ok(Some(table)),
        Err(error) if ApiError::is_not_found(&error) => Ok(None),
        Err(error) => Err(error),
    }
}
