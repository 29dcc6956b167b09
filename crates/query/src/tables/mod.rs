//! Tables of the lake and of the catalog, as DataFusion reads them.

mod information;
mod provider;
mod pushdown;
mod resolve;

pub(crate) use provider::{FILE_COLUMN, LakeTable, Source, memory_table};
pub(crate) use resolve::{Resolver, hive_column_type, is_catalog};

use lake::LakeError;

use crate::error::QueryError;

/// Which state of a table is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum TableVersion {
    /// An Iceberg snapshot's id.
    Snapshot(i64),
    /// A branch or tag.
    Reference(String),
    /// Milliseconds since 1970.
    Timestamp(i64),
}

/// The lake's error in a query's words.
pub(crate) fn from_lake(error: LakeError) -> QueryError {
    from_lake_ref(&error)
}

pub(crate) fn from_lake_ref(error: &LakeError) -> QueryError {
    match error {
        LakeError::Athena { code, message } => QueryError::new(code, message.clone()),
        LakeError::Catalog(api) => from_api(api),
        other => {
            let reason = other.reason();
            let text = reason.strip_prefix(&format!("{}: ", other.code())).unwrap_or(&reason);
            QueryError::new(other.code(), text)
        }
    }
}

/// The catalog's error in a query's words.
pub(crate) fn from_api(error: &athena_api::ApiError) -> QueryError {
    QueryError::new("HIVE_METASTORE_ERROR", error.to_string())
}
