//! What can go wrong with a database that is given by URL, whose turn it is, and what to do.

use std::path::PathBuf;

use super::Backend;

/// The scheduler's database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("'{url}' is no address of a database")]
    Url { url: String },
    #[error("the directory '{path}' for the database cannot be created: {source}")]
    Directory { path: PathBuf, source: std::io::Error },
    /// No space left, on this disk or on the server's.
    #[error("the disk is full while {doing} the database '{database}'")]
    DiskFull { doing: &'static str, database: String, source: sqlx::Error },
    #[error("the database '{database}' is read-only while {doing} it")]
    ReadOnly { doing: &'static str, database: String, source: sqlx::Error },
    #[error("the database '{database}' cannot be opened: {source}")]
    CannotOpen { database: String, source: sqlx::Error },
    #[error("'{database}' is not a readable database ({source})")]
    Damaged { database: String, source: sqlx::Error },
    /// No server, or the connection broke.
    #[error("the database '{database}' does not answer while {doing} it: {source}")]
    Unreachable { doing: &'static str, database: String, source: sqlx::Error },
    /// Wrong password, or no right to connect.
    #[error("the database '{database}' refuses the login: {source}")]
    Login { database: String, source: sqlx::Error },
    #[error("the database '{database}' does not exist")]
    Missing { database: String, source: sqlx::Error },
    /// The user may not create or change tables.
    #[error("this user may not do this in '{database}': {source}")]
    Forbidden { database: String, source: sqlx::Error },
    /// Two changes waited for each other and one was ended; it can be done again.
    #[error("{doing} the database '{database}' collided with another change: {source}")]
    Collision { doing: &'static str, database: String, source: sqlx::Error },
    #[error(
        "the database '{database}' was written by a newer version of Owlet: its '{part}' tables are at version {found}, this program \
         knows {known}"
    )]
    Newer { database: String, part: &'static str, found: i64, known: i64 },
    #[error("migration {version} of the '{part}' tables of '{database}' failed: {source}")]
    Migration { database: String, part: &'static str, version: i64, source: sqlx::Error },
    #[error("{doing} the database '{database}' failed: {source}")]
    Other { doing: &'static str, database: String, source: sqlx::Error },
}

impl DatabaseError {
    /// Sorts an error by its code.
    ///
    /// Source: SQLite, "Result and Error Codes" (the low byte is the primary code); PostgreSQL, "Error Codes" (SQLSTATE).
    pub fn of(doing: &'static str, database: &str, backend: Backend, source: sqlx::Error) -> Self {
        let database = database.to_owned();
        let code = source.as_database_error().and_then(|error| error.code()).unwrap_or_default().into_owned();
        if code.is_empty() {
            return match source {
                sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed | sqlx::Error::Tls(_) => {
                    Self::Unreachable { doing, database, source }
                }
                source => Self::Other { doing, database, source },
            };
        }
        match backend {
            Backend::Sqlite => match code.parse::<u32>().map(|code| code & 0xff) {
                Ok(13) => Self::DiskFull { doing, database, source },
                Ok(8) => Self::ReadOnly { doing, database, source },
                Ok(14) => Self::CannotOpen { database, source },
                Ok(11 | 26) => Self::Damaged { database, source },
                Ok(5 | 6) => Self::Collision { doing, database, source },
                _ => Self::Other { doing, database, source },
            },
            Backend::Postgres => match code.as_str() {
                "40001" | "40P01" | "55P03" => Self::Collision { doing, database, source },
                "53100" => Self::DiskFull { doing, database, source },
                "25006" => Self::ReadOnly { doing, database, source },
                "3D000" => Self::Missing { database, source },
                "42501" => Self::Forbidden { database, source },
                "53300" | "57P01" | "57P02" | "57P03" => Self::Unreachable { doing, database, source },
                code if code.starts_with("28") => Self::Login { database, source },
                code if code.starts_with("08") => Self::Unreachable { doing, database, source },
                _ => Self::Other { doing, database, source },
            },
        }
    }

    /// Whether the same change, done again a little later, may well succeed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Collision { .. })
    }

    /// What one can do now.
    pub fn fix(&self) -> String {
        match self {
            Self::Url { .. } => {
                "write sqlite:///path/to/scheduler.db or postgres://user:password@host:5432/database".to_owned()
            }
            Self::Directory { path, .. } => format!("make '{}' writable, or choose another directory", path.display()),
            Self::DiskFull { database, .. } => {
                format!("free some space on the disk of '{database}'; nothing of the change was kept, so try it again")
            }
            Self::ReadOnly { database, .. } => {
                format!("make '{database}' writable for this user; a Postgres standby cannot be used, name its primary")
            }
            Self::CannotOpen { database, .. } => format!("make '{database}' and its directory writable for this user"),
            Self::Damaged { database, .. } => {
                format!("restore '{database}' from a backup, or move it away to begin anew")
            }
            Self::Unreachable { database, .. } => {
                format!("check that the server of '{database}' runs, listens on this address and has free connections")
            }
            Self::Login { .. } => "check user, password and pg_hba.conf".to_owned(),
            Self::Missing { database, .. } => {
                let name = database.rsplit('/').next().unwrap_or_default();
                format!("create it: createdb {name}")
            }
            Self::Forbidden { .. } => {
                "make this user the owner of the database, or grant it CREATE on its schema".to_owned()
            }
            Self::Collision { .. } => "try it again".to_owned(),
            Self::Newer { .. } => "use the newer version of Owlet, or another database".to_owned(),
            Self::Migration { .. } | Self::Other { .. } => {
                "this is a bug of Owlet: please report it with this message".to_owned()
            }
        }
    }
}
