//! What goes between server and supervisor: JSON lines one way, frames the other.

use std::{io, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::ProcessGroup;

/// Longer frames are nonsense: a line is cut before ([`Order::max_line_in_bytes`]).
const MAX_FRAME: u32 = 16 << 20;

/// What to run, and how. It goes through a pipe, so that secrets are in no file and no argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// Where it runs.
    pub directory: PathBuf,
    /// All of its environment.
    pub environment: Vec<(String, String)>,
    /// How it is asked to end.
    pub stop_with: StopSignal,
    /// From that to SIGKILL.
    pub grace: Duration,
    /// The same when the server is gone: soon another one takes its runs over.
    pub grace_without_server: Duration,
    /// How long it may run without a [`Word::Beat`]; `None`: for ever.
    pub lease: Option<Duration>,
    /// A longer line comes in pieces of this size.
    pub max_line_in_bytes: usize,
    /// Where the supervisor leaves its files.
    pub folder: PathBuf,
}

/// The first signal of a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopSignal {
    /// SIGTERM.
    Terminate,
    /// SIGINT, on which Python programs, dbt among them, clear up.
    Interrupt,
}

/// What the server says after the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Word {
    /// End the command.
    Stop,
    /// The lease holds.
    Beat,
    /// The lease is lost: end the command, and soon.
    Abandon,
}

/// Which output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// As the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "STDOUT",
            Self::Stderr => "STDERR",
        }
    }
}

/// What the supervisor says. Lines come in the order in which they were read, over both streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// The command runs.
    Started(ProcessGroup),
    /// A line with its newline; without one, a piece of a long line or the end of the output. Any bytes.
    Line { stream: Stream, bytes: Vec<u8> },
    /// It ended, and nothing of its group is left.
    Ended(Ended),
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub why: Why,
    /// A stop had been asked for.
    pub stopped: bool,
    /// The stop came of the server's death, or of its silence.
    pub server_gone: bool,
}

/// What the command itself did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// It exited.
    Exited(i32),
    /// A signal ended it; 9 without a stop is most often the kernel's answer to too much memory.
    Signaled(i32),
    /// It could not be started: no such program, no permission, no such folder.
    NotStarted(String),
    /// The supervisor itself was killed.
    Lost,
}

impl Why {
    /// As a shell reports it: 127 for what was not found, 128 and the signal's number.
    pub fn return_code(&self) -> i32 {
        match self {
            Self::Exited(code) => *code,
            Self::Signaled(signal) => 128 + signal,
            Self::NotStarted(_) => 127,
            Self::Lost => 137,
        }
    }
}

/// A JSON value and a newline.
pub(super) fn line(value: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}

/// The next frame; `None` at the end.
pub(super) async fn read_frame(reader: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Frame>> {
    let kind = match reader.read_u8().await {
        Ok(kind) => kind,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = reader.read_u32().await?;
    if length > MAX_FRAME {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; length as usize];
    reader.read_exact(&mut bytes).await?;
    match kind {
        b'o' => Ok(Some(Frame::Line { stream: Stream::Stdout, bytes })),
        b'e' => Ok(Some(Frame::Line { stream: Stream::Stderr, bytes })),
        b's' => Ok(Some(Frame::Started(serde_json::from_slice(&bytes)?))),
        b'x' => Ok(Some(Frame::Ended(serde_json::from_slice(&bytes)?))),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Writes a frame; the caller flushes.
pub(super) async fn write_frame(writer: &mut (impl AsyncWrite + Unpin), frame: &Frame) -> io::Result<()> {
    let json;
    let (kind, bytes): (u8, &[u8]) = match frame {
        Frame::Line { stream: Stream::Stdout, bytes } => (b'o', bytes),
        Frame::Line { stream: Stream::Stderr, bytes } => (b'e', bytes),
        Frame::Started(group) => {
            json = serde_json::to_vec(group)?;
            (b's', &json)
        }
        Frame::Ended(ended) => {
            json = serde_json::to_vec(ended)?;
            (b'x', &json)
        }
    };
    let length = u32::try_from(bytes.len()).map_err(|_| io::ErrorKind::InvalidData)?;
    writer.write_u8(kind).await?;
    writer.write_u32(length).await?;
    writer.write_all(bytes).await
}
