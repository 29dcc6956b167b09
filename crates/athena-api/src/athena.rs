//! Athena: query executions, results, workgroups, data catalogs.
//!
//! Source of shapes and limits: Amazon Athena API reference, version 2017-05-18.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{ApiResult, Timestamp, glue};

/// `StartQueryExecution`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StartQueryExecutionRequest {
    /// 1 to 262,144 bytes.
    pub query_string: String,
    /// 32 to 128 characters. The same token with the same query answers the same execution and runs nothing twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_request_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_execution_context: Option<QueryExecutionContext>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_configuration: Option<ResultConfiguration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_parameters: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_reuse_configuration: Option<ResultReuseConfiguration>,
}

/// Where unqualified names are looked up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueryExecutionContext {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog: Option<String>,
}

/// Where results go. In an answer `output_location` is the whole object's location.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResultConfiguration {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_location: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_configuration: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_bucket_owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acl_configuration: Option<serde_json::Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResultReuseConfiguration {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_reuse_by_age_configuration: Option<ResultReuseByAgeConfiguration>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResultReuseByAgeConfiguration {
    pub enabled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_in_minutes: Option<i32>,
}

/// Where a query execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum QueryExecutionState {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

impl QueryExecutionState {
    /// Nothing changes any more.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// Which kind of statement it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StatementType {
    Ddl,
    Dml,
    Utility,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueryExecutionStatus {
    pub state: QueryExecutionState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_change_reason: Option<String>,
    pub submission_date_time: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_date_time: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub athena_error: Option<AthenaError>,
}

/// Why a query failed, for machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AthenaError {
    /// 1 system, 2 user, 3 other.
    pub error_category: i32,
    /// 0 to 9,999; 233 is an Iceberg error.
    pub error_type: i32,
    pub retryable: bool,
    pub error_message: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueryExecutionStatistics {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine_execution_time_in_millis: Option<i64>,
    /// Bytes read from storage, as stored (compressed); 0 for DDL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_scanned_in_bytes: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_manifest_location: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_execution_time_in_millis: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_queue_time_in_millis: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_pre_processing_time_in_millis: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_planning_time_in_millis: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_processing_time_in_millis: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_reuse_information: Option<ResultReuseInformation>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResultReuseInformation {
    pub reused_previous_result: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EngineVersion {
    pub selected_engine_version: String,
    pub effective_engine_version: String,
}

/// One query execution, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueryExecution {
    pub query_execution_id: String,
    pub query: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement_type: Option<StatementType>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub substatement_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_configuration: Option<ResultConfiguration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_reuse_configuration: Option<ResultReuseConfiguration>,
    #[serde(default)]
    pub query_execution_context: QueryExecutionContext,
    pub status: QueryExecutionStatus,
    #[serde(default)]
    pub statistics: QueryExecutionStatistics,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine_version: Option<EngineVersion>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_parameters: Option<Vec<String>>,
}

/// `GetQueryResults`: one page.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueryResults {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_count: Option<i64>,
    #[serde(default)]
    pub result_set: ResultSet,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResultSet {
    /// Of a SELECT the first row of the first page holds the column names.
    #[serde(default)]
    pub rows: Vec<Row>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_set_metadata: Option<ResultSetMetadata>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Row {
    #[serde(default)]
    pub data: Vec<Datum>,
}

/// A value as text; NULL has no text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Datum {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub var_char_value: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResultSetMetadata {
    #[serde(default)]
    pub column_info: Vec<ColumnInfo>,
}

/// One result column. `type` is the bare name (`decimal`, `array`); precision and scale are beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ColumnInfo {
    pub catalog_name: String,
    pub schema_name: String,
    pub table_name: String,
    pub name: String,
    pub label: String,
    pub r#type: String,
    pub precision: i32,
    pub scale: i32,
    /// `UNKNOWN`, `NULLABLE` or `NOT_NULL`.
    pub nullable: String,
    pub case_sensitive: bool,
}

/// A workgroup. The members that rule results and limits are typed, the rest is kept as it came.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct WorkGroup {
    pub name: String,
    /// `ENABLED` or `DISABLED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<WorkGroupConfiguration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creation_time: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct WorkGroupConfiguration {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_configuration: Option<ResultConfiguration>,
    /// The workgroup's settings win over the client's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforce_work_group_configuration: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_cloud_watch_metrics_enabled: Option<bool>,
    /// A query that scans more is cancelled; at least 10,000,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_scanned_cutoff_per_query: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester_pays_enabled: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine_version: Option<EngineVersion>,
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

/// A data catalog; `awsdatacatalog` is the account's own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DataCatalog {
    pub name: String,
    /// `GLUE`, `LAMBDA`, `HIVE` or `FEDERATED`.
    pub r#type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<glue::Parameters>,
}

/// The operations that the dbt side needs of Athena. Other operations are the gateway's own business.
#[async_trait]
pub trait Athena: Send + Sync {
    /// Answers the query execution id.
    async fn start_query_execution(&self, request: StartQueryExecutionRequest) -> ApiResult<String>;
    async fn get_query_execution(&self, id: &str) -> ApiResult<QueryExecution>;
    /// Waits until the execution has ended or `at_most` has passed, and answers it. In process it wakes at once; over HTTP it polls.
    async fn wait_query_execution(&self, id: &str, at_most: std::time::Duration) -> ApiResult<QueryExecution>;
    /// `max_results` is 1 to 1,000 and counts the header row.
    async fn get_query_results(
        &self,
        id: &str,
        next_token: Option<&str>,
        max_results: Option<i32>,
    ) -> ApiResult<QueryResults>;
    /// Of an ended execution it does nothing and succeeds.
    async fn stop_query_execution(&self, id: &str) -> ApiResult<()>;
    async fn get_work_group(&self, name: &str) -> ApiResult<WorkGroup>;
    async fn get_data_catalog(&self, name: &str) -> ApiResult<DataCatalog>;
    /// Somebody wants an end: throttling is no longer waited out, by any service of the connection. In process there is none.
    fn lose_patience(&self) {}
}
