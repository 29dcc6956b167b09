//! Services for commands that only read the project: every call is refused.

use async_trait::async_trait;
use athena_api::{
    ApiError, ApiResult, Athena, Glue, S3, Services,
    athena::{DataCatalog, QueryExecution, QueryResults, StartQueryExecutionRequest, WorkGroup},
    glue::{
        Database, DatabaseInput, ItemError, Page, PageRequest, Partition, PartitionFilter, PartitionInput, Table,
        TableInput, TableVersion, UpdateOptions,
    },
    lake_formation,
    s3::{ObjectSummary, PutHeaders},
};
use names::S3Uri;
use std::sync::Arc;

/// Nothing that can be asked.
pub fn services(region: &str) -> Services {
    Services {
        athena: Arc::new(Offline),
        glue: Arc::new(Offline),
        spark: Arc::new(athena_api::spark::Unavailable(not_connected())),
        lake_formation: Arc::new(lake_formation::Unavailable(not_connected())),
        s3: Arc::new(Offline),
        account_id: String::new(),
        region: region.to_owned(),
    }
}

struct Offline;

fn not_connected() -> ApiError {
    ApiError::new("NotConnected", "this command reads the project only and is not connected to a warehouse")
}

fn refused<T>() -> ApiResult<T> {
    Err(not_connected())
}

#[async_trait]
impl Athena for Offline {
    async fn start_query_execution(&self, _: StartQueryExecutionRequest) -> ApiResult<String> {
        refused()
    }
    async fn get_query_execution(&self, _: &str) -> ApiResult<QueryExecution> {
        refused()
    }
    async fn wait_query_execution(&self, _: &str, _: std::time::Duration) -> ApiResult<QueryExecution> {
        refused()
    }
    async fn get_query_results(&self, _: &str, _: Option<&str>, _: Option<i32>) -> ApiResult<QueryResults> {
        refused()
    }
    async fn stop_query_execution(&self, _: &str) -> ApiResult<()> {
        refused()
    }
    async fn get_work_group(&self, _: &str) -> ApiResult<WorkGroup> {
        refused()
    }
    async fn get_data_catalog(&self, _: &str) -> ApiResult<DataCatalog> {
        refused()
    }
}

#[async_trait]
impl Glue for Offline {
    async fn create_database(&self, _: Option<&str>, _: DatabaseInput) -> ApiResult<()> {
        refused()
    }
    async fn get_database(&self, _: Option<&str>, _: &str) -> ApiResult<Database> {
        refused()
    }
    async fn get_databases(&self, _: Option<&str>, _: PageRequest) -> ApiResult<Page<Database>> {
        refused()
    }
    async fn update_database(&self, _: Option<&str>, _: &str, _: DatabaseInput) -> ApiResult<()> {
        refused()
    }
    async fn delete_database(&self, _: Option<&str>, _: &str) -> ApiResult<()> {
        refused()
    }
    async fn create_table(&self, _: Option<&str>, _: &str, _: TableInput) -> ApiResult<()> {
        refused()
    }
    async fn get_table(&self, _: Option<&str>, _: &str, _: &str) -> ApiResult<Table> {
        refused()
    }
    async fn get_tables(&self, _: Option<&str>, _: &str, _: Option<&str>, _: PageRequest) -> ApiResult<Page<Table>> {
        refused()
    }
    async fn update_table(&self, _: Option<&str>, _: &str, _: TableInput, _: UpdateOptions) -> ApiResult<()> {
        refused()
    }
    async fn delete_table(&self, _: Option<&str>, _: &str, _: &str) -> ApiResult<()> {
        refused()
    }
    async fn batch_delete_table(&self, _: Option<&str>, _: &str, _: &[String]) -> ApiResult<Vec<ItemError<String>>> {
        refused()
    }
    async fn get_table_versions(
        &self,
        _: Option<&str>,
        _: &str,
        _: &str,
        _: PageRequest,
    ) -> ApiResult<Page<TableVersion>> {
        refused()
    }
    async fn delete_table_version(&self, _: Option<&str>, _: &str, _: &str, _: &str) -> ApiResult<()> {
        refused()
    }
    async fn get_partition(&self, _: Option<&str>, _: &str, _: &str, _: &[String]) -> ApiResult<Partition> {
        refused()
    }
    async fn get_partitions(
        &self,
        _: Option<&str>,
        _: &str,
        _: &str,
        _: PartitionFilter,
        _: PageRequest,
    ) -> ApiResult<Page<Partition>> {
        refused()
    }
    async fn batch_get_partition(
        &self,
        _: Option<&str>,
        _: &str,
        _: &str,
        _: &[Vec<String>],
    ) -> ApiResult<Vec<Partition>> {
        refused()
    }
    async fn batch_create_partition(
        &self,
        _: Option<&str>,
        _: &str,
        _: &str,
        _: Vec<PartitionInput>,
    ) -> ApiResult<Vec<ItemError<Vec<String>>>> {
        refused()
    }
    async fn update_partition(
        &self,
        _: Option<&str>,
        _: &str,
        _: &str,
        _: &[String],
        _: PartitionInput,
    ) -> ApiResult<()> {
        refused()
    }
    async fn batch_delete_partition(
        &self,
        _: Option<&str>,
        _: &str,
        _: &str,
        _: &[Vec<String>],
    ) -> ApiResult<Vec<ItemError<Vec<String>>>> {
        refused()
    }
}

#[async_trait]
impl S3 for Offline {
    async fn list(&self, _: &S3Uri) -> ApiResult<Vec<ObjectSummary>> {
        refused()
    }
    async fn delete(&self, _: &[S3Uri]) -> ApiResult<()> {
        refused()
    }
    async fn get(&self, _: &S3Uri) -> ApiResult<bytes::Bytes> {
        refused()
    }
    async fn put_with(&self, _: &S3Uri, _: bytes::Bytes, _: &PutHeaders) -> ApiResult<()> {
        refused()
    }
}
