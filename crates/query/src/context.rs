//! What a statement runs with.

use chrono::{DateTime, Utc};
use names::{QueryExecutionId, S3Uri};
use tokio_util::sync::CancellationToken;

/// What a statement runs with, besides its text.
#[derive(Debug, Clone)]
pub struct QueryContext {
    /// `QueryExecutionContext.Catalog`; `awsdatacatalog` when absent. Compared without case.
    pub catalog: Option<String>,
    /// `QueryExecutionContext.Database`; names without database resolve in `default` when absent. Compared without case.
    pub database: Option<String>,
    /// The id of the query execution; part of the names of written files.
    pub query_execution_id: QueryExecutionId,
    /// Where a CTAS without location puts its data: `<output>/tables/<id>`.
    pub default_table_location: S3Uri,
    /// What `now()` answers, the same in all of the statement.
    pub now: DateTime<Utc>,
    /// The texts of the execution parameters, in order.
    pub parameters: Vec<String>,
    /// Stops the statement: it then fails with [`crate::QueryError::cancelled`].
    pub cancel: CancellationToken,
}

impl QueryContext {
    /// The catalog that names without catalog resolve in.
    pub fn catalog(&self) -> String {
        self.catalog.as_deref().unwrap_or("awsdatacatalog").to_lowercase()
    }

    /// The database that names without database resolve in.
    pub fn database(&self) -> String {
        self.database.as_deref().unwrap_or("default").to_lowercase()
    }
}
