//! The Glue Data Catalog over HTTP.

use std::sync::Arc;

use async_trait::async_trait;
use athena_api::{
    ApiError, ApiResult, Glue,
    glue::{
        Database, DatabaseInput, ItemError, Page, PageRequest, Partition, PartitionFilter, PartitionInput, Table,
        TableInput, TableVersion, UpdateOptions,
    },
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    json,
    transport::{Service, Transport},
};

/// How many items a batch operation takes. Source: AWS Glue API.
const CREATE_PARTITIONS: usize = 100;
const DELETE_PARTITIONS: usize = 25;
const GET_PARTITIONS: usize = 1000;
const DELETE_TABLES: usize = 100;

/// Glue over HTTP.
pub(crate) struct GlueClient {
    transport: Arc<Transport>,
}

impl GlueClient {
    pub(crate) fn new(transport: Arc<Transport>) -> Self {
        Self { transport }
    }

    async fn call<T: DeserializeOwned>(&self, operation: &'static str, input: Input<'_>) -> ApiResult<T> {
        json::call(&self.transport, Service::Glue, operation, &input).await
    }

    async fn call_without_answer(&self, operation: &'static str, input: Input<'_>) -> ApiResult<()> {
        let _: Value = self.call(operation, input).await?;
        Ok(())
    }
}

/// The members that the requests of this module are made of; absent ones are not sent.
#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Input<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    catalog_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    database_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    table_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    database_input: Option<DatabaseInput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    table_input: Option<TableInput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skip_archive: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tables_to_delete: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expression: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exclude_column_schema: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segment: Option<Segment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition_values: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition_value_list: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition_input: Option<PartitionInput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition_input_list: Option<&'a [PartitionInput]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partitions_to_delete: Option<Vec<PartitionValues>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partitions_to_get: Option<Vec<PartitionValues>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_results: Option<usize>,
}

impl<'a> Input<'a> {
    fn of(catalog_id: Option<&'a str>) -> Self {
        Self { catalog_id, ..Self::default() }
    }

    fn database(catalog_id: Option<&'a str>, database: &'a str) -> Self {
        Self { database_name: Some(database), ..Self::of(catalog_id) }
    }

    fn table(catalog_id: Option<&'a str>, database: &'a str, table: &'a str) -> Self {
        Self { table_name: Some(table), ..Self::database(catalog_id, database) }
    }

    fn page(self, page: PageRequest) -> Self {
        Self { next_token: page.next_token, max_results: page.max_results, ..self }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Segment {
    segment_number: u32,
    total_segments: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PartitionValues {
    values: Vec<String>,
}

fn partition_values(values: &[Vec<String>]) -> Option<Vec<PartitionValues>> {
    Some(values.iter().map(|values| PartitionValues { values: values.clone() }).collect())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OneDatabase {
    database: Database,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Databases {
    #[serde(default)]
    database_list: Vec<Database>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OneTable {
    table: Table,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tables {
    #[serde(default)]
    table_list: Vec<Table>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TableVersions {
    #[serde(default)]
    table_versions: Vec<TableVersion>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OnePartition {
    partition: Partition,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Partitions {
    #[serde(default)]
    partitions: Vec<Partition>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PartitionBatch {
    #[serde(default)]
    partitions: Vec<Partition>,
    #[serde(default)]
    unprocessed_keys: Vec<PartitionValues>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TableErrors {
    #[serde(default)]
    errors: Vec<TableError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TableError {
    #[serde(default)]
    table_name: String,
    error_detail: ErrorDetail,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PartitionErrors {
    #[serde(default)]
    errors: Vec<PartitionError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PartitionError {
    #[serde(default)]
    partition_values: Vec<String>,
    error_detail: ErrorDetail,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorDetail {
    #[serde(default)]
    error_code: String,
    #[serde(default)]
    error_message: String,
}

impl ErrorDetail {
    fn into_error(self, operation: &str) -> ApiError {
        ApiError::new(self.error_code, self.error_message).of(operation)
    }
}

fn partition_errors(answer: PartitionErrors, operation: &str) -> impl Iterator<Item = ItemError<Vec<String>>> {
    let item = move |error: PartitionError| (error.partition_values, error.error_detail);
    let operation = operation.to_owned();
    answer
        .errors
        .into_iter()
        .map(item)
        .map(move |(key, detail)| ItemError { key, error: detail.into_error(&operation) })
}

#[async_trait]
impl Glue for GlueClient {
    async fn create_database(&self, catalog: Option<&str>, input: DatabaseInput) -> ApiResult<()> {
        let input = Input { database_input: Some(input), ..Input::of(catalog) };
        self.call_without_answer("CreateDatabase", input).await
    }

    async fn get_database(&self, catalog: Option<&str>, name: &str) -> ApiResult<Database> {
        let answer: OneDatabase = self.call("GetDatabase", Input { name: Some(name), ..Input::of(catalog) }).await?;
        Ok(answer.database)
    }

    async fn get_databases(&self, catalog: Option<&str>, page: PageRequest) -> ApiResult<Page<Database>> {
        let answer: Databases = self.call("GetDatabases", Input::of(catalog).page(page)).await?;
        Ok(Page { items: answer.database_list, next_token: answer.next_token })
    }

    async fn update_database(&self, catalog: Option<&str>, name: &str, input: DatabaseInput) -> ApiResult<()> {
        let input = Input { name: Some(name), database_input: Some(input), ..Input::of(catalog) };
        self.call_without_answer("UpdateDatabase", input).await
    }

    async fn delete_database(&self, catalog: Option<&str>, name: &str) -> ApiResult<()> {
        self.call_without_answer("DeleteDatabase", Input { name: Some(name), ..Input::of(catalog) }).await
    }

    async fn create_table(&self, catalog: Option<&str>, database: &str, input: TableInput) -> ApiResult<()> {
        let input = Input { table_input: Some(input), ..Input::database(catalog, database) };
        self.call_without_answer("CreateTable", input).await
    }

    async fn get_table(&self, catalog: Option<&str>, database: &str, name: &str) -> ApiResult<Table> {
        let input = Input { name: Some(name), ..Input::database(catalog, database) };
        let answer: OneTable = self.call("GetTable", input).await?;
        Ok(answer.table)
    }

    async fn get_tables(
        &self,
        catalog: Option<&str>,
        database: &str,
        expression: Option<&str>,
        page: PageRequest,
    ) -> ApiResult<Page<Table>> {
        let input = Input { expression, ..Input::database(catalog, database) }.page(page);
        let answer: Tables = self.call("GetTables", input).await?;
        Ok(Page { items: answer.table_list, next_token: answer.next_token })
    }

    async fn update_table(
        &self,
        catalog: Option<&str>,
        database: &str,
        input: TableInput,
        options: UpdateOptions,
    ) -> ApiResult<()> {
        let input = Input {
            table_input: Some(input),
            skip_archive: options.skip_archive.then_some(true),
            version_id: options.expected_version.as_deref(),
            ..Input::database(catalog, database)
        };
        self.call_without_answer("UpdateTable", input).await
    }

    async fn delete_table(&self, catalog: Option<&str>, database: &str, name: &str) -> ApiResult<()> {
        let input = Input { name: Some(name), ..Input::database(catalog, database) };
        self.call_without_answer("DeleteTable", input).await
    }

    async fn batch_delete_table(
        &self,
        catalog: Option<&str>,
        database: &str,
        names: &[String],
    ) -> ApiResult<Vec<ItemError<String>>> {
        let mut errors = Vec::new();
        for batch in names.chunks(DELETE_TABLES) {
            let input = Input { tables_to_delete: Some(batch), ..Input::database(catalog, database) };
            let answer: TableErrors = self.call("BatchDeleteTable", input).await?;
            errors.extend(answer.errors.into_iter().map(|error| ItemError {
                key: error.table_name,
                error: error.error_detail.into_error("BatchDeleteTable"),
            }));
        }
        Ok(errors)
    }

    async fn get_table_versions(
        &self,
        catalog: Option<&str>,
        database: &str,
        name: &str,
        page: PageRequest,
    ) -> ApiResult<Page<TableVersion>> {
        let input = Input::table(catalog, database, name).page(page);
        let answer: TableVersions = self.call("GetTableVersions", input).await?;
        Ok(Page { items: answer.table_versions, next_token: answer.next_token })
    }

    async fn delete_table_version(
        &self,
        catalog: Option<&str>,
        database: &str,
        name: &str,
        version: &str,
    ) -> ApiResult<()> {
        let input = Input { version_id: Some(version), ..Input::table(catalog, database, name) };
        self.call_without_answer("DeleteTableVersion", input).await
    }

    async fn get_partition(
        &self,
        catalog: Option<&str>,
        database: &str,
        table: &str,
        values: &[String],
    ) -> ApiResult<Partition> {
        let input = Input { partition_values: Some(values), ..Input::table(catalog, database, table) };
        let answer: OnePartition = self.call("GetPartition", input).await?;
        Ok(answer.partition)
    }

    async fn get_partitions(
        &self,
        catalog: Option<&str>,
        database: &str,
        table: &str,
        filter: PartitionFilter,
        page: PageRequest,
    ) -> ApiResult<Page<Partition>> {
        let input = Input {
            expression: filter.expression.as_deref(),
            exclude_column_schema: filter.exclude_column_schema.then_some(true),
            segment: filter.segment.map(|(segment_number, total_segments)| Segment { segment_number, total_segments }),
            ..Input::table(catalog, database, table)
        };
        let answer: Partitions = self.call("GetPartitions", input.page(page)).await?;
        Ok(Page { items: answer.partitions, next_token: answer.next_token })
    }

    async fn batch_get_partition(
        &self,
        catalog: Option<&str>,
        database: &str,
        table: &str,
        values: &[Vec<String>],
    ) -> ApiResult<Vec<Partition>> {
        let mut partitions = Vec::new();
        for batch in values.chunks(GET_PARTITIONS) {
            let mut wanted = partition_values(batch);
            // What the service did not get to is asked for again.
            while let Some(values) = wanted.take().filter(|values| !values.is_empty()) {
                let asked = values.len();
                let input = Input { partitions_to_get: Some(values), ..Input::table(catalog, database, table) };
                let answer: PartitionBatch = self.call("BatchGetPartition", input).await?;
                partitions.extend(answer.partitions);
                if answer.unprocessed_keys.len() < asked {
                    wanted = Some(answer.unprocessed_keys);
                } else {
                    return Err(ApiError::internal("UnprocessedKeys", "none of the partitions was processed")
                        .of("BatchGetPartition"));
                }
            }
        }
        Ok(partitions)
    }

    async fn batch_create_partition(
        &self,
        catalog: Option<&str>,
        database: &str,
        table: &str,
        inputs: Vec<PartitionInput>,
    ) -> ApiResult<Vec<ItemError<Vec<String>>>> {
        let mut errors = Vec::new();
        for batch in inputs.chunks(CREATE_PARTITIONS) {
            let input = Input { partition_input_list: Some(batch), ..Input::table(catalog, database, table) };
            errors.extend(partition_errors(self.call("BatchCreatePartition", input).await?, "BatchCreatePartition"));
        }
        Ok(errors)
    }

    async fn update_partition(
        &self,
        catalog: Option<&str>,
        database: &str,
        table: &str,
        values: &[String],
        input: PartitionInput,
    ) -> ApiResult<()> {
        let input = Input {
            partition_value_list: Some(values),
            partition_input: Some(input),
            ..Input::table(catalog, database, table)
        };
        self.call_without_answer("UpdatePartition", input).await
    }

    async fn batch_delete_partition(
        &self,
        catalog: Option<&str>,
        database: &str,
        table: &str,
        values: &[Vec<String>],
    ) -> ApiResult<Vec<ItemError<Vec<String>>>> {
        let mut errors = Vec::new();
        for batch in values.chunks(DELETE_PARTITIONS) {
            let input =
                Input { partitions_to_delete: partition_values(batch), ..Input::table(catalog, database, table) };
            errors.extend(partition_errors(self.call("BatchDeletePartition", input).await?, "BatchDeletePartition"));
        }
        Ok(errors)
    }
}
