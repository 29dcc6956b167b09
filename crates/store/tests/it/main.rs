//! The state database and the directory's lock.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod database;

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use store::{DirectoryLock, Durability, Holder, LockError, Migration, Migrations, Store, StoreError};

const FIRST: Migrations =
    Migrations { part: "part", steps: &[Migration { version: 1, sql: "CREATE TABLE t (n INTEGER NOT NULL) STRICT;" }] };
const SECOND: Migrations = Migrations {
    part: "part",
    steps: &[
        Migration { version: 1, sql: "CREATE TABLE t (n INTEGER NOT NULL) STRICT;" },
        Migration { version: 2, sql: "ALTER TABLE t ADD COLUMN s TEXT; INSERT INTO t VALUES (1, 'new');" },
    ],
};
const BROKEN: Migrations = Migrations {
    part: "part",
    steps: &[
        Migration { version: 1, sql: "" },
        Migration { version: 2, sql: "INSERT INTO t (n) VALUES (7); INSERT INTO nothing VALUES (1);" },
    ],
};

async fn count(store: &Store) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM t").fetch_one(store.readers()).await.unwrap()
}

async fn insert(store: &Store, n: i64) -> Result<(), StoreError> {
    let mut change = store.write().await?;
    sqlx::query("INSERT INTO t (n) VALUES (?)")
        .bind(n)
        .execute(&mut *change)
        .await
        .map_err(|source| store.error("changing", source))?;
    change.commit().await.map_err(|source| store.error("changing", source))
}

#[tokio::test]
async fn migrations_run_once_in_order_and_a_broken_one_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), Durability::Process).await.unwrap();
    store.migrate(&FIRST).await.unwrap();
    store.migrate(&FIRST).await.unwrap();
    let error = store.migrate(&BROKEN).await.unwrap_err();
    assert!(error.to_string().starts_with("migration 2 of the 'part' tables of "), "{error}");
    assert_eq!(count(&store).await, 0);
    store.migrate(&SECOND).await.unwrap();
    assert_eq!(count(&store).await, 1);
    store.close().await;
    let again = Store::open(directory.path().join("owlet.db"), Durability::Power).await.unwrap();
    again.migrate(&SECOND).await.unwrap();
    assert_eq!(count(&again).await, 1);
    let older = again.migrate(&FIRST).await.unwrap_err();
    assert!(matches!(older, StoreError::Newer { found: 2, known: 1, .. }), "{older}");
    assert!(older.fix().contains("newer version"));
}

#[tokio::test]
async fn many_writers_wait_in_turn_and_readers_see_only_what_is_committed() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), Durability::Process).await.unwrap();
    store.migrate(&FIRST).await.unwrap();
    let tasks: Vec<_> = (0..100)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { insert(&store, n).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(count(&store).await, 100);
    let mut open = store.write().await.unwrap();
    sqlx::query("DELETE FROM t").execute(&mut *open).await.unwrap();
    assert_eq!(count(&store).await, 100);
    drop(open);
    assert_eq!(count(&store).await, 100);
    let refused = sqlx::query("DELETE FROM t").execute(store.readers()).await.unwrap_err();
    assert!(refused.to_string().contains("readonly"), "{refused}");
}

/// The database gets no more pages than it has: what SQLite answers when the disk is full.
#[tokio::test]
async fn a_full_disk_says_so_and_keeps_nothing_of_the_change() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), Durability::Process).await.unwrap();
    store.migrate(&FIRST).await.unwrap();
    insert(&store, 1).await.unwrap();
    let mut change = store.write().await.unwrap();
    sqlx::query("PRAGMA max_page_count = 1").execute(&mut *change).await.unwrap();
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) INSERT INTO t SELECT i FROM n";
    let source = sqlx::query(many).execute(&mut *change).await.unwrap_err();
    let error = store.error("changing", source);
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
    assert!(error.fix().starts_with("free some space"));
    drop(change);
    assert_eq!(count(&store).await, 1);
}

#[tokio::test]
async fn after_a_full_disk_the_next_change_works_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), Durability::Process).await.unwrap();
    store.migrate(&SECOND).await.unwrap();
    let mut change = store.write().await.unwrap();
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut *change).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"))).execute(&mut *change).await.unwrap();
    // Without room for one more page SQLite ends the transaction by itself.
    let full =
        sqlx::query("INSERT INTO t VALUES (2, ?)").bind("x".repeat(100_000)).execute(&mut *change).await.unwrap_err();
    assert!(matches!(store.error("changing", full), StoreError::DiskFull { .. }));
    drop(change);
    insert(&store, 3).await.unwrap();
    assert_eq!(count(&store).await, 2);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("owlet.db");
    fs_err::write(&path, "this is a text of more than a hundred bytes, ".repeat(10)).unwrap();
    let error = Store::open(directory.path(), Durability::Process).await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("is not a readable database"), "{error}");
}

/// A process that is killed runs no destructor and sends no farewell: the log it left is replayed.
#[tokio::test]
async fn what_was_committed_is_there_after_the_process_died() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), Durability::Process).await.unwrap();
    store.migrate(&FIRST).await.unwrap();
    for n in 0..10 {
        insert(&store, n).await.unwrap();
    }
    let mut open = store.write().await.unwrap();
    sqlx::query("DELETE FROM t").execute(&mut *open).await.unwrap();
    // A copy of the files as they are now is what a killed process leaves.
    let copy = tempfile::tempdir().unwrap();
    for name in ["owlet.db", "owlet.db-wal"] {
        fs_err::copy(directory.path().join(name), copy.path().join(name)).unwrap();
    }
    let after = Store::open(copy.path(), Durability::Process).await.unwrap();
    assert_eq!(count(&after).await, 10);
    let mut connection = SqliteConnectOptions::new().filename(after.path()).connect().await.unwrap();
    let sound: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap();
    assert_eq!(sound, "ok");
    connection.close().await.unwrap();
}

#[test]
fn a_directory_has_one_holder_whom_others_can_find() {
    let directory = tempfile::tempdir().unwrap();
    let path: &Path = directory.path();
    assert_eq!(Holder::of(path).unwrap(), None);
    let mut lock = DirectoryLock::acquire(path, 42).unwrap();
    let error = DirectoryLock::acquire(path, 43).unwrap_err();
    assert_eq!(error.to_string(), format!("the lakehouse directory '{}' is in use by process 42", path.display()));
    assert!(error.fix().contains("process 42"));
    let served = Holder { pid: 42, endpoint: Some("http://127.0.0.1:4566".to_owned()) };
    lock.describe(&served).unwrap();
    assert_eq!(Holder::of(path).unwrap(), Some(served));
    let error = DirectoryLock::acquire(path, 43).unwrap_err();
    assert!(error.to_string().ends_with("in use by process 42, which serves it at http://127.0.0.1:4566"), "{error}");
    assert!(matches!(error, LockError::Held { holder: Some(_), .. }));
    drop(lock);
    assert_eq!(Holder::of(path).unwrap(), None);
    DirectoryLock::acquire(path, 43).unwrap();
}

/// Waiting for another writer is no error, however many there are.
#[tokio::test]
async fn a_writer_waits_for_a_slow_one() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), Durability::Process).await.unwrap();
    store.migrate(&FIRST).await.unwrap();
    let slow = store.write().await.unwrap();
    let other = store.clone();
    let waiting = tokio::spawn(async move { insert(&other, 1).await });
    let early = tokio::time::timeout(Duration::from_millis(50), async {
        while !waiting.is_finished() {
            tokio::task::yield_now().await
        }
    })
    .await;
    assert!(early.is_err());
    drop(slow);
    waiting.await.unwrap().unwrap();
    assert_eq!(count(&store).await, 1);
}
