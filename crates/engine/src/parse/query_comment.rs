//! `query-comment` of the root project: dbt renders it when it starts, before there is a node.

use diagnostic::Diagnostic;
use project::{Project, QueryComment};

use crate::{Manifest, compile::Compiler, context::Host};

/// What is wrong with the project's own comment, at its line.
pub(super) fn check(manifest: &Manifest, project: &Project, host: &Host) -> Option<Diagnostic> {
    let root = &project.root;
    let QueryComment::Custom { comment: Some(_), .. } = &root.query_comment else { return None };
    let error = Compiler::new(manifest.clone(), host.clone()).query_comment(None).err()?;
    let key = root.unrendered.value.as_map().and_then(|map| map.get("query-comment"));
    let position = key.map(|node| node.position).unwrap_or_default();
    let what = format!("Compilation Error in query-comment (dbt_project.yml)\n{}", indented(&error.what));
    Some(Diagnostic { what, ..error }.at(root.source.location(position)))
}

/// The message without its first line, which names a node.
fn indented(what: &str) -> &str {
    what.split_once('\n').map_or(what, |(_, rest)| rest)
}
