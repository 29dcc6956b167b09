//! The warehouse's errors, told with the place in the model's own file.

use artifacts::manifest::Node;
use diagnostic::{Diagnostic, Location};

use super::results::NodeFailure;
use crate::{Compiled, adapter::AdapterError};

/// A statement of a node failed.
pub(super) fn of_adapter(node: &Node, error: &AdapterError, compiled: Option<&Compiled>) -> NodeFailure {
    let mut diagnostic = (*error.diagnostic).clone();
    if let Some((compiled, sql)) = compiled.zip(error.sql.as_deref())
        && let Some(place) = place_in_compiled(&diagnostic.what, sql, &compiled.sql)
    {
        diagnostic.location = Some(locate(node, compiled, place));
    }
    let kind = match diagnostic.what.strip_prefix("Compilation Error: ") {
        Some(rest) => {
            diagnostic.what = rest.to_owned();
            "Compilation Error"
        }
        None if error.sql.is_some() => "Database Error",
        None => "Runtime Error",
    };
    NodeFailure { message: headed(kind, node, &diagnostic), cancelled: error.cancelled }
}

/// A statement of a node's hook failed.
pub(super) fn of_hook(node: &Node, hook: &str, error: &AdapterError) -> NodeFailure {
    let mut diagnostic = (*error.diagnostic).clone();
    if diagnostic.cause.is_none() {
        diagnostic.cause = Some(format!("the statement of a {hook} failed"));
    }
    NodeFailure { message: headed("Database Error", node, &diagnostic), cancelled: error.cancelled }
}

/// `Database Error in model orders (models/orders.sql)`, and the rest below it.
fn headed(kind: &str, node: &Node, diagnostic: &Diagnostic) -> String {
    let mut text = format!("{kind} in {} {} ({})", node.resource_type, node.name, node.original_file_path);
    for line in diagnostic.to_string().lines() {
        text.push_str("\n  ");
        text.push_str(line);
    }
    text
}

/// 1-based line and column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    line: usize,
    column: usize,
}

/// Where in the compiled code Athena's `line L:C` is. The statement that was sent is the compiled code inside of `create table … as` or the
/// like, below a comment.
fn place_in_compiled(message: &str, sent: &str, compiled: &str) -> Option<Place> {
    let place = athena_place(message)?;
    let compiled_body = compiled.trim();
    let start = sent.find(compiled_body)?;
    let before = &sent[..start];
    let lines_before = before.matches('\n').count();
    let column_before = before.rsplit('\n').next().unwrap_or_default().chars().count();
    let line = place.line.checked_sub(lines_before).filter(|line| *line > 0)?;
    let column =
        if line == 1 { place.column.checked_sub(column_before).filter(|column| *column > 0)? } else { place.column };
    if line > compiled_body.lines().count() {
        return None;
    }
    // The compiled file begins with what was trimmed.
    let leading = &compiled[..compiled.len() - compiled.trim_start().len()];
    let leading_column = leading.rsplit('\n').next().unwrap_or_default().chars().count();
    let column = if line == 1 { column + leading_column } else { column };
    Some(Place { line: line + leading.matches('\n').count(), column })
}

/// `line 3:8: Column 'x' cannot be resolved` → 3, 8.
fn athena_place(message: &str) -> Option<Place> {
    message.match_indices("line ").find_map(|(index, word)| {
        let rest = &message[index + word.len()..];
        let (line, rest) = rest.split_once(':')?;
        let column: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Some(Place { line: line.parse().ok()?, column: column.parse().ok()? })
    })
}

/// The line of the model's file: the only one that reads like the compiled line, or the same line where Jinja made no more and no fewer
/// lines. Else the line of the compiled file.
fn locate(node: &Node, compiled: &Compiled, place: Place) -> Location {
    let text = compiled.sql.lines().nth(place.line - 1).unwrap_or_default();
    let mut same = node.raw_code.lines().enumerate().filter(|(_, line)| line.trim() == text.trim());
    if let (Some((index, line)), None) = (same.next(), same.next())
        && !text.trim().is_empty()
    {
        let indent = |line: &str| line.chars().take_while(|c| c.is_whitespace()).count();
        let column = (place.column + indent(line)).checked_sub(indent(text));
        return Location {
            file: node.original_file_path.clone(),
            line: Some(index + 1),
            column,
            excerpt: Some(line.to_owned()),
        };
    }
    let (raw, made) = (node.raw_code.trim_end(), compiled.sql.trim_end());
    if raw.lines().count() == made.lines().count()
        && let Some(line) = raw.lines().nth(place.line - 1)
        && node.test_metadata.is_none()
    {
        // As far as the two lines begin alike, a column of one is a column of the other.
        let before = place.column.saturating_sub(1);
        let begins_alike = line.chars().take(before).eq(text.chars().take(before));
        return Location {
            file: node.original_file_path.clone(),
            line: Some(place.line),
            column: begins_alike.then_some(place.column),
            excerpt: Some(line.to_owned()),
        };
    }
    let file = compiled.path.clone().unwrap_or_else(|| node.original_file_path.clone());
    Location { file, line: Some(place.line), column: Some(place.column), excerpt: Some(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn node(raw: &str) -> Node {
        Node {
            name: "orders".to_owned(),
            original_file_path: "models/orders.sql".to_owned(),
            raw_code: raw.into(),
            ..Node::default()
        }
    }

    fn message(raw: &str, compiled: &str, sent: &str, what: &str) -> String {
        let compiled = Compiled {
            sql: compiled.into(),
            path: Some("target/compiled/shop/models/orders.sql".to_owned()),
            ..Compiled::default()
        };
        let mut error = AdapterError::new(Diagnostic::error(what));
        error.sql = Some(Arc::from(sent));
        of_adapter(&node(raw), &error, Some(&compiled)).message
    }

    #[test]
    fn athenas_line_becomes_the_models_line() {
        assert_eq!(
            message(
                "{{ config(materialized='table') }}\n\nselect\n    id,\n    nope\nfrom {{ ref('x') }}\n",
                "\n\nselect\n    id,\n    nope\nfrom \"dev\".\"x\"\n",
                "/* {\"app\": \"dbt\"} */\ncreate table t as\nselect\n    id,\n    nope\nfrom \"dev\".\"x\"",
                "COLUMN_NOT_FOUND: line 5:5: Column 'nope' cannot be resolved",
            ),
            "Database Error in model orders (models/orders.sql)\n  \
             COLUMN_NOT_FOUND: line 5:5: Column 'nope' cannot be resolved\n    \
             at models/orders.sql:5:5\n     5 |     nope\n       |     ^"
        );
    }

    #[test]
    fn a_line_that_jinja_made_is_shown_in_the_compiled_file() {
        let text = message(
            "{% for c in ['a', 'nope'] %}\nselect {{ c }}\n{% endfor %}\n",
            "\nselect a\n\nselect nope\n",
            "create table t as (select a\n\nselect nope)",
            "COLUMN_NOT_FOUND: line 3:8: Column 'nope' cannot be resolved",
        );
        assert!(text.contains("at target/compiled/shop/models/orders.sql:4:8\n"), "{text}");
    }

    #[test]
    fn a_line_with_jinja_in_it_is_shown_as_it_was_written() {
        let text = message(
            "select a,\n    {{ nope() }}\nfrom t\n",
            "select a,\n    nope\nfrom t\n",
            "create table t as\nselect a,\n    nope\nfrom t",
            "COLUMN_NOT_FOUND: line 3:5: Column 'nope' cannot be resolved",
        );
        assert!(text.contains("at models/orders.sql:2:5\n     2 |     {{ nope() }}\n       |     ^"), "{text}");
    }

    #[test]
    fn a_place_outside_of_the_model_is_not_claimed() {
        let text = message("select 1", "select 1", "create tabel t as select 1", "line 1:8: mismatched input 'tabel'");
        assert!(!text.contains(" at "), "{text}");
    }
}
