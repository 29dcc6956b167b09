//! What can go wrong with a table, in Athena's words where Athena has some.

use athena_api::ApiError;

use crate::StorageError;

/// Answers of the lake.
pub type LakeResult<T> = Result<T, LakeError>;

/// A table cannot be read, written or changed.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// Athena's category and sentence: `HIVE_BAD_DATA: Error parsing field value …`.
    #[error("{code}: {message}")]
    Athena {
        /// `HIVE_BAD_DATA`, `NOT_SUPPORTED`, `ICEBERG_COMMIT_ERROR`, …
        code: &'static str,
        message: String,
    },
    /// Objects.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] ApiError),
    /// Arrow or Parquet could not do it.
    #[error("{doing}: {source}")]
    Arrow { doing: String, source: arrow::error::ArrowError },
    /// A Parquet file.
    #[error("{doing}: {source}")]
    Parquet { doing: String, source: parquet::errors::ParquetError },
    /// Iceberg metadata or files.
    #[error("{doing}: {source}")]
    Iceberg { doing: String, source: Box<::iceberg::Error> },
}

impl LakeError {
    /// An error in Athena's words.
    pub fn athena(code: &'static str, message: impl Into<String>) -> Self {
        Self::Athena { code, message: message.into() }
    }

    /// What Athena does not do, or we don't yet.
    pub fn not_supported(message: impl Into<String>) -> Self {
        Self::athena("NOT_SUPPORTED", message)
    }

    /// Athena's category of the error.
    pub fn code(&self) -> &str {
        match self {
            Self::Athena { code, .. } => code,
            Self::Storage(error) => error.athena_code(),
            Self::Catalog(_) => "HIVE_METASTORE_ERROR",
            Self::Arrow { .. } => "GENERIC_INTERNAL_ERROR",
            Self::Parquet { .. } => "HIVE_CANNOT_OPEN_SPLIT",
            Self::Iceberg { .. } => "ICEBERG_INVALID_METADATA",
        }
    }

    /// The whole sentence with its category in front, as Athena's StateChangeReason has it.
    pub fn reason(&self) -> String {
        match self {
            Self::Athena { .. } => self.to_string(),
            _ => format!("{}: {self}", self.code()),
        }
    }

    pub(crate) fn arrow(doing: impl Into<String>) -> impl FnOnce(arrow::error::ArrowError) -> Self {
        let doing = doing.into();
        move |source| Self::Arrow { doing, source }
    }

    pub(crate) fn parquet(doing: impl Into<String>) -> impl FnOnce(parquet::errors::ParquetError) -> Self {
        let doing = doing.into();
        move |source| Self::Parquet { doing, source }
    }

    pub(crate) fn iceberg(doing: impl Into<String>) -> impl FnOnce(::iceberg::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Iceberg { doing, source: Box::new(source) }
    }
}
