//! Databases.

use athena_api::glue::{Database, DatabaseInput, Page, PageRequest};
use athena_api::{ApiError, ApiResult};
use serde_json::json;

use crate::paging::Cursor;
use crate::{Catalog, from_json, input, timestamp, to_json};

type Row = (String, i64);

impl Catalog {
    pub(crate) async fn insert_database(&self, input: DatabaseInput) -> ApiResult<()> {
        let name = input::name(&input.name, "databaseInput.name")?;
        let document = to_json(&DatabaseInput { name: name.clone(), ..input })?;
        let mut change = self.change().await?;
        let done = sqlx::query("INSERT INTO glue_database VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
            .bind(&name)
            .bind(document)
            .bind(self.now_ms())
            .execute(&mut *change)
            .await
            .map_err(|source| self.failed(source))?;
        if done.rows_affected() == 0 {
            return Err(ApiError::new("AlreadyExistsException", "Database already exists."));
        }
        self.commit(change).await
    }

    pub(crate) async fn find_database(&self, name: &str) -> ApiResult<Database> {
        let name = name.to_lowercase();
        let row: Option<Row> = sqlx::query_as("SELECT document, created_ms FROM glue_database WHERE name = ?")
            .bind(&name)
            .fetch_optional(self.store.readers())
            .await
            .map_err(|source| self.failed(source))?;
        self.database(row.ok_or_else(|| database_missing(&name))?)
    }

    pub(crate) async fn list_databases(&self, page: PageRequest) -> ApiResult<Page<Database>> {
        let cursor = Cursor::of(&page, 100)?;
        let rows: Vec<Row> =
            sqlx::query_as("SELECT document, created_ms FROM glue_database WHERE name > ? ORDER BY name LIMIT ?")
                .bind(cursor.after.as_deref().unwrap_or_default())
                .bind(cursor.probe())
                .fetch_all(self.store.readers())
                .await
                .map_err(|source| self.failed(source))?;
        let databases = rows.into_iter().map(|row| self.database(row)).collect::<ApiResult<Vec<_>>>()?;
        Ok(cursor.page(databases, |database| &database.name))
    }

    pub(crate) async fn replace_database(&self, name: &str, input: DatabaseInput) -> ApiResult<()> {
        let name = name.to_lowercase();
        if input.name.to_lowercase() != name {
            return Err(crate::invalid_input("Database cannot be renamed"));
        }
        let document = to_json(&DatabaseInput { name: name.clone(), ..input })?;
        let mut change = self.change().await?;
        let done = sqlx::query("UPDATE glue_database SET document = ? WHERE name = ?")
            .bind(document)
            .bind(&name)
            .execute(&mut *change)
            .await
            .map_err(|source| self.failed(source))?;
        if done.rows_affected() == 0 {
            return Err(database_missing(&name));
        }
        self.commit(change).await
    }

    pub(crate) async fn remove_database(&self, name: &str) -> ApiResult<()> {
        let name = name.to_lowercase();
        let mut change = self.change().await?;
        let done = sqlx::query("DELETE FROM glue_database WHERE name = ?")
            .bind(&name)
            .execute(&mut *change)
            .await
            .map_err(|source| self.failed(source))?;
        if done.rows_affected() == 0 {
            return Err(database_missing(&name));
        }
        self.commit(change).await
    }

    fn database(&self, (document, created_ms): Row) -> ApiResult<Database> {
        let input: DatabaseInput = from_json(&document)?;
        let everybody =
            json!([{"Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}, "Permissions": ["ALL"]}]);
        Ok(Database {
            name: input.name,
            description: input.description,
            location_uri: input.location_uri,
            parameters: Some(input.parameters.unwrap_or_default()),
            create_time: timestamp(created_ms),
            create_table_default_permissions: Some(input.create_table_default_permissions.unwrap_or(everybody)),
            catalog_id: Some(self.account_id.to_string()),
        })
    }
}

pub(crate) fn database_missing(name: &str) -> ApiError {
    ApiError::entity_not_found(format!("Database {name} not found."))
}
