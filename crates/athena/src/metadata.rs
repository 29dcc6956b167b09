//! Databases and tables as Athena shows them: Glue's, flattened.

use athena_api::{
    ApiError, ApiResult, Glue, Timestamp,
    glue::{Column, Database, PageRequest, Parameters, Table, all_tables},
};
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::{EmbeddedAthena, data_catalog::is_own, error::invalid, registry::page};

/// A database.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DatabaseMetadata {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Parameters>,
}

/// A table or view.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TableMetadata {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_access_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table_type: Option<String>,
    pub columns: Vec<Column>,
    pub partition_keys: Vec<Column>,
    pub parameters: Parameters,
}

/// `ListTableMetadata`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TableMetadataFilter {
    pub catalog_name: String,
    pub database_name: String,
    /// A regular expression on the name.
    pub expression: Option<String>,
    pub next_token: Option<String>,
    pub max_results: Option<usize>,
}

/// How many items a page has when nobody says.
const PAGE: usize = 50;

impl EmbeddedAthena {
    /// `GetDatabase`.
    pub async fn get_database(&self, catalog: &str, name: &str) -> ApiResult<DatabaseMetadata> {
        check_catalog(catalog)?;
        let database = self.inner.glue.get_database(None, name).await.map_err(metadata_exception)?;
        Ok(database_metadata(database))
    }

    /// `ListDatabases`.
    pub async fn list_databases(
        &self,
        catalog: &str,
        token: Option<&str>,
        limit: usize,
    ) -> ApiResult<(Vec<DatabaseMetadata>, Option<String>)> {
        check_catalog(catalog)?;
        let page = PageRequest { next_token: token.map(str::to_owned), max_results: Some(limit) };
        let page = self.inner.glue.get_databases(None, page).await.map_err(|error| match token {
            Some(token) if error.status == 400 => invalid(format!("The nextPageToken is malformed: {token}")),
            _ => metadata_exception(error),
        })?;
        Ok((page.items.into_iter().map(database_metadata).collect(), page.next_token))
    }

    /// `GetTableMetadata`.
    pub async fn get_table_metadata(&self, catalog: &str, database: &str, table: &str) -> ApiResult<TableMetadata> {
        check_catalog(catalog)?;
        let table = self.inner.glue.get_table(None, database, table).await.map_err(metadata_exception)?;
        Ok(table_metadata(&table))
    }

    /// `ListTableMetadata`.
    pub async fn list_table_metadata(
        &self,
        filter: TableMetadataFilter,
    ) -> ApiResult<(Vec<TableMetadata>, Option<String>)> {
        check_catalog(&filter.catalog_name)?;
        let expression = filter.expression.as_deref().filter(|text| !text.is_empty());
        // As Java's `matches`: the whole name.
        let expression = expression.map(|text| Regex::new(&format!("^(?:{text})$"))).transpose();
        let expression = expression.map_err(|error| invalid(format!("Invalid expression: {error}")))?;
        let glue: &dyn Glue = self.inner.glue.as_ref();
        let mut tables = all_tables(glue, None, &filter.database_name).await.map_err(metadata_exception)?;
        tables.retain(|table| expression.as_ref().is_none_or(|expression| expression.is_match(table.name())));
        let (tables, next) = page(tables, filter.next_token.as_deref(), filter.max_results.unwrap_or(PAGE))?;
        Ok((tables.iter().map(table_metadata).collect(), next))
    }
}

fn check_catalog(name: &str) -> ApiResult<()> {
    match is_own(name) {
        true => Ok(()),
        false => Err(ApiError::invalid_request("DATACATALOG_NOT_FOUND", format!("Catalog '{name}' does not exist"))),
    }
}

/// Glue's refusal inside Athena's `MetadataException`, by which SQLAlchemy knows that a table is missing.
fn metadata_exception(error: ApiError) -> ApiError {
    let request = uuid::Uuid::new_v4();
    let message = match error.code.as_str() {
        "EntityNotFoundException" => "Entity Not Found".to_owned(),
        _ => error.message,
    };
    ApiError {
        status: error.status,
        ..ApiError::new(
            "MetadataException",
            format!(
                "{}: {message} (Service: AmazonDataCatalog; Status Code: 400; Error Code: {}; Request ID: {request}; Proxy: null)",
                error.code, error.code
            ),
        )
    }
}

fn database_metadata(database: Database) -> DatabaseMetadata {
    DatabaseMetadata { name: database.name, description: database.description, parameters: database.parameters }
}

/// The table's parameters and those of its storage in one map. Source: spec/athena.md §1.9.
fn table_metadata(table: &Table) -> TableMetadata {
    let mut parameters = table.input.parameters.clone().unwrap_or_default();
    let mut add = |key: &str, value: Option<&String>| {
        if let Some(value) = value {
            parameters.insert(key.to_owned(), value.clone());
        }
    };
    add("comment", table.input.description.as_ref());
    if let Some(storage) = &table.input.storage_descriptor {
        add("location", storage.location.as_ref());
        add("inputformat", storage.input_format.as_ref());
        add("outputformat", storage.output_format.as_ref());
        if let Some(serde) = &storage.serde_info {
            add("serde.serialization.lib", serde.serialization_library.as_ref());
            for (key, value) in serde.parameters.iter().flatten() {
                add(&format!("serde.param.{key}"), Some(value));
            }
        }
    }
    let plain = |column: &Column| Column { parameters: None, ..column.clone() };
    TableMetadata {
        name: table.name().to_owned(),
        create_time: table.create_time,
        last_access_time: table.input.last_access_time,
        table_type: table.input.table_type.clone(),
        columns: table.columns().map(plain).collect(),
        partition_keys: table.partition_keys().iter().map(plain).collect(),
        parameters,
    }
}
