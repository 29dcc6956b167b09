//! A database that several processes may share: SQLite by file or Postgres by URL, with one text of SQL for both.
//!
//! The SQL is written for both: `$1` placeholders, `BIGINT` and `TEXT` columns, `ON CONFLICT`, `RETURNING`, and `CAST(sum(…) AS BIGINT)`, as
//! Postgres adds up to `NUMERIC`. In migrations the word `IDENTITY` stands for each one's own generated key.
//!
//! What is decided inside a change must hold under Postgres' READ COMMITTED: a row is first locked by an `UPDATE` of it, then read.

mod error;

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, Connection, Executor, Transaction};

pub use error::DatabaseError;

use crate::{Durability, Migrations};

/// Which of the two it is, for the few places where their words differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// The database: many readers; on SQLite one writer at a time. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    readers: AnyPool,
    writers: AnyPool,
    backend: Backend,
    name: Arc<str>,
    interference: Option<Arc<dyn Interference>>,
}

/// Makes calls of the database fail, for tests of what happens then.
pub trait Interference: Send + Sync {
    /// Whether this call shall fail.
    fn fails(&self, moment: Moment) -> bool;
}

/// When a failure may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A change cannot be begun.
    Begin,
    /// A change is undone instead of committed.
    BeforeCommit,
    /// A change is committed, but the caller is told that it failed: the connection broke while the answer was on its way.
    AfterCommit,
}

impl fmt::Debug for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Database").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Database {
    /// Opens `sqlite:///path/to/file.db` (made when missing) or `postgres://user:password@host:port/database`.
    ///
    /// # Errors
    /// The URL is of neither kind; the file cannot be made or read; the server does not answer or refuses us.
    pub async fn open(url: &str, durability: Durability) -> Result<Self, DatabaseError> {
        sqlx::any::install_default_drivers();
        match url.split_once("://") {
            Some(("sqlite", path)) => Self::sqlite(Path::new(path), durability).await,
            Some(("postgres" | "postgresql", _)) => Self::postgres(url, durability).await,
            _ => Err(DatabaseError::Url { url: without_password(url) }),
        }
    }

    /// Opens or creates an SQLite file.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub async fn sqlite(path: &Path, durability: Durability) -> Result<Self, DatabaseError> {
        sqlx::any::install_default_drivers();
        let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
        if let Some(directory) = directory {
            fs_err::create_dir_all(directory)
                .map_err(|source| DatabaseError::Directory { path: directory.to_owned(), source })?;
        }
        make_private(path);
        let url = format!("sqlite://{}?mode=rwc", url_path(path));
        let synchronous = match durability {
            Durability::Process => "NORMAL",
            Durability::Power => "FULL",
        };
        let prepare = format!(
            "PRAGMA busy_timeout = 30000; PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA foreign_keys = ON; \
             PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000; PRAGMA journal_size_limit = 67108864;"
        );
        let name: Arc<str> = path.display().to_string().into();
        let failed = |source| DatabaseError::of("opening", &name, Backend::Sqlite, source);
        probe(&url, &prepare).await.map_err(failed)?;
        // The writer comes first: it turns the journal mode on, so that no reader meets a half-made file.
        let writers = pool(1, prepare.clone())
            .test_before_acquire(false)
            .before_acquire(|connection, _| Box::pin(is_usable(connection)));
        let writers = writers.connect(&url).await.map_err(failed)?;
        let readers = pool(8, format!("{prepare} PRAGMA query_only = ON;")).test_before_acquire(false);
        let readers = readers.min_connections(0).connect(&url).await.map_err(failed)?;
        Ok(Self { readers, writers, backend: Backend::Sqlite, name, interference: None })
    }

    async fn postgres(url: &str, durability: Durability) -> Result<Self, DatabaseError> {
        let name: Arc<str> = without_password(url).into();
        let prepare = match durability {
            Durability::Process => "SET synchronous_commit = off; SET timezone = 'UTC'",
            Durability::Power => "SET timezone = 'UTC'",
        };
        let failed = |source| DatabaseError::of("opening", &name, Backend::Postgres, source);
        probe(url, prepare).await.map_err(failed)?;
        let pool = pool(16, prepare.to_owned()).acquire_timeout(Duration::from_secs(20));
        let pool = pool.connect(url).await.map_err(failed)?;
        Ok(Self { readers: pool.clone(), writers: pool, backend: Backend::Postgres, name, interference: None })
    }

    /// The same database, with calls that fail when `interference` says so.
    #[must_use]
    pub fn with_interference(mut self, interference: Arc<dyn Interference>) -> Self {
        self.interference = Some(interference);
        self
    }

    /// Brings one part's tables up to date. Several processes may do it at once: they take turns.
    ///
    /// # Errors
    /// The database was written by a newer version of the program, or a statement fails.
    pub async fn migrate(&self, migrations: &Migrations) -> Result<(), DatabaseError> {
        let part = migrations.part;
        let known = migrations.steps.last().map_or(0, |step| step.version);
        let failed = |source| self.error("migrating", source);
        let mut change = self.write().await?;
        if self.backend == Backend::Postgres {
            // Two that create a table at once would collide in the system catalog, whatever IF NOT EXISTS says.
            let turn = "SELECT CAST(pg_advisory_xact_lock(727001) AS TEXT)";
            sqlx::query(turn).fetch_one(&mut *change.0).await.map_err(failed)?;
        }
        let table = "CREATE TABLE IF NOT EXISTS schema_version (part TEXT PRIMARY KEY, version BIGINT NOT NULL)";
        sqlx::query(table).execute(&mut *change.0).await.map_err(failed)?;
        let found: Option<i64> = sqlx::query_scalar("SELECT version FROM schema_version WHERE part = $1")
            .bind(part)
            .fetch_optional(&mut *change.0)
            .await
            .map_err(failed)?;
        let found = found.unwrap_or(0);
        if found > known {
            return Err(DatabaseError::Newer { database: self.name.to_string(), part, found, known });
        }
        for step in migrations.steps.iter().filter(|step| step.version > found) {
            let broken = |source| DatabaseError::Migration {
                database: self.name.to_string(),
                part,
                version: step.version,
                source,
            };
            let sql = self.dialect(step.sql).into_owned();
            change.0.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map_err(broken)?;
            let record = "INSERT INTO schema_version (part, version) VALUES ($1, $2) \
                          ON CONFLICT (part) DO UPDATE SET version = excluded.version";
            sqlx::query(record).bind(part).bind(step.version).execute(&mut *change.0).await.map_err(broken)?;
        }
        change.commit().await
    }

    /// The migration's text in this database's own words.
    fn dialect<'a>(&self, sql: &'a str) -> Cow<'a, str> {
        let identity = match self.backend {
            Backend::Sqlite => "INTEGER PRIMARY KEY AUTOINCREMENT",
            Backend::Postgres => "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        };
        let lines = sql.split_inclusive('\n').map(|line| match line.split_once("--") {
            Some((code, comment)) => {
                Cow::Owned(format!("{}--{comment}", code.replace(" IDENTITY", &format!(" {identity}"))))
            }
            None if line.contains(" IDENTITY") => Cow::Owned(line.replace(" IDENTITY", &format!(" {identity}"))),
            None => Cow::Borrowed(line),
        });
        lines.collect::<String>().into()
    }

    /// Connections that only read.
    pub fn readers(&self) -> &AnyPool {
        &self.readers
    }

    /// Begins a change; on SQLite others wait in turn. Dropping it undoes it.
    ///
    /// No second connection may be asked for while it is open.
    ///
    /// # Errors
    /// The disk is full, read-only or failing; the server is gone.
    pub async fn write(&self) -> Result<Change, DatabaseError> {
        self.interfere(Moment::Begin)?;
        let begin = match self.backend {
            // IMMEDIATE: a transaction that begins by reading would otherwise have to be upgraded, which can fail.
            Backend::Sqlite => "BEGIN IMMEDIATE",
            Backend::Postgres => "BEGIN ISOLATION LEVEL READ COMMITTED",
        };
        let transaction = self.writers.begin_with(begin).await;
        Ok(Change(transaction.map_err(|source| self.error("beginning a change of", source))?, self.clone()))
    }

    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// The file's path, or the URL without its password: for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Says what was being done on this database when `source` happened.
    pub fn error(&self, doing: &'static str, source: sqlx::Error) -> DatabaseError {
        DatabaseError::of(doing, &self.name, self.backend, source)
    }

    /// Waits for open changes and closes all connections.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writers.close().await;
    }

    fn interfere(&self, moment: Moment) -> Result<(), DatabaseError> {
        match &self.interference {
            Some(interference) if interference.fails(moment) => {
                let source = std::io::Error::other(format!("interference: {moment:?}"));
                Err(self.error("changing", sqlx::Error::Io(source)))
            }
            _ => Ok(()),
        }
    }
}

/// A transaction that writes. Statements run on `&mut *change`; what is not committed is undone.
pub struct Change(Transaction<'static, Any>, Database);

impl Change {
    /// Makes it true.
    ///
    /// # Errors
    /// The disk or the connection fails. On Postgres a connection that breaks just now leaves open whether the change was made.
    pub async fn commit(self) -> Result<(), DatabaseError> {
        let Self(transaction, database) = self;
        database.interfere(Moment::BeforeCommit)?;
        transaction.commit().await.map_err(|source| database.error("changing", source))?;
        database.interfere(Moment::AfterCommit)
    }

    /// Undoes it, and waits until that is done.
    ///
    /// # Errors
    /// The connection fails; the change is undone all the same.
    pub async fn undo(self) -> Result<(), DatabaseError> {
        let Self(transaction, database) = self;
        transaction.rollback().await.map_err(|source| database.error("changing", source))
    }

    pub fn backend(&self) -> Backend {
        self.1.backend
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Change").field(&self.1).finish()
    }
}

impl std::ops::Deref for Change {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.0
    }
}

impl std::ops::DerefMut for Change {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.0
    }
}

/// Whether the writer's connection can begin anew: see the same function of the lakehouse's store.
async fn is_usable(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    if connection.is_in_transaction() {
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

/// Makes a new file for its owner alone: logs and messages of runs are in it. SQLite gives its companions the same rights.
/// What stands in the way is told when SQLite opens it.
fn make_private(path: &Path) {
    let mut options = fs_err::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use fs_err::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    drop(options.open(path));
}

/// Connects once outside any pool: a pool would try again and again, and in the end know no more than that time ran out.
async fn probe(url: &str, prepare: &str) -> Result<(), sqlx::Error> {
    let mut connection = AnyConnection::connect(url).await?;
    connection.execute(sqlx::raw_sql(AssertSqlSafe(prepare.to_owned()))).await?;
    connection.close().await
}

fn pool(connections: u32, prepare: String) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(120))
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(move |connection, _| {
            let prepare = prepare.clone();
            Box::pin(async move { connection.execute(sqlx::raw_sql(AssertSqlSafe(prepare))).await.map(drop) })
        })
}

/// The path as part of a URL: what has a meaning there is escaped.
fn url_path(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.chars().fold(String::with_capacity(text.len()), |mut url, character| {
        match character {
            '%' => url.push_str("%25"),
            '?' => url.push_str("%3F"),
            '#' => url.push_str("%23"),
            _ => url.push(character),
        }
        url
    })
}

/// The URL as it may be shown: whatever stands between the user's name and the host is left out.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "(not a URL)".to_owned() };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let path = path.split('?').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

/// The file that a directory's scheduler keeps its state in.
pub fn database_file_of(directory: &Path) -> PathBuf {
    directory.join("scheduler.db")
}
