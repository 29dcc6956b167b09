//! Lines of text files, decompressed by their extension.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};

use names::S3Uri;

use super::LineFormat;
use crate::{LakeError, LakeResult};

/// A row is at most 32 MB.
const LONGEST_LINE: u64 = 32 << 20;

/// The lines of a file without headers and footers; `each` answers whether it wants more.
pub(super) fn lines(
    uri: &S3Uri,
    file: impl Read + 'static,
    format: LineFormat,
    mut each: impl FnMut(&str) -> LakeResult<bool>,
) -> LakeResult<()> {
    let mut reader = BufReader::with_capacity(1 << 18, decompressed(uri, file)?);
    let mut held: VecDeque<String> = VecDeque::new();
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        let cannot_read = |error: std::io::Error| {
            LakeError::athena("HIVE_CURSOR_ERROR", format!("Failed to read file at {uri}: {error}"))
        };
        let length = (&mut reader).take(LONGEST_LINE + 1).read_until(b'\n', &mut line).map_err(cannot_read)?;
        if length == 0 {
            return Ok(());
        }
        if length as u64 > LONGEST_LINE {
            return Err(LakeError::athena("HIVE_CURSOR_ERROR", format!("Line too long in text file: {uri}")));
        }
        number += 1;
        if number <= format.header_lines {
            continue;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches('\n').trim_end_matches('\r');
        if format.footer_lines == 0 {
            if !each(text)? {
                return Ok(());
            }
            continue;
        }
        held.push_back(text.to_owned());
        if held.len() > format.footer_lines
            && let Some(text) = held.pop_front()
            && !each(&text)?
        {
            return Ok(());
        }
    }
}

fn decompressed(uri: &S3Uri, file: impl Read + 'static) -> LakeResult<Box<dyn Read>> {
    let name = uri.key.rsplit('/').next().unwrap_or_default();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    Ok(match extension {
        "gz" => Box::new(flate2::read::MultiGzDecoder::new(BufReader::new(file))),
        "deflate" => Box::new(flate2::read::ZlibDecoder::new(BufReader::new(file))),
        "zst" => Box::new(zstd::stream::read::Decoder::new(file).map_err(|error| {
            LakeError::athena("HIVE_CANNOT_OPEN_SPLIT", format!("Error opening Hive split {uri}: {error}"))
        })?),
        "bz2" | "snappy" | "lz4" | "lzo" => {
            return Err(LakeError::not_supported(format!(
                "text files compressed as .{extension} are not supported by the embedded lakehouse: {uri}"
            )));
        }
        _ => Box::new(file),
    })
}
