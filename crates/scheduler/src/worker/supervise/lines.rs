//! A stream of bytes as lines, the long ones in pieces.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// Lines of a reader.
pub(super) struct Lines<R> {
    reader: R,
    max: usize,
    /// The beginning of a character that did not fit into the last piece.
    carried: Vec<u8>,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    /// Pieces have at most `max` bytes, at least 4.
    pub(super) fn new(reader: R, max: usize) -> Self {
        Self { reader, max: max.max(4), carried: Vec::new() }
    }

    /// The next line with its newline, or a piece without; `None` at the end. Bytes need not be UTF-8, but a piece does not end inside of a
    /// character.
    pub(super) async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = std::mem::take(&mut self.carried);
        loop {
            let buffered = self.reader.fill_buf().await?;
            if buffered.is_empty() {
                return Ok((!line.is_empty()).then_some(line));
            }
            let room = &buffered[..buffered.len().min(self.max - line.len())];
            let end = room.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(room.len(), |end| end + 1);
            line.extend_from_slice(&room[..taken]);
            self.reader.consume(taken);
            if end.is_some() {
                return Ok(Some(line));
            }
            if line.len() >= self.max {
                self.carried = line.split_off(whole_characters(&line));
                return Ok(Some(line));
            }
        }
    }
}

/// How many bytes at the front end with a whole character; all of them when the end is no UTF-8 anyway.
fn whole_characters(bytes: &[u8]) -> usize {
    for (back, byte) in bytes.iter().rev().take(3).enumerate() {
        let (is_first, width) = match byte {
            0x80..=0xBF => (false, 0),
            0xC2..=0xDF => (true, 2),
            0xE0..=0xEF => (true, 3),
            0xF0..=0xF4 => (true, 4),
            _ => (true, 1),
        };
        if is_first {
            return if back + 1 < width { bytes.len() - back - 1 } else { bytes.len() };
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(bytes: &[u8], max: usize) -> Vec<Vec<u8>> {
        let mut lines = Lines::new(tokio::io::BufReader::with_capacity(5, bytes), max);
        let mut found = Vec::new();
        while let Some(line) = lines.next().await.expect("readable") {
            found.push(line);
        }
        found
    }

    #[tokio::test]
    async fn lines_keep_their_newlines_and_bytes() {
        let bytes = b"one\n\ntwo\xff\xfe\r\nthe rest";
        assert_eq!(all(bytes, 100).await, [&b"one\n"[..], b"\n", b"two\xff\xfe\r\n", b"the rest"]);
        assert!(all(b"", 100).await.is_empty());
    }

    #[tokio::test]
    async fn a_long_line_comes_in_pieces_that_make_the_line() {
        let text = "häßliche Übergröße 漢字漢字 🦉🦉🦉 und so weiter\nkurz\n";
        for max in 4..20 {
            let pieces = all(text.as_bytes(), max).await;
            assert_eq!(pieces.concat(), text.as_bytes());
            for piece in &pieces {
                assert!(piece.len() <= max, "{max}: {piece:?}");
                assert!(std::str::from_utf8(piece).is_ok(), "{max}: {piece:?}");
            }
        }
        assert_eq!(all(&[0xff; 10], 4).await.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2]);
    }
}
