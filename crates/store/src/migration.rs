//! Schema versions: each part of the program has a numbered list of SQL files, applied in order, each in one transaction with its number.

use sqlx::AssertSqlSafe;

use crate::{Store, StoreError};

/// One SQL file.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// From 1, without gaps.
    pub version: i64,
    /// The file's text (`include_str!`).
    pub sql: &'static str,
}

/// The SQL files of one part of the program, oldest first.
#[derive(Debug, Clone, Copy)]
pub struct Migrations {
    /// `catalog`, `athena`, …: the part whose tables they are.
    pub part: &'static str,
    /// Versions 1, 2, 3…
    pub steps: &'static [Migration],
}

const SCHEMA_VERSION: &str =
    "CREATE TABLE IF NOT EXISTS schema_version (part TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT";

pub(crate) async fn run(store: &Store, migrations: &Migrations) -> Result<(), StoreError> {
    let part = migrations.part;
    let known = migrations.steps.last().map_or(0, |step| step.version);
    let mut change = store.write().await?;
    let error = |source| store.error("reading the schema version of", source);
    sqlx::query(SCHEMA_VERSION).execute(&mut *change).await.map_err(error)?;
    let found: Option<i64> = sqlx::query_scalar("SELECT version FROM schema_version WHERE part = ?")
        .bind(part)
        .fetch_optional(&mut *change)
        .await
        .map_err(error)?;
    let found = found.unwrap_or(0);
    if found > known {
        return Err(StoreError::Newer { path: store.path().to_owned(), part, found, known });
    }
    for step in migrations.steps.iter().filter(|step| step.version > found) {
        let failed =
            |source| StoreError::Migration { path: store.path().to_owned(), part, version: step.version, source };
        sqlx::raw_sql(AssertSqlSafe(step.sql)).execute(&mut *change).await.map_err(failed)?;
        sqlx::query(
            "INSERT INTO schema_version VALUES (?, ?) ON CONFLICT (part) DO UPDATE SET version = excluded.version",
        )
        .bind(part)
        .bind(step.version)
        .execute(&mut *change)
        .await
        .map_err(failed)?;
    }
    change.commit().await.map_err(|source| store.error("migrating", source))
}
