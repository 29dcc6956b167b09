//! The files that a supervisor leaves, for a server that was not there when the command ended.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{Ended, Frame, ProcessGroup, wire};

const STATUS: &str = "status.json";
const OUTPUT: &str = "output-after.bin";

/// How a command stood when its supervisor last wrote it down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remains {
    /// The supervisor itself, which leads a group too.
    pub supervisor: ProcessGroup,
    /// The command's processes.
    pub group: ProcessGroup,
    /// `None` while it runs, and for ever when the supervisor was killed too.
    pub ended: Option<Ended>,
}

impl Remains {
    /// What is written in a folder; `None` when the command was never started there.
    pub fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs_err::read(folder.join(STATUS)).ok()?).ok()
    }

    /// The supervisor lives.
    pub fn is_supervised(&self) -> bool {
        self.supervisor.is_alive()
    }

    /// Replaces the file in one step.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let new = folder.join("status.json.new");
        fs_err::write(&new, serde_json::to_vec(self)?)?;
        fs_err::rename(new, folder.join(STATUS))
    }

    /// What the command printed after its server was gone.
    pub async fn output(folder: &Path) -> Vec<Frame> {
        let Ok(bytes) = fs_err::read(folder.join(OUTPUT)) else { return Vec::new() };
        let mut reader = bytes.as_slice();
        let mut frames = Vec::new();
        while let Ok(Some(frame)) = wire::read_frame(&mut reader).await {
            frames.push(frame);
        }
        frames
    }
}

/// Where lines go when nobody reads them; only so much of them.
#[derive(Debug)]
pub(super) struct Spool {
    path: PathBuf,
    left: usize,
}

impl Spool {
    pub(super) fn new(folder: &Path) -> Self {
        Self { path: folder.join(OUTPUT), left: 1 << 20 }
    }

    pub(super) async fn keep(&mut self, frame: &Frame) {
        let mut bytes = Vec::new();
        if wire::write_frame(&mut bytes, frame).await.is_err() || bytes.len() > self.left {
            self.left = 0;
            return;
        }
        self.left -= bytes.len();
        let file = fs_err::OpenOptions::new().create(true).append(true).open(&self.path);
        let _ = file.and_then(|mut file| file.write_all(&bytes));
    }
}
