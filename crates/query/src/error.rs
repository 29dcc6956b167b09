//! Why a statement failed, in Athena's words and numbers.

use athena_sql::Pos;

/// `AthenaError.ErrorCategory`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCategory {
    /// Ours.
    System = 1,
    /// The statement's or the data's.
    User = 2,
    /// Anything else.
    Other = 3,
}

/// Why a statement failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    /// Trino's or Hive's error name: `TABLE_NOT_FOUND`; empty for sentences without one (Hive DDL: `FAILED: …`).
    pub name: String,
    /// `AthenaError.ErrorType`.
    pub error_type: i32,
    /// `AthenaError.ErrorCategory`.
    pub category: ErrorCategory,
    /// The whole `StateChangeReason`: `TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.db.t' does not exist`.
    pub message: String,
    /// `AthenaError.Retryable`.
    pub retryable: bool,
}

impl QueryError {
    /// An error with a name of Trino's, whose number and category follow from the name.
    pub fn new(name: &str, message: impl Into<String>) -> Self {
        let (error_type, category) = number(name);
        let message = message.into();
        Self { name: name.to_owned(), error_type, category, message: format!("{name}: {message}"), retryable: false }
    }

    /// The same, at a place in the statement.
    pub fn at(name: &str, pos: Pos, message: impl std::fmt::Display) -> Self {
        if pos.line == 0 { Self::new(name, message.to_string()) } else { Self::new(name, format!("{pos}: {message}")) }
    }

    /// A failure of Hive DDL at run time: `FAILED: …`, error type 1003.
    pub fn hive_ddl(message: impl std::fmt::Display) -> Self {
        Self {
            name: String::new(),
            error_type: 1003,
            category: ErrorCategory::System,
            message: format!("FAILED: {message}"),
            retryable: false,
        }
    }

    /// A failure of Hive's DDL task, with the Java exception that the metastore threw.
    pub fn hive_ddl_task(exception: &str, message: impl std::fmt::Display) -> Self {
        Self::hive_ddl(format!(
            "Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. {exception}(message:{message})"
        ))
    }

    /// A sentence without error name.
    pub fn plain(error_type: i32, category: ErrorCategory, message: impl Into<String>) -> Self {
        Self { name: String::new(), error_type, category, message: message.into(), retryable: false }
    }

    /// Something that is our fault.
    pub fn internal(message: impl std::fmt::Display) -> Self {
        Self::new("GENERIC_INTERNAL_ERROR", message.to_string())
    }

    /// What Athena does not have, or we do not have yet.
    pub fn not_supported(message: impl std::fmt::Display) -> Self {
        Self::new("NOT_SUPPORTED", message.to_string())
    }

    /// A statement form that Athena refuses for Iceberg tables.
    pub fn not_for_iceberg() -> Self {
        Self::plain(1200, ErrorCategory::User, "Query type not supported by Athena Iceberg at this time")
    }

    /// The statement was stopped.
    pub fn cancelled() -> Self {
        Self {
            name: "USER_CANCELED".to_owned(),
            error_type: 1011,
            category: ErrorCategory::User,
            message: "Query cancelled by user".to_owned(),
            retryable: false,
        }
    }

    /// Whether it is [`QueryError::cancelled`].
    pub fn is_cancelled(&self) -> bool {
        self.name == "USER_CANCELED"
    }
}

/// `AthenaError.ErrorType` and category of an error name. Source: measurements in spec/athena.md §1.5.
fn number(name: &str) -> (i32, ErrorCategory) {
    use ErrorCategory::{System, User};
    match name {
        "TABLE_NOT_FOUND" | "SCHEMA_NOT_FOUND" | "NOT_FOUND" => (1301, User),
        "COLUMN_NOT_FOUND" | "CATALOG_NOT_FOUND" | "SYNTAX_ERROR" | "INVALID_PARAMETER_USAGE" => (1006, User),
        "TYPE_MISMATCH" => (1002, User),
        "FUNCTION_NOT_FOUND" => (1303, User),
        "DIVISION_BY_ZERO" | "NUMERIC_VALUE_OUT_OF_RANGE" | "HIVE_BAD_DATA" | "SUBQUERY_MULTIPLE_ROWS" => (1001, User),
        "INVALID_CAST_ARGUMENT" => (1100, User),
        "INVALID_FUNCTION_ARGUMENT" => (1106, User),
        "NOT_SUPPORTED" => (1200, User),
        "INVALID_TABLE_PROPERTY" => (1103, User),
        "INVALID_VIEW" | "VIEW_IS_STALE" => (1107, User),
        "HIVE_PATH_ALREADY_EXISTS" | "TABLE_ALREADY_EXISTS" | "VIEW_ALREADY_EXISTS" => (1100, User),
        "HIVE_TOO_MANY_OPEN_PARTITIONS" | "ICEBERG_TOO_MANY_OPEN_PARTITIONS" => (1100, User),
        "ICEBERG_COMMIT_ERROR" => (233, System),
        "EXCEEDED_LOCAL_MEMORY_LIMIT" => (0, System),
        "GENERIC_INTERNAL_ERROR" | "HIVE_METASTORE_ERROR" | "ICEBERG_CATALOG_ERROR" => (200, System),
        name if name.starts_with("ICEBERG_") => (233, System),
        name if name.starts_with("HIVE_") => (200, System),
        _ => (1006, User),
    }
}
