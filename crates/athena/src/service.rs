//! `trait Athena` in process, and the batch and list operations of executions.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use athena_api::{
    ApiError, ApiResult, Athena, Glue,
    athena::{DataCatalog, QueryExecution, QueryExecutionState, QueryResults, StartQueryExecutionRequest, WorkGroup},
};
use chrono::{DateTime, Utc};
use lake::ObjectStorage;
use names::S3Uri;
use query::QueryEngine;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    Clock, ExecutionPage,
    error::invalid,
    history::{History, Record},
    live::LiveSet,
    registry::Registry,
    result::{BodyCache, PageRequest, read_page},
    threads::QueryThreads,
    work_group::PRIMARY,
};

/// The most rows of a page, header included. Source: Athena API, GetQueryResults.
const MOST_ROWS: i32 = 1000;

/// Athena over the embedded query engine. Cheap to clone.
#[derive(Clone)]
pub struct EmbeddedAthena {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) history: History,
    pub(crate) registry: Registry,
    pub(crate) glue: Arc<dyn Glue>,
    pub(crate) storage: ObjectStorage,
    pub(crate) engine: QueryEngine,
    pub(crate) clock: Clock,
    pub(crate) opened: DateTime<Utc>,
    pub(crate) account_id: String,
    pub(crate) region: String,
    pub(crate) default_output_location: Option<String>,
    pub(crate) live: LiveSet,
    pub(crate) bodies: BodyCache,
    /// One for each query that may run at once.
    pub(crate) turns: Arc<Semaphore>,
    pub(crate) threads: QueryThreads,
    /// Stops every query.
    pub(crate) cancel: CancellationToken,
}

impl EmbeddedAthena {
    pub(crate) fn now(&self) -> DateTime<Utc> {
        (self.inner.clock)()
    }

    /// Cancels what runs and waits until it has stopped.
    pub(crate) async fn stop_all(&self) {
        self.inner.cancel.cancel();
        for live in self.inner.live.running() {
            live.ended().await;
        }
    }

    async fn record(&self, id: &str) -> ApiResult<Record> {
        if let Some(live) = self.inner.live.get(id) {
            return Ok(live.record());
        }
        self.inner.history.get(id).await?.ok_or_else(|| {
            ApiError::invalid_request("QUERY_EXECUTION_NOT_FOUND", format!("QueryExecution {id} was not found"))
        })
    }

    /// `ListQueryExecutions`: ids of a workgroup, newest first.
    pub async fn list_query_executions(
        &self,
        work_group: Option<&str>,
        token: Option<&str>,
        limit: usize,
    ) -> ApiResult<ExecutionPage> {
        let work_group = self.work_group(work_group.unwrap_or(PRIMARY)).await?;
        self.inner.history.list(&work_group.name, token, limit).await
    }

    async fn results(&self, id: &str, token: Option<&str>, max_results: Option<i32>) -> ApiResult<QueryResults> {
        let record = self.record(id).await?;
        let limit = max_results.unwrap_or(MOST_ROWS);
        if limit > MOST_ROWS {
            return Err(invalid(format!("MaxResults is more than maximum allowed length {MOST_ROWS}")));
        }
        let wrong_state = |message: String| ApiError::invalid_request("INVALID_QUERY_EXECUTION_STATE", message);
        let status = &record.execution.status;
        match status.state {
            QueryExecutionState::Queued => {
                Err(wrong_state("Query has not yet finished. Current state: QUEUED".to_owned()))
            }
            QueryExecutionState::Running => {
                Err(wrong_state("Query has not yet finished. Current state: RUNNING".to_owned()))
            }
            QueryExecutionState::Cancelled => {
                Err(ApiError::invalid_request("RESULT_NOT_FOUND", "Could not find results"))
            }
            // Hive's statements answer an empty result without metadata.
            QueryExecutionState::Failed
                if status.state_change_reason.as_ref().is_some_and(|reason| reason.starts_with("FAILED: ")) =>
            {
                Ok(QueryResults::default())
            }
            QueryExecutionState::Failed => {
                Err(wrong_state("Query did not finish successfully. Final query state: FAILED".to_owned()))
            }
            QueryExecutionState::Succeeded => self.page(id, &record, token, limit).await,
        }
    }

    async fn page(&self, id: &str, record: &Record, token: Option<&str>, limit: i32) -> ApiResult<QueryResults> {
        let no_result = || ApiError::invalid_request("RESULT_NOT_FOUND", "Could not find results");
        let result = record.result.as_ref().ok_or_else(no_result)?;
        let configuration = record.execution.result_configuration.as_ref();
        let location: S3Uri = configuration
            .and_then(|configuration| configuration.output_location.as_deref())
            .and_then(|location| location.parse().ok())
            .ok_or_else(no_result)?;
        let limit = usize::try_from(limit).unwrap_or(0).max(1);
        let request = PageRequest { id, location: &location, result, next_token: token, limit };
        read_page(&self.inner.storage, &self.inner.bodies, &request).await
    }
}

#[async_trait]
impl Athena for EmbeddedAthena {
    async fn start_query_execution(&self, request: StartQueryExecutionRequest) -> ApiResult<String> {
        self.start(request).await.map_err(|error| error.of("StartQueryExecution"))
    }

    async fn get_query_execution(&self, id: &str) -> ApiResult<QueryExecution> {
        match self.inner.live.get(id) {
            Some(live) => Ok(live.execution()),
            None => self.record(id).await.map(|record| record.execution).map_err(|e| e.of("GetQueryExecution")),
        }
    }

    async fn wait_query_execution(&self, id: &str, at_most: Duration) -> ApiResult<QueryExecution> {
        if let Some(live) = self.inner.live.get(id) {
            // Time out or not: the answer is how it stands.
            let _ = tokio::time::timeout(at_most, live.ended()).await;
            return Ok(live.execution());
        }
        self.get_query_execution(id).await
    }

    async fn get_query_results(
        &self,
        id: &str,
        next_token: Option<&str>,
        max_results: Option<i32>,
    ) -> ApiResult<QueryResults> {
        self.results(id, next_token, max_results).await.map_err(|error| error.of("GetQueryResults"))
    }

    async fn stop_query_execution(&self, id: &str) -> ApiResult<()> {
        match self.inner.live.get(id) {
            Some(live) => live.cancel.cancel(),
            None => drop(self.record(id).await.map_err(|error| error.of("StopQueryExecution"))?),
        }
        Ok(())
    }

    async fn get_work_group(&self, name: &str) -> ApiResult<WorkGroup> {
        self.work_group(name).await.map_err(|error| error.of("GetWorkGroup"))
    }

    async fn get_data_catalog(&self, name: &str) -> ApiResult<DataCatalog> {
        self.data_catalog(name).await.map_err(|error| error.of("GetDataCatalog"))
    }
}
