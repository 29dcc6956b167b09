//! [`Glue`] over the catalog: limits of batches, and which operation an error belongs to.

use async_trait::async_trait;
use athena_api::ApiResult;
use athena_api::glue::{
    Database, DatabaseInput, Glue, ItemError, Page, PageRequest, Partition, PartitionFilter, PartitionInput, Table,
    TableInput, TableVersion, UpdateOptions,
};

use crate::{Catalog, input};

/// Runs an operation on the account's own catalog and names it in errors.
macro_rules! operation {
    ($self:ident, $catalog:ident, $name:literal, $body:expr) => {{
        let answer = async {
            $self.check_catalog($catalog)?;
            $body
        };
        answer.await.map_err(|error: athena_api::ApiError| error.of($name))
    }};
}

#[async_trait]
impl Glue for Catalog {
    async fn create_database(&self, catalog: Option<&str>, input: DatabaseInput) -> ApiResult<()> {
        operation!(self, catalog, "CreateDatabase", self.insert_database(input).await)
    }

    async fn get_database(&self, catalog: Option<&str>, name: &str) -> ApiResult<Database> {
        operation!(self, catalog, "GetDatabase", self.find_database(name).await)
    }

    async fn get_databases(&self, catalog: Option<&str>, page: PageRequest) -> ApiResult<Page<Database>> {
        operation!(self, catalog, "GetDatabases", self.list_databases(page).await)
    }

    async fn update_database(&self, catalog: Option<&str>, name: &str, input: DatabaseInput) -> ApiResult<()> {
        operation!(self, catalog, "UpdateDatabase", self.replace_database(name, input).await)
    }

    async fn delete_database(&self, catalog: Option<&str>, name: &str) -> ApiResult<()> {
        operation!(self, catalog, "DeleteDatabase", self.remove_database(name).await)
    }

    async fn create_table(&self, catalog: Option<&str>, database: &str, input: TableInput) -> ApiResult<()> {
        operation!(self, catalog, "CreateTable", self.insert_table(database, input).await)
    }

    async fn get_table(&self, catalog: Option<&str>, database: &str, name: &str) -> ApiResult<Table> {
        operation!(self, catalog, "GetTable", self.find_table(database, name).await)
    }

    async fn get_tables(
        &self,
        catalog: Option<&str>,
        database: &str,
        expression: Option<&str>,
        page: PageRequest,
    ) -> ApiResult<Page<Table>> {
        operation!(self, catalog, "GetTables", self.list_tables(database, expression, page).await)
    }

    async fn update_table(
        &self,
        catalog: Option<&str>,
        database: &str,
        input: TableInput,
        options: UpdateOptions,
    ) -> ApiResult<()> {
        operation!(self, catalog, "UpdateTable", self.swap_table(database, input, options).await)
    }

    async fn delete_table(&self, catalog: Option<&str>, database: &str, name: &str) -> ApiResult<()> {
        operation!(self, catalog, "DeleteTable", self.remove_table(database, name).await)
    }

    async fn batch_delete_table(
        &self,
        catalog: Option<&str>,
        database: &str,
        names: &[String],
    ) -> ApiResult<Vec<ItemError<String>>> {
        operation!(self, catalog, "BatchDeleteTable", {
            input::batch(names, 100, "tablesToDelete")?;
            self.remove_tables(database, names).await
        })
    }

    async fn get_table_versions(
        &self,
        catalog: Option<&str>,
        database: &str,
        name: &str,
        page: PageRequest,
    ) -> ApiResult<Page<TableVersion>> {
        operation!(self, catalog, "GetTableVersions", self.list_versions(database, name, page).await)
    }

    async fn delete_table_version(
        &self,
        catalog: Option<&str>,
        database: &str,
        name: &str,
        version: &str,
    ) -> ApiResult<()> {
        operation!(self, catalog, "DeleteTableVersion", self.remove_version(database, name, version).await)
    }

    async fn get_partition(
        &self,
        catalog: Option<&str>,
        database: &str,
        table: &str,
        values: &[String],
    ) -> ApiResult<Partition> {
        operation!(self, catalog, "GetPartition", self.find_partition(database, table, values).await)
    }

    async fn get_partitions(
        &self,
        catalog: Option<&str>,
        database: &str,
        table: &str,
        filter: PartitionFilter,
        page: PageRequest,
    ) -> ApiResult<Page<Partition>> {
        operation!(self, catalog, "GetPartitions", self.list_partitions(database, table, filter, page).await)
    }

    async fn batch_get_partition(
        &self,
        catalog: Option<&str>,
        database: &str,
        table: &str,
        values: &[Vec<String>],
    ) -> ApiResult<Vec<Partition>> {
        operation!(self, catalog, "BatchGetPartition", {
            input::batch(values, 1000, "partitionsToGet")?;
            self.find_partitions(database, table, values).await
        })
    }

    async fn batch_create_partition(
        &self,
        catalog: Option<&str>,
        database: &str,
        table: &str,
        inputs: Vec<PartitionInput>,
    ) -> ApiResult<Vec<ItemError<Vec<String>>>> {
        operation!(self, catalog, "BatchCreatePartition", {
            input::batch(&inputs, 100, "partitionInputList")?;
            self.create_partitions(database, table, inputs).await
        })
    }

    async fn update_partition(
        &self,
        catalog: Option<&str>,
        database: &str,
        table: &str,
        values: &[String],
        input: PartitionInput,
    ) -> ApiResult<()> {
        operation!(self, catalog, "UpdatePartition", self.swap_partition(database, table, values, input).await)
    }

    async fn batch_delete_partition(
        &self,
        catalog: Option<&str>,
        database: &str,
        table: &str,
        values: &[Vec<String>],
    ) -> ApiResult<Vec<ItemError<Vec<String>>>> {
        operation!(self, catalog, "BatchDeletePartition", {
            input::batch(values, 25, "partitionsToDelete")?;
            self.remove_partitions(database, table, values).await
        })
    }
}
