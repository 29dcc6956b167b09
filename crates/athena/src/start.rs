//! StartQueryExecution: everything that can be refused is refused here, before an execution exists.

use athena_api::{
    ApiError, ApiResult,
    athena::{
        QueryExecution, QueryExecutionContext, QueryExecutionState, QueryExecutionStatistics, QueryExecutionStatus,
        ResultConfiguration, ResultReuseInformation, StartQueryExecutionRequest, StatementType, WorkGroup,
    },
};
use athena_sql::{Show, Statement, TableName};
use chrono::TimeDelta;
use names::S3Uri;
use serde_json::json;

use crate::{
    EmbeddedAthena,
    data_catalog::is_own,
    error::invalid,
    history::{Record, RequestToken},
    run::Run,
    work_group::{PRIMARY, engine_version},
};

/// Bytes of UTF-8. Source: Athena service quotas.
const LONGEST_QUERY: usize = 262_144;
/// Queries that run or wait. Source: Athena service quotas, active DML queries in us-east-1.
const MOST_ACTIVE: usize = 200;

impl EmbeddedAthena {
    /// Checks the request, stores a QUEUED execution, and lets it run.
    pub(crate) async fn start(&self, request: StartQueryExecutionRequest) -> ApiResult<String> {
        let received = std::time::Instant::now();
        check_constraints(&request)?;
        let work_group = self.work_group(request.work_group.as_deref().unwrap_or(PRIMARY)).await?;
        if work_group.state.as_deref() == Some("DISABLED") {
            return Err(invalid(format!("WorkGroup {} is disabled.", work_group.name)));
        }
        let configuration = self.result_configuration(&request, &work_group)?;
        let prefix = result_prefix(configuration.output_location.as_deref().unwrap_or_default())?;
        let statement = athena_sql::parse(&request.query_string)
            .map_err(|error| ApiError::invalid_request("MALFORMED_QUERY", error.to_string()))?;
        let kind = self.classify(&statement, &request, &work_group.name).await?;
        if self.inner.live.running().len() >= MOST_ACTIVE {
            return Err(ApiError::new(
                "TooManyRequestsException",
                "You have exceeded the limit for the number of queries you can run concurrently. Please reduce the number of concurrent \
                 queries submitted by this account. Contact customer support to request a concurrent query limit increase.",
            ));
        }

        let id = uuid::Uuid::new_v4().to_string();
        let location = kind.location(&prefix, &id);
        let context = request.query_execution_context.clone().unwrap_or_default();
        let token = request.client_request_token.clone().map(|token| RequestToken {
            token,
            fingerprint: json!([
                request.query_string,
                context.catalog,
                context.database,
                request.result_configuration.as_ref().and_then(|wanted| wanted.output_location.as_ref()),
            ])
            .to_string(),
        });
        let execution = QueryExecution {
            query_execution_id: id.clone(),
            query: request.query_string.clone(),
            statement_type: Some(kind.statement_type),
            substatement_type: Some(kind.substatement_type.to_owned()),
            result_configuration: Some(ResultConfiguration {
                output_location: Some(location.to_string()),
                ..configuration
            }),
            result_reuse_configuration: Some(request.result_reuse_configuration.clone().unwrap_or_default()),
            query_execution_context: QueryExecutionContext {
                catalog: context.catalog.map(|name| name.to_lowercase()),
                database: context.database,
            },
            status: QueryExecutionStatus {
                state: QueryExecutionState::Queued,
                state_change_reason: None,
                submission_date_time: self.now().into(),
                completion_date_time: None,
                athena_error: None,
            },
            statistics: QueryExecutionStatistics::default(),
            work_group: Some(work_group.name.clone()),
            engine_version: Some(engine_version()),
            execution_parameters: request.execution_parameters.clone(),
        };
        if let Some((earlier, fingerprint)) = self.inner.history.insert(&execution, token.as_ref()).await? {
            let same = token.is_some_and(|token| token.fingerprint == fingerprint);
            return if same {
                Ok(earlier)
            } else {
                Err(ApiError::invalid_request("IDEMPOTENT_PARAMETER_MISMATCH", "Idempotent parameters do not match"))
            };
        }
        if let Some(reused) = self.reusable(&execution, &request).await? {
            self.finish_with(execution, reused).await?;
            return Ok(id);
        }
        let live = self.inner.live.insert(execution, self.inner.cancel.child_token());
        let run = Run { athena: self.clone(), live, statement, kind, location, prefix, work_group, received };
        self.inner.threads.spawn(run.go());
        Ok(id)
    }

    /// The workgroup's configuration when it enforces, else the client's, else the workgroup's, else the lakehouse's.
    fn result_configuration(
        &self,
        request: &StartQueryExecutionRequest,
        work_group: &WorkGroup,
    ) -> ApiResult<ResultConfiguration> {
        let wanted = request.result_configuration.clone().unwrap_or_default();
        let configured = work_group.configuration.clone().unwrap_or_default();
        let own = configured.result_configuration.unwrap_or_default();
        let enforces = configured.enforce_work_group_configuration == Some(true);
        let mut chosen = if enforces && own.output_location.is_some() {
            own
        } else {
            ResultConfiguration { output_location: wanted.output_location.clone().or(own.output_location), ..wanted }
        };
        if chosen.output_location.as_deref().is_none_or(str::is_empty) {
            chosen.output_location.clone_from(&self.inner.default_output_location);
        }
        if chosen.output_location.is_none() {
            return Err(invalid(
                "No output location provided. An output location is required either through the Workgroup result configuration \
                 setting or as an API input.",
            ));
        }
        Ok(chosen)
    }

    /// Statement type and result file; refuses what Athena refuses before it runs.
    async fn classify(
        &self,
        statement: &Statement,
        request: &StartQueryExecutionRequest,
        work_group: &str,
    ) -> ApiResult<Kind> {
        if let Some(catalog) = hive_table(statement).and_then(|table| table.catalog.as_deref())
            && !is_own(catalog)
        {
            let message = format!("Catalog '{catalog}' does not exist");
            return Err(ApiError::invalid_request("DATACATALOG_NOT_FOUND", message));
        }
        let mut kind = Kind::of(statement);
        match statement {
            Statement::Describe { table, .. } | Statement::Show(Show::Columns(table)) => {
                let context = request.query_execution_context.as_ref();
                let database = table
                    .database
                    .clone()
                    .or_else(|| context_name(context?.database.as_deref()))
                    .unwrap_or_else(|| "default".to_owned())
                    .to_lowercase();
                let found = self.inner.glue.get_table(None, &database, &table.table.to_lowercase()).await;
                if found.map_err(entity_not_found)?.is_view() {
                    kind.substatement_type = "DESC_VIEW";
                }
            }
            // What a prepared statement is, its text says; that it is missing is a failure of the execution.
            Statement::Execute { name, .. } => {
                let prepared = self.find_prepared_statement(work_group, name).await?;
                if let Some(inner) = prepared.and_then(|prepared| athena_sql::parse(&prepared.query_statement).ok()) {
                    kind = Kind::of(&inner);
                }
            }
            _ => {}
        }
        Ok(kind)
    }

    /// A result that may be given again: same text, workgroup, context and configuration, young enough.
    async fn reusable(
        &self,
        execution: &QueryExecution,
        request: &StartQueryExecutionRequest,
    ) -> ApiResult<Option<Record>> {
        let Some(reuse) = request
            .result_reuse_configuration
            .as_ref()
            .and_then(|configuration| configuration.result_reuse_by_age_configuration.as_ref())
            .filter(|reuse| reuse.enabled && execution.substatement_type.as_deref() == Some("SELECT"))
        else {
            return Ok(None);
        };
        let age = TimeDelta::minutes(i64::from(reuse.max_age_in_minutes.unwrap_or(60)));
        let prefix = |execution: &QueryExecution| {
            let location = execution.result_configuration.as_ref()?.output_location.clone()?;
            Some(location.rsplit_once('/')?.0.to_owned())
        };
        let wanted = prefix(execution);
        let work_group = execution.work_group.as_deref().unwrap_or(PRIMARY);
        self.inner
            .history
            .newest_success(work_group, self.now() - age, |earlier| {
                earlier.query == execution.query
                    && earlier.query_execution_context == execution.query_execution_context
                    && earlier.execution_parameters == execution.execution_parameters
                    && earlier
                        .statistics
                        .result_reuse_information
                        .as_ref()
                        .is_none_or(|info| !info.reused_previous_result)
                    && prefix(earlier) == wanted
            })
            .await
    }

    /// Ends a new execution with the result of an earlier one.
    async fn finish_with(&self, mut execution: QueryExecution, earlier: Record) -> ApiResult<()> {
        execution.result_configuration = earlier.execution.result_configuration;
        execution.status.state = QueryExecutionState::Succeeded;
        execution.status.completion_date_time = Some(self.now().into());
        execution.statistics = QueryExecutionStatistics {
            engine_execution_time_in_millis: Some(1),
            total_execution_time_in_millis: Some(1),
            query_queue_time_in_millis: Some(1),
            service_processing_time_in_millis: Some(1),
            data_scanned_in_bytes: Some(0),
            result_reuse_information: Some(ResultReuseInformation { reused_previous_result: true }),
            ..QueryExecutionStatistics::default()
        };
        self.inner.history.finish(&Record { execution, result: earlier.result }).await
    }
}

/// How the service classifies a statement, and where its result goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) statement_type: StatementType,
    pub(crate) substatement_type: &'static str,
}

impl Kind {
    pub(crate) fn of(statement: &Statement) -> Self {
        let kind = statement.kind();
        let statement_type = match kind.statement_type {
            athena_sql::StatementType::Ddl => StatementType::Ddl,
            athena_sql::StatementType::Dml => StatementType::Dml,
            athena_sql::StatementType::Utility => StatementType::Utility,
        };
        Self { statement_type, substatement_type: kind.substatement_type }
    }

    /// The result object. Source: measurements in spec/athena.md §1.6.
    fn location(self, prefix: &S3Uri, id: &str) -> S3Uri {
        match self.substatement_type {
            "SELECT" | "SHOW_FUNCTIONS" | "UPDATE" | "DELETE" | "MERGE" => prefix.join(&format!("{id}.csv")),
            "INSERT" | "UNLOAD" => prefix.join(id),
            "CREATE_TABLE_AS_SELECT" => prefix.join(&format!("tables/{id}")),
            _ => prefix.join(&format!("{id}.txt")),
        }
    }
}

fn check_constraints(request: &StartQueryExecutionRequest) -> ApiResult<()> {
    let failed = |member: &str, constraint: &str| {
        Err(invalid(format!(
            "1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must have length {constraint}"
        )))
    };
    if request.query_string.is_empty() {
        return failed("queryString", "greater than or equal to 1");
    }
    if request.query_string.len() > LONGEST_QUERY {
        return failed("queryString", "less than or equal to 262144");
    }
    match request.client_request_token.as_ref().map(String::len) {
        Some(..32) => failed("clientRequestToken", "greater than or equal to 32"),
        Some(129..) => failed("clientRequestToken", "less than or equal to 128"),
        _ => Ok(()),
    }
}

/// An output location as a prefix.
pub(crate) fn result_prefix(location: &str) -> ApiResult<S3Uri> {
    let not_valid = || invalid("outputLocation is not a valid S3 path.");
    let uri: S3Uri = location.parse().map_err(|_| not_valid())?;
    if !location.starts_with("s3://") || uri.bucket.is_empty() {
        return Err(not_valid());
    }
    Ok(uri.as_directory())
}

/// A name of the context as it is looked up: awswrangler sends it in backticks.
pub(crate) fn context_name(name: Option<&str>) -> Option<String> {
    name.map(|name| name.trim_matches('`').to_owned())
}

/// The table that a statement of Hive's grammar is about.
fn hive_table(statement: &Statement) -> Option<&TableName> {
    match statement {
        Statement::CreateTable(create) => Some(&create.table),
        Statement::DropTable { table, .. } | Statement::MsckRepair { table } | Statement::Describe { table, .. } => {
            Some(table)
        }
        Statement::AlterTable(alter) => Some(&alter.table),
        Statement::Show(
            Show::Columns(table)
            | Show::Partitions(table)
            | Show::CreateTable(table)
            | Show::TableProperties { table, .. },
        ) => Some(table),
        _ => None,
    }
}

fn entity_not_found(error: ApiError) -> ApiError {
    if !error.is_not_found() {
        return error;
    }
    let request = uuid::Uuid::new_v4();
    invalid(format!(
        "Entity Not Found (Service: AmazonDataCatalog; Status Code: 400; Error Code: EntityNotFoundException; Request ID: {request}; \
         Proxy: null)"
    ))
}
