//! Query executions in the state database: they survive a restart.

use athena_api::{
    ApiResult,
    athena::{AthenaError, ColumnInfo, QueryExecution, QueryExecutionState},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use store::{
    Migration, Migrations, Store, StoreError,
    sqlx::{self, Row, sqlite::SqliteRow},
};

use crate::error::{broken_record, invalid, store_failed};

/// The tables of this crate.
pub(crate) const MIGRATIONS: Migrations = Migrations {
    part: "athena",
    steps: &[Migration { version: 1, sql: include_str!("../migrations/1_query_executions.sql") }],
};

/// `StateChangeReason` of executions whose process ended before them.
const INTERRUPTED: &str = "The query was interrupted: the lakehouse was stopped while it ran. Run it again.";

/// An execution and how its result is read.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) execution: QueryExecution,
    pub(crate) result: Option<StoredResult>,
}

/// How the stored result of a succeeded execution becomes pages of rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredResult {
    pub(crate) format: ResultFormat,
    pub(crate) columns: Vec<ColumnInfo>,
    pub(crate) update_count: Option<i64>,
    /// Rows in the object, header included: an empty object may hold no row or one empty line.
    pub(crate) rows: u64,
}

/// What the result object looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ResultFormat {
    /// `.csv` with a header line.
    Csv,
    /// `.txt`: one value per line.
    Text,
    /// None is written.
    Nothing,
}

/// A page of execution ids, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionPage {
    pub ids: Vec<String>,
    pub next_token: Option<String>,
}

/// A client request token and what must not change under it.
#[derive(Debug, Clone)]
pub(crate) struct RequestToken {
    pub(crate) token: String,
    pub(crate) fingerprint: String,
}

/// The stored executions.
#[derive(Clone)]
pub(crate) struct History {
    store: Store,
}

impl History {
    /// Fails the executions that an ended process left without end.
    pub(crate) async fn open(store: Store, now: DateTime<Utc>) -> Result<Self, StoreError> {
        store.migrate(&MIGRATIONS).await?;
        let history = Self { store };
        history.fail_interrupted(now).await?;
        Ok(history)
    }

    async fn fail_interrupted(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let doing = "ending interrupted queries of";
        let error = |source| self.store.error(doing, source);
        let mut change = self.store.write().await?;
        let running: Vec<(String, String)> =
            sqlx::query_as("SELECT id, execution FROM query_execution WHERE ended = 0")
                .fetch_all(&mut *change)
                .await
                .map_err(error)?;
        for (id, text) in running {
            let Ok(mut execution) = serde_json::from_str::<QueryExecution>(&text) else { continue };
            execution.status.state = QueryExecutionState::Failed;
            execution.status.state_change_reason = Some(INTERRUPTED.to_owned());
            execution.status.completion_date_time = Some(now.into());
            execution.status.athena_error = Some(AthenaError {
                error_category: 1,
                error_type: 100,
                retryable: true,
                error_message: INTERRUPTED.to_owned(),
            });
            let text = serde_json::to_string(&execution).unwrap_or(text);
            sqlx::query("UPDATE query_execution SET ended = 1, execution = ? WHERE id = ?")
                .bind(text)
                .bind(id)
                .execute(&mut *change)
                .await
                .map_err(error)?;
        }
        change.commit().await.map_err(error)
    }

    /// Stores a new execution. Answers the id of the one that has the token already, with its fingerprint, instead of storing.
    pub(crate) async fn insert(
        &self,
        execution: &QueryExecution,
        token: Option<&RequestToken>,
    ) -> ApiResult<Option<(String, String)>> {
        let error = |source| store_failed(&self.store.error("storing a query in", source));
        let text = serde_json::to_string(execution).map_err(|error| broken_record(&error))?;
        let mut change = self.store.write().await.map_err(|error| store_failed(&error))?;
        if let Some(token) = token {
            let earlier: Option<(String, String)> =
                sqlx::query_as("SELECT id, token_fingerprint FROM query_execution WHERE client_request_token = ?")
                    .bind(&token.token)
                    .fetch_optional(&mut *change)
                    .await
                    .map_err(error)?;
            if earlier.is_some() {
                return Ok(earlier);
            }
        }
        sqlx::query(
            "INSERT INTO query_execution \
             (id, work_group, ended, client_request_token, token_fingerprint, submitted_at, execution) \
             VALUES (?, ?, 0, ?, ?, ?, ?)",
        )
        .bind(&execution.query_execution_id)
        .bind(execution.work_group.as_deref().unwrap_or(crate::work_group::PRIMARY))
        .bind(token.map(|token| token.token.as_str()))
        .bind(token.map(|token| token.fingerprint.as_str()))
        .bind(execution.status.submission_date_time.0.timestamp_millis())
        .bind(text)
        .execute(&mut *change)
        .await
        .map_err(error)?;
        change.commit().await.map_err(error)?;
        Ok(None)
    }

    /// Stores how it ended.
    pub(crate) async fn finish(&self, record: &Record) -> ApiResult<()> {
        let error = |source| store_failed(&self.store.error("storing the end of a query in", source));
        let execution = serde_json::to_string(&record.execution).map_err(|error| broken_record(&error))?;
        let result = record.result.as_ref().map(serde_json::to_string).transpose();
        let result = result.map_err(|error| broken_record(&error))?;
        let mut change = self.store.write().await.map_err(|error| store_failed(&error))?;
        sqlx::query("UPDATE query_execution SET ended = 1, execution = ?, result = ? WHERE id = ?")
            .bind(execution)
            .bind(result)
            .bind(&record.execution.query_execution_id)
            .execute(&mut *change)
            .await
            .map_err(error)?;
        change.commit().await.map_err(error)
    }

    /// The execution with this id.
    pub(crate) async fn get(&self, id: &str) -> ApiResult<Option<Record>> {
        let row = sqlx::query("SELECT execution, result FROM query_execution WHERE id = ?")
            .bind(id)
            .fetch_optional(self.store.readers())
            .await
            .map_err(|source| store_failed(&self.store.error("reading a query from", source)))?;
        row.as_ref().map(read).transpose()
    }

    /// The newest succeeded execution of this text in the workgroup that was submitted after `since`.
    pub(crate) async fn newest_success(
        &self,
        work_group: &str,
        since: DateTime<Utc>,
        is_match: impl Fn(&QueryExecution) -> bool,
    ) -> ApiResult<Option<Record>> {
        let rows = sqlx::query(
            "SELECT execution, result FROM query_execution \
             WHERE work_group = ? AND ended = 1 AND submitted_at >= ? AND result IS NOT NULL ORDER BY sequence DESC LIMIT 1000",
        )
        .bind(work_group)
        .bind(since.timestamp_millis())
        .fetch_all(self.store.readers())
        .await
        .map_err(|source| store_failed(&self.store.error("reading queries from", source)))?;
        for row in &rows {
            let record = read(row)?;
            if record.execution.status.state == QueryExecutionState::Succeeded && is_match(&record.execution) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// Ids of a workgroup's executions, newest first.
    pub(crate) async fn list(&self, work_group: &str, token: Option<&str>, limit: usize) -> ApiResult<ExecutionPage> {
        let before = match token {
            None => i64::MAX,
            Some(token) => {
                decode_sequence(token).ok_or_else(|| invalid(format!("The nextPageToken is malformed: {token}")))?
            }
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX - 1);
        let rows: Vec<(i64, String)> = sqlx::query_as(
            "SELECT sequence, id FROM query_execution WHERE work_group = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?",
        )
        .bind(work_group)
        .bind(before)
        .bind(limit + 1)
        .fetch_all(self.store.readers())
        .await
        .map_err(|source| store_failed(&self.store.error("listing queries of", source)))?;
        let more = rows.len() as i64 > limit;
        let page = &rows[..rows.len().min(limit as usize)];
        let next_token = page.last().filter(|_| more).map(|(sequence, _)| encode_sequence(*sequence));
        Ok(ExecutionPage { ids: page.iter().map(|(_, id)| id.clone()).collect(), next_token })
    }

    /// Whether the workgroup has any execution.
    pub(crate) async fn is_used(&self, work_group: &str) -> ApiResult<bool> {
        Ok(!self.list(work_group, None, 1).await?.ids.is_empty())
    }
}

fn read(row: &SqliteRow) -> ApiResult<Record> {
    let execution = serde_json::from_str(row.get(0)).map_err(|error| broken_record(&error))?;
    let result: Option<&str> = row.get(1);
    let result = result.map(serde_json::from_str).transpose().map_err(|error| broken_record(&error))?;
    Ok(Record { execution, result })
}

fn encode_sequence(sequence: i64) -> String {
    BASE64_STANDARD.encode(format!("before:{sequence}"))
}

fn decode_sequence(token: &str) -> Option<i64> {
    let text = String::from_utf8(BASE64_STANDARD.decode(token).ok()?).ok()?;
    text.strip_prefix("before:")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use store::Durability;

    use super::*;

    fn execution(id: &str) -> QueryExecution {
        serde_json::from_value(serde_json::json!({
            "QueryExecutionId": id, "Query": "SELECT 1", "WorkGroup": "primary",
            "Status": { "State": "RUNNING", "SubmissionDateTime": 1.5e9 },
        }))
        .expect("an execution")
    }

    #[tokio::test]
    async fn what_a_stopped_process_left_running_has_failed() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::open(dir.path(), Durability::Process).await.expect("a store");
        let history = History::open(store.clone(), Utc::now()).await.expect("a history");
        history.insert(&execution("left"), None).await.expect("stored");
        history.insert(&execution("ended"), None).await.expect("stored");
        let mut ended = Record { execution: execution("ended"), result: None };
        ended.execution.status.state = QueryExecutionState::Succeeded;
        history.finish(&ended).await.expect("stored");
        store.close().await;

        let store = Store::open(dir.path(), Durability::Process).await.expect("a store");
        let history = History::open(store, Utc::now()).await.expect("a history");
        let left = history.get("left").await.expect("read").expect("there").execution;
        assert_eq!(left.status.state, QueryExecutionState::Failed);
        assert!(left.status.completion_date_time.is_some());
        assert_eq!(left.status.athena_error.expect("an error").error_message, INTERRUPTED);
        let ended = history.get("ended").await.expect("read").expect("there").execution;
        assert_eq!(ended.status.state, QueryExecutionState::Succeeded);
    }

    #[tokio::test]
    async fn lists_are_newest_first_and_continue() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::open(dir.path(), Durability::Process).await.expect("a store");
        let history = History::open(store, Utc::now()).await.expect("a history");
        for id in ["a", "b", "c"] {
            history.insert(&execution(id), None).await.expect("stored");
        }
        let first = history.list("primary", None, 2).await.expect("a page");
        assert_eq!(first.ids, ["c", "b"]);
        let second = history.list("primary", first.next_token.as_deref(), 2).await.expect("a page");
        assert_eq!(second, ExecutionPage { ids: vec!["a".to_owned()], next_token: None });
        assert!(history.list("primary", Some("?"), 2).await.is_err());
        assert!(!history.is_used("other").await.expect("read"));
    }
}
