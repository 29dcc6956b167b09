//! One execution from RUNNING to its end.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use athena_api::{
    ApiError,
    athena::{
        AthenaError, QueryExecution, QueryExecutionState, QueryExecutionStatistics, ResultReuseInformation,
        StatementType, WorkGroup,
    },
};
use athena_sql::Statement;
use names::S3Uri;
use query::{ErrorCategory, QueryContext, QueryError, QueryOutput};

use crate::{
    EmbeddedAthena,
    history::{Record, ResultFormat, StoredResult},
    live::Live,
    prepared_statement::PreparedStatementInput,
    result::{WriteError, Writing, column_info, rows_column, write_failure, write_manifest, write_result},
    start::{Kind, context_name},
};

/// Source: Athena service quotas.
const DML_TIMEOUT: Duration = Duration::from_secs(30 * 60);
const DDL_TIMEOUT: Duration = Duration::from_secs(600 * 60);
/// The name under which the workgroup's limit stops a query inside this crate.
const BYTES_LIMIT: &str = "BYTES_SCANNED_LIMIT";

/// An execution that was accepted.
pub(crate) struct Run {
    pub(crate) athena: EmbeddedAthena,
    pub(crate) live: Arc<Live>,
    pub(crate) statement: Statement,
    pub(crate) kind: Kind,
    /// The result object.
    pub(crate) location: S3Uri,
    /// Where results go.
    pub(crate) prefix: S3Uri,
    pub(crate) work_group: WorkGroup,
    pub(crate) received: Instant,
}

/// What a succeeded statement leaves behind.
struct Done {
    result: StoredResult,
    manifest: Option<S3Uri>,
    scanned: u64,
}

/// Answers how many bytes were scanned so far; set once the engine has begun to answer.
type Scanned = std::sync::OnceLock<Box<dyn Fn() -> u64 + Send + Sync>>;

/// The measured parts of an execution.
#[derive(Default)]
struct Times {
    queued: Duration,
    planning: Duration,
    engine: Duration,
}

impl Run {
    /// Waits for its turn, runs, and stores how it ended.
    pub(crate) async fn go(self) {
        let accepted = Instant::now();
        let preparing = accepted - self.received;
        let mut times = Times::default();
        let turn = tokio::select! {
            turn = Arc::clone(&self.athena.inner.turns).acquire_owned() => turn.ok(),
            () = self.live.cancel.cancelled() => None,
        };
        times.queued = accepted.elapsed();
        let scanned = Scanned::new();
        let outcome = match &turn {
            None => Err(QueryError::cancelled()),
            Some(_) => {
                self.live.update(|record| record.execution.status.state = QueryExecutionState::Running);
                self.execute_in_time(&mut times, &scanned).await
            }
        };
        drop(turn);
        let outcome = match outcome {
            // Whatever the engine called it: it was asked to stop.
            Err(error) if self.live.cancel.is_cancelled() && error.name != BYTES_LIMIT => {
                tracing::debug!(%error, "cancelled");
                Err(QueryError::cancelled())
            }
            other => other,
        };
        let read = scanned.get().map_or(0, |scanned| scanned());
        self.end(outcome, &times, preparing, read).await;
    }

    async fn execute_in_time(&self, times: &mut Times, scanned: &Scanned) -> Result<Done, QueryError> {
        let started = Instant::now();
        let limit = if self.kind.statement_type == StatementType::Ddl { DDL_TIMEOUT } else { DML_TIMEOUT };
        let mut planning = Duration::ZERO;
        let outcome = tokio::select! {
            outcome = self.execute(&mut planning, scanned) => outcome,
            // Dropping the other future stops the engine's streams at their next step.
            () = self.live.cancel.cancelled() => Err(QueryError::cancelled()),
            () = tokio::time::sleep(limit) => Err(QueryError::plain(206, ErrorCategory::User, "Query timeout")),
        };
        times.planning = planning;
        times.engine = started.elapsed();
        outcome
    }

    /// Runs the statement and writes its result.
    async fn execute(&self, planning: &mut Duration, scanned: &Scanned) -> Result<Done, QueryError> {
        let started = Instant::now();
        let bucket = &self.prefix.bucket;
        let made = ensure_bucket(&self.athena.inner.storage, bucket).await;
        made.map_err(|error| self.not_written(&error))?;
        let output = match &self.statement {
            Statement::Prepare { name, statement_text, .. } => {
                self.prepare(name, statement_text).await?;
                None
            }
            Statement::Deallocate { name } => {
                self.deallocate(name).await?;
                None
            }
            Statement::Execute { name, parameters } => Some(self.execute_prepared(name, parameters).await?),
            statement => {
                self.refuse_external_location(statement)?;
                Some(self.query(statement, self.parameters()).await?)
            }
        };
        *planning = started.elapsed();
        let Some(output) = output else {
            return Ok(Done { result: self.without_rows(), manifest: None, scanned: 0 });
        };
        let statistics = Arc::clone(&output.statistics);
        let scanned = scanned.get_or_init(|| Box::new(move || statistics.data_scanned_in_bytes()));
        self.store(output, scanned).await
    }

    async fn query(&self, statement: &Statement, parameters: Vec<String>) -> Result<QueryOutput, QueryError> {
        let execution = self.live.execution();
        let context = QueryContext {
            catalog: context_name(execution.query_execution_context.catalog.as_deref()),
            database: context_name(execution.query_execution_context.database.as_deref()),
            default_table_location: self.prefix.join(&format!("tables/{}/", execution.query_execution_id)),
            query_execution_id: execution.query_execution_id,
            now: self.athena.now(),
            parameters,
            cancel: self.live.cancel.clone(),
        };
        self.athena.inner.engine.execute(statement, &context).await
    }

    fn parameters(&self) -> Vec<String> {
        self.live.execution().execution_parameters.unwrap_or_default()
    }

    async fn execute_prepared(&self, name: &str, using: &[String]) -> Result<QueryOutput, QueryError> {
        let found = self.athena.find_prepared_statement(&self.work_group.name, name).await.map_err(service_failed)?;
        let prepared =
            found.ok_or_else(|| QueryError::new("NOT_FOUND", format!("Prepared statement not found: {name}")))?;
        let statement = athena_sql::parse(&prepared.query_statement)
            .map_err(|error| QueryError::new("SYNTAX_ERROR", error.to_string()))?;
        let parameters = if using.is_empty() { self.parameters() } else { using.to_vec() };
        self.query(&statement, parameters).await
    }

    async fn prepare(&self, name: &str, text: &str) -> Result<(), QueryError> {
        let input = PreparedStatementInput {
            statement_name: name.to_owned(),
            work_group: self.work_group.name.clone(),
            query_statement: text.to_owned(),
            description: None,
        };
        self.athena
            .create_prepared_statement(input)
            .await
            .map_err(|error| QueryError::plain(1000, ErrorCategory::User, error.message))
    }

    async fn deallocate(&self, name: &str) -> Result<(), QueryError> {
        let deleted = self.athena.delete_prepared_statement(&self.work_group.name, name).await;
        deleted.map_err(|_| QueryError::new("NOT_FOUND", format!("Prepared statement not found: {name}")))
    }

    /// A workgroup that enforces its location does not let a CTAS choose one.
    fn refuse_external_location(&self, statement: &Statement) -> Result<(), QueryError> {
        let Statement::CreateTableAs(create) = statement else { return Ok(()) };
        let configuration = self.work_group.configuration.as_ref();
        let enforces = configuration.is_some_and(|configuration| {
            configuration.enforce_work_group_configuration == Some(true)
                && configuration.result_configuration.as_ref().is_some_and(|result| result.output_location.is_some())
        });
        if enforces && create.properties.iter().any(|property| property.name == "external_location") {
            return Err(QueryError::plain(
                1101,
                ErrorCategory::User,
                "The Create Table As Select query failed because it was submitted with an 'external_location' property to an Athena \
                 Workgroup that enforces a centralized output location for all queries. Please remove the 'external_location' property \
                 and resubmit the query.",
            ));
        }
        Ok(())
    }

    /// Reads the rows and writes the result's files.
    async fn store(&self, output: QueryOutput, scanned: &(dyn Fn() -> u64 + Send + Sync)) -> Result<Done, QueryError> {
        let id = self.live.execution().query_execution_id;
        let format = self.format();
        let columns = match format {
            ResultFormat::Nothing => vec![rows_column()],
            _ => output.columns.iter().map(column_info).collect(),
        };
        let update_count = self.update_count(output.update_count);
        let storage = &self.athena.inner.storage;
        let writing = Writing {
            storage,
            location: &self.location,
            query_id: &id,
            format,
            columns: &columns,
            labels_in_text: self.kind.substatement_type == "EXPLAIN",
            update_type: self.update_type(),
            update_count,
            content_type: self.content_type(output.literals_only),
            companion: format == ResultFormat::Nothing || !columns.is_empty(),
        };
        let cutoff = self.cutoff();
        let watch = || match cutoff {
            Some(cutoff) if scanned() > cutoff => Err(bytes_limit()),
            _ => Ok(()),
        };
        let stored = write_result(&writing, output.rows, watch).await.map_err(|error| match error {
            WriteError::Query(error) => error,
            WriteError::Storage(error) => self.not_written(&error),
        })?;
        let manifest = match &output.manifest {
            Some(files) => {
                Some(write_manifest(storage, &self.location, files).await.map_err(|error| self.not_written(&error))?)
            }
            None => None,
        };
        if let Some(body) = stored.body {
            self.athena.inner.bodies.put(&id, body);
        }
        let result = StoredResult { format, columns, update_count, rows: stored.rows };
        Ok(Done { result, manifest, scanned: scanned() })
    }

    fn not_written(&self, error: &lake::StorageError) -> QueryError {
        let message = match error {
            lake::StorageError::NoSuchBucket { bucket } | lake::StorageError::InvalidBucketName { bucket } => {
                format!("Unable to verify/create output bucket {bucket}")
            }
            error => format!(
                "Access denied when writing output to url: {} . Please ensure you are allowed to access the S3 bucket. ({error})",
                self.location
            ),
        };
        QueryError::plain(401, ErrorCategory::User, message)
    }

    fn format(&self) -> ResultFormat {
        match self.kind.substatement_type {
            "SELECT" | "SHOW_FUNCTIONS" => ResultFormat::Csv,
            "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "UNLOAD" | "CREATE_TABLE_AS_SELECT" => ResultFormat::Nothing,
            _ => ResultFormat::Text,
        }
    }

    fn without_rows(&self) -> StoredResult {
        StoredResult { format: ResultFormat::Text, columns: Vec::new(), update_count: None, rows: 0 }
    }

    /// Source: measurements in spec/athena.md §1.7.
    fn update_count(&self, written: Option<u64>) -> Option<i64> {
        match (self.kind.substatement_type, self.kind.statement_type) {
            ("INSERT" | "UPDATE" | "DELETE" | "MERGE" | "CREATE_TABLE_AS_SELECT" | "UNLOAD", _) => {
                Some(i64::try_from(written.unwrap_or(0)).unwrap_or(i64::MAX))
            }
            ("SELECT", _) => Some(0),
            ("DESCRIBE_TABLE" | "SHOW_CREATE_TABLE", _) => None,
            (_, StatementType::Utility) => Some(0),
            _ => None,
        }
    }

    fn update_type(&self) -> Option<&'static str> {
        match self.kind.substatement_type {
            kind @ ("INSERT" | "UPDATE" | "DELETE" | "MERGE") => Some(kind),
            "CREATE_TABLE_AS_SELECT" => Some("CREATE TABLE"),
            _ => None,
        }
    }

    /// Source: measurements in spec/athena.md §2.2 and §2.3.
    fn content_type(&self, literals_only: bool) -> &'static str {
        let binary = match self.kind.substatement_type {
            "SELECT" => literals_only,
            "DESCRIBE_TABLE" | "SHOW_CREATE_TABLE" | "EXPLAIN" | "MSCK_REPAIR" => false,
            _ => self.format() == ResultFormat::Text,
        };
        if binary { "binary/octet-stream" } else { "application/octet-stream" }
    }

    fn cutoff(&self) -> Option<u64> {
        let cutoff = self.work_group.configuration.as_ref()?.bytes_scanned_cutoff_per_query?;
        u64::try_from(cutoff).ok()
    }

    /// Stores the end, then tells who waits.
    async fn end(&self, outcome: Result<Done, QueryError>, times: &Times, preparing: Duration, read: u64) {
        let scanned = outcome.as_ref().map_or(read, |done| done.scanned);
        if let Err(error) = &outcome
            && error.message.starts_with("FAILED: ")
            && let Err(error) = write_failure(&self.athena.inner.storage, &self.location, &error.message).await
        {
            tracing::warn!(%error, "the failure file could not be written");
        }
        let mut record = self.live.record();
        let engine = millis(times.engine).max(1);
        let queued = millis(times.queued).max(1);
        let execution = &mut record.execution;
        execution.statistics = QueryExecutionStatistics {
            engine_execution_time_in_millis: Some(engine),
            data_scanned_in_bytes: Some(i64::try_from(scanned).unwrap_or(i64::MAX)),
            data_manifest_location: outcome
                .as_ref()
                .ok()
                .and_then(|done| done.manifest.as_ref())
                .map(ToString::to_string),
            query_queue_time_in_millis: Some(queued),
            service_pre_processing_time_in_millis: Some(millis(preparing)),
            query_planning_time_in_millis: Some(millis(times.planning)),
            service_processing_time_in_millis: Some(0),
            total_execution_time_in_millis: Some(engine + queued + millis(preparing)),
            result_reuse_information: Some(ResultReuseInformation { reused_previous_result: false }),
        };
        execution.status.completion_date_time = Some(self.athena.now().into());
        match outcome {
            Ok(done) => {
                execution.status.state = QueryExecutionState::Succeeded;
                record.result = Some(done.result);
            }
            Err(error) => fail(execution, &error),
        }
        self.finish(record).await;
    }

    async fn finish(&self, mut record: Record) {
        if let Err(error) = self.athena.inner.history.finish(&record).await {
            // The rows are there, the record of them is not: after a restart nobody would find them.
            tracing::error!(%error, "the end of a query could not be stored");
            record.result = None;
            fail(&mut record.execution, &service_failed(error));
        }
        let id = record.execution.query_execution_id.clone();
        self.live.update(|live| *live = record);
        self.athena.inner.live.ended(&id);
    }
}

/// Athena makes the output bucket where it may.
pub(crate) async fn ensure_bucket(storage: &lake::ObjectStorage, bucket: &str) -> Result<(), lake::StorageError> {
    use lake::StorageError::{BucketAlreadyOwnedByYou, NoSuchBucket};

    match storage.head_bucket(bucket).await {
        Err(NoSuchBucket { .. }) => match storage.create_bucket(bucket).await {
            // Another query was quicker.
            Err(BucketAlreadyOwnedByYou { .. }) => Ok(()),
            made => made,
        },
        found => found.map(|_| ()),
    }
}

fn fail(execution: &mut QueryExecution, error: &QueryError) {
    execution.status.state_change_reason = Some(error.message.clone());
    if error.is_cancelled() || error.name == BYTES_LIMIT {
        execution.status.state = QueryExecutionState::Cancelled;
        return;
    }
    execution.status.state = QueryExecutionState::Failed;
    execution.status.athena_error = Some(AthenaError {
        error_category: error.category as i32,
        error_type: error.error_type,
        retryable: error.retryable,
        error_message: error.message.clone(),
    });
}

fn bytes_limit() -> QueryError {
    QueryError {
        name: BYTES_LIMIT.to_owned(),
        ..QueryError::plain(1008, ErrorCategory::User, "Bytes scanned limit was exceeded")
    }
}

fn service_failed(error: ApiError) -> QueryError {
    QueryError::plain(100, ErrorCategory::System, error.message)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
