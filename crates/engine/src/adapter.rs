//! The seam to the warehouse: what the engine asks of an adapter.
//!
//! The engine decides *what* to build and when; the adapter decides *how*. A materialization becomes a [`Plan`], a list of typed steps
//! that can be printed (`owlet plan`), executed, and explained when one fails.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use diagnostic::Diagnostic;
use indexmap::IndexMap;
use names::{RelationName, UniqueId};
pub use project::CatalogIntegration;
use serde::{Deserialize, Serialize};

use crate::context::EnumMember;

/// What a relation is in the warehouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationKind {
    /// A table, Hive or Iceberg.
    Table,
    /// A view.
    View,
    /// A common table expression, for an ephemeral model.
    Cte,
    /// A materialized view.
    MaterializedView,
    /// A table whose data the warehouse does not own.
    External,
}

/// A relation that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Where it is.
    pub name: RelationName,
    /// What it is.
    pub kind: RelationKind,
    /// The adapter's finer word, for Athena the table type: `iceberg` or empty.
    pub detail: String,
}

/// A column that exists. `data_type` is as the adapter writes it in SQL, `raw_type` as the catalog has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub data_type: String,
    pub raw_type: String,
    /// It partitions the table.
    pub is_partition: bool,
    pub table_type: TableType,
    pub comment: Option<String>,
}

/// What a table is, as dbt-athena tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TableType {
    #[default]
    Table,
    View,
    Iceberg,
}

impl TableType {
    /// The enumeration's member that macros see.
    pub fn member(self) -> EnumMember {
        let (name, value) = match self {
            Self::Table => ("TABLE", "table"),
            Self::View => ("VIEW", "view"),
            Self::Iceberg => ("ICEBERG", "iceberg_table"),
        };
        EnumMember { class: "TableType", name, value }
    }
}

/// A result with Python's values, as dbt's agate tables have them.
#[derive(Debug, Clone, Default)]
pub struct ResultTable {
    pub columns: Vec<ResultColumn>,
    pub rows: Vec<Vec<jinja::Value>>,
}

/// A result column and the warehouse's name of its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultColumn {
    pub name: String,
    pub data_type: String,
}

/// What a statement did; becomes `adapter_response` in run_results.json.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AdapterResponse {
    /// `OK 7`, shown in the result line.
    #[serde(rename = "_message")]
    pub message: String,
    /// `OK`.
    pub code: String,
    /// -1 when unknown.
    pub rows_affected: i64,
    /// Bytes the warehouse read and bills.
    pub data_scanned_in_bytes: u64,
    /// The executions behind it, last one last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query_execution_ids: Vec<String>,
}

/// Whose statement it is: for the query comment, the idempotency token, the log and cancellation.
#[derive(Debug, Clone)]
pub struct StatementOrigin {
    /// The node, or `None` for operations and the engine's own look-ups.
    pub node: Option<UniqueId>,
    /// Which statement of the node it is: `main`, `pre-hook-0`, `step-3`…; with node and invocation it makes the statement unique.
    pub step: String,
    /// The rendered query comment, without comment marks; `None` for none.
    pub comment: Option<QueryComment>,
}

/// The text put before or after each statement, so that a query can be traced to its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryComment {
    pub text: String,
    /// After the statement instead of before it.
    pub append: bool,
}

/// An adapter's failure. The first line of `diagnostic.what` is the warehouse's own sentence.
#[derive(Debug, Clone)]
pub struct AdapterError {
    /// What a person reads.
    pub diagnostic: Box<Diagnostic>,
    /// The warehouse's code (`TABLE_NOT_FOUND`, `EntityNotFoundException`), for rules and tests.
    pub code: Option<String>,
    /// The statement that failed, as it was sent.
    pub sql: Option<Arc<str>>,
    /// The run was cancelled: nothing is wrong with the node.
    pub cancelled: bool,
}

impl AdapterError {
    /// From a diagnostic alone.
    pub fn new(diagnostic: Diagnostic) -> Self {
        Self { diagnostic: Box::new(diagnostic), code: None, sql: None, cancelled: false }
    }
}

impl fmt::Display for AdapterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.diagnostic.fmt(f)
    }
}

impl std::error::Error for AdapterError {}

/// The result of every adapter call.
pub type AdapterResult<T> = Result<T, AdapterError>;

/// A node's resolved configuration: dbt's keys and the adapter's, as JSON.
pub type NodeConfig = IndexMap<String, serde_json::Value>;

/// A column as the project's YAML describes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ColumnSpec {
    pub name: String,
    pub description: String,
    pub data_type: Option<String>,
    pub quote: bool,
    pub meta: serde_json::Map<String, serde_json::Value>,
}

/// A node that is to be built, with all that the adapter needs to plan it.
#[derive(Debug, Clone)]
pub struct MaterializationRequest {
    pub node: UniqueId,
    pub relation: RelationName,
    pub materialization: Materialization,
    pub config: NodeConfig,
    /// `--full-refresh` or the node's own `full_refresh`.
    pub full_refresh: bool,
    /// For persist_docs.
    pub description: String,
    pub columns: Vec<ColumnSpec>,
    pub comment: Option<QueryComment>,
    /// What persist_docs records beside the description: `unique_id`, `materialized`, `dbt_project_name`, `dbt_project_version`.
    pub provenance: IndexMap<String, String>,
}

/// What to build.
#[derive(Debug, Clone)]
pub enum Materialization {
    /// `materialized: view`.
    View { sql: String },
    /// `materialized: table`, and a test's stored failures.
    Table { sql: String },
    /// `materialized: incremental`. The SQL was compiled knowing whether the run is incremental ([`Adapter::is_incremental`]).
    Incremental { sql: String },
    /// A seed's rows. `column_types` of the config win over the inferred types.
    Seed { table: SeedTable },
    /// `select * from …` of the snapshot's source, and how rows are compared.
    Snapshot { sql: String, strategy: SnapshotStrategy },
}

/// A CSV file read as dbt reads it: typed columns, text values.
#[derive(Debug, Clone, Default)]
pub struct SeedTable {
    pub columns: Vec<SeedColumn>,
    /// `None` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
}

/// A seed's column with the type that its values allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedColumn {
    pub name: String,
    pub inferred: SeedType,
}

/// dbt's (agate's) inferred types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeedType {
    Integer,
    Number,
    Boolean,
    Date,
    DateTime,
    Text,
}

/// How a snapshot decides that a row has changed.
#[derive(Debug, Clone, PartialEq)]
pub struct SnapshotStrategy {
    pub unique_key: Vec<String>,
    pub kind: SnapshotStrategyKind,
    pub hard_deletes: HardDeletes,
    /// SQL for the end of an open row; NULL when absent.
    pub valid_to_current: Option<String>,
    /// `dbt_valid_from` → the project's own name.
    pub meta_column_names: IndexMap<String, String>,
}

/// The built-in strategies, and those of a project.
#[derive(Debug, Clone, PartialEq)]
pub enum SnapshotStrategyKind {
    /// A later `updated_at` is a change.
    Timestamp { updated_at: String },
    /// A different value in one of the columns is a change; `None` is all of them.
    Check { columns: Option<Vec<String>>, updated_at: Option<String> },
    /// A macro of the project says it all in SQL, of `source_data` and `snapshotted_data`.
    Custom { updated_at: String, row_changed: String, scd_id: String },
}

/// What happens to rows that left the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HardDeletes {
    Ignore,
    Invalidate,
    NewRecord,
}

/// One step of a plan, to be read by people and tools.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepSummary {
    /// `query`, `create_table`, `update_table`, `delete_table`, `delete_objects`, …
    pub action: String,
    /// What it acts on: a table, an S3 location.
    pub target: String,
    /// The statement, if the step is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
}

/// What a build of one node will do, in order. Nothing happens before [`Plan::execute`].
#[async_trait]
pub trait Plan: Send + Sync + fmt::Debug {
    /// The steps, for `owlet plan` and the log.
    fn steps(&self) -> Vec<StepSummary>;
    /// The SQL that dbt would write to `target/run`.
    fn run_sql(&self) -> String;
    /// Carries the steps out. A failing step leaves what was there before readable, as far as the warehouse allows.
    async fn execute(&self) -> AdapterResult<AdapterResponse>;
}

/// One row of `docs generate`: a relation with its columns.
#[derive(Debug, Clone)]
pub struct CatalogTable {
    pub relation: Relation,
    /// The word in catalog.json: `table`, `view`, `iceberg_table`.
    pub type_name: String,
    pub comment: Option<String>,
    pub owner: Option<String>,
    pub columns: Vec<Column>,
}

/// A warehouse. One instance serves one invocation; all methods may be called from many tasks at once.
#[async_trait]
pub trait Adapter: Send + Sync + fmt::Debug {
    /// `athena`.
    fn type_name(&self) -> &str;
    /// The default database (data catalog) of the target.
    fn database(&self) -> &str;
    /// The default schema of the target.
    fn schema(&self) -> &str;
    /// The connection's keys for Jinja's `target`; never a secret.
    fn connection_keys(&self) -> serde_json::Map<String, serde_json::Value>;
    /// The adapter's own macros, package `dbt_<type>`: `(path, text)`.
    fn macros(&self) -> Vec<(&'static str, &'static str)>;
    /// The catalog that a node's `catalog_name` means.
    ///
    /// # Errors
    /// There is none of this name.
    fn catalog_integration(&self, name: &str) -> AdapterResult<CatalogIntegration>;

    /// Before the first node: creates the schemas that are missing and reads what exists in all of them.
    async fn prepare(&self, schemas: &[(String, String)]) -> AdapterResult<()>;

    /// Plans a node's build. Looks things up; changes nothing.
    async fn plan(&self, request: MaterializationRequest) -> AdapterResult<Box<dyn Plan>>;
    /// Whether an incremental model of this relation would be merged into: it exists as a table, and it is no full refresh.
    async fn is_incremental(&self, relation: &RelationName, full_refresh: bool) -> AdapterResult<bool>;

    /// Runs one statement. `fetch` is the number of rows wanted; `None` fetches nothing, `Some(None)` everything.
    async fn execute(
        &self,
        sql: &str,
        origin: &StatementOrigin,
        fetch: Option<Option<usize>>,
    ) -> AdapterResult<(AdapterResponse, ResultTable)>;

    /// Runs the code of a Python model to its end. `model` is the node as macros see it.
    async fn run_python(
        &self,
        model: &serde_json::Value,
        code: &str,
        origin: &StatementOrigin,
    ) -> AdapterResult<AdapterResponse>;

    async fn list_schemas(&self, database: &str) -> AdapterResult<Vec<String>>;
    async fn create_schema(&self, database: &str, schema: &str) -> AdapterResult<()>;
    /// Drops it with all its tables.
    async fn drop_schema(&self, database: &str, schema: &str) -> AdapterResult<()>;
    /// From the cache where it is filled.
    async fn list_relations(&self, database: &str, schema: &str) -> AdapterResult<Vec<Relation>>;
    async fn get_relation(&self, relation: &RelationName) -> AdapterResult<Option<Relation>>;
    async fn columns(&self, relation: &RelationName) -> AdapterResult<Vec<Column>>;
    async fn drop_relation(&self, relation: &RelationName) -> AdapterResult<()>;
    async fn rename_relation(&self, from: &RelationName, to: &RelationName) -> AdapterResult<()>;
    /// A macro has created, replaced or dropped this relation by its own statements: what is remembered of it is looked up again.
    async fn look_again(&self, relation: &RelationName) -> AdapterResult<()>;
    /// Every table of the schemas, for catalog.json.
    async fn catalog(&self, schemas: &[(String, String)]) -> AdapterResult<Vec<CatalogTable>>;

    /// The condition for rows of a span of event time; the times are as Python prints them, `2024-09-17 00:00:00+00:00`.
    fn event_time_condition(&self, field: &str, start: &str, end: &str) -> String {
        format!("{field} >= '{start}' and {field} < '{end}'")
    }

    /// An adapter-specific method of Jinja's `adapter` object; `None` when there is no such method.
    async fn call(&self, method: &str, arguments: jinja::CallArgs) -> Option<AdapterResult<jinja::Value>>;

    /// Stops every statement that is running; later ones fail as cancelled. Answers how many were stopped and which could not be.
    async fn cancel(&self) -> CancelReport;
    /// Takes statements again after [`Adapter::cancel`]: for the hooks at the end of a run that stopped early.
    fn resume(&self);
    /// The invocation is over: what was started for all of it ends.
    async fn finish(&self) {}
}

/// What Ctrl-C did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CancelReport {
    /// The query execution ids that were stopped.
    pub stopped: Vec<String>,
    /// Those that could not be stopped, with the reason: they may still run and cost money.
    pub left_running: Vec<(String, String)>,
}
