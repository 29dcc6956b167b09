//! Result files: what a query execution leaves in S3, and how it is read again.
//!
//! Source of names and contents: measurements in spec/athena.md §2.

mod body;
mod companion;
mod page;
mod write;

pub(crate) use page::{BodyCache, PageRequest, read_page};
pub(crate) use write::{WriteError, Writing, write_failure, write_manifest, write_result};

use athena_api::athena::ColumnInfo;

/// What the client gets for a column of the engine.
pub(crate) fn column_info(column: &query::Column) -> ColumnInfo {
    ColumnInfo {
        catalog_name: "hive".to_owned(),
        schema_name: String::new(),
        table_name: String::new(),
        name: column.name.clone(),
        label: column.name.clone(),
        r#type: column.type_name.clone(),
        precision: column.precision,
        scale: column.scale,
        nullable: "UNKNOWN".to_owned(),
        case_sensitive: column.case_sensitive,
    }
}

/// The one column of statements that write rows.
pub(crate) fn rows_column() -> ColumnInfo {
    ColumnInfo {
        catalog_name: "hive".to_owned(),
        schema_name: String::new(),
        table_name: String::new(),
        name: "rows".to_owned(),
        label: "rows".to_owned(),
        r#type: "bigint".to_owned(),
        precision: 19,
        scale: 0,
        nullable: "UNKNOWN".to_owned(),
        case_sensitive: false,
    }
}
