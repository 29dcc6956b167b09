//! What commands print: masked, in chunks of whole lines, in the database within a moment.
//!
//! Memory is bounded: while the database does not take chunks, nothing more is read from the command, which then waits in its `write`.

use std::{collections::VecDeque, time::Duration};

use store::sqlx;
use vault::{MaskedStream, Masker};

use super::{owner::Owner, supervise::Stream};
use crate::SchedulerError;

/// From a line to its row, at most.
pub(super) const FLUSH: Duration = Duration::from_millis(200);
/// A chunk that is this long is written at once.
const CHUNK: usize = 64 << 10;
/// What is kept of one command's output, by default; of the rest the end.
const KEPT: usize = 64 << 20;
const TAIL: usize = 256 << 10;
/// For finding out what went wrong.
const LAST: usize = 16 << 10;

/// The log of one command.
pub(super) struct LogWriter {
    command_id: i64,
    masks: [MaskedStream; 2],
    /// Shown bytes of each stream that are no whole line yet.
    partial: [Vec<u8>; 2],
    /// Whole lines that are in no chunk yet.
    open: Option<(Stream, String)>,
    /// Chunks with their numbers that are not in the database yet.
    pending: VecDeque<(i64, Stream, String)>,
    sequence: i64,
    room: usize,
    tail: VecDeque<(Stream, String)>,
    tail_size: usize,
    left_out: u64,
    last: String,
}

impl LogWriter {
    /// `sequence` is the number of the first chunk: 0, or behind what another server wrote.
    pub(super) fn new(command_id: i64, masker: &Masker, sequence: i64) -> Self {
        Self {
            command_id,
            masks: [masker.stream(), masker.stream()],
            partial: Default::default(),
            open: None,
            pending: VecDeque::new(),
            sequence,
            room: KEPT,
            tail: VecDeque::new(),
            tail_size: 0,
            left_out: 0,
            last: String::new(),
        }
    }

    /// Takes bytes of a stream.
    pub(super) fn push(&mut self, stream: Stream, bytes: &[u8]) {
        let index = usize::from(stream == Stream::Stderr);
        let shown = self.masks[index].push(bytes);
        self.take(stream, &shown);
    }

    /// Takes a line of ours.
    pub(super) fn say(&mut self, line: &str) {
        self.push(Stream::Stdout, format!("{line}\n").as_bytes());
    }

    /// Takes a line of ours about something that went wrong.
    pub(super) fn complain(&mut self, line: &str) {
        self.push(Stream::Stderr, format!("{line}\n").as_bytes());
    }

    fn take(&mut self, stream: Stream, shown: &[u8]) {
        let partial = &mut self.partial[usize::from(stream == Stream::Stderr)];
        partial.extend_from_slice(shown);
        let Some(end) = partial.iter().rposition(|byte| *byte == b'\n') else {
            // A line without end: in pieces, as it came.
            if partial.len() >= CHUNK {
                let text = text_of(&std::mem::take(partial));
                self.line(stream, text);
            }
            return;
        };
        let rest = partial.split_off(end + 1);
        let lines = std::mem::replace(partial, rest);
        self.line(stream, text_of(&lines));
    }

    fn line(&mut self, stream: Stream, text: String) {
        self.last.push_str(&text);
        if self.last.len() > 2 * LAST {
            let mut start = self.last.len() - LAST;
            while !self.last.is_char_boundary(start) {
                start += 1;
            }
            self.last.drain(..start);
        }
        if text.len() > self.room || self.left_out > 0 {
            self.room = 0;
            self.keep_tail(stream, text);
            return;
        }
        self.room -= text.len();
        match &mut self.open {
            Some((of, open)) if *of == stream => open.push_str(&text),
            _ => {
                self.close_chunk();
                self.open = Some((stream, text));
            }
        }
        if self.open.as_ref().is_some_and(|(_, open)| open.len() >= CHUNK) {
            self.close_chunk();
        }
    }

    fn keep_tail(&mut self, stream: Stream, text: String) {
        self.left_out += text.len() as u64;
        self.tail_size += text.len();
        self.tail.push_back((stream, text));
        while self.tail_size > TAIL && self.tail.len() > 1 {
            self.tail_size -= self.tail.pop_front().map_or(0, |(_, text)| text.len());
        }
    }

    fn close_chunk(&mut self) {
        if let Some((stream, text)) = self.open.take() {
            self.pending.push_back((self.sequence, stream, text));
            self.sequence += 1;
        }
    }

    /// The output is over: what was held back is shown, and the end of what was left out.
    pub(super) fn end(&mut self, masker: &Masker) {
        for (index, stream) in [Stream::Stdout, Stream::Stderr].into_iter().enumerate() {
            let mask = std::mem::replace(&mut self.masks[index], masker.stream());
            let shown = mask.finish();
            self.take(stream, &shown);
            let rest = std::mem::take(&mut self.partial[index]);
            if !rest.is_empty() {
                self.line(stream, text_of(&rest));
            }
        }
        if self.left_out > 0 {
            self.left_out -= self.tail_size as u64;
            if self.left_out > 0 {
                self.close_chunk();
                let note = format!("[owlet: {} bytes of output are left out here]\n", self.left_out);
                self.open = Some((Stream::Stderr, note));
            }
            for (stream, text) in std::mem::take(&mut self.tail) {
                self.close_chunk();
                self.open = Some((stream, text));
            }
            (self.left_out, self.tail_size) = (0, 0);
        }
        self.close_chunk();
    }

    /// Something is to be written now, without waiting for the moment to pass.
    pub(super) fn is_full(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Something is to be written.
    pub(super) fn is_waiting(&self) -> bool {
        self.open.is_some() || !self.pending.is_empty()
    }

    /// The end of the output, for finding out what went wrong.
    pub(super) fn last_lines(&self) -> &str {
        &self.last
    }

    /// Writes what is there. After an error the same again may be tried.
    ///
    /// # Errors
    /// The database fails.
    pub(super) async fn flush(&mut self, owner: &Owner) -> Result<(), SchedulerError> {
        self.close_chunk();
        if self.pending.is_empty() {
            return Ok(());
        }
        let failed = |source| owner.scheduler.failed("writing a log to", source);
        let now = owner.scheduler.now();
        let mut change = owner.scheduler.database().write().await?;
        for (sequence, stream, text) in &self.pending {
            // Written twice after an answer that was lost is written once.
            let insert = "INSERT INTO log_chunk (command_id, sequence, stream, text, at) SELECT $1, $2, $3, $4, $5 \
                          WHERE EXISTS (SELECT 1 FROM run WHERE id = $6 AND lease_fence = $7) \
                          ON CONFLICT (command_id, sequence) DO NOTHING";
            sqlx::query(insert)
                .bind(self.command_id)
                .bind(*sequence)
                .bind(stream.as_str())
                .bind(text.as_str())
                .bind(now)
                .bind(owner.lease.run_id)
                .bind(owner.lease.fence)
                .execute(&mut *change)
                .await
                .map_err(failed)?;
        }
        change.commit().await?;
        self.pending.clear();
        Ok(())
    }
}

/// Text for a column: what is no UTF-8 is replaced, and NUL, which Postgres does not take.
fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use vault::Secret;

    use super::*;

    fn chunks(writer: &mut LogWriter, masker: &Masker) -> Vec<(i64, &'static str, String)> {
        writer.end(masker);
        writer.pending.iter().map(|(sequence, stream, text)| (*sequence, stream.as_str(), text.clone())).collect()
    }

    #[test]
    fn lines_are_whole_masked_and_in_order() {
        let secret = Secret::new("hush-hush-hush", "X").expect("a secret");
        let masker = Masker::new([&secret]);
        let mut writer = LogWriter::new(1, &masker, 5);
        writer.push(Stream::Stdout, b"one\ntw");
        writer.push(Stream::Stderr, b"oh\xff\0\n");
        writer.push(Stream::Stdout, b"o hush-hu");
        writer.push(Stream::Stdout, b"sh-hush!\nrest");
        assert_eq!(
            chunks(&mut writer, &masker),
            [
                (5, "STDOUT", "one\n".to_owned()),
                (6, "STDERR", "oh\u{fffd}\u{fffd}\n".to_owned()),
                (7, "STDOUT", "two ********!\nrest".to_owned()),
            ]
        );
        assert!(writer.last_lines().ends_with("rest"));
    }

    #[test]
    fn of_very_much_output_beginning_and_end_are_kept() {
        let masker = Masker::new([]);
        let mut writer = LogWriter::new(1, &masker, 0);
        writer.room = 1000;
        for number in 0..100_000 {
            writer.push(Stream::Stdout, format!("line {number}\n").as_bytes());
        }
        assert!(writer.tail_size <= TAIL && writer.last.len() <= 2 * LAST);
        let chunks = chunks(&mut writer, &masker);
        let all: String = chunks.iter().map(|(_, _, text)| text.as_str()).collect();
        assert!(all.starts_with("line 0\nline 1\n") && all.ends_with("line 99998\nline 99999\n"));
        let note = chunks.iter().find(|(_, stream, _)| *stream == "STDERR").map(|(_, _, text)| text.as_str());
        let note = note.expect("what is missing is said");
        let size: usize = (0..100_000).map(|number| format!("line {number}\n").len()).sum();
        assert_eq!(note, format!("[owlet: {} bytes of output are left out here]\n", size - (all.len() - note.len())));
    }
}
