//! One process owns a lakehouse directory. Others learn who it is, and where it serves, from the lock file.

use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The lock file's name in the lakehouse directory.
const FILE_NAME: &str = "owlet.lock";

/// Who holds a lakehouse directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// Where it serves Athena, Glue and S3, when it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// Why the directory is not ours.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("the lakehouse directory '{directory}' is in use by {}", describe(holder.as_ref()))]
    Held { directory: PathBuf, holder: Option<Holder> },
    /// The lock file cannot be made.
    #[error("the lock file '{path}' cannot be used: {source}")]
    Io { path: PathBuf, source: std::io::Error },
}

impl LockError {
    /// What one can do now.
    pub fn fix(&self) -> String {
        match self {
            Self::Held { holder: Some(Holder { endpoint: Some(endpoint), .. }), .. } => {
                format!("use it through its endpoint {endpoint}, or stop it")
            }
            Self::Held { holder: Some(Holder { pid, .. }), .. } => {
                format!("wait until process {pid} ends, or choose another directory")
            }
            Self::Held { holder: None, .. } => "wait until it ends, or choose another directory".to_owned(),
            Self::Io { path, .. } => format!("make '{}' writable, or choose another directory", path.display()),
        }
    }
}

fn describe(holder: Option<&Holder>) -> String {
    match holder {
        Some(Holder { pid, endpoint: Some(endpoint) }) => format!("process {pid}, which serves it at {endpoint}"),
        Some(Holder { pid, endpoint: None }) => format!("process {pid}"),
        None => "another process".to_owned(),
    }
}

/// The directory is ours until this is dropped or the process ends, however it ends: the operating system releases the lock.
#[derive(Debug)]
pub struct DirectoryLock {
    file: fs_err::File,
    path: PathBuf,
}

impl DirectoryLock {
    /// Takes the directory, making it if need be. `pid` is this process's, for others to read.
    ///
    /// # Errors
    /// [`LockError::Held`] names the process that has it.
    pub fn acquire(directory: &Path, pid: u32) -> Result<Self, LockError> {
        let path = directory.join(FILE_NAME);
        let io = |source| LockError::Io { path: path.clone(), source };
        fs_err::create_dir_all(directory).map_err(io)?;
        let mut file = open(&path).map_err(io)?;
        match file.file().try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(LockError::Held { directory: directory.to_owned(), holder: read(&mut file) });
            }
            Err(std::fs::TryLockError::Error(source)) => return Err(io(source)),
        }
        let mut lock = Self { file, path };
        lock.describe(&Holder { pid, endpoint: None })?;
        Ok(lock)
    }

    /// Tells others where this process serves the lakehouse, so that they can use it.
    ///
    /// # Errors
    /// The lock file cannot be written.
    pub fn describe(&mut self, holder: &Holder) -> Result<(), LockError> {
        let text = serde_json::to_string(holder).unwrap_or_default();
        let written =
            self.file.set_len(0).and_then(|()| self.file.rewind()).and_then(|()| self.file.write_all(text.as_bytes()));
        written.map_err(|source| LockError::Io { path: self.path.clone(), source })
    }
}

impl Holder {
    /// Who holds the directory now, if anybody does.
    ///
    /// # Errors
    /// The lock file is there and cannot be read.
    pub fn of(directory: &Path) -> Result<Option<Self>, LockError> {
        let path = directory.join(FILE_NAME);
        if !path.exists() {
            return Ok(None);
        }
        let mut file = open(&path).map_err(|source| LockError::Io { path: path.clone(), source })?;
        match file.file().try_lock_shared() {
            Ok(()) => Ok(None),
            Err(std::fs::TryLockError::WouldBlock) => Ok(read(&mut file)),
            Err(std::fs::TryLockError::Error(source)) => Err(LockError::Io { path, source }),
        }
    }
}

fn open(path: &Path) -> std::io::Result<fs_err::File> {
    fs_err::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

fn read(file: &mut fs_err::File) -> Option<Holder> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}
