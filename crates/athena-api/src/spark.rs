//! Athena for Apache Spark: sessions, and calculations in them.
//!
//! Source of shapes and states: Amazon Athena API, `StartSession` to `StopCalculationExecution`.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{ApiError, ApiResult};

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StartSessionRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub work_group: String,
    /// `CoordinatorDpuSize`, `MaxConcurrentDpus`, `DefaultExecutorDpuSize`, `AdditionalConfigs`, `SparkProperties`.
    pub engine_configuration: serde_json::Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_idle_timeout_in_minutes: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_request_token: Option<String>,
}

/// A session that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StartedSession {
    pub session_id: String,
    #[serde(default)]
    pub state: String,
}

/// Of a session: `CREATING`, `CREATED`, `IDLE`, `BUSY`, `TERMINATING`, `TERMINATED`, `DEGRADED`, `FAILED`. Of a calculation: `CREATING`,
/// `CREATED`, `QUEUED`, `RUNNING`, `CANCELING`, `CANCELED`, `COMPLETED`, `FAILED`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Status {
    #[serde(default)]
    pub state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_change_reason: Option<String>,
}

/// A calculation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Calculation {
    #[serde(default)]
    pub calculation_execution_id: String,
    #[serde(default)]
    pub session_id: String,
    #[serde(default)]
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<CalculationResult>,
}

/// Where a calculation has put what it said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CalculationResult {
    #[serde(rename = "StdOutS3Uri", default, skip_serializing_if = "Option::is_none")]
    pub std_out: Option<String>,
    #[serde(rename = "StdErrorS3Uri", default, skip_serializing_if = "Option::is_none")]
    pub std_error: Option<String>,
}

/// Sessions and calculations of a workgroup whose engine is PySpark.
#[async_trait]
pub trait Spark: Send + Sync {
    async fn start_session(&self, request: StartSessionRequest) -> ApiResult<StartedSession>;
    async fn get_session_status(&self, session_id: &str) -> ApiResult<Status>;
    async fn terminate_session(&self, session_id: &str) -> ApiResult<()>;
    /// Answers the calculation's id. Only an idle session takes one.
    async fn start_calculation(&self, session_id: &str, code: &str) -> ApiResult<String>;
    async fn get_calculation(&self, id: &str) -> ApiResult<Calculation>;
    async fn stop_calculation(&self, id: &str) -> ApiResult<()>;
}

/// Refuses every call: where there is no Spark.
pub struct Unavailable(pub ApiError);

#[async_trait]
impl Spark for Unavailable {
    async fn start_session(&self, _: StartSessionRequest) -> ApiResult<StartedSession> {
        Err(self.0.clone())
    }
    async fn get_session_status(&self, _: &str) -> ApiResult<Status> {
        Err(self.0.clone())
    }
    async fn terminate_session(&self, _: &str) -> ApiResult<()> {
        Err(self.0.clone())
    }
    async fn start_calculation(&self, _: &str, _: &str) -> ApiResult<String> {
        Err(self.0.clone())
    }
    async fn get_calculation(&self, _: &str) -> ApiResult<Calculation> {
        Err(self.0.clone())
    }
    async fn stop_calculation(&self, _: &str) -> ApiResult<()> {
        Err(self.0.clone())
    }
}
