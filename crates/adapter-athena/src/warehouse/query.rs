//! Statements: started once, waited for, retried where it helps, cancelled together.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use athena_api::{
    ApiError, ApiResult,
    athena::{
        ColumnInfo, QueryExecution, QueryExecutionContext, QueryExecutionState, ResultConfiguration,
        StartQueryExecutionRequest, StatementType,
    },
};
use diagnostic::Diagnostic;
use engine::{
    adapter::{AdapterResponse, AdapterResult, CancelReport, StatementOrigin},
    events::Event,
};
use md5::{Digest, Md5};

use super::{Warehouse, lock};
use crate::{errors, journal::JournalEntry, statement};

/// How long one wait lasts before the cancellation is looked at again.
const WAIT: Duration = Duration::from_secs(20);
/// Source: Athena API, `GetQueryResults.MaxResults`.
const PAGE: i32 = 1000;

/// A statement that succeeded.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) id: String,
    pub(crate) data_scanned_in_bytes: u64,
    /// Rows written; `None` of a query or DDL.
    pub(crate) rows: Option<i64>,
    /// An earlier attempt of the run submitted it.
    pub(crate) is_found_again: bool,
    /// Its results have no header row.
    is_plain_text: bool,
}

impl Outcome {
    /// As dbt reports it.
    pub(crate) fn response(&self) -> AdapterResponse {
        let rows = self.rows.unwrap_or(-1);
        AdapterResponse {
            message: format!("OK {rows}"),
            code: "OK".to_owned(),
            rows_affected: rows,
            data_scanned_in_bytes: self.data_scanned_in_bytes,
            query_execution_ids: vec![self.id.clone()],
        }
    }
}

/// Results as Athena sends them: text and NULL.
#[derive(Debug, Clone, Default)]
pub(crate) struct RawResult {
    pub(crate) columns: Vec<ColumnInfo>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
    /// Of a query Athena says 0.
    pub(crate) update_count: Option<i64>,
}

impl Warehouse {
    /// Runs a statement to its end. `context` is `(data catalog, database)`; the profile's own when absent.
    pub(crate) async fn run(
        &self,
        sql: &str,
        origin: &StatementOrigin,
        context: Option<(&str, &str)>,
    ) -> AdapterResult<Outcome> {
        let text = statement::prepare(sql, origin.comment.as_ref());
        if text.is_empty() {
            return Err(errors::mistake(
                "Query is none or empty.",
                "the statement has no text after rendering",
                "look at the conditions around the SQL: none of them held",
            ));
        }
        let token_base = self.token_base(origin, &text);
        let mut conflicts = 0;
        let mut again = "";
        loop {
            let token = hex::encode(Md5::digest(format!("{token_base}\n{conflicts}{again}")));
            let began = Instant::now();
            self.options.events.emit(Event::Statement { node: origin.node.clone(), sql: text.clone() });
            let id = self.start(&text, token, origin, context).await?;
            self.options.events.emit(Event::StatementStarted { node: origin.node.clone(), query_id: id.clone() });
            let execution = self.wait(&id, &text).await?;
            self.note(|| JournalEntry::ended(&execution));
            let ended = |status: &str| {
                self.options.events.emit(Event::StatementEnded {
                    node: origin.node.clone(),
                    query_id: id.clone(),
                    status: status.to_owned(),
                    elapsed_seconds: began.elapsed().as_secs_f64(),
                });
            };
            if execution.status.state == QueryExecutionState::Succeeded {
                let outcome = self.outcome(execution).await?;
                ended(&outcome.response().message);
                return Ok(outcome);
            }
            ended(&format!("{:?}", execution.status.state).to_uppercase());
            if self.is_found_again(&execution) && again.is_empty() && !self.is_cancelled() {
                // How it ended for an earlier attempt is why there is another one.
                again = "\nagain";
                continue;
            }
            if is_commit_conflict(&execution) && conflicts < self.profile.num_iceberg_retries && !self.is_cancelled() {
                conflicts += 1;
                tokio::time::sleep(backoff(self.profile.poll_interval, &token_base, conflicts)).await;
                continue;
            }
            let cancelled = execution.status.state == QueryExecutionState::Cancelled && self.is_cancelled();
            return Err(errors::of_query(&execution, &text, cancelled));
        }
    }

    /// Runs a statement and answers up to `limit` rows of its results as text.
    pub(crate) async fn rows(
        &self,
        sql: &str,
        origin: &StatementOrigin,
        context: Option<(&str, &str)>,
    ) -> AdapterResult<(Outcome, RawResult)> {
        let outcome = self.run(sql, origin, context).await?;
        let result = self.fetch(&outcome, None).await?;
        Ok((outcome, result))
    }

    /// The results of a statement, without header.
    pub(crate) async fn fetch(&self, outcome: &Outcome, limit: Option<usize>) -> AdapterResult<RawResult> {
        let mut result = RawResult::default();
        let mut next_token: Option<String> = None;
        let mut is_first = true;
        loop {
            let page = self
                .services
                .athena
                .get_query_results(&outcome.id, next_token.as_deref(), Some(PAGE))
                .await
                .map_err(|error| errors::of_api(&error, None))?;
            if let Some(metadata) = page.result_set.result_set_metadata.filter(|_| result.columns.is_empty()) {
                result.columns = metadata.column_info;
            }
            let header = usize::from(is_first && !outcome.is_plain_text && outcome.rows.is_none());
            let rows = page.result_set.rows.into_iter().skip(header);
            result.rows.extend(rows.map(|row| row.data.into_iter().map(|datum| datum.var_char_value).collect()));
            result.update_count = result.update_count.or(page.update_count);
            is_first = false;
            next_token = page.next_token;
            let enough = limit.is_some_and(|limit| result.rows.len() >= limit);
            if next_token.is_none() || enough {
                result.rows.truncate(limit.unwrap_or(usize::MAX));
                return Ok(result);
            }
        }
    }

    /// The same for a restarted run, another for the next repetition of the same statement.
    fn token_base(&self, origin: &StatementOrigin, text: &str) -> String {
        let node = origin.node.as_ref().map_or("-", |node| node.as_str());
        let key = format!("{}\n{node}\n{}\n{text}", self.invocation_id, origin.step);
        let key = hex::encode(Md5::digest(key));
        let repetition = self.repetition(key.clone());
        format!("{key}\n{repetition}")
    }

    /// Submitted before this attempt began.
    fn is_found_again(&self, execution: &QueryExecution) -> bool {
        self.options.resumed_at.is_some_and(|began| execution.status.submission_date_time.0 < began)
    }

    /// Tells a warning, as a macro of dbt's would.
    pub(crate) fn warn(&self, diagnostic: Diagnostic) {
        self.options.events.emit(Event::Warning { name: "JinjaLogWarning".to_owned(), diagnostic });
    }

    fn note(&self, entry: impl FnOnce() -> JournalEntry) {
        if let Some(journal) = &self.options.journal {
            journal.write(&entry());
        }
    }

    async fn start(
        &self,
        text: &str,
        token: String,
        origin: &StatementOrigin,
        context: Option<(&str, &str)>,
    ) -> AdapterResult<String> {
        let (catalog, database) = context.unwrap_or((&self.profile.database, &self.profile.schema));
        let output = self.profile.s3_staging_dir.as_ref().map(|staging| ResultConfiguration {
            output_location: Some(staging.to_string()),
            ..ResultConfiguration::default()
        });
        let request = StartQueryExecutionRequest {
            query_string: text.to_owned(),
            client_request_token: Some(token.clone()),
            query_execution_context: Some(QueryExecutionContext {
                database: Some(database.to_owned()),
                catalog: Some(catalog.to_owned()),
            }),
            result_configuration: output,
            work_group: self.profile.work_group.clone(),
            ..StartQueryExecutionRequest::default()
        };
        let node = origin.node.as_ref().map(|node| node.as_str().to_owned());
        let work_group = self.profile.work_group.clone().unwrap_or_else(|| "primary".to_owned());
        let region = self.profile.region_name.clone();
        self.note(|| JournalEntry::Starting {
            token: token.clone(),
            node: node.clone(),
            step: origin.step.clone(),
            work_group: work_group.clone(),
            region: region.clone(),
        });
        let start = || self.services.athena.start_query_execution(request.clone());
        let started = self.with_retries(&token, self.profile.num_retries, text, start).await?;
        self.note(|| JournalEntry::Started {
            token: token.clone(),
            query_execution_id: started.clone(),
            node,
            work_group,
            region,
        });
        lock(&self.running).insert(started.clone());
        if self.is_cancelled() {
            // Cancelled while it was being started: the sweep has not seen it.
            let stopped = self.services.athena.stop_query_execution(&started).await;
            if stopped.is_ok() {
                lock(&self.running).remove(&started);
            }
            return Err(errors::cancelled(Some(text)));
        }
        Ok(started)
    }

    async fn wait(&self, id: &str, text: &str) -> AdapterResult<QueryExecution> {
        loop {
            let wait = || self.services.athena.wait_query_execution(id, WAIT);
            let execution = self.with_retries(id, u32::MAX, text, wait).await;
            match execution {
                Ok(execution) if !execution.status.state.is_terminal() => {}
                ended => {
                    lock(&self.running).remove(id);
                    return ended;
                }
            }
        }
    }

    /// Tries again while the service asks for a slower pace.
    async fn with_retries<T, F, R>(&self, seed: &str, retries: u32, text: &str, call: F) -> AdapterResult<T>
    where
        F: Fn() -> R,
        R: Future<Output = ApiResult<T>>,
    {
        let mut attempt = 0;
        loop {
            if self.is_cancelled() && attempt > 0 {
                return Err(errors::cancelled(Some(text)));
            }
            match call().await {
                Ok(answer) => return Ok(answer),
                Err(error) if is_passing(&error) && attempt < retries => {
                    attempt += 1;
                    tokio::time::sleep(backoff(self.profile.poll_interval, seed, attempt)).await;
                }
                Err(error) => return Err(errors::of_api(&error, Some(text))),
            }
        }
    }

    async fn outcome(&self, execution: QueryExecution) -> AdapterResult<Outcome> {
        let substatement = execution.substatement_type.as_deref().unwrap_or_default();
        let is_dml = execution.statement_type == Some(StatementType::Dml);
        let is_explain = substatement.eq_ignore_ascii_case("EXPLAIN");
        let is_query =
            ["SELECT", "SHOW", "VALUES", "WITH", "TABLE"].iter().any(|word| substatement.eq_ignore_ascii_case(word));
        // CTAS counts its rows although Athena calls it DDL.
        let writes = !is_explain && (writes(&execution.query) || is_dml && !is_query && !substatement.is_empty());
        let mut outcome = Outcome {
            is_found_again: self.is_found_again(&execution),
            id: execution.query_execution_id,
            data_scanned_in_bytes: execution
                .statistics
                .data_scanned_in_bytes
                .and_then(|bytes| u64::try_from(bytes).ok())
                .unwrap_or(0),
            rows: None,
            is_plain_text: !is_dml && execution.statement_type.is_some() || is_explain,
        };
        if writes {
            let results = self.services.athena.get_query_results(&outcome.id, None, Some(1)).await;
            outcome.rows = results.map_err(|error| errors::of_api(&error, None))?.update_count;
        }
        Ok(outcome)
    }

    /// Lets statements start again. What the services answer slowly is not waited for as long as before.
    pub(crate) fn resume(&self) {
        self.cancelled.store(false, Ordering::SeqCst);
    }

    /// Stops all that runs and lets nothing more start.
    pub(crate) async fn cancel(&self) -> CancelReport {
        self.cancelled.store(true, Ordering::SeqCst);
        self.services.athena.lose_patience();
        let mut ids: Vec<String> = lock(&self.running).iter().cloned().collect();
        ids.sort();
        let mut report = CancelReport::default();
        for id in ids {
            match self.services.athena.stop_query_execution(&id).await {
                Ok(()) => report.stopped.push(id),
                Err(error) => report.left_running.push((id, error.to_string())),
            }
        }
        self.spark.stop(&*self.services.spark, &mut report).await;
        report
    }
}

/// The text, behind its comments, writes rows.
fn writes(query: &str) -> bool {
    let body = query.lines().find(|line| !line.trim_start().starts_with("--") && !line.trim().is_empty());
    let body = body.unwrap_or_default().trim_start().to_lowercase();
    ["insert", "merge", "update", "delete", "create table"].iter().any(|word| body.starts_with(word))
}

fn is_commit_conflict(execution: &QueryExecution) -> bool {
    let error = execution.status.athena_error.as_ref();
    execution.status.state == QueryExecutionState::Failed
        && error.is_some_and(|error| error.error_type == 233 && error.error_message.contains("ICEBERG_COMMIT_ERROR"))
}

/// Throttling or a hiccup of the service; never a fault of the statement.
fn is_passing(error: &ApiError) -> bool {
    let words = ["TooManyRequestsException", "ThrottlingException", "InternalServerException"];
    error.is_throttling() || words.iter().any(|word| error.code == *word || error.message.contains(word))
}

/// Between nothing and `2^(attempt-1)` poll intervals, at most 100; spread by the seed, so that two callers do not meet again.
fn backoff(unit: Duration, seed: &str, attempt: u32) -> Duration {
    let most = 100.0_f64.min(2.0_f64.powi(i32::try_from(attempt.saturating_sub(1)).unwrap_or(30).min(30)));
    let digest = Md5::digest(format!("{seed}{attempt}"));
    let fraction = f64::from(u16::from_le_bytes([digest[0], digest[1]])) / f64::from(u16::MAX);
    unit.mul_f64(most * fraction)
}
