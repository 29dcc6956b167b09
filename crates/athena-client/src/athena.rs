//! Athena over HTTP.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use athena_api::{
    ApiResult, Athena,
    athena::{DataCatalog, QueryExecution, QueryResults, StartQueryExecutionRequest, WorkGroup},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{sync::Mutex, time::Instant};

use crate::{
    json,
    transport::{Service, Transport},
};

/// After the first look at a running query the next one comes this soon; each further pause is half as long again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The same for endpoints that are not AWS's: the embedded lakehouse answers a small query within milliseconds.
const FIRST_PAUSE_NEARBY: Duration = Duration::from_millis(4);

/// Athena over HTTP.
pub(crate) struct AthenaClient {
    transport: Arc<Transport>,
    poll_interval: Duration,
    /// GetWorkGroup allows about five calls a second, and what it answers rarely changes: it is asked once.
    work_groups: Mutex<HashMap<String, WorkGroup>>,
    data_catalogs: Mutex<HashMap<String, DataCatalog>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Started {
    query_execution_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OneExecution {
    query_execution: QueryExecution,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ResultsRequest<'a> {
    query_execution_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_results: Option<i32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OneWorkGroup {
    work_group: WorkGroup,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OneDataCatalog {
    data_catalog: DataCatalog,
}

impl AthenaClient {
    pub(crate) fn new(transport: Arc<Transport>, poll_interval: Duration) -> Self {
        Self { transport, poll_interval, work_groups: Mutex::default(), data_catalogs: Mutex::default() }
    }

    async fn call<T: serde::de::DeserializeOwned>(
        &self,
        operation: &'static str,
        input: &impl Serialize,
    ) -> ApiResult<T> {
        json::call(&self.transport, Service::Athena, operation, input).await
    }
}

#[async_trait]
impl Athena for AthenaClient {
    async fn start_query_execution(&self, mut request: StartQueryExecutionRequest) -> ApiResult<String> {
        // One token for all tries of this call, so that a retry never starts the query twice.
        request.client_request_token.get_or_insert_with(|| uuid::Uuid::new_v4().to_string());
        let started: Started = self.call("StartQueryExecution", &request).await?;
        Ok(started.query_execution_id)
    }

    async fn get_query_execution(&self, id: &str) -> ApiResult<QueryExecution> {
        let answer: OneExecution = self.call("GetQueryExecution", &json!({ "QueryExecutionId": id })).await?;
        Ok(answer.query_execution)
    }

    async fn wait_query_execution(&self, id: &str, at_most: Duration) -> ApiResult<QueryExecution> {
        let end = Instant::now() + at_most;
        let nearby = self.transport.custom_endpoint(Service::Athena).is_some();
        let mut pause = if nearby { FIRST_PAUSE_NEARBY } else { FIRST_PAUSE }.min(self.poll_interval);
        loop {
            let execution = self.get_query_execution(id).await?;
            let now = Instant::now();
            if execution.status.state.is_terminal() || now >= end {
                return Ok(execution);
            }
            tokio::time::sleep(pause.min(end - now)).await;
            pause = pause.mul_f64(1.5).min(self.poll_interval);
        }
    }

    async fn get_query_results(
        &self,
        id: &str,
        next_token: Option<&str>,
        max_results: Option<i32>,
    ) -> ApiResult<QueryResults> {
        self.call("GetQueryResults", &ResultsRequest { query_execution_id: id, next_token, max_results }).await
    }

    async fn stop_query_execution(&self, id: &str) -> ApiResult<()> {
        let _: Value = self.call("StopQueryExecution", &json!({ "QueryExecutionId": id })).await?;
        Ok(())
    }

    async fn get_work_group(&self, name: &str) -> ApiResult<WorkGroup> {
        // Held over the call: of many nodes that ask at the start of a run, one calls and the others take its answer.
        let mut known = self.work_groups.lock().await;
        if let Some(work_group) = known.get(name) {
            return Ok(work_group.clone());
        }
        let answer: OneWorkGroup = self.call("GetWorkGroup", &json!({ "WorkGroup": name })).await?;
        known.insert(name.to_owned(), answer.work_group.clone());
        Ok(answer.work_group)
    }

    async fn get_data_catalog(&self, name: &str) -> ApiResult<DataCatalog> {
        let mut known = self.data_catalogs.lock().await;
        if let Some(catalog) = known.get(name) {
            return Ok(catalog.clone());
        }
        let answer: OneDataCatalog = self.call("GetDataCatalog", &json!({ "Name": name })).await?;
        known.insert(name.to_owned(), answer.data_catalog.clone());
        Ok(answer.data_catalog)
    }

    fn lose_patience(&self) {
        self.transport.lose_patience();
    }
}
