//! Runs `tests/slt/*.slt`, each file in a lakehouse of its own.
//!
//! `statement ok`, `statement error part of the message`, `query types [rowsort]`: the SQL up to `----` or a blank line,
//! then the expected rows, values separated by tabs, NULL for NULL, `(empty)` for empty text. `$bucket` in a statement is
//! the lakehouse's bucket. `UPDATE_CASES=1` rewrites the expected rows.

mod large;

use std::{fmt::Write as _, path::Path, sync::Arc};

use athena_api::Glue;
use catalog::Catalog;
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use lake::{ObjectStorage, storage::Durability};
use names::S3Uri;
use query::{EngineOptions, QueryContext, QueryEngine};
use store::Store;

struct Lakehouse {
    engine: QueryEngine,
    now: DateTime<Utc>,
    statements: usize,
    _folder: tempfile::TempDir,
}

impl Lakehouse {
    async fn open() -> Self {
        let folder = tempfile::tempdir().expect("the test can run");
        let now: DateTime<Utc> = "2026-01-15T12:34:56.789Z".parse().expect("the test can run");
        let clock: catalog::Clock = Arc::new(move || now);
        let store = Store::open(folder.path(), store::Durability::Process).await.expect("the test can run");
        let catalog = Catalog::open(store, "000000000000", Arc::clone(&clock)).await.expect("the test can run");
        let storage = ObjectStorage::open(folder.path(), Durability::Process).expect("the test can run");
        storage.create_bucket("lake").await.expect("the test can run");
        let glue: Arc<dyn Glue> = Arc::new(catalog);
        let engine = QueryEngine::new(glue, storage, clock, EngineOptions::default());
        Self { engine, now, statements: 0, _folder: folder }
    }

    async fn run(&mut self, sql: &str) -> Result<(Vec<String>, Option<u64>), String> {
        self.statements += 1;
        let id = format!("00000000-0000-4000-8000-{:012}", self.statements);
        let statement = athena_sql::parse(sql).map_err(|error| error.to_string())?;
        let context = QueryContext {
            catalog: None,
            database: Some("db".to_owned()),
            default_table_location: S3Uri::new("lake", &format!("results/tables/{id}")),
            query_execution_id: id,
            now: self.now,
            parameters: Vec::new(),
            cancel: tokio_util::sync::CancellationToken::new(),
        };
        let output = self.engine.execute(&statement, &context).await.map_err(|error| error.message)?;
        let update_count = output.update_count;
        let batches: Vec<_> = output.rows.try_collect().await.map_err(|error| error.message)?;
        let rows = batches.into_iter().flatten().map(|row| {
            let cells = row.into_iter().map(|cell| match cell {
                None => "NULL".to_owned(),
                Some(text) if text.is_empty() => "(empty)".to_owned(),
                Some(text) => text.replace('\n', "\\n"),
            });
            cells.collect::<Vec<_>>().join("\t")
        });
        Ok((rows.collect(), update_count))
    }
}

async fn check(path: &Path, update: bool, failures: &mut String) -> usize {
    let text = fs_err::read_to_string(path).expect("the test can run");
    let mut lakehouse = Lakehouse::open().await;
    lakehouse.run("CREATE DATABASE db").await.expect("the test can run");
    let (mut rewritten, mut count) = (String::new(), 0);
    let file = path.file_name().expect("the test can run").to_string_lossy().into_owned();
    for record in text.split("\n\n").filter(|record| !record.trim().is_empty()) {
        let lines: Vec<&str> = record.trim_matches('\n').lines().collect();
        let start = lines.iter().take_while(|line| line.starts_with('#')).count();
        let (comments, lines) = lines.split_at(start);
        for comment in comments {
            let _ = writeln!(rewritten, "{comment}");
        }
        let Some((head, rest)) = lines.split_first() else {
            rewritten.push('\n');
            continue;
        };
        count += 1;
        let separator = rest.iter().position(|line| *line == "----").unwrap_or(rest.len());
        let sql = rest[..separator].join("\n");
        let expected: Vec<&str> = rest.get(separator + 1..).unwrap_or_default().to_vec();
        let result = lakehouse.run(&sql.replace("$bucket", "s3://lake")).await;
        let _ = writeln!(rewritten, "{head}\n{sql}");
        let mut complain = |what: String| {
            let _ = writeln!(failures, "{file}: {sql}\n    {what}");
        };
        if let Some(rows) = head.strip_prefix("statement ok") {
            match result {
                Err(error) => complain(format!("failed: {error}")),
                Ok((_, count))
                    if !rows.trim().is_empty() && count.map(|n| n.to_string()).as_deref() != Some(rows.trim()) =>
                {
                    complain(format!("update count {count:?} instead of {rows}"));
                }
                Ok(_) => {}
            }
        } else if let Some(part) = head.strip_prefix("statement error") {
            match result {
                Ok((rows, _)) => complain(format!("should have failed, answered {rows:?}")),
                Err(error) if !error.contains(part.trim()) => {
                    complain(format!("failed with {error}\n    not with    {}", part.trim()))
                }
                Err(_) => {}
            }
        } else {
            assert!(head.starts_with("query"), "{file}: {head}");
            match result {
                Err(error) => complain(format!("failed: {error}")),
                Ok((mut rows, _)) => {
                    let mut expected = expected.clone();
                    if head.ends_with("rowsort") {
                        rows.sort();
                        expected.sort_unstable();
                    }
                    let _ = writeln!(rewritten, "----");
                    rows.iter().for_each(|row| rewritten.extend([row, "\n"]));
                    if rows != expected {
                        complain(format!("expected {expected:?}\n    actual   {rows:?}"));
                    }
                }
            }
        }
        rewritten.push('\n');
    }
    if update {
        fs_err::write(path, format!("{}\n", rewritten.trim_end())).expect("the test can run");
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slt() {
    #[expect(clippy::disallowed_methods, reason = "a test's own switches")]
    let (update, only) = (std::env::var("UPDATE_CASES").is_ok(), std::env::var("SLT").ok());
    let mut paths: Vec<_> = fs_err::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/slt"))
        .expect("the test can run")
        .map(|entry| entry.expect("the test can run").path())
        .filter(|path| only.as_ref().is_none_or(|only| path.to_string_lossy().contains(only)))
        .collect();
    paths.sort();
    let (mut failures, mut count) = (String::new(), 0);
    for path in paths {
        count += check(&path, update, &mut failures).await;
    }
    assert!(count > 0, "no records were found");
    assert!(update || failures.is_empty(), "{count} records, failures:\n{failures}");
}
