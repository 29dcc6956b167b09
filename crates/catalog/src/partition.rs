//! Partitions.

use athena_api::glue::{ItemError, Page, PageRequest, Partition, PartitionFilter, PartitionInput, TableInput};
use athena_api::{ApiError, ApiResult};
use sqlx::{Sqlite, SqliteExecutor, Transaction};

use crate::expression::PartitionExpression;
use crate::paging::{self, Cursor};
use crate::table::table_missing;
use crate::{Catalog, from_json, input, invalid_input, timestamp, to_json};

/// A row of `glue_partition`.
type Row = (String, String, i64);

/// The table whose partitions they are.
struct Owner {
    id: i64,
    database: String,
    name: String,
    input: TableInput,
}

impl Owner {
    fn keys(&self) -> usize {
        self.input.partition_keys.as_ref().map_or(0, Vec::len)
    }
}

impl Catalog {
    async fn owner(&self, executor: impl SqliteExecutor<'_>, database: &str, table: &str) -> ApiResult<Owner> {
        let (database, name) = (database.to_lowercase(), table.to_lowercase());
        let row = self.table_row(executor, &database, &name).await?.ok_or_else(table_missing)?;
        Ok(Owner { id: row.id, input: from_json(&row.document)?, database, name })
    }

    pub(crate) async fn find_partition(&self, database: &str, table: &str, values: &[String]) -> ApiResult<Partition> {
        let owner = self.owner(self.store.readers(), database, table).await?;
        check_values(&owner, values)?;
        let row = self.partition_row(&owner, values).await?;
        self.partition(&owner, row.ok_or_else(partition_missing)?, false)
    }

    async fn partition_row(&self, owner: &Owner, values: &[String]) -> ApiResult<Option<Row>> {
        sqlx::query_as("SELECT key, document, created_ms FROM glue_partition WHERE table_id = ? AND key = ?")
            .bind(owner.id)
            .bind(to_json(&values)?)
            .fetch_optional(self.store.readers())
            .await
            .map_err(|source| self.failed(source))
    }

    pub(crate) async fn list_partitions(
        &self,
        database: &str,
        table: &str,
        filter: PartitionFilter,
        page: PageRequest,
    ) -> ApiResult<Page<Partition>> {
        let cursor = Cursor::of(&page, 1000)?;
        let owner = self.owner(self.store.readers(), database, table).await?;
        let keys = owner.input.partition_keys.as_deref().unwrap_or_default();
        let expression = match filter.expression.as_deref().map(str::trim) {
            None | Some("") => None,
            Some(text) => Some(PartitionExpression::parse(text, keys)?),
        };
        if let Some((number, total)) = filter.segment
            && (total == 0 || total > 10 || number >= total)
        {
            return Err(invalid_input(format!("Segment number {number} of {total} is not valid")));
        }
        let mut partitions: Vec<(String, Partition)> = Vec::new();
        let mut after = cursor.after.clone().unwrap_or_default();
        loop {
            let rows: Vec<Row> = sqlx::query_as(
                "SELECT key, document, created_ms FROM glue_partition WHERE table_id = ? AND key > ? ORDER BY key LIMIT 2000",
            )
            .bind(owner.id)
            .bind(&after)
            .fetch_all(self.store.readers())
            .await
            .map_err(|source| self.failed(source))?;
            let Some((last, ..)) = rows.last() else { break };
            after.clone_from(last);
            for row in rows {
                let elsewhere = filter.segment.is_some_and(|(number, total)| segment_of(&row.0, total) != number);
                if elsewhere {
                    continue;
                }
                if let Some(expression) = &expression {
                    let values: Vec<String> = from_json(&row.0)?;
                    if !expression.matches(&values)? {
                        continue;
                    }
                }
                if partitions.len() == cursor.limit {
                    let next_token = partitions.last().map(|(key, _)| paging::encode(key));
                    return Ok(Page { items: partitions.into_iter().map(|(_, item)| item).collect(), next_token });
                }
                let key = row.0.clone();
                partitions.push((key, self.partition(&owner, row, filter.exclude_column_schema)?));
            }
        }
        Ok(Page { items: partitions.into_iter().map(|(_, item)| item).collect(), next_token: None })
    }

    pub(crate) async fn find_partitions(
        &self,
        database: &str,
        table: &str,
        values: &[Vec<String>],
    ) -> ApiResult<Vec<Partition>> {
        let owner = self.owner(self.store.readers(), database, table).await?;
        let mut found = Vec::with_capacity(values.len());
        for values in values {
            check_values(&owner, values)?;
            if let Some(row) = self.partition_row(&owner, values).await? {
                found.push(self.partition(&owner, row, false)?);
            }
        }
        Ok(found)
    }

    /// Creates any number of partitions in one transaction; the wire's limit of 100 is not this method's.
    ///
    /// # Errors
    /// No such table. What is wrong with one partition is in the list, and the others are created.
    pub async fn create_partitions(
        &self,
        database: &str,
        table: &str,
        inputs: Vec<PartitionInput>,
    ) -> ApiResult<Vec<ItemError<Vec<String>>>> {
        let mut change = self.change().await?;
        let owner = self.owner(&mut *change, database, table).await?;
        let mut errors = Vec::new();
        for input in inputs {
            let key = input.values.clone();
            if let Err(error) = self.insert_partition(&mut change, &owner, input).await? {
                errors.push(ItemError { key, error });
            }
        }
        self.commit(change).await?;
        Ok(errors)
    }

    /// The outer error undoes everything, the inner one is this partition's.
    async fn insert_partition(
        &self,
        change: &mut Transaction<'static, Sqlite>,
        owner: &Owner,
        input: PartitionInput,
    ) -> ApiResult<Result<(), ApiError>> {
        let input = match input::partition(input, owner.keys()) {
            Ok(input) => input,
            Err(error) => return Ok(Err(error)),
        };
        let done = sqlx::query("INSERT INTO glue_partition VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING")
            .bind(owner.id)
            .bind(to_json(&input.values)?)
            .bind(to_json(&input)?)
            .bind(self.now_ms())
            .execute(&mut **change)
            .await
            .map_err(|source| self.failed(source))?;
        Ok(match done.rows_affected() {
            0 => Err(ApiError::new("AlreadyExistsException", "Partition already exists.")),
            _ => Ok(()),
        })
    }

    pub(crate) async fn swap_partition(
        &self,
        database: &str,
        table: &str,
        values: &[String],
        input: PartitionInput,
    ) -> ApiResult<()> {
        let mut change = self.change().await?;
        let owner = self.owner(&mut *change, database, table).await?;
        check_values(&owner, values)?;
        let input = input::partition(input, owner.keys())?;
        let (old, new) = (to_json(&values)?, to_json(&input.values)?);
        if old != new {
            let taken: Option<i64> = sqlx::query_scalar("SELECT 1 FROM glue_partition WHERE table_id = ? AND key = ?")
                .bind(owner.id)
                .bind(&new)
                .fetch_optional(&mut *change)
                .await
                .map_err(|source| self.failed(source))?;
            if taken.is_some() {
                return Err(ApiError::new("AlreadyExistsException", "Partition already exists."));
            }
        }
        let done = sqlx::query("UPDATE glue_partition SET key = ?, document = ? WHERE table_id = ? AND key = ?")
            .bind(new)
            .bind(to_json(&input)?)
            .bind(owner.id)
            .bind(old)
            .execute(&mut *change)
            .await
            .map_err(|source| self.failed(source))?;
        if done.rows_affected() == 0 {
            return Err(partition_missing());
        }
        self.commit(change).await
    }

    pub(crate) async fn remove_partitions(
        &self,
        database: &str,
        table: &str,
        values: &[Vec<String>],
    ) -> ApiResult<Vec<ItemError<Vec<String>>>> {
        let mut change = self.change().await?;
        let owner = self.owner(&mut *change, database, table).await?;
        let mut errors = Vec::new();
        for values in values {
            let done = sqlx::query("DELETE FROM glue_partition WHERE table_id = ? AND key = ?")
                .bind(owner.id)
                .bind(to_json(&values)?)
                .execute(&mut *change)
                .await
                .map_err(|source| self.failed(source))?;
            if done.rows_affected() == 0 {
                errors.push(ItemError { key: values.clone(), error: partition_missing() });
            }
        }
        self.commit(change).await?;
        Ok(errors)
    }

    fn partition(&self, owner: &Owner, (_, document, created_ms): Row, without_columns: bool) -> ApiResult<Partition> {
        let mut input: PartitionInput = from_json(&document)?;
        if without_columns && let Some(storage) = &mut input.storage_descriptor {
            storage.columns.clear();
        }
        Ok(Partition {
            database_name: owner.database.clone(),
            table_name: owner.name.clone(),
            input,
            creation_time: timestamp(created_ms),
            catalog_id: Some(self.account_id.to_string()),
        })
    }
}

fn check_values(owner: &Owner, values: &[String]) -> ApiResult<()> {
    if values.len() == owner.keys() {
        return Ok(());
    }
    Err(invalid_input("The number of partition keys do not match the number of partition values"))
}

fn partition_missing() -> ApiError {
    ApiError::entity_not_found("Cannot find partition.")
}

/// Which of `total` parts a partition is in: any function does that is the same for all pages of all segments (here FNV-1a).
fn segment_of(key: &str, total: u32) -> u32 {
    let hash = key.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash % total
}
