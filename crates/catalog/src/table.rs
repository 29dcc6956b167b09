//! Tables and views, and the compare-and-swap by which they change.

use athena_api::glue::{ItemError, Page, PageRequest, Table, TableInput, UpdateOptions};
use athena_api::{ApiError, ApiResult};
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row, Sqlite, SqliteExecutor, Transaction};

use crate::database::database_missing;
use crate::paging::Cursor;
use crate::{Catalog, from_json, input, invalid_input, timestamp, to_json};

/// A row of `glue_table`.
pub(crate) struct TableRow {
    pub id: i64,
    pub version: i64,
    pub document: String,
    pub created_ms: i64,
    pub updated_ms: i64,
}

impl FromRow<'_, SqliteRow> for TableRow {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            version: row.try_get(1)?,
            document: row.try_get(2)?,
            created_ms: row.try_get(3)?,
            updated_ms: row.try_get(4)?,
        })
    }
}

impl Catalog {
    pub(crate) async fn insert_table(&self, database: &str, input: TableInput) -> ApiResult<()> {
        let mut change = self.change().await?;
        self.insert_table_in(&mut change, database, input, 0).await?;
        self.commit(change).await
    }

    async fn insert_table_in(
        &self,
        change: &mut Transaction<'static, Sqlite>,
        database: &str,
        input: TableInput,
        version: i64,
    ) -> ApiResult<i64> {
        let database = database.to_lowercase();
        let input = input::table(input)?;
        let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM glue_database WHERE name = ?")
            .bind(&database)
            .fetch_optional(&mut **change)
            .await
            .map_err(|source| self.failed(source))?;
        found.ok_or_else(|| database_missing(&database))?;
        let now = self.now_ms();
        let done = sqlx::query(
            "INSERT INTO glue_table (database, name, version, document, created_ms, updated_ms) VALUES (?, ?, ?, ?, ?, ?) \
             ON CONFLICT DO NOTHING",
        )
        .bind(&database)
        .bind(&input.name)
        .bind(version)
        .bind(to_json(&input)?)
        .bind(now)
        .bind(now)
        .execute(&mut **change)
        .await
        .map_err(|source| self.failed(source))?;
        match done.rows_affected() {
            0 => Err(ApiError::new("AlreadyExistsException", "Table already exists.")),
            _ => Ok(done.last_insert_rowid()),
        }
    }

    pub(crate) async fn find_table(&self, database: &str, name: &str) -> ApiResult<Table> {
        let (database, name) = (database.to_lowercase(), name.to_lowercase());
        let row = self.table_row(self.store.readers(), &database, &name).await?;
        match row {
            Some(row) => self.table(&database, row),
            None => {
                self.find_database(&database).await?;
                Err(table_missing())
            }
        }
    }

    /// Names must be in lower case.
    pub(crate) async fn table_row(
        &self,
        executor: impl SqliteExecutor<'_>,
        database: &str,
        name: &str,
    ) -> ApiResult<Option<TableRow>> {
        sqlx::query_as(
            "SELECT id, version, document, created_ms, updated_ms FROM glue_table WHERE database = ? AND name = ?",
        )
        .bind(database)
        .bind(name)
        .fetch_optional(executor)
        .await
        .map_err(|source| self.failed(source))
    }

    pub(crate) async fn list_tables(
        &self,
        database: &str,
        expression: Option<&str>,
        page: PageRequest,
    ) -> ApiResult<Page<Table>> {
        let database = database.to_lowercase();
        let cursor = Cursor::of(&page, 100)?;
        let pattern = expression.filter(|text| !text.is_empty()).map(name_pattern).transpose()?;
        self.find_database(&database).await?;
        let mut tables = Vec::new();
        let mut after = cursor.after.clone().unwrap_or_default();
        // Names first: a pattern usually leaves few tables whose documents are worth reading.
        while tables.len() <= cursor.limit {
            let rows: Vec<(String, i64)> = sqlx::query_as(
                "SELECT name, id FROM glue_table WHERE database = ? AND name > ? ORDER BY name LIMIT 1000",
            )
            .bind(&database)
            .bind(&after)
            .fetch_all(self.store.readers())
            .await
            .map_err(|source| self.failed(source))?;
            let Some((last, _)) = rows.last() else { break };
            after.clone_from(last);
            let wanted = rows.iter().filter(|(name, _)| pattern.as_ref().is_none_or(|pattern| pattern.is_match(name)));
            for (name, _) in wanted.take(cursor.limit + 1 - tables.len()) {
                if let Some(row) = self.table_row(self.store.readers(), &database, name).await? {
                    tables.push(self.table(&database, row)?);
                }
            }
        }
        Ok(cursor.page(tables, Table::name))
    }

    pub(crate) async fn swap_table(&self, database: &str, input: TableInput, options: UpdateOptions) -> ApiResult<()> {
        let database = database.to_lowercase();
        let input = input::table(input)?;
        let mut change = self.change().await?;
        let Some(row) = self.table_row(&mut *change, &database, &input.name).await? else {
            drop(change);
            self.find_database(&database).await?;
            return Err(table_missing());
        };
        if let Some(expected) = &options.expected_version {
            let expected: i64 =
                expected.parse().map_err(|_| invalid_input(format!("Version id '{expected}' is not a number")))?;
            if expected != row.version {
                return Err(ApiError::new(
                    "ConcurrentModificationException",
                    "Update table failed due to concurrent modifications.",
                ));
            }
        }
        if !options.skip_archive {
            sqlx::query("INSERT INTO glue_table_version VALUES (?, ?, ?, ?)")
                .bind(row.id)
                .bind(row.version)
                .bind(&row.document)
                .bind(row.updated_ms)
                .execute(&mut *change)
                .await
                .map_err(|source| self.failed(source))?;
        }
        sqlx::query("UPDATE glue_table SET version = version + 1, document = ?, updated_ms = ? WHERE id = ?")
            .bind(to_json(&input)?)
            .bind(self.now_ms())
            .bind(row.id)
            .execute(&mut *change)
            .await
            .map_err(|source| self.failed(source))?;
        self.commit(change).await
    }

    pub(crate) async fn remove_table(&self, database: &str, name: &str) -> ApiResult<()> {
        let mut errors = self.remove_tables(database, &[name.to_owned()]).await?;
        errors.pop().map_or(Ok(()), |item| Err(item.error))
    }

    pub(crate) async fn remove_tables(&self, database: &str, names: &[String]) -> ApiResult<Vec<ItemError<String>>> {
        let database = database.to_lowercase();
        self.find_database(&database).await?;
        let mut errors = Vec::new();
        let mut change = self.change().await?;
        for name in names {
            let done = sqlx::query("DELETE FROM glue_table WHERE database = ? AND name = ?")
                .bind(&database)
                .bind(name.to_lowercase())
                .execute(&mut *change)
                .await
                .map_err(|source| self.failed(source))?;
            if done.rows_affected() == 0 {
                errors.push(ItemError { key: name.clone(), error: table_missing() });
            }
        }
        self.commit(change).await?;
        Ok(errors)
    }

    /// Moves a table to another name or database, with its partitions and versions, in one step. Glue has no such operation: Athena's
    /// `ALTER TABLE … RENAME TO` of Iceberg tables needs it.
    ///
    /// # Errors
    /// Glue's: no such table or database, a table of that name is there.
    pub async fn rename_table(&self, from: (&str, &str), to: (&str, &str)) -> ApiResult<()> {
        let (database, name) = (from.0.to_lowercase(), from.1.to_lowercase());
        let (new_database, new_name) = (to.0.to_lowercase(), input::name(to.1, "tableInput.name")?);
        self.find_database(&new_database).await?;
        let mut change = self.change().await?;
        let row = self.table_row(&mut *change, &database, &name).await?.ok_or_else(table_missing)?;
        if self.table_row(&mut *change, &new_database, &new_name).await?.is_some() {
            return Err(ApiError::new("AlreadyExistsException", "Table already exists."));
        }
        let mut input: TableInput = from_json(&row.document)?;
        input.name.clone_from(&new_name);
        sqlx::query(
            "UPDATE glue_table SET database = ?, name = ?, version = version + 1, document = ?, updated_ms = ? WHERE id = ?",
        )
        .bind(&new_database)
        .bind(&new_name)
        .bind(to_json(&input)?)
        .bind(self.now_ms())
        .bind(row.id)
        .execute(&mut *change)
        .await
        .map_err(|source| self.failed(source))?;
        self.commit(change).await
    }

    pub(crate) fn table(&self, database: &str, row: TableRow) -> ApiResult<Table> {
        Ok(Table {
            database_name: database.to_owned(),
            input: from_json(&row.document)?,
            create_time: timestamp(row.created_ms),
            update_time: timestamp(row.updated_ms),
            created_by: Some(format!("arn:aws:iam::{}:root", self.account_id)),
            is_registered_with_lake_formation: Some(false),
            catalog_id: Some(self.account_id.to_string()),
            version_id: Some(row.version.to_string()),
        })
    }
}

pub(crate) fn table_missing() -> ApiError {
    ApiError::entity_not_found("Entity Not Found")
}

/// Glue's pattern on names: a regular expression on the whole name, in which a `*` that repeats nothing a regular expression would repeat is a wildcard
/// (`stg*`, `*_tmp`: what awswrangler sends).
fn name_pattern(expression: &str) -> ApiResult<regex::Regex> {
    let mut pattern = String::from("^(?i:");
    let mut before = None;
    for c in expression.chars() {
        if c == '*' && !matches!(before, Some('.' | ')' | ']' | '}')) {
            pattern.push('.');
        }
        pattern.push(c);
        before = Some(c);
    }
    pattern.push_str(")$");
    regex::Regex::new(&pattern).map_err(|_| invalid_input(format!("Invalid expression '{expression}'")))
}
