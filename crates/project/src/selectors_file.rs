//! `selectors.yml`, rendered, for the graph to make sense of.

use diagnostic::Diagnostic;
use serde_json::Value as Json;

use crate::dbt_project::{DbtProject, unreadable};
use crate::render::{RenderYaml, render_tree};
use crate::source::SourceText;
use crate::yaml;

/// The content of the project's `selectors.yml`; `None` when there is none, or nothing in it.
pub fn read_selectors_file(project: &DbtProject, renderer: &dyn RenderYaml) -> (Option<Json>, Vec<Diagnostic>) {
    let text = match fs_err::read_to_string(project.path("selectors.yml")) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return (None, Vec::new()),
        Err(error) => return (None, vec![unreadable("selectors.yml", &error)]),
    };
    let source = SourceText::new("selectors.yml", text);
    let (node, mut diagnostics) = yaml::parse_file(&source.file, source.text.trim_end());
    let Some(node) = node.filter(|node| !node.value.is_null()) else { return (None, diagnostics) };
    let rendered = render_tree(&node, renderer, &|_| false, &source, &mut diagnostics);
    (Some(rendered.value.to_json()), diagnostics)
}
