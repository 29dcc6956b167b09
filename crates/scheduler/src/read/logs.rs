//! What a command printed, page by page.

use store::DatabaseError;

use super::{
    Micros, Reader,
    row::{Conditions, Row},
    runs::is_final,
};

/// Whole lines of one stream, secrets masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogChunk {
    /// Rises over both streams.
    pub sequence: i64,
    /// `STDOUT` or `STDERR`.
    pub stream: String,
    pub text: String,
    pub at: Micros,
}

/// Some of a command's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPage {
    pub chunks: Vec<LogChunk>,
    /// The sequence to ask on after.
    pub last_sequence: i64,
    /// Nothing follows this page, now or later.
    pub finished: bool,
}

const READING: &str = "reading logs from";
/// Chunks are up to 64 KiB.
const AT_ONCE: i64 = 16;

impl Reader {
    /// The chunks after `after` (0 for the first), at most `limit` of them and about `most_bytes`; none when there is no such command.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn logs(
        &self,
        command_id: i64,
        after: i64,
        limit: i64,
        most_bytes: usize,
    ) -> Result<Option<LogPage>, DatabaseError> {
        // The state comes first: a command that has ended before its chunks are read has written all of them.
        let mut conditions = Conditions::default();
        conditions.push("command.id = ", command_id);
        let statement = format!(
            "SELECT command.state, run.state AS run_state FROM command JOIN run ON run.id = command.run_id{}",
            conditions.sql()
        );
        let rows = conditions.fetch(&self.database, READING, statement).await?;
        let Some(row) = rows.first().map(|row| Row::new(row, &self.database, READING)) else { return Ok(None) };
        let ended = is_final(&row.text("state")?) || is_final(&row.text("run_state")?);

        let (mut chunks, mut bytes, mut last_sequence) = (Vec::new(), 0, after);
        let is_last = loop {
            let left = limit - i64::try_from(chunks.len()).unwrap_or(i64::MAX);
            if left <= 0 || bytes >= most_bytes {
                break false;
            }
            let wanted = left.min(AT_ONCE);
            let mut conditions = Conditions::default();
            conditions.push("command_id = ", command_id);
            conditions.push("sequence > ", last_sequence);
            let limit_at = conditions.bind(wanted);
            let statement = format!(
                "SELECT sequence, stream, text, at FROM log_chunk{} ORDER BY sequence LIMIT {limit_at}",
                conditions.sql()
            );
            let rows = conditions.fetch(&self.database, READING, statement).await?;
            for row in &rows {
                let row = Row::new(row, &self.database, READING);
                let chunk = LogChunk {
                    sequence: row.integer("sequence")?,
                    stream: row.text("stream")?.to_uppercase(),
                    text: row.text("text")?,
                    at: row.integer("at")?,
                };
                bytes += chunk.text.len();
                last_sequence = chunk.sequence;
                chunks.push(chunk);
            }
            if i64::try_from(rows.len()).unwrap_or(i64::MAX) < wanted {
                break true;
            }
        };
        Ok(Some(LogPage { chunks, last_sequence, finished: ended && is_last }))
    }

    /// The last chunks of a command, in their order.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn log_tail(&self, command_id: i64, limit: i64) -> Result<Vec<LogChunk>, DatabaseError> {
        let mut conditions = Conditions::default();
        conditions.push("command_id = ", command_id);
        let limit = conditions.bind(limit);
        let statement = format!(
            "SELECT sequence, stream, text, at FROM log_chunk{} ORDER BY sequence DESC LIMIT {limit}",
            conditions.sql()
        );
        let rows = conditions.fetch(&self.database, READING, statement).await?;
        let chunks = rows.iter().rev().map(|row| {
            let row = Row::new(row, &self.database, READING);
            Ok(LogChunk {
                sequence: row.integer("sequence")?,
                stream: row.text("stream")?.to_uppercase(),
                text: row.text("text")?,
                at: row.integer("at")?,
            })
        });
        chunks.collect()
    }

    /// The end of one stream of a command, at most about `most_bytes` of whole chunks; false when its beginning was left out.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn stream_tail(
        &self,
        command_id: i64,
        stream: &str,
        most_bytes: usize,
    ) -> Result<(String, bool), DatabaseError> {
        const CHUNKS: i64 = 200;
        let mut texts: Vec<String> = Vec::new();
        let mut bytes = 0;
        let mut before = i64::MAX;
        loop {
            let mut conditions = Conditions::default();
            conditions.push("command_id = ", command_id);
            conditions.push("sequence < ", before);
            conditions.push("upper(stream) = ", stream);
            let limit = conditions.bind(CHUNKS);
            let statement = format!(
                "SELECT sequence, text FROM log_chunk{} ORDER BY sequence DESC LIMIT {limit}",
                conditions.sql()
            );
            let rows = conditions.fetch(&self.database, READING, statement).await?;
            for row in &rows {
                let row = Row::new(row, &self.database, READING);
                let text = row.text("text")?;
                if bytes + text.len() > most_bytes && !texts.is_empty() {
                    texts.reverse();
                    return Ok((texts.concat(), false));
                }
                bytes += text.len();
                before = row.integer("sequence")?;
                texts.push(text);
            }
            if i64::try_from(rows.len()).unwrap_or(i64::MAX) < CHUNKS {
                texts.reverse();
                return Ok((texts.concat(), true));
            }
        }
    }
}
