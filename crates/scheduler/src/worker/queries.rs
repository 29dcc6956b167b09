//! The queries of a run: what commands noted in their journals, as rows of `query_execution`, with what they cost.

use std::path::{Path, PathBuf};

use adapter_athena::JournalEntry;
use athena_api::athena::QueryExecutionState;
use store::sqlx;

use super::owner::{Gone, Owner};
use crate::SchedulerError;

const MEBIBYTE: u64 = 1 << 20;

/// What Athena takes for a query.
///
/// Source: Amazon Athena pricing, "SQL queries": per TB scanned, rounded up to the next megabyte, at least 10 MB; DDL, managing partitions and
/// failed queries are free, cancelled ones cost what they scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prices {
    /// Millionths of a dollar per TB (2^40 bytes).
    pub micro_dollars_per_terabyte: u64,
    /// What a query is counted as, at least.
    pub minimum_bytes: u64,
}

impl Default for Prices {
    /// 5 dollars, as in most regions.
    fn default() -> Self {
        Self { micro_dollars_per_terabyte: 5_000_000, minimum_bytes: 10 * MEBIBYTE }
    }
}

impl Prices {
    /// The price of an execution that is over.
    pub fn of(&self, state: QueryExecutionState, data_scanned_in_bytes: u64, is_ddl: bool) -> u64 {
        if state == QueryExecutionState::Failed || (is_ddl && data_scanned_in_bytes == 0) {
            return 0;
        }
        if state == QueryExecutionState::Cancelled && data_scanned_in_bytes == 0 {
            return 0;
        }
        let counted = data_scanned_in_bytes.max(self.minimum_bytes).div_ceil(MEBIBYTE) * MEBIBYTE;
        let price = u128::from(counted) * u128::from(self.micro_dollars_per_terabyte);
        u64::try_from(price.div_ceil(1 << 40)).unwrap_or(u64::MAX)
    }
}

/// Follows a journal while it grows.
#[derive(Debug)]
pub(super) struct JournalReader {
    path: PathBuf,
    offset: usize,
}

impl JournalReader {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), offset: 0 }
    }

    /// The whole lines that are new. A line that is not understood is passed over: a command may write there too.
    pub(super) fn read(&mut self) -> Vec<JournalEntry> {
        use std::io::{Read, Seek, SeekFrom};
        let mut text = Vec::new();
        let read = fs_err::File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.offset as u64))?;
            file.read_to_end(&mut text)
        });
        if read.is_err() {
            return Vec::new();
        }
        let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.offset += end;
        text[..end].split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }
}

/// Writes entries of a command's journal.
pub(super) async fn write(
    owner: &Owner,
    command_id: i64,
    entries: &[JournalEntry],
    prices: &Prices,
) -> Result<(), Gone> {
    if entries.is_empty() {
        return Ok(());
    }
    owner.insist(|| try_write(owner, command_id, entries, prices)).await
}

async fn try_write(
    owner: &Owner,
    command_id: i64,
    entries: &[JournalEntry],
    prices: &Prices,
) -> Result<(), SchedulerError> {
    // A query that is found again belongs to the attempt that pays for it, and to the one that waits for it too; its cost to the first alone.
    let started = "INSERT INTO query_execution (run_id, query_execution_id, command_id, node, work_group, region, state, started_at) \
                   SELECT $1, $2, $3, $4, $5, $6, 'RUNNING', $7 WHERE EXISTS (SELECT 1 FROM run WHERE id = $1 AND lease_fence = $8) \
                   ON CONFLICT (run_id, query_execution_id) DO NOTHING";
    let ended = "UPDATE query_execution SET state = $3, started_at = $4, ended_at = $5, data_scanned_in_bytes = $6, queue_ms = $7, \
                 engine_ms = $8, micro_dollars = CASE WHEN EXISTS (SELECT 1 FROM query_execution o WHERE o.query_execution_id = $2 \
                 AND o.run_id < $1 AND o.micro_dollars IS NOT NULL) THEN 0 ELSE $9 END WHERE run_id = $1 AND query_execution_id = $2 \
                 AND EXISTS (SELECT 1 FROM run WHERE run.id = query_execution.run_id AND lease_fence = $10)";
    // The attempt before, which left it running, has its end now, too.
    let ended_before = "UPDATE query_execution SET state = $3, ended_at = $4, micro_dollars = 0 \
                        WHERE query_execution_id = $2 AND run_id < $1 AND ended_at IS NULL \
                        AND EXISTS (SELECT 1 FROM run WHERE run.id = $1 AND lease_fence = $5)";
    let failed = |source| owner.scheduler.failed("writing queries to", source);
    let now = owner.scheduler.now();
    let mut change = owner.scheduler.database().write().await?;
    for entry in entries {
        let query = match entry {
            JournalEntry::Starting { .. } => continue,
            JournalEntry::Started { query_execution_id, node, work_group, region, .. } => sqlx::query(started)
                .bind(owner.lease.run_id)
                .bind(query_execution_id.as_str())
                .bind(command_id)
                .bind(node.as_deref())
                .bind(work_group.as_str())
                .bind(region.as_str())
                .bind(now)
                .bind(owner.lease.fence),
            JournalEntry::Ended {
                query_execution_id,
                state,
                submitted_at,
                completed_at,
                data_scanned_in_bytes,
                queue_ms,
                engine_ms,
                is_ddl,
            } => {
                let scanned = u64::try_from(*data_scanned_in_bytes).unwrap_or(0);
                let price = i64::try_from(prices.of(*state, scanned, *is_ddl)).unwrap_or(i64::MAX);
                sqlx::query(ended)
                    .bind(owner.lease.run_id)
                    .bind(query_execution_id.as_str())
                    .bind(word(*state))
                    .bind(*submitted_at)
                    .bind(completed_at.unwrap_or(now))
                    .bind(*data_scanned_in_bytes)
                    .bind(*queue_ms)
                    .bind(*engine_ms)
                    .bind(price)
                    .bind(owner.lease.fence)
            }
        };
        query.execute(&mut *change).await.map_err(failed)?;
        if let JournalEntry::Ended { query_execution_id, state, completed_at, .. } = entry {
            sqlx::query(ended_before)
                .bind(owner.lease.run_id)
                .bind(query_execution_id.as_str())
                .bind(word(*state))
                .bind(completed_at.unwrap_or(now))
                .bind(owner.lease.fence)
                .execute(&mut *change)
                .await
                .map_err(failed)?;
        }
    }
    Ok(change.commit().await?)
}

/// Athena's word.
fn word(state: QueryExecutionState) -> &'static str {
    match state {
        QueryExecutionState::Queued => "QUEUED",
        QueryExecutionState::Running => "RUNNING",
        QueryExecutionState::Succeeded => "SUCCEEDED",
        QueryExecutionState::Failed => "FAILED",
        QueryExecutionState::Cancelled => "CANCELLED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_costs_what_athena_takes() {
        use QueryExecutionState::{Cancelled, Failed, Succeeded};
        let prices = Prices::default();
        for (state, bytes, is_ddl, expected) in [
            (Succeeded, 1 << 40, false, 5_000_000),
            // Ten megabytes are a 104,857.6th of a terabyte.
            (Succeeded, 1, false, 48),
            (Succeeded, 0, false, 48),
            (Succeeded, 10 * MEBIBYTE + 1, false, 53),
            (Succeeded, 0, true, 0),
            // CREATE TABLE AS reads, although it is DDL.
            (Succeeded, 1 << 40, true, 5_000_000),
            (Failed, 1 << 40, false, 0),
            (Cancelled, 1 << 40, false, 5_000_000),
            (Cancelled, 0, false, 0),
        ] {
            assert_eq!(prices.of(state, bytes, is_ddl), expected, "{state:?} {bytes} {is_ddl}");
        }
    }

    #[test]
    fn a_journal_is_read_line_by_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let mut reader = JournalReader::new(&path);
        assert_eq!(reader.read(), []);
        let started =
            r#"{"event":"started","token":"t","query_execution_id":"q","node":null,"work_group":"w","region":"r"}"#;
        fs_err::write(&path, format!("{started}\nnonsense\n{}", &started[..20])).expect("written");
        assert_eq!(reader.read().len(), 1);
        assert_eq!(reader.read(), []);
        fs_err::write(&path, format!("{started}\nnonsense\n{started}\n")).expect("written");
        assert_eq!(reader.read().len(), 1);
    }
}
