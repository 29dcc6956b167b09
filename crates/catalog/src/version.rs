//! Archived versions of tables.

use athena_api::glue::{Page, PageRequest, TableVersion};
use athena_api::{ApiError, ApiResult};

use crate::paging::Cursor;
use crate::table::{TableRow, table_missing};
use crate::{Catalog, invalid_input};

impl Catalog {
    /// Newest first, the current one included.
    pub(crate) async fn list_versions(
        &self,
        database: &str,
        name: &str,
        page: PageRequest,
    ) -> ApiResult<Page<TableVersion>> {
        let cursor = Cursor::of(&page, 100)?;
        let (database, name) = (database.to_lowercase(), name.to_lowercase());
        let before: i64 = match &cursor.after {
            Some(version) => version.parse().map_err(|_| invalid_input("Invalid token"))?,
            None => i64::MAX,
        };
        let rows: Vec<TableRow> = sqlx::query_as(
            "SELECT id, version, document, created_ms, updated_ms FROM ( \
               SELECT id, version, document, created_ms, updated_ms FROM glue_table WHERE database = ?1 AND name = ?2 \
               UNION ALL \
               SELECT t.id, v.version, v.document, t.created_ms, v.updated_ms \
               FROM glue_table t JOIN glue_table_version v ON v.table_id = t.id WHERE t.database = ?1 AND t.name = ?2) \
             WHERE version < ?3 ORDER BY version DESC LIMIT ?4",
        )
        .bind(&database)
        .bind(&name)
        .bind(before)
        .bind(cursor.probe())
        .fetch_all(self.store.readers())
        .await
        .map_err(|source| self.failed(source))?;
        if rows.is_empty() && cursor.after.is_none() {
            self.find_database(&database).await?;
            return Err(table_missing());
        }
        let versions = rows.into_iter().map(|row| {
            let version_id = row.version.to_string();
            Ok(TableVersion { table: self.table(&database, row)?, version_id })
        });
        Ok(cursor.page(versions.collect::<ApiResult<Vec<_>>>()?, |version| &version.version_id))
    }

    pub(crate) async fn remove_version(&self, database: &str, name: &str, version: &str) -> ApiResult<()> {
        let number: i64 =
            version.parse().map_err(|_| invalid_input(format!("Version id '{version}' is not a number")))?;
        let (database, name) = (database.to_lowercase(), name.to_lowercase());
        let mut change = self.change().await?;
        let row = self.table_row(&mut *change, &database, &name).await?.ok_or_else(table_missing)?;
        if row.version == number {
            return Err(invalid_input("The current version of a table cannot be deleted."));
        }
        let done = sqlx::query("DELETE FROM glue_table_version WHERE table_id = ? AND version = ?")
            .bind(row.id)
            .bind(number)
            .execute(&mut *change)
            .await
            .map_err(|source| self.failed(source))?;
        if done.rows_affected() == 0 {
            return Err(ApiError::entity_not_found("Version not found."));
        }
        self.commit(change).await
    }
}
