//! Reading files in pieces, off the async threads.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;

use super::ByteStream;

/// Large enough that the hand-over costs nothing, small enough that a slow client holds little.
const PIECE: u64 = 1 << 20;

/// The bytes of a range, piece after piece.
pub(super) fn read(file: File, range: Range<u64>) -> ByteStream {
    let file = Arc::new(file);
    futures::stream::try_unfold(range.start, move |at| {
        let file = Arc::clone(&file);
        let end = range.end;
        async move {
            if at >= end {
                return Ok(None);
            }
            let next = end.min(at + PIECE);
            let piece =
                tokio::task::spawn_blocking(move || read_at(&file, at..next)).await.map_err(io::Error::other)??;
            Ok(Some((piece, next)))
        }
    })
    .boxed()
}

/// One range of a file that others read too.
pub(crate) async fn read_range(file: Arc<File>, range: Range<u64>) -> io::Result<Bytes> {
    tokio::task::spawn_blocking(move || read_at(&file, range)).await.map_err(io::Error::other)?
}

/// Some ranges at once.
pub(super) async fn read_ranges(file: File, ranges: Vec<Range<u64>>) -> io::Result<Vec<Bytes>> {
    let work = move || ranges.into_iter().map(|range| read_at(&file, range)).collect();
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

fn read_at(file: &File, range: Range<u64>) -> io::Result<Bytes> {
    let length = usize::try_from(range.end.saturating_sub(range.start)).map_err(io::Error::other)?;
    let mut buffer = vec![0; length];
    file.read_exact_at(&mut buffer, range.start)?;
    Ok(buffer.into())
}
