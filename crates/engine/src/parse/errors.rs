//! Errors of templates as the reader sees them: in which node, on which line, through which macros.

use std::collections::HashMap;

use artifacts::manifest::Node;
use diagnostic::{Diagnostic, Location};
use project::{PropertyFile, yaml::Position};

use super::nodes;
use crate::adapter::AdapterError;

/// An error in a node's code.
pub(crate) fn in_node(node: &Node, error: &jinja::Error, lines_before: usize) -> Diagnostic {
    let head = format!("Compilation Error in {} {} ({})", node.resource_type, node.name, node.original_file_path);
    let in_code = error.template().is_none_or(|template| template == node.original_file_path);
    let line = match in_code {
        true => error.line().map(|line| line as usize),
        // Raised in a macro: the place is where the node calls the outermost.
        false => error.stack().last().and_then(|call| line_of(node, &format!("{}(", call.name))),
    };
    let mut diagnostic = described(&head, error);
    let stack = error.stack();
    if diagnostic.location.is_none() {
        diagnostic.location = Some(match line {
            None if !stack.is_empty() => in_macro(error),
            line => nodes::location(node, line, lines_before),
        });
    }
    if !stack.is_empty() {
        let mut lines: Vec<String> =
            stack.iter().map(|call| format!("> in macro {} ({})", call.name, call.path)).collect();
        lines.dedup();
        lines.push(format!("> called by {} {} ({})", node.resource_type, node.name, node.original_file_path));
        diagnostic.what.push_str("\n  \n  ");
        diagnostic.what.push_str(&lines.join("\n  "));
        if let (Some(line), false) = (error.line(), in_code) {
            let file = error.template().unwrap_or_default();
            if diagnostic.cause.is_none() {
                diagnostic.cause = Some(format!("it was raised in {file}, line {line}"));
            }
        }
    }
    diagnostic
}

/// The place in a macro that the engine called, not the node: `generate_schema_name` and its like.
fn in_macro(error: &jinja::Error) -> Location {
    let declared = error.stack().first().map(|call| (&*call.path, call.line));
    let raised = error.template().zip(error.line());
    let (file, line) = raised.or(declared).unwrap_or_default();
    Location { line: Some(line as usize), ..Location::file(file) }
}

/// Before the last line of the macros of an error: whose code or config called the outermost.
const CALLED_BY: &str = "\n  > called by ";

/// One mistake in a macro that the engine calls for every node is told once, of the first node, with how many others have it.
pub(super) fn tell_once(diagnostics: &mut Vec<Diagnostic>) {
    let mut known: HashMap<(Option<Location>, String), (usize, usize)> = HashMap::new();
    let mut kept: Vec<Diagnostic> = Vec::with_capacity(diagnostics.len());
    for found in diagnostics.drain(..) {
        let key = found.what.rsplit_once(CALLED_BY).and_then(|(above, node)| {
            let (_, error) = above.split_once('\n')?;
            let is_elsewhere = found.location.as_ref().is_some_and(|at| !node.contains(&format!("({})", at.file)));
            is_elsewhere.then(|| (found.location.clone(), error.to_owned()))
        });
        let Some(key) = key else {
            kept.push(found);
            continue;
        };
        match known.get_mut(&key) {
            Some((_, others)) => *others += 1,
            None => {
                known.insert(key, (kept.len(), 0));
                kept.push(found);
            }
        }
    }
    for (index, others) in known.into_values().filter(|(_, others)| *others > 0) {
        let nodes = if others == 1 { "node" } else { "nodes" };
        kept[index].what.push_str(&format!(" and {others} more {nodes}"));
    }
    *diagnostics = kept;
}

/// The line of a node's code that has this text.
pub(super) fn line_of(node: &Node, text: &str) -> Option<usize> {
    node.raw_code.lines().position(|line| line.contains(text)).map(|index| index + 1)
}

/// An error in a text of a property file.
pub(super) fn in_yaml(file: &PropertyFile, position: Position, error: &jinja::Error) -> Diagnostic {
    let head = format!("Compilation Error in {}", file.source.file);
    let mut diagnostic = described(&head, error);
    diagnostic.location = Some(file.source.location(position));
    diagnostic
}

/// An error of a template that belongs to no node.
pub(crate) fn elsewhere(what: &str, error: &jinja::Error) -> Diagnostic {
    let mut diagnostic = described(&format!("Compilation Error in {what}"), error);
    for call in error.stack() {
        diagnostic.what.push_str(&format!("\n  > in macro {} ({})", call.name, call.path));
    }
    if diagnostic.location.is_none()
        && let (Some(template), Some(line)) = (error.template(), error.line())
    {
        diagnostic.location = Some(Location { line: Some(line as usize), ..Location::file(template) });
    }
    diagnostic
}

/// The head, the error's own sentence below it, and the cause and fix it brought along.
fn described(head: &str, error: &jinja::Error) -> Diagnostic {
    let indented = |text: &str| text.replace('\n', "\n  ");
    if let Some(inner) = error.host_error::<Diagnostic>() {
        if inner.what.starts_with("Compilation Error in") {
            return inner.clone();
        }
        let mut diagnostic = Diagnostic::error(format!("{head}\n  {}", indented(&inner.what)));
        diagnostic.cause.clone_from(&inner.cause);
        diagnostic.fix.clone_from(&inner.fix);
        return diagnostic;
    }
    if let Some(inner) = error.host_error::<AdapterError>() {
        let head = head.replacen("Compilation Error", "Database Error", 1);
        let mut diagnostic = Diagnostic::error(format!("{head}\n  {}", indented(&inner.diagnostic.what)));
        diagnostic.cause.clone_from(&inner.diagnostic.cause);
        diagnostic.fix.clone_from(&inner.diagnostic.fix);
        return diagnostic;
    }
    match error.kind() {
        // The place and its line stand below; dbt has them in the sentence.
        jinja::ErrorKind::Syntax => {
            let (cause, fix) = if error.message().ends_with("is nested too deeply") {
                ("more levels than any reader could follow", "write it in several steps, with {% set %} or macros")
            } else if error.message().starts_with("Unexpected end of template") {
                ("a block is opened and never closed", "write the tag that closes it")
            } else {
                (
                    "this is not valid Jinja",
                    "close every `{{` with `}}` and every `{%` with `%}`; check the quotes, brackets and commas between them",
                )
            };
            Diagnostic::error(format!("{head}\n  {}", indented(error.message()))).cause(cause).fix(fix)
        }
        jinja::ErrorKind::Undefined if error.message().ends_with(" is undefined") => {
            Diagnostic::error(format!("{head}\n  {}", indented(&error.dbt_message())))
                .cause("no macro or variable of the project and its packages, and nothing of dbt, has this name")
                .fix("correct the name, write the macro, or add its package to packages.yml and run `owlet deps`")
        }
        jinja::ErrorKind::Recursion => Diagnostic::error(format!("{head}\n  {}", indented(&error.dbt_message())))
            .fix("give the macros that call each other an end, or write the expression with less nesting"),
        _ => Diagnostic::error(format!("{head}\n  {}", indented(&error.dbt_message()))),
    }
}
