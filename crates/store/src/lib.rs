//! State in databases. [`Store`] is the one of a lakehouse directory: SQLite in WAL mode, its migrations, and the lock that makes one process
//! its owner. [`Database`] is the scheduler's, which several servers may share: SQLite by file or Postgres by URL.
//!
//! In a [`Store`] any number of readers run beside one writer. Writers queue in this process ([`Store::write`]), so SQLite never answers `SQLITE_BUSY`
//! to them: the process lock ([`DirectoryLock`]) keeps other processes out.

mod database;
mod error;
mod lock;
mod migration;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection, SqlitePool};
use sqlx::{Sqlite, Transaction};

pub use database::{Backend, Change, Database, DatabaseError, Interference, Moment, database_file_of};
pub use error::StoreError;
pub use lock::{DirectoryLock, Holder, LockError};
pub use migration::{Migration, Migrations};
pub use sqlx;

/// The file's name when a directory is opened.
pub const FILE_NAME: &str = "owlet.db";

/// What must survive.
///
/// In WAL mode SQLite never corrupts itself in either; the question is only whether the last commits are still there afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Every commit survives the death of the process (`kill -9`): what is written is in the kernel's hands. A power cut may take the last
    /// commits. For laptops and CI, where an fsync per small commit would cost more than the commit.
    #[default]
    Process,
    /// Every commit survives a power cut: each one waits for the disk. For servers.
    Power,
}

/// The database: many readers, one writer at a time. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    readers: SqlitePool,
    writer: SqlitePool,
    path: PathBuf,
}

impl Store {
    /// Opens or creates the database: `path` is a directory, which then holds [`FILE_NAME`], or a file whose name ends in `.db`.
    ///
    /// # Errors
    /// The file cannot be made or read, or it is no database.
    pub async fn open(path: impl AsRef<Path>, durability: Durability) -> Result<Self, StoreError> {
        let path = database_file(path.as_ref())?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(30))
            .synchronous(match durability {
                Durability::Process => SqliteSynchronous::Normal,
                Durability::Power => SqliteSynchronous::Full,
            })
            .statement_cache_capacity(256)
            .pragma("temp_store", "memory")
            .pragma("cache_size", "-8000");
        // The writer comes first: it turns the journal mode on, so that no reader meets a half-made file.
        let writer =
            pool(1).before_acquire(|connection, _| Box::pin(is_usable(connection))).connect_with(options.clone()).await;
        let writer = writer.map_err(|source| StoreError::of("opening", &path, source))?;
        let readers = pool(8).connect_with(options.create_if_missing(false).pragma("query_only", "true")).await;
        let readers = readers.map_err(|source| StoreError::of("opening", &path, source))?;
        Ok(Self { readers, writer, path })
    }

    /// Brings one part's tables up to date. Each crate that keeps tables here has its own list.
    ///
    /// # Errors
    /// The database was written by a newer version of the program, or a statement fails.
    pub async fn migrate(&self, migrations: &Migrations) -> Result<(), StoreError> {
        migration::run(self, migrations).await
    }

    /// Connections that only read.
    pub fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// Begins the one write transaction; others wait in turn. Dropping it undoes it.
    ///
    /// No second connection may be asked for while it is open.
    ///
    /// # Errors
    /// The disk is full, read-only or failing.
    pub async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        // IMMEDIATE: a transaction that begins by reading would otherwise have to be upgraded, which can fail.
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(|source| self.error("beginning a change of", source))
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says what was being done on this database when `source` happened.
    pub fn error(&self, doing: &'static str, source: sqlx::Error) -> StoreError {
        StoreError::of(doing, &self.path, source)
    }

    /// Waits for open transactions, folds the log into the file and closes it.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Whether the writer's connection can begin anew. After some errors, a full disk among them, SQLite has ended the transaction by itself
/// and refuses the ROLLBACK that follows; sqlx then takes the transaction for open for ever. Such a connection is given up.
///
/// Source: SQLite, "Response To Errors Within A Transaction".
async fn is_usable(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    if connection.is_in_transaction() {
        // An undo may still be under way: a ping waits for it.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

/// Waiting for the writer is waiting for other writers of this process, which is no error: the limit only ends a deadlock of ours.
fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(120))
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

fn database_file(path: &Path) -> Result<PathBuf, StoreError> {
    let is_file = path.extension().is_some_and(|extension| extension == "db") && !path.is_dir();
    let file = if is_file { path.to_owned() } else { path.join(FILE_NAME) };
    if let Some(directory) = file.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        fs_err::create_dir_all(directory)
            .map_err(|source| StoreError::Directory { path: directory.to_owned(), source })?;
    }
    Ok(file)
}
