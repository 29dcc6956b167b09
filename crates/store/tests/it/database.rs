//! The database that is given by URL: the same on SQLite and on Postgres.

use std::sync::Arc;

use store::{Database, DatabaseError, Durability, Interference, Migration, Migrations, Moment};
use testkit::Postgres;

const FIRST: Migrations = Migrations {
    part: "part",
    steps: &[Migration {
        version: 1,
        sql: "CREATE TABLE t (\n  id IDENTITY, -- its IDENTITY\n  n BIGINT NOT NULL,\n  s TEXT\n);",
    }],
};
const SECOND: Migrations = Migrations {
    part: "part",
    steps: &[
        FIRST.steps[0],
        Migration {
            version: 2,
            sql: "ALTER TABLE t ADD COLUMN m BIGINT NOT NULL DEFAULT 7; INSERT INTO t (n) VALUES (1);",
        },
    ],
};
const BROKEN: Migrations = Migrations {
    part: "part",
    steps: &[
        FIRST.steps[0],
        Migration { version: 2, sql: "INSERT INTO t (n) VALUES (7); INSERT INTO nothing VALUES (1);" },
    ],
};

/// An empty database of each kind, and what keeps it alive.
async fn databases() -> Vec<(Database, tempfile::TempDir, String)> {
    let directory = tempfile::tempdir().unwrap();
    // A path with everything that has a meaning in URLs.
    let path = directory.path().join("with space, 100%? and #hash").join("scheduler.db");
    let url = format!("sqlite://{}", path.display());
    let mut databases = vec![(Database::open(&url, Durability::Process).await.unwrap(), directory, url)];
    assert!(path.is_file());
    if let Some(postgres) = Postgres::shared() {
        let url = postgres.database();
        let database = Database::open(&url, Durability::Process).await.unwrap();
        databases.push((database, tempfile::tempdir().unwrap(), url));
    }
    databases
}

async fn count(database: &Database) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM t").fetch_one(database.readers()).await.unwrap()
}

async fn insert(database: &Database, n: i64) -> Result<i64, DatabaseError> {
    let mut change = database.write().await?;
    let id = sqlx::query_scalar("INSERT INTO t (n) VALUES ($1) RETURNING id").bind(n).fetch_one(&mut *change).await;
    let id = id.map_err(|source| database.error("changing", source))?;
    change.commit().await?;
    Ok(id)
}

#[tokio::test]
async fn migrations_run_once_in_order_and_a_newer_schema_is_refused() {
    for (database, _directory, url) in databases().await {
        database.migrate(&FIRST).await.unwrap();
        database.migrate(&FIRST).await.unwrap();
        let broken = database.migrate(&BROKEN).await.unwrap_err();
        assert!(broken.to_string().starts_with("migration 2 of the 'part' tables of "), "{broken}");
        assert_eq!(count(&database).await, 0);
        database.migrate(&SECOND).await.unwrap();
        assert_eq!(count(&database).await, 1);
        database.close().await;
        let again = Database::open(&url, Durability::Power).await.unwrap();
        again.migrate(&SECOND).await.unwrap();
        let older = again.migrate(&FIRST).await.unwrap_err();
        assert!(matches!(older, DatabaseError::Newer { found: 2, known: 1, .. }), "{older}");
        assert!(older.fix().contains("newer version"));
    }
}

#[tokio::test]
async fn servers_that_start_together_migrate_once() {
    for (database, _directory, url) in databases().await {
        let second = Database::open(&url, Durability::Process).await.unwrap();
        let (one, two) = tokio::join!(database.migrate(&SECOND), second.migrate(&SECOND));
        one.unwrap();
        two.unwrap();
        assert_eq!(count(&database).await, 1);
    }
}

#[tokio::test]
async fn values_come_back_as_they_went_in() {
    for (database, _directory, _) in databases().await {
        database.migrate(&SECOND).await.unwrap();
        let mut change = database.write().await.unwrap();
        let row: (i64, i64, Option<String>, i64) =
            sqlx::query_as("INSERT INTO t (n, s) VALUES ($2, $1) RETURNING id, n, s, m")
                .bind("naïve 'quoted' 🦉")
                .bind(i64::MAX)
                .fetch_one(&mut *change)
                .await
                .unwrap();
        assert_eq!(row, (2, i64::MAX, Some("naïve 'quoted' 🦉".to_owned()), 7));
        let row: (Option<String>, Option<i64>) =
            sqlx::query_as("UPDATE t SET s = $1 WHERE n = $2 RETURNING s, CAST(NULL AS BIGINT)")
                .bind(None::<String>)
                .bind(i64::MAX)
                .fetch_one(&mut *change)
                .await
                .unwrap();
        assert_eq!(row, (None, None));
        let sum: i64 = sqlx::query_scalar("SELECT CAST(COALESCE(sum(m), 0) AS BIGINT) FROM t")
            .fetch_one(&mut *change)
            .await
            .unwrap();
        assert_eq!(sum, 14);
        change.commit().await.unwrap();
    }
}

#[tokio::test]
async fn many_writers_take_turns_and_readers_see_only_what_is_committed() {
    for (database, _directory, url) in databases().await {
        database.migrate(&FIRST).await.unwrap();
        let second = Database::open(&url, Durability::Process).await.unwrap();
        let writers = (0..60).map(|n| {
            let database = if n % 2 == 0 { database.clone() } else { second.clone() };
            tokio::spawn(async move { insert(&database, n).await })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap().unwrap();
        }
        assert_eq!(count(&database).await, 60);
        let mut open = database.write().await.unwrap();
        sqlx::query("DELETE FROM t").execute(&mut *open).await.unwrap();
        assert_eq!(count(&second).await, 60);
        drop(open);
        assert_eq!(count(&database).await, 60);
        let mut open = database.write().await.unwrap();
        sqlx::query("DELETE FROM t").execute(&mut *open).await.unwrap();
        open.undo().await.unwrap();
        insert(&database, 61).await.unwrap();
        assert_eq!(count(&second).await, 61);
    }
}

struct At(Moment);

impl Interference for At {
    fn fails(&self, moment: Moment) -> bool {
        moment == self.0
    }
}

#[tokio::test]
async fn interference_fails_where_it_says() {
    for (database, _directory, _) in databases().await {
        database.migrate(&FIRST).await.unwrap();
        for (moment, kept) in [(Moment::Begin, 0), (Moment::BeforeCommit, 0), (Moment::AfterCommit, 1)] {
            let failing = database.clone().with_interference(Arc::new(At(moment)));
            let error = insert(&failing, 1).await.unwrap_err();
            assert!(error.is_transient(), "{error}");
            assert_eq!(count(&database).await, kept);
        }
    }
}

#[tokio::test]
async fn what_cannot_be_opened_says_why_and_shows_no_password() {
    let error = Database::open("mysql://root:secret@db/x", Durability::Process).await.unwrap_err();
    assert_eq!(error.to_string(), "'mysql://db/x' is no address of a database");
    let error = Database::open("scheduler.db", Durability::Process).await.unwrap_err();
    assert!(error.fix().contains("sqlite:///path"), "{}", error.fix());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("scheduler.db");
    fs_err::write(&path, "this is a text of more than a hundred bytes, ".repeat(10)).unwrap();
    let error = Database::sqlite(&path, Durability::Process).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Damaged { .. }), "{error:?}");
    let Some(postgres) = Postgres::shared() else { return };
    let url = postgres.database().replace("owlet@", "owlet:secret@");
    let error = Database::open(&format!("{url}_none"), Durability::Process).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Missing { .. }), "{error:?}");
    assert!(!error.to_string().contains("secret"), "{error}");
    assert!(error.fix().starts_with("create it: createdb test_"), "{}", error.fix());
    let error = Database::open(&url.replace("owlet:", "nobody:"), Durability::Process).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Login { .. }), "{error:?}");
}

/// A server that is gone, and back again.
#[tokio::test]
async fn a_restarted_server_is_found_again() {
    let Ok(mut postgres) = Postgres::own() else { return };
    let database = Database::open(&postgres.database(), Durability::Process).await.unwrap();
    database.migrate(&FIRST).await.unwrap();
    insert(&database, 1).await.unwrap();
    postgres.stop();
    let error = insert(&database, 2).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Unreachable { .. }), "{error:?}");
    postgres.resume().unwrap();
    insert(&database, 3).await.unwrap();
    assert_eq!(count(&database).await, 2);
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("scheduler.db");
    let database = Database::sqlite(&path, Durability::Process).await.unwrap();
    database.migrate(&FIRST).await.unwrap();
    insert(&database, 1).await.unwrap();
    for name in ["scheduler.db", "scheduler.db-wal"] {
        let mode = fs_err::metadata(directory.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
