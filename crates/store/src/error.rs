//! What can go wrong with the database, whose turn it is, and what to do.

use std::path::{Path, PathBuf};

/// The state database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its directory cannot be made.
    #[error("the directory '{path}' for the state database cannot be created: {source}")]
    Directory { path: PathBuf, source: std::io::Error },
    /// No space left.
    #[error("the disk is full while {doing} the state database '{path}'")]
    DiskFull { doing: &'static str, path: PathBuf, source: sqlx::Error },
    /// The file or its directory may not be written.
    #[error("the state database '{path}' is read-only while {doing} it")]
    ReadOnly { doing: &'static str, path: PathBuf, source: sqlx::Error },
    /// The file cannot be opened at all.
    #[error("the state database '{path}' cannot be opened while {doing} it: {source}")]
    CannotOpen { doing: &'static str, path: PathBuf, source: sqlx::Error },
    /// The file is damaged or something else.
    #[error("'{path}' is not a readable database ({source})")]
    Damaged { doing: &'static str, path: PathBuf, source: sqlx::Error },
    /// Made by a later version of the program.
    #[error(
        "the state database '{path}' was written by a newer version of Owlet: its '{part}' tables are at version {found}, \
         this program knows {known}"
    )]
    Newer { path: PathBuf, part: &'static str, found: i64, known: i64 },
    /// A migration fails.
    #[error("migration {version} of the '{part}' tables of '{path}' failed: {source}")]
    Migration { path: PathBuf, part: &'static str, version: i64, source: sqlx::Error },
    /// Anything else.
    #[error("{doing} the state database '{path}' failed: {source}")]
    Other { doing: &'static str, path: PathBuf, source: sqlx::Error },
}

impl StoreError {
    /// Sorts an error of SQLite by its result code.
    ///
    /// Source: SQLite, "Result and Error Codes"; the low byte is the primary code.
    pub fn of(doing: &'static str, path: &Path, source: sqlx::Error) -> Self {
        let path = path.to_owned();
        let code = source.as_database_error().and_then(|error| error.code()).and_then(|code| code.parse::<u32>().ok());
        match code.map(|code| code & 0xff) {
            Some(13) => Self::DiskFull { doing, path, source },
            Some(8) => Self::ReadOnly { doing, path, source },
            Some(14) => Self::CannotOpen { doing, path, source },
            Some(11 | 26) => Self::Damaged { doing, path, source },
            _ => Self::Other { doing, path, source },
        }
    }

    /// What one can do now.
    pub fn fix(&self) -> String {
        match self {
            Self::Directory { path, .. } => format!("make '{}' writable, or choose another directory", path.display()),
            Self::DiskFull { path, .. } => {
                format!(
                    "free some space on the disk of '{}'; nothing of the change was kept, so try it again",
                    path.display()
                )
            }
            Self::ReadOnly { path, .. } | Self::CannotOpen { path, .. } => {
                format!("make '{}' and its directory writable for this user", path.display())
            }
            Self::Damaged { path, .. } => {
                format!("restore '{}' from a backup, or move it away to begin anew", path.display())
            }
            Self::Newer { .. } => "use the newer version of Owlet, or another lakehouse directory".to_owned(),
            Self::Migration { .. } | Self::Other { .. } => {
                "this is a bug of Owlet: please report it with this message".to_owned()
            }
        }
    }
}
