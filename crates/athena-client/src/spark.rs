//! Athena for Apache Spark over HTTP.

use std::sync::Arc;

use async_trait::async_trait;
use athena_api::{
    ApiResult, Spark,
    spark::{Calculation, StartSessionRequest, StartedSession, Status},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    json,
    transport::{Service, Transport},
};

/// Athena for Apache Spark over HTTP.
pub(crate) struct SparkClient {
    transport: Arc<Transport>,
}

impl SparkClient {
    pub(crate) fn new(transport: Arc<Transport>) -> Self {
        Self { transport }
    }

    async fn call<T: DeserializeOwned>(&self, operation: &'static str, input: &impl Serialize) -> ApiResult<T> {
        json::call(&self.transport, Service::Athena, operation, input).await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OneStatus {
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StartedCalculation {
    calculation_execution_id: String,
}

#[async_trait]
impl Spark for SparkClient {
    async fn start_session(&self, mut request: StartSessionRequest) -> ApiResult<StartedSession> {
        // One token for all tries of this call, so that a retry never starts a second session.
        request.client_request_token.get_or_insert_with(|| uuid::Uuid::new_v4().to_string());
        self.call("StartSession", &request).await
    }

    async fn get_session_status(&self, session_id: &str) -> ApiResult<Status> {
        let answer: OneStatus = self.call("GetSessionStatus", &json!({ "SessionId": session_id })).await?;
        Ok(answer.status)
    }

    async fn terminate_session(&self, session_id: &str) -> ApiResult<()> {
        self.call("TerminateSession", &json!({ "SessionId": session_id })).await.map(|_: Value| ())
    }

    async fn start_calculation(&self, session_id: &str, code: &str) -> ApiResult<String> {
        let token = uuid::Uuid::new_v4().to_string();
        let input = json!({ "SessionId": session_id, "CodeBlock": code, "ClientRequestToken": token });
        let started: StartedCalculation = self.call("StartCalculationExecution", &input).await?;
        Ok(started.calculation_execution_id)
    }

    async fn get_calculation(&self, id: &str) -> ApiResult<Calculation> {
        self.call("GetCalculationExecution", &json!({ "CalculationExecutionId": id })).await
    }

    async fn stop_calculation(&self, id: &str) -> ApiResult<()> {
        self.call("StopCalculationExecution", &json!({ "CalculationExecutionId": id })).await.map(|_: Value| ())
    }
}
