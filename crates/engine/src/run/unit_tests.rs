//! Unit tests: the rows a model gives over given rows, compared with the rows it must give.

use std::sync::Arc;

use artifacts::manifest::UnitTest;

use super::{
    NodeStatus, RunContext,
    artifact_files::write_text,
    blocking,
    data_tests::jinja_text,
    job::{Outcome, Stopwatch},
    results::NodeFailure,
};
use crate::{
    Compiled,
    adapter::{ResultTable, StatementOrigin},
};

type Row = Vec<Option<String>>;

/// The names of the compared columns, the actual rows, the expected rows.
type Sides = (Vec<String>, Vec<Row>, Vec<Row>);

/// Runs a unit test.
pub(super) async fn run(
    context: &Arc<RunContext>,
    test: &UnitTest,
    clock: &mut Stopwatch<'_>,
    compiled: &mut Option<Arc<Compiled>>,
) -> Result<Outcome, NodeFailure> {
    let (compiler, id) = (context.compiler.clone(), test.unique_id.clone());
    let compiling = blocking(move || compiler.unit_test(&id));
    let plan = clock.time("compile", compiling).await.map_err(|error| context.failure(error))?;
    let place = pseudo_path(test);
    let path = format!("{}/compiled/{}/{place}", context.compiler.host().target_path, test.package_name);
    write_text(&context.project_dir.join(&path), &plan.actual_sql).map_err(|error| context.failure(error))?;
    let write_run = |sql: &str| {
        let path = context.target_dir.join("run").join(&test.package_name).join(&place);
        write_text(&path, sql).map_err(|error| context.failure(error))
    };
    *compiled = Some(Arc::new(Compiled {
        id: test.unique_id.clone(),
        sql: plan.actual_sql.as_str().into(),
        path: Some(path),
        ..Compiled::default()
    }));

    let failed = |error: &str, cancelled: bool| NodeFailure {
        message: format!(
            "An error occurred during execution of unit test '{}'. There may be an error in the unit test definition: check the data types.\n  {}",
            test.name,
            error.replace('\n', "\n  ")
        ),
        cancelled,
    };
    let (response, table) = match plan.sql {
        Some(sql) => {
            write_run(&sql)?;
            let origin = StatementOrigin { node: Some(test.unique_id.clone()), step: "main".to_owned(), comment: None };
            let executing = context.adapter.execute(&sql, &origin, Some(None));
            clock.time("execute", executing).await.map_err(|error| failed(&error.to_string(), error.cancelled))?
        }
        None => {
            let (compiler, id, actual) = (context.compiler.clone(), test.unique_id.clone(), plan.actual_sql);
            let running = blocking(move || compiler.run_unit_test(&id, &actual));
            let done = clock.time("execute", running).await.map_err(|error| failed(&error.to_string(), false))?;
            write_run(&done.run_sql)?;
            (done.response, done.rows)
        }
    };
    let (columns, actual, expected) = split(&table).map_err(|message| NodeFailure { message, cancelled: false })?;
    Ok(match diff(&columns, actual, expected) {
        None => Outcome {
            status: Some(NodeStatus::Pass),
            failures: Some(0),
            response: Some(response),
            ..Outcome::default()
        },
        Some(diff) => Outcome {
            status: Some(NodeStatus::Fail),
            message: Some(format!("actual differs from expected:\n\n{diff}\n")),
            failures: Some(1),
            response: Some(response),
            ..Outcome::default()
        },
    })
}

/// Below the file that has the test, dbt thinks of it as a file beside that one: `models/staging/tests.yml/models/staging/no_rows.sql`.
fn pseudo_path(test: &UnitTest) -> String {
    let file = &test.original_file_path;
    let folder = file.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
    format!("{file}/{folder}{}.sql", test.name)
}

/// The two sides of the answer; its last column says which.
fn split(table: &ResultTable) -> Result<Sides, String> {
    let Some((side, columns)) = table.columns.split_last() else {
        return Err("the unit test's query has no columns".to_owned());
    };
    if !side.name.eq_ignore_ascii_case("actual_or_expected") {
        return Err(format!(
            "the unit test's query ends with the column '{}' instead of 'actual_or_expected'",
            side.name
        ));
    }
    let (mut actual, mut expected) = (Vec::new(), Vec::new());
    for row in &table.rows {
        let Some((side, values)) = row.split_last() else { continue };
        let values = values.iter().map(|value| (!value.is_none()).then(|| jinja_text(value))).collect();
        if side.as_str() == Some("expected") { expected.push(values) } else { actual.push(values) }
    }
    Ok((columns.iter().map(|column| column.name.clone()).collect(), actual, expected))
}

/// How two multisets of rows differ, in dbt's marks: `---` expected and missing, `+++` not expected, `→` a row with other values.
/// `None` when they are equal.
fn diff(columns: &[String], mut actual: Vec<Row>, mut expected: Vec<Row>) -> Option<String> {
    actual.sort();
    expected.sort();
    let mut same = Vec::new();
    expected.retain(|row| match actual.iter().position(|other| other == row) {
        Some(index) => {
            same.push(actual.remove(index));
            false
        }
        None => true,
    });
    if actual.is_empty() && expected.is_empty() {
        return None;
    }
    let mut lines: Vec<(&str, Vec<String>)> = vec![("@@", columns.to_vec())];
    for row in expected {
        let equal_values = |other: &Row| row.iter().zip(other).filter(|(left, right)| left == right).count();
        let nearest = actual
            .iter()
            .enumerate()
            .map(|(index, other)| (equal_values(other), index))
            .max_by_key(|(equal, index)| (*equal, usize::MAX - index));
        match nearest {
            Some((equal, index)) if equal > 0 => {
                let other = actual.remove(index);
                let changed = row.iter().zip(&other).map(|(left, right)| {
                    if left == right { shown(left) } else { format!("{}→{}", shown(left), shown(right)) }
                });
                lines.push(("→", changed.collect()));
            }
            _ => lines.push(("---", row.iter().map(shown).collect())),
        }
    }
    lines.extend(actual.iter().map(|row| ("+++", row.iter().map(shown).collect())));
    lines.extend(same.iter().map(|row| ("", row.iter().map(shown).collect())));
    Some(aligned(&lines))
}

fn shown(value: &Option<String>) -> String {
    value.clone().unwrap_or_else(|| "NULL".to_owned())
}

fn aligned(lines: &[(&str, Vec<String>)]) -> String {
    let count = lines.iter().map(|(_, cells)| cells.len()).max().unwrap_or_default();
    let width = |index: usize| {
        lines
            .iter()
            .filter_map(|(_, cells)| cells.get(index))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mark_width = lines.iter().map(|(mark, _)| mark.chars().count()).max().unwrap_or_default();
    let text = lines.iter().map(|(mark, cells)| {
        let cells: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{mark:<mark_width$},{}", cells.join(",")).trim_end().to_owned()
    });
    text.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[&str]]) -> Vec<Row> {
        rows.iter()
            .map(|row| row.iter().map(|value| (*value != "NULL").then(|| (*value).to_owned())).collect())
            .collect()
    }

    #[test]
    fn order_does_not_matter_but_number_does() {
        let columns = ["id".to_owned()];
        assert_eq!(diff(&columns, rows(&[&["1"], &["2"]]), rows(&[&["2"], &["1"]])), None);
        assert!(diff(&columns, rows(&[&["1"], &["1"]]), rows(&[&["1"]])).is_some());
        assert!(diff(&columns, rows(&[&["NULL"]]), rows(&[&[""]])).is_some());
    }

    #[test]
    fn a_changed_value_is_shown_in_its_place() {
        let columns = ["email".to_owned(), "valid".to_owned()];
        let actual = rows(&[&["a@b.c", "false"], &["x@y.z", "true"], &["new", "NULL"]]);
        let expected = rows(&[&["a@b.c", "true"], &["x@y.z", "true"], &["gone", "no"]]);
        assert_eq!(
            diff(&columns, actual, expected).expect("they differ"),
            "@@ ,email,valid\n→  ,a@b.c,true→false\n---,gone ,no\n+++,new  ,NULL\n   ,x@y.z,true"
        );
    }
}
