//! Names → tables and views, by the catalog.

use std::sync::Arc;

use athena_api::{Glue, glue};
use lake::{
    HiveTable, ObjectStorage, ScanMeter,
    iceberg::{IcebergTables, Version},
};

use super::{FILE_COLUMN, LakeTable, Source, TableVersion, from_api, from_lake, information};
use crate::{
    analyze::{Found, TableColumn, TableKey},
    error::QueryError,
    types::{Type, VARCHAR},
};

/// Looks names up for one statement.
pub(crate) struct Resolver {
    pub glue: Arc<dyn Glue>,
    pub storage: ObjectStorage,
    pub iceberg: IcebergTables,
    pub meter: ScanMeter,
}

/// Whether a name is that of the one catalog there is.
pub(crate) fn is_catalog(name: &str) -> bool {
    name.eq_ignore_ascii_case("awsdatacatalog") || name.eq_ignore_ascii_case("hive")
}

impl Resolver {
    /// What is under a name; why nothing is, is a finding too.
    pub(crate) async fn find(&self, key: &TableKey) -> Result<Found, QueryError> {
        if !is_catalog(&key.catalog) {
            let message = format!("Catalog '{}' does not exist", key.catalog);
            return Ok(Found::Error(QueryError::new("CATALOG_NOT_FOUND", message)));
        }
        if key.database == "information_schema" {
            return information::table(self.glue.as_ref(), &key.catalog, &key.table).await;
        }
        let Some(table) = self.glue_table(&key.database, &key.table).await? else {
            if let Some((base, suffix)) = key.table.split_once('$') {
                return self.metadata_table(key, base, suffix).await;
            }
            return self.missing(key).await.map(Found::Error);
        };
        let found = self.open(key, table).await;
        Ok(found.unwrap_or_else(Found::Error))
    }

    pub(crate) async fn glue_table(&self, database: &str, name: &str) -> Result<Option<glue::Table>, QueryError> {
        glue::find_table(self.glue.as_ref(), None, database, name).await.map_err(|error| from_api(&error))
    }

    /// Whether the database is missing too.
    pub(crate) async fn missing(&self, key: &TableKey) -> Result<QueryError, QueryError> {
        Ok(match self.glue.get_database(None, &key.database).await {
            Ok(_) => {
                let message = format!("Table '{}.{}.{}' does not exist", key.catalog, key.database, key.table);
                QueryError::new("TABLE_NOT_FOUND", message)
            }
            Err(error) if error.is_not_found() => {
                QueryError::new("SCHEMA_NOT_FOUND", format!("Schema '{}' does not exist", key.database))
            }
            Err(error) => return Err(from_api(&error)),
        })
    }

    async fn open(&self, key: &TableKey, table: glue::Table) -> Result<Found, QueryError> {
        if table.is_view() {
            return crate::view::read(&table, &key.catalog);
        }
        if table.is_iceberg() {
            let version = match &key.version {
                None => Version::Current,
                Some(TableVersion::Snapshot(id)) => Version::Snapshot(*id),
                Some(TableVersion::Reference(name)) => Version::Reference(name.clone()),
                Some(TableVersion::Timestamp(at)) => Version::Timestamp(*at),
            };
            let table = Arc::new(self.iceberg.load(table).await.map_err(from_lake)?);
            let schema = table.schema_at(&version).map_err(from_lake)?;
            let mut columns = Vec::new();
            for field in schema.fields() {
                columns.push(TableColumn {
                    name: field.name().to_lowercase(),
                    ty: Type::from_arrow(field.data_type())?,
                    hidden: false,
                });
            }
            columns.push(TableColumn { name: FILE_COLUMN.to_owned(), ty: VARCHAR, hidden: true });
            let source = Source::Iceberg { table, version };
            let provider = LakeTable::new(source, self.storage.clone(), self.meter.clone(), columns.clone());
            return Ok(Found::Table { provider: Arc::new(provider), columns });
        }
        if key.version.is_some() {
            return Err(QueryError::not_supported("This connector does not support versioned tables"));
        }
        let hive = HiveTable::resolve(&table).map_err(from_lake)?;
        let mut columns = Vec::new();
        for column in hive.columns.iter().chain(&hive.partition_keys) {
            columns.push(TableColumn {
                name: column.name.clone(),
                ty: hive_column_type(&column.hive_type.to_string())?,
                hidden: false,
            });
        }
        columns.push(TableColumn { name: FILE_COLUMN.to_owned(), ty: VARCHAR, hidden: true });
        let source = Source::Hive { table: Arc::new(hive), glue: Arc::clone(&self.glue) };
        let provider = LakeTable::new(source, self.storage.clone(), self.meter.clone(), columns.clone());
        Ok(Found::Table { provider: Arc::new(provider), columns })
    }

    async fn metadata_table(&self, key: &TableKey, base: &str, suffix: &str) -> Result<Found, QueryError> {
        match self.glue_table(&key.database, base).await? {
            Some(table) if table.is_iceberg() => {
                let table = self.iceberg.load(table).await.map_err(from_lake)?;
                match information::iceberg_metadata(&table, suffix)? {
                    Some(found) => Ok(found),
                    None => self.missing(key).await.map(Found::Error),
                }
            }
            Some(table) if suffix == "partitions" && !table.partition_keys().is_empty() => {
                information::hive_partitions(self.glue.as_ref(), &table).await
            }
            _ => self.missing(key).await.map(Found::Error),
        }
    }
}

/// A type in Glue's spelling, of a Hive table.
pub(crate) fn hive_column_type(text: &str) -> Result<Type, QueryError> {
    let parsed: athena_sql::HiveType =
        text.parse().map_err(|error| QueryError::new("HIVE_INVALID_METADATA", format!("{error}")))?;
    Type::from_hive(&parsed, false)
}
