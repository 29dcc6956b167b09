//! What was asked of Athena, as lines in a file: whoever finds the file after a crash knows which queries may still run, and what they cost.

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::Mutex,
};

use athena_api::athena::{QueryExecution, QueryExecutionState, StatementType};
use serde::{Deserialize, Serialize};

use crate::warehouse::lock;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum JournalEntry {
    /// A statement is about to be sent; without a `Started` of the same token after it, nobody knows whether it arrived.
    Starting { token: String, node: Option<String>, step: String, work_group: String, region: String },
    /// Athena has it.
    Started { token: String, query_execution_id: String, node: Option<String>, work_group: String, region: String },
    /// It is over.
    Ended {
        query_execution_id: String,
        state: QueryExecutionState,
        /// As Athena says, in microseconds since the epoch.
        submitted_at: i64,
        completed_at: Option<i64>,
        data_scanned_in_bytes: i64,
        queue_ms: i64,
        engine_ms: i64,
        /// Athena counts it as DDL, which costs nothing unless it reads.
        is_ddl: bool,
    },
}

impl JournalEntry {
    /// Of an execution that is over.
    pub fn ended(execution: &QueryExecution) -> Self {
        let statistics = &execution.statistics;
        Self::Ended {
            query_execution_id: execution.query_execution_id.clone(),
            state: execution.status.state,
            submitted_at: execution.status.submission_date_time.0.timestamp_micros(),
            completed_at: execution.status.completion_date_time.map(|time| time.0.timestamp_micros()),
            data_scanned_in_bytes: statistics.data_scanned_in_bytes.unwrap_or(0),
            queue_ms: statistics.query_queue_time_in_millis.unwrap_or(0),
            engine_ms: statistics.engine_execution_time_in_millis.unwrap_or(0),
            is_ddl: execution.statement_type == Some(StatementType::Ddl),
        }
    }
}

/// A file that entries are appended to, each in one write.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Mutex<fs_err::File>,
}

impl Journal {
    /// Opens or makes the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = fs_err::OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { path: path.to_owned(), file: Mutex::new(file) })
    }

    /// Appends an entry. A full disk must not fail the query: the journal is for others.
    pub(crate) fn write(&self, entry: &JournalEntry) {
        let mut line = serde_json::to_vec(entry).unwrap_or_default();
        line.push(b'\n');
        if let Err(error) = lock(&self.file).write_all(&line) {
            tracing::warn!("{} cannot be written: {error}", self.path.display());
        }
    }
}
