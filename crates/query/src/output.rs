//! What a statement gives back.

use std::pin::Pin;

use futures::Stream;
use names::S3Uri;

use crate::{error::QueryError, types::Type};

/// A column of a result: the facts of `ColumnInfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The label, in the case in which it was written.
    pub name: String,
    /// `ColumnInfo.Type`: `integer`, `varchar`, `timestamp with time zone`, `string` (Hive DDL).
    pub type_name: String,
    /// The type with everything: `decimal(10,2)`, `row(a integer)`.
    pub full_type: String,
    /// `ColumnInfo.Precision`.
    pub precision: i32,
    /// `ColumnInfo.Scale`.
    pub scale: i32,
    /// `ColumnInfo.CaseSensitive`.
    pub case_sensitive: bool,
}

/// The values of a row as Athena prints them; `None` is NULL.
pub type Row = Vec<Option<String>>;

/// The rows of a result, in batches.
pub type RowStream = Pin<Box<dyn Stream<Item = Result<Vec<Row>, QueryError>> + Send>>;

/// What a statement gives back.
pub struct QueryOutput {
    /// Its columns; empty for statements without result.
    pub columns: Vec<Column>,
    /// Its rows. For DDL and UTILITY each row is one line in one value, fields separated by tabs.
    pub rows: RowStream,
    /// Rows written, updated or deleted.
    pub update_count: Option<u64>,
    /// What was measured while the rows were read: whole only when `rows` has ended.
    pub statistics: std::sync::Arc<Statistics>,
    /// The files that were written to a Hive table or by UNLOAD: what `<id>-manifest.csv` lists.
    pub manifest: Option<Vec<S3Uri>>,
    /// Whether only literals are selected (the result's Content-Type differs).
    pub literals_only: bool,
}

/// What was measured while the rows were read.
#[derive(Debug, Default)]
pub struct Statistics {
    meter: lake::ScanMeter,
}

impl Statistics {
    pub(crate) fn new(meter: lake::ScanMeter) -> Self {
        Self { meter }
    }

    /// Bytes read from storage to answer the query, as stored (compressed); 0 for DDL.
    ///
    /// Source: Athena API, `QueryExecutionStatistics.DataScannedInBytes`.
    pub fn data_scanned_in_bytes(&self) -> u64 {
        self.meter.bytes()
    }
}

impl Column {
    pub(crate) fn of(name: &str, ty: &Type) -> Self {
        let (precision, scale) = ty.precision_and_scale();
        Self {
            name: name.to_owned(),
            type_name: ty.base_name(),
            full_type: ty.to_string(),
            precision,
            scale,
            case_sensitive: ty.is_text(),
        }
    }

    /// A column of Hive DDL's output.
    pub(crate) fn string(name: &str) -> Self {
        let type_name = "string".to_owned();
        Self {
            name: name.to_owned(),
            full_type: type_name.clone(),
            type_name,
            precision: 0,
            scale: 0,
            case_sensitive: false,
        }
    }
}

impl QueryOutput {
    /// Lines of DDL and UTILITY statements.
    pub(crate) fn lines(columns: Vec<Column>, lines: Vec<String>) -> Self {
        let rows: Vec<Row> = lines.into_iter().map(|line| vec![Some(line)]).collect();
        Self {
            columns,
            rows: Box::pin(futures::stream::iter([Ok(rows)])),
            update_count: None,
            statistics: std::sync::Arc::default(),
            manifest: None,
            literals_only: false,
        }
    }

    /// Nothing but success.
    pub(crate) fn nothing() -> Self {
        Self::lines(Vec::new(), Vec::new())
    }
}

impl std::fmt::Debug for QueryOutput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QueryOutput")
            .field("columns", &self.columns)
            .field("update_count", &self.update_count)
            .field("manifest", &self.manifest)
            .finish_non_exhaustive()
    }
}
