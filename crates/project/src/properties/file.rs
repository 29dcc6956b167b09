//! One property file.

use diagnostic::{Diagnostic, Severity};
use serde_json::{Map as JsonMap, Value as Json};

use super::exposure::{read_exposure, read_group};
use super::macros::read_macro;
use super::node::{read_node, singular};
use super::raw::read_raw;
use super::source::read_source;
use super::unit_test::read_unit_test;
use super::{
    ExposureProperties, GroupProperties, MacroProperties, NodeProperties, RawProperties, SourceProperties,
    UnitTestProperties,
};
use crate::fields::Fields;
use crate::render::{RenderYaml, Step, render_tree};
use crate::source::SourceText;
use crate::yaml::{self, Node, Value};

/// All that one property file says.
#[derive(Debug, Clone, Default)]
pub struct PropertyFile {
    /// The package whose file it is.
    pub package: String,
    /// Its path and text, for messages.
    pub source: SourceText,
    /// The directory it was found in: `models`, `../shared/models`; empty means the first of its path.
    pub search_path: String,
    /// `models:`
    pub models: Vec<NodeProperties>,
    /// `seeds:`
    pub seeds: Vec<NodeProperties>,
    /// `snapshots:`
    pub snapshots: Vec<NodeProperties>,
    /// `sources:`
    pub sources: Vec<SourceProperties>,
    /// `macros:`
    pub macros: Vec<MacroProperties>,
    /// `data_tests:`: descriptions and configs of singular tests.
    pub data_tests: Vec<NodeProperties>,
    /// `analyses:`
    pub analyses: Vec<NodeProperties>,
    /// `exposures:`
    pub exposures: Vec<ExposureProperties>,
    /// `functions:`
    pub functions: Vec<NodeProperties>,
    /// `metrics:`
    pub metrics: Vec<RawProperties>,
    /// `groups:`
    pub groups: Vec<GroupProperties>,
    /// `semantic_models:`
    pub semantic_models: Vec<RawProperties>,
    /// `unit_tests:`
    pub unit_tests: Vec<UnitTestProperties>,
    /// `saved_queries:`
    pub saved_queries: Vec<RawProperties>,
    /// Top-level keys that dbt does not know.
    pub extra: JsonMap<String, Json>,
}

const SECTIONS: [&str; 14] = [
    "models",
    "seeds",
    "snapshots",
    "sources",
    "macros",
    "data_tests",
    "analyses",
    "exposures",
    "functions",
    "metrics",
    "groups",
    "semantic_models",
    "unit_tests",
    "saved_queries",
];

impl PropertyFile {
    /// Its path relative to the directory it was found in: `staging/schema.yml`.
    pub fn path_in_search_path(&self) -> &str {
        let path = &self.source.file;
        let below = path.strip_prefix(&self.search_path).filter(|_| !self.search_path.is_empty());
        below
            .and_then(|rest| rest.strip_prefix('/'))
            .or_else(|| path.split_once('/').map(|(_, rest)| rest))
            .unwrap_or(path)
    }

    /// Reads a property file; mistakes are reported, and what is right is kept.
    pub fn parse(package: &str, source: SourceText, renderer: &dyn RenderYaml) -> (Self, Vec<Diagnostic>) {
        let (root, mut diagnostics) = yaml::parse_file(&source.file, &source.text);
        let mut file = Self { package: package.to_owned(), source: source.clone(), ..Self::default() };
        let Some(root) = root.filter(|root| !root.value.is_null()) else { return (file, diagnostics) };
        let of = format!("property file {}", source.file);
        if let Some(mut fields) = Fields::new(&root, of, &source, &mut diagnostics) {
            // dbt has stopped looking at the number.
            fields.take("version");
            fields.take("anchors");
            // Of singular tests dbt reads `data_tests:` alone.
            fields.take("tests");
            for section in SECTIONS {
                let before = fields.diagnostics.len();
                let nodes = take_section(section, &mut fields);
                if section == "data_tests" && pass_over(&mut fields, before) {
                    continue;
                }
                for node in nodes {
                    let before = fields.diagnostics.len();
                    file.read_entry(section, &node, &mut fields, renderer);
                    if section == "data_tests" && pass_over(&mut fields, before) {
                        break;
                    }
                }
            }
            fields.report_top_level(&SECTIONS);
            file.extra = fields.extra();
        }
        (file, diagnostics)
    }

    fn read_entry(&mut self, section: &'static str, raw: &Node, fields: &mut Fields<'_>, renderer: &dyn RenderYaml) {
        if raw.value.as_map().is_none() {
            let what = format!(
                "Parsing Error\n  The schema file at {} is invalid because a list element for '{section}' is not a dictionary",
                fields.source.file
            );
            let cause = Some(format!("every entry below `{section}:` describes one {}", singular(section)));
            fields.report(raw.position, what, cause, "write `- name: …`");
            return;
        }
        let entry = &render_entry(section, raw, fields, renderer);
        match section {
            "models" => self.models.extend(read_node(entry, raw, section, fields, renderer)),
            "seeds" => self.seeds.extend(read_node(entry, raw, section, fields, renderer)),
            "snapshots" => self.snapshots.extend(read_node(entry, raw, section, fields, renderer)),
            "analyses" => self.analyses.extend(read_node(entry, raw, section, fields, renderer)),
            "functions" => self.functions.extend(read_node(entry, raw, section, fields, renderer)),
            "data_tests" => self.data_tests.extend(read_node(entry, raw, section, fields, renderer)),
            "sources" => self.sources.extend(read_source(entry, raw, fields, renderer)),
            "macros" => self.macros.extend(read_macro(entry, fields)),
            "exposures" => self.exposures.extend(read_exposure(entry, fields)),
            "groups" => self.groups.extend(read_group(entry, fields)),
            "unit_tests" => self.unit_tests.extend(read_unit_test(entry, fields)),
            "metrics" => self.metrics.extend(read_raw(entry, section, fields)),
            "semantic_models" => self.semantic_models.extend(read_raw(entry, section, fields)),
            _ => self.saved_queries.extend(read_raw(entry, section, fields)),
        }
    }
}

/// Whether an entry of `data_tests:` has a mistake among the diagnostics after `before`: dbt only warns, and reads no more of the section.
fn pass_over(fields: &mut Fields<'_>, before: usize) -> bool {
    let file = &fields.source.file;
    let mut found = false;
    for mistake in fields.diagnostics.iter_mut().skip(before).filter(|found| found.severity == Severity::Error) {
        found = true;
        mistake.severity = Severity::Warning;
        mistake.what = format!("Unable to parse 'data_tests' section of file '{file}'\n{}", mistake.what);
    }
    found
}

fn take_section(section: &str, fields: &mut Fields<'_>) -> Vec<Node> {
    match fields.take(section) {
        None => Vec::new(),
        // Of these dbt says nothing when nothing stands below them.
        Some(node) if node.value.is_null() && section == "data_tests" => Vec::new(),
        Some(Node { value: Value::Seq(items), .. }) => items,
        Some(node) => {
            let what = format!(
                "Parsing Error\n  The schema file at {} is invalid because the value of '{section}' is not a list",
                fields.source.file
            );
            let cause = Some(format!("it is {}", node.value.kind()));
            fields.report(node.position, what, cause, "write one `- name: …` for each entry");
            Vec::new()
        }
    }
}

/// An entry that dbt refuses as a whole.
pub(super) fn invalid_entry(fields: &mut Fields<'_>, section: &str, what: &str, fix: &str) {
    let what = format!("Parsing Error\n  Invalid {section} config given in {}: {what}", fields.source.file);
    let position = fields.position;
    fields.report(position, what, None, fix);
}

fn render_entry(section: &str, raw: &Node, fields: &mut Fields<'_>, renderer: &dyn RenderYaml) -> Node {
    let keep = |path: &[Step<'_>]| is_rendered_later(section, path);
    let mut diagnostics = Vec::new();
    let rendered = render_tree(raw, renderer, &keep, fields.source, &mut diagnostics);
    fields.diagnostics.extend(diagnostics);
    rendered
}

/// Whether the value at `path` of an entry is left for later: descriptions, tests, freshness queries, hooks, filters.
///
/// Source: dbt Core 1.12, `SchemaYamlRenderer.should_render_keypath`.
fn is_rendered_later(section: &str, path: &[Step<'_>]) -> bool {
    let at = |index: usize| path.get(index).and_then(Step::key);
    let from_the_end = |index: usize| path.len().checked_sub(index).and_then(at);
    let last = from_the_end(1);
    let is_filter = last == Some("filter") || from_the_end(2) == Some("filter");
    match (section, at(0)) {
        ("sources", Some("description" | "loaded_at_query")) => true,
        ("sources", Some("config")) => at(1) == Some("loaded_at_query"),
        ("sources", Some("tables")) => path.get(2..).is_some_and(is_left_alone),
        ("sources", _) => false,
        ("macros", Some("arguments")) => is_left_alone(&path[1..]),
        ("saved_queries", Some("query_params")) if at(1) == Some("where") => true,
        ("metrics", _) | ("models", Some("metrics")) if is_filter => true,
        // `relation: "{{ ref('x') }}"` and `input:` name nodes; they are looked up, not rendered.
        ("snapshots", Some("relation")) => path.len() == 1,
        ("unit_tests", Some("given")) if last == Some("input") && path.len() == 3 => true,
        _ if matches!(last, Some("pre-hook" | "post-hook")) => from_the_end(2) == Some("config"),
        _ => is_left_alone(path),
    }
}

/// Source: dbt Core 1.12, `SchemaYamlRenderer._is_norender_key`.
fn is_left_alone(path: &[Step<'_>]) -> bool {
    let at = |index: usize| path.get(index).and_then(Step::key);
    let is_text = |index: usize| matches!(at(index), Some("tests" | "data_tests" | "description"));
    let is_text_or_query = |index: usize| is_text(index) || at(index) == Some("loaded_at_query");
    match at(0) {
        _ if is_text_or_query(0) || (path.len() == 2 && is_text_or_query(1)) => true,
        _ if path.len() == 5 && at(4) == Some("description") => true,
        Some("config") => matches!(at(1), Some("pre_hook" | "post_hook" | "loaded_at_query")),
        Some("versions") => is_text(2) || (at(2) == Some("columns") && is_text(4)),
        Some("columns" | "dimensions" | "measures" | "entities" | "metrics") => is_text(2),
        Some("derived_semantics") => matches!(at(1), Some("dimensions" | "entities")) && is_text(3),
        _ => false,
    }
}
