//! Putting a seed's rows into the warehouse.

use athena_api::s3::PutHeaders;
use bytes::Bytes;
use engine::adapter::AdapterResult;
use names::{RelationName, S3Uri};

use super::Build;
use crate::{errors, literals, types::quoted_list};

/// Source: Athena API, `StartQueryExecution.QueryString`; a little is left for the query comment.
const STATEMENT_LIMIT: usize = 262_144 - 8_192;
/// dbt's chunk.
const ROWS_PER_INSERT: usize = 10_000;

/// A CSV object beside no other.
#[derive(Debug, Clone)]
pub(crate) struct UploadSeed {
    pub(crate) object: S3Uri,
    pub(crate) csv: Bytes,
    /// `seed_s3_upload_args`.
    pub(crate) headers: PutHeaders,
}

impl UploadSeed {
    pub(super) async fn execute(&self, build: &mut Build<'_>) -> AdapterResult<()> {
        let put = build.warehouse.services.s3.put_with(&self.object, self.csv.clone(), &self.headers).await;
        put.map_err(|error| errors::of_api(&error, None))
    }
}

/// A seed as CSV that OpenCSVSerDe reads back: every value quoted, quotes doubled, its escape character escaped; NULL is empty.
pub(crate) fn csv<'a>(
    columns: impl Iterator<Item = &'a str>,
    rows: impl Iterator<Item = &'a Vec<Option<String>>>,
) -> Bytes {
    let mut text = String::new();
    let quoted = |value: &str| format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\"\""));
    let header: Vec<String> = columns.map(quoted).collect();
    text.push_str(&header.join(","));
    text.push('\n');
    for row in rows {
        let values: Vec<String> = row.iter().map(|value| quoted(value.as_deref().unwrap_or_default())).collect();
        text.push_str(&values.join(","));
        text.push('\n');
    }
    Bytes::from(text)
}

/// INSERT … VALUES, in statements of at most 10,000 rows and Athena's length limit.
#[derive(Debug, Clone)]
pub(crate) struct InsertSeed {
    pub(crate) relation: RelationName,
    pub(crate) columns: Vec<String>,
    /// The type each text is cast to.
    pub(crate) casts: Vec<SeedCast>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
}

/// How a text of the file becomes a value of its column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SeedCast {
    Varchar,
    /// Any type whose cast understands the text.
    Cast(String),
}

impl InsertSeed {
    /// The statements.
    pub(crate) fn statements(&self) -> Vec<String> {
        let head = format!("insert into {} ({}) values\n", self.relation, quoted_list(&self.columns));
        let mut statements = Vec::new();
        let (mut text, mut count) = (head.clone(), 0);
        for row in &self.rows {
            let values: Vec<String> =
                row.iter().zip(&self.casts).map(|(value, cast)| value_text(value.as_deref(), cast)).collect();
            let values = format!("({})", values.join(", "));
            if count > 0 && (count == ROWS_PER_INSERT || text.len() + values.len() > STATEMENT_LIMIT) {
                statements.push(std::mem::replace(&mut text, head.clone()));
                count = 0;
            }
            if count > 0 {
                text.push_str(",\n");
            }
            text.push_str(&values);
            count += 1;
        }
        if count > 0 {
            statements.push(text);
        }
        statements
    }

    pub(super) async fn execute(&self, build: &mut Build<'_>) -> AdapterResult<()> {
        let mut rows = 0;
        for statement in self.statements() {
            rows += build.sql(&statement, &self.relation).await?.rows.unwrap_or(0);
        }
        build.wrote(rows);
        build.warehouse.look_again(&self.relation).await
    }
}

fn value_text(value: Option<&str>, cast: &SeedCast) -> String {
    match (value, cast) {
        (None, SeedCast::Varchar) => "cast(null as varchar)".to_owned(),
        (None, SeedCast::Cast(kind)) => format!("cast(null as {kind})"),
        (Some(text), SeedCast::Varchar) => literals::text(text),
        (Some(text), SeedCast::Cast(kind)) => format!("cast({} as {kind})", literals::text(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_seeds_are_several_statements() {
        let insert = InsertSeed {
            relation: RelationName::new("c", "s", "t"),
            columns: vec!["a".into()],
            casts: vec![SeedCast::Varchar],
            rows: vec![vec![Some("x".repeat(100_000))]; 5],
        };
        let statements = insert.statements();
        assert_eq!(statements.len(), 3);
        assert!(statements.iter().all(|statement| statement.len() <= STATEMENT_LIMIT));
    }

    #[test]
    fn csv_keeps_quotes_backslashes_and_nulls_apart() {
        let rows = [vec![Some("a\"b\\c".to_owned()), None]];
        let csv = csv(["x", "y"].into_iter(), rows.iter());
        assert_eq!(csv, "\"x\",\"y\"\n\"a\"\"b\\\\c\",\"\"\n");
    }
}
