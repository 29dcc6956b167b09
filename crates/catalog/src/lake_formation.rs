//! [`LakeFormation`] over the catalog: LF-tags, filters of data cells, and who may read through them. All of it is kept and listed, none of
//! it is enforced: whoever reaches the lakehouse owns it.

use async_trait::async_trait;
use athena_api::{
    ApiError, ApiResult,
    glue::Table,
    lake_formation::{
        ColumnLfTags, DataCellsFilter, ErrorDetail, FilterResource, LakeFormation, LfTag, LfTagFailure,
        PermissionsEntry, PermissionsFailure, Principal, PrincipalPermissions, Resource, ResourceLfTags, TableResource,
    },
};
use sqlx::{Sqlite, Transaction};

use crate::{Catalog, from_json, invalid_input, table::table_missing, to_json};

/// Where tags are attached: the key of their rows.
enum Place {
    Database(String),
    /// The table's id, and a column; an empty one is the table itself.
    Table(i64, String),
}

/// A table as Lake Formation names it, with the id of its row.
struct Found {
    id: i64,
    table: Table,
}

impl Found {
    /// The column's name as the table has it.
    fn column(&self, name: &str) -> ApiResult<String> {
        let mut columns = self.table.columns().chain(self.table.partition_keys());
        let column = columns.find(|column| column.name.eq_ignore_ascii_case(name));
        column.map(|column| column.name.clone()).ok_or_else(|| {
            ApiError::entity_not_found(format!("Column {name} of table {} not found.", self.table.name()))
        })
    }
}

type Tags = Vec<(String, String)>;

impl Catalog {
    async fn find(&self, catalog: Option<&str>, database: &str, name: &str) -> ApiResult<Found> {
        self.check_catalog(catalog)?;
        let (database, name) = (database.to_lowercase(), name.to_lowercase());
        let Some(row) = self.table_row(self.store.readers(), &database, &name).await? else {
            self.find_database(&database).await?;
            return Err(table_missing());
        };
        Ok(Found { id: row.id, table: self.table(&database, row)? })
    }

    async fn find_filtered(&self, filter: &FilterResource) -> ApiResult<Found> {
        self.find(Some(&filter.table_catalog_id), &filter.database_name, &filter.table_name).await
    }

    /// The places that a resource means.
    async fn places(&self, resource: &Resource) -> ApiResult<Vec<Place>> {
        match resource {
            Resource::Database(database) => {
                self.check_catalog(database.catalog_id.as_deref())?;
                Ok(vec![Place::Database(self.find_database(&database.name).await?.name)])
            }
            Resource::Table(table) => {
                let found = self.find(table.catalog_id.as_deref(), &table.database_name, &table.name).await?;
                Ok(vec![Place::Table(found.id, String::new())])
            }
            Resource::TableWithColumns(table) => {
                let found = self.find(table.catalog_id.as_deref(), &table.database_name, &table.name).await?;
                let place = |name: &String| Ok(Place::Table(found.id, found.column(name)?));
                table.column_names.iter().map(place).collect()
            }
            Resource::DataCellsFilter(_) => Err(invalid_input("A data cells filter has no LF-Tags")),
        }
    }

    async fn database_tags(&self, database: &str) -> ApiResult<Tags> {
        sqlx::query_as("SELECT key, value FROM lf_database_tag WHERE database = ? ORDER BY key")
            .bind(database)
            .fetch_all(self.store.readers())
            .await
            .map_err(|source| self.failed(source))
    }

    async fn tags_of(&self, resource: &Resource, only_assigned: bool) -> ApiResult<ResourceLfTags> {
        let (catalog, database, name, columns) = match resource {
            Resource::Database(database) => {
                self.check_catalog(database.catalog_id.as_deref())?;
                let name = self.find_database(&database.name).await?.name;
                let on_database = self.database_tags(&name).await?;
                return Ok(ResourceLfTags { on_database: self.lf_tags(on_database), ..ResourceLfTags::default() });
            }
            Resource::Table(table) => (&table.catalog_id, &table.database_name, &table.name, None),
            Resource::TableWithColumns(table) => {
                (&table.catalog_id, &table.database_name, &table.name, Some(&table.column_names))
            }
            Resource::DataCellsFilter(_) => return Err(invalid_input("A data cells filter has no LF-Tags")),
        };
        let found = self.find(catalog.as_deref(), database, name).await?;
        let on_database = self.database_tags(&found.table.database_name).await?;
        let rows: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT \"column\", key, value FROM lf_table_tag WHERE table_id = ? ORDER BY \"column\", key",
        )
        .bind(found.id)
        .fetch_all(self.store.readers())
        .await
        .map_err(|source| self.failed(source))?;
        let mut on_table = Tags::new();
        let mut on_columns: Vec<(String, Tags)> = Vec::new();
        for (column, key, value) in rows {
            let is_asked = columns.is_none_or(|names| names.iter().any(|name| name.eq_ignore_ascii_case(&column)));
            match on_columns.last_mut() {
                _ if column.is_empty() => on_table.push((key, value)),
                Some((last, tags)) if *last == column => tags.push((key, value)),
                _ if is_asked => on_columns.push((column, vec![(key, value)])),
                _ => {}
            }
        }
        if !only_assigned {
            let inherited = on_database.iter().filter(|(key, _)| on_table.iter().all(|(own, _)| own != key));
            on_table.extend(inherited.cloned().collect::<Tags>());
        }
        let of_column = |(name, tags)| ColumnLfTags { name, tags: self.lf_tags(tags) };
        Ok(ResourceLfTags {
            on_database: self.lf_tags(on_database),
            on_table: self.lf_tags(on_table),
            on_columns: on_columns.into_iter().map(of_column).collect(),
        })
    }

    fn lf_tags(&self, tags: Tags) -> Vec<LfTag> {
        let tag = |(key, value)| LfTag { catalog_id: Some(self.account_id.to_string()), ..LfTag::new(key, value) };
        tags.into_iter().map(tag).collect()
    }

    async fn attach(&self, change: &mut Transaction<'static, Sqlite>, place: &Place, tag: &LfTag) -> ApiResult<()> {
        let [value] = tag.values.as_slice() else {
            return Err(invalid_input(format!("LF-Tag {} must have exactly one value to be assigned", tag.key)));
        };
        let query = match place {
            Place::Database(name) => {
                sqlx::query("INSERT OR REPLACE INTO lf_database_tag (database, key, value) VALUES (?, ?, ?)").bind(name)
            }
            Place::Table(id, column) => {
                let text = "INSERT OR REPLACE INTO lf_table_tag (table_id, \"column\", key, value) VALUES (?, ?, ?, ?)";
                sqlx::query(text).bind(id).bind(column)
            }
        };
        let done = query.bind(&tag.key).bind(value).execute(&mut **change).await;
        done.map(drop).map_err(|source| self.failed(source))
    }

    async fn detach(&self, change: &mut Transaction<'static, Sqlite>, place: &Place, tag: &LfTag) -> ApiResult<()> {
        let query = match place {
            Place::Database(name) => {
                let text = "DELETE FROM lf_database_tag WHERE database = ? AND key = ? AND value IN (SELECT value FROM json_each(?))";
                sqlx::query(text).bind(name)
            }
            Place::Table(id, column) => {
                let text = "DELETE FROM lf_table_tag WHERE table_id = ? AND \"column\" = ? AND key = ? \
                            AND value IN (SELECT value FROM json_each(?))";
                sqlx::query(text).bind(id).bind(column)
            }
        };
        let done = query.bind(&tag.key).bind(to_json(&tag.values)?).execute(&mut **change).await;
        match done.map_err(|source| self.failed(source))?.rows_affected() {
            0 => Err(ApiError::entity_not_found(format!("LF-Tag {} is not assigned to the resource.", tag.key))),
            _ => Ok(()),
        }
    }

    async fn put_filter(&self, filter: &DataCellsFilter, is_new: bool) -> ApiResult<()> {
        let found = self.find_filtered(&filter.resource()).await?;
        match (filter.column_names.as_slice(), &filter.column_wildcard) {
            ([], None) => return Err(invalid_input("Either ColumnNames or ColumnWildcard must be given")),
            ([_, ..], Some(_)) => return Err(invalid_input("ColumnNames and ColumnWildcard exclude each other")),
            (names, wildcard) => {
                let excluded = wildcard.iter().flat_map(|wildcard| &wildcard.excluded_column_names);
                for name in names.iter().chain(excluded) {
                    found.column(name)?;
                }
            }
        }
        let filter = DataCellsFilter {
            database_name: found.table.database_name.clone(),
            table_name: found.table.name().to_owned(),
            ..filter.clone()
        };
        let text = if is_new {
            "INSERT INTO lf_filter (document, table_id, name) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        } else {
            "UPDATE lf_filter SET document = ? WHERE table_id = ? AND name = ?"
        };
        let mut change = self.change().await?;
        let done = sqlx::query(text)
            .bind(to_json(&filter)?)
            .bind(found.id)
            .bind(&filter.name)
            .execute(&mut *change)
            .await
            .map_err(|source| self.failed(source))?;
        match done.rows_affected() {
            0 if is_new => Err(ApiError::new("AlreadyExistsException", "Data cells filter already exists.")),
            0 => Err(filter_missing(&filter.name)),
            _ => self.commit(change).await,
        }
    }

    /// The table that is granted on, and the filter; an empty one is the table itself.
    async fn granted(&self, resource: &Resource) -> ApiResult<(Found, String)> {
        match resource {
            Resource::Table(table) => {
                let found = self.find(table.catalog_id.as_deref(), &table.database_name, &table.name).await?;
                Ok((found, String::new()))
            }
            Resource::DataCellsFilter(filter) => {
                let found = self.find_filtered(filter).await?;
                let row: Option<i64> = sqlx::query_scalar("SELECT 1 FROM lf_filter WHERE table_id = ? AND name = ?")
                    .bind(found.id)
                    .bind(&filter.name)
                    .fetch_optional(self.store.readers())
                    .await
                    .map_err(|source| self.failed(source))?;
                row.ok_or_else(|| filter_missing(&filter.name))?;
                Ok((found, filter.name.clone()))
            }
            Resource::Database(_) | Resource::TableWithColumns(_) => Err(ApiError {
                status: 501,
                ..ApiError::new(
                    "NotImplementedException",
                    "permissions on databases and columns are not implemented by the embedded lakehouse",
                )
            }),
        }
    }

    async fn permit(&self, asked: &PrincipalPermissions, is_granted: bool) -> ApiResult<()> {
        let (found, filter) = self.granted(&asked.resource).await?;
        let principal = &asked.principal.data_lake_principal_identifier;
        let mut change = self.change().await?;
        let before: Option<String> = sqlx::query_scalar(
            "SELECT permissions FROM lf_table_permission WHERE table_id = ? AND filter = ? AND principal = ?",
        )
        .bind(found.id)
        .bind(&filter)
        .bind(principal)
        .fetch_optional(&mut *change)
        .await
        .map_err(|source| self.failed(source))?;
        let mut permissions: Vec<String> = before.as_deref().map(from_json).transpose()?.unwrap_or_default();
        if !is_granted && !asked.permissions.iter().all(|asked| permissions.contains(asked)) {
            return Err(invalid_input("No permissions revoked. Grantee has no permissions."));
        }
        permissions.retain(|known| !asked.permissions.contains(known));
        if is_granted {
            permissions.extend(asked.permissions.iter().cloned());
        }
        let query = if permissions.is_empty() {
            sqlx::query("DELETE FROM lf_table_permission WHERE table_id = ? AND filter = ? AND principal = ?")
        } else {
            let text = "INSERT OR REPLACE INTO lf_table_permission (permissions, table_id, filter, principal) VALUES (?, ?, ?, ?)";
            sqlx::query(text).bind(to_json(&permissions)?)
        };
        let done = query.bind(found.id).bind(&filter).bind(principal).execute(&mut *change).await;
        done.map_err(|source| self.failed(source))?;
        self.commit(change).await
    }

    async fn permit_all(&self, entries: &[PermissionsEntry], is_granted: bool) -> Vec<PermissionsFailure> {
        let mut failures = Vec::new();
        for entry in entries {
            if let Err(error) = self.permit(&entry.permissions, is_granted).await {
                failures.push(PermissionsFailure { request_entry: entry.clone(), error: detail(error) });
            }
        }
        failures
    }
}

fn filter_missing(name: &str) -> ApiError {
    ApiError::entity_not_found(format!("Data cells filter {name} not found."))
}

fn detail(error: ApiError) -> ErrorDetail {
    ErrorDetail { error_code: error.code, error_message: error.message }
}

#[async_trait]
impl LakeFormation for Catalog {
    async fn get_resource_lf_tags(&self, resource: &Resource, only_assigned: bool) -> ApiResult<ResourceLfTags> {
        self.tags_of(resource, only_assigned).await.map_err(|error| error.of("GetResourceLFTags"))
    }

    async fn add_lf_tags(&self, resource: &Resource, tags: &[LfTag]) -> ApiResult<Vec<LfTagFailure>> {
        let add = async {
            let places = self.places(resource).await?;
            let mut change = self.change().await?;
            for place in &places {
                for tag in tags {
                    self.attach(&mut change, place, tag).await?;
                }
            }
            self.commit(change).await?;
            Ok(Vec::new())
        };
        add.await.map_err(|error: ApiError| error.of("AddLFTagsToResource"))
    }

    async fn remove_lf_tags(&self, resource: &Resource, tags: &[LfTag]) -> ApiResult<Vec<LfTagFailure>> {
        let remove = async {
            let places = self.places(resource).await?;
            let mut change = self.change().await?;
            let mut failures = Vec::new();
            for place in &places {
                for tag in tags {
                    match self.detach(&mut change, place, tag).await {
                        Err(error) if error.is_not_found() => {
                            failures.push(LfTagFailure { tag: tag.clone(), error: detail(error) });
                        }
                        done => done?,
                    }
                }
            }
            self.commit(change).await?;
            Ok(failures)
        };
        remove.await.map_err(|error: ApiError| error.of("RemoveLFTagsFromResource"))
    }

    async fn list_data_cells_filters(&self, table: &TableResource) -> ApiResult<Vec<DataCellsFilter>> {
        let list = async {
            let found = self.find(table.catalog_id.as_deref(), &table.database_name, &table.name).await?;
            let rows: Vec<String> =
                sqlx::query_scalar("SELECT document FROM lf_filter WHERE table_id = ? ORDER BY name")
                    .bind(found.id)
                    .fetch_all(self.store.readers())
                    .await
                    .map_err(|source| self.failed(source))?;
            rows.iter().map(|row| from_json(row)).collect::<ApiResult<_>>()
        };
        list.await.map_err(|error: ApiError| error.of("ListDataCellsFilter"))
    }

    async fn create_data_cells_filter(&self, filter: &DataCellsFilter) -> ApiResult<()> {
        self.put_filter(filter, true).await.map_err(|error| error.of("CreateDataCellsFilter"))
    }

    async fn update_data_cells_filter(&self, filter: &DataCellsFilter) -> ApiResult<()> {
        self.put_filter(filter, false).await.map_err(|error| error.of("UpdateDataCellsFilter"))
    }

    async fn delete_data_cells_filter(&self, filter: &FilterResource) -> ApiResult<()> {
        let delete = async {
            let found = self.find_filtered(filter).await?;
            let mut change = self.change().await?;
            sqlx::query("DELETE FROM lf_table_permission WHERE table_id = ? AND filter = ?")
                .bind(found.id)
                .bind(&filter.name)
                .execute(&mut *change)
                .await
                .map_err(|source| self.failed(source))?;
            let done = sqlx::query("DELETE FROM lf_filter WHERE table_id = ? AND name = ?")
                .bind(found.id)
                .bind(&filter.name)
                .execute(&mut *change)
                .await
                .map_err(|source| self.failed(source))?;
            match done.rows_affected() {
                0 => Err(filter_missing(&filter.name)),
                _ => self.commit(change).await,
            }
        };
        delete.await.map_err(|error: ApiError| error.of("DeleteDataCellsFilter"))
    }

    async fn list_permissions(&self, resource: &Resource) -> ApiResult<Vec<PrincipalPermissions>> {
        let list = async {
            let (found, filter) = self.granted(resource).await?;
            let rows: Vec<(String, String)> = sqlx::query_as(
                "SELECT principal, permissions FROM lf_table_permission WHERE table_id = ? AND filter = ? ORDER BY principal",
            )
            .bind(found.id)
            .bind(&filter)
            .fetch_all(self.store.readers())
            .await
            .map_err(|source| self.failed(source))?;
            let permissions = |(principal, permissions): (String, String)| {
                Ok(PrincipalPermissions {
                    principal: Principal { data_lake_principal_identifier: principal },
                    resource: resource.clone(),
                    permissions: from_json(&permissions)?,
                    permissions_with_grant_option: Vec::new(),
                })
            };
            rows.into_iter().map(permissions).collect::<ApiResult<_>>()
        };
        list.await.map_err(|error: ApiError| error.of("ListPermissions"))
    }

    async fn grant_permissions(&self, entries: &[PermissionsEntry]) -> ApiResult<Vec<PermissionsFailure>> {
        Ok(self.permit_all(entries, true).await)
    }

    async fn revoke_permissions(&self, entries: &[PermissionsEntry]) -> ApiResult<Vec<PermissionsFailure>> {
        Ok(self.permit_all(entries, false).await)
    }
}
