//! Where a thing about a node is written, for messages: in its code, in its entry of a property file, in dbt_project.yml.
//!
//! What is known of a merged node does not say it, so the files are looked through when there is a message.

use std::collections::HashMap;

use artifacts::manifest::{Node, ResourceType};
use diagnostic::Location;
use jinja::Template;
use names::UniqueId;
use project::{Project, PropertyFile, SourceText, properties::RawProperties, yaml::Position};

use super::{
    errors,
    nodes::{line_of_call, location},
    test_entries::Place,
};

pub(super) struct NodePlaces<'a> {
    pub project: &'a Project,
    pub files: &'a [PropertyFile],
    /// Lines before the code of a node that is not its whole file.
    pub lines_before: &'a HashMap<UniqueId, usize>,
    /// Entries of what is only in a property file: generic and unit tests, exposures.
    pub entries: &'a HashMap<UniqueId, Place<'a>>,
}

impl NodePlaces<'_> {
    /// Where a config is set, or where it would be.
    pub fn config(&self, node: &Node, key: &str) -> Location {
        self.in_code(node, key)
            .or_else(|| self.entries.get(&node.unique_id).map(|place| place.location()))
            .or_else(|| self.in_properties(node, |line| has_key(line, key)))
            .or_else(|| self.in_project(node, key))
            .or_else(|| self.line(node, errors::line_of(node, "config(")))
            .unwrap_or_else(|| self.entry(node))
    }

    /// Where a node's code or its entry calls a function with these last arguments.
    pub fn call(&self, node: &Node, function: &str, arguments: &[&str]) -> Location {
        let names_all = |line: &str| {
            let is_quoted =
                |argument: &&str| line.contains(&format!("'{argument}'")) || line.contains(&format!("\"{argument}\""));
            line.contains(function) && arguments.iter().all(is_quoted)
        };
        let in_code = || {
            if node.language == "python" {
                return node.raw_code.lines().position(names_all).map(|index| index + 1);
            }
            line_of_call(node, function, arguments)
        };
        self.entries
            .get(&node.unique_id)
            .map(|place| place.location())
            .or_else(|| self.line(node, in_code()))
            .or_else(|| self.in_properties(node, names_all))
            .unwrap_or_else(|| self.entry(node))
    }

    /// The line of a node's entry that has this text, or its entry.
    pub fn text(&self, node: &Node, text: &str) -> Location {
        self.in_properties(node, |line| line.contains(text)).unwrap_or_else(|| self.entry(node))
    }

    /// A node's entry in a property file, or the start of its code.
    pub fn entry(&self, node: &Node) -> Location {
        if let Some(entry) = Entry::of_node(self.files, node) {
            return entry.start();
        }
        let first = node.raw_code.lines().position(|line| !line.trim().is_empty());
        self.line(node, first.map(|index| index + 1)).unwrap_or_else(|| Location::file(&node.original_file_path))
    }

    /// Where a property file sets a config of what it alone defines; `kind` is dbt's word for it.
    pub fn property(&self, kind: &str, path: &str, name: &str, key: &str) -> Location {
        let file = self.files.iter().find(|file| file.source.file == path);
        let entry = file.and_then(|file| Entry::defined(file, kind, name));
        let Some(entry) = entry else { return Location::file(path) };
        entry.line(|line| has_key(line, key)).unwrap_or_else(|| entry.start())
    }

    fn line(&self, node: &Node, line: Option<usize>) -> Option<Location> {
        let before = self.lines_before.get(&node.unique_id).copied().unwrap_or(0);
        line.map(|line| location(node, Some(line), before))
    }

    fn in_code(&self, node: &Node, key: &str) -> Option<Location> {
        let key = key.replace('-', "_");
        let line = if node.language == "python" {
            let at = node.raw_code.find(&format!("{key}="))?;
            node.raw_code[..at].matches('\n').count() + 1
        } else {
            let template = Template::compile(&node.raw_code, &node.original_file_path).ok()?;
            let mut calls = template.calls().iter().filter(|call| call.name == "config");
            let first = calls.find(|call| call.keyword.iter().any(|(name, _)| *name == key))?.line as usize;
            // The call may go over several lines.
            let mut lines = node.raw_code.lines().enumerate().skip(first.saturating_sub(1));
            lines.find(|(_, text)| text.contains(&key)).map_or(first, |(index, _)| index + 1)
        };
        self.line(node, Some(line))
    }

    fn in_properties(&self, node: &Node, is_wanted: impl Fn(&str) -> bool) -> Option<Location> {
        Entry::of_node(self.files, node)?.line(is_wanted)
    }

    fn in_project(&self, node: &Node, key: &str) -> Option<Location> {
        let own = self.project.get(&node.package_name).map(|own| &own.source);
        [Some(&self.project.root.source), own].into_iter().flatten().find_map(|source| {
            let (index, line) = source.text.lines().enumerate().find(|(_, line)| has_key(line, key))?;
            let column = line.len() - line.trim_start().len() + 1;
            Some(Location::in_source(&source.file, &source.text, index + 1, Some(column)))
        })
    }
}

/// An entry of a property file.
struct Entry<'a> {
    source: &'a SourceText,
    position: Position,
}

impl<'a> Entry<'a> {
    /// What describes a node.
    fn of_node(files: &'a [PropertyFile], node: &Node) -> Option<Self> {
        let (package, path) = node.patch_path.as_deref()?.split_once("://")?;
        let file = files.iter().find(|file| file.package == package && file.source.file == path)?;
        let section = match node.resource_type {
            ResourceType::Model => &file.models,
            ResourceType::Seed => &file.seeds,
            ResourceType::Snapshot => &file.snapshots,
            ResourceType::Analysis => &file.analyses,
            ResourceType::Test => &file.data_tests,
            ResourceType::Function => &file.functions,
            _ => return None,
        };
        let position = section.iter().find(|entry| entry.name == node.name)?.position;
        Some(Self { source: &file.source, position })
    }

    /// What defines something that is no node.
    fn defined(file: &'a PropertyFile, kind: &str, name: &str) -> Option<Self> {
        let of_section =
            |section: &[RawProperties]| section.iter().find(|entry| entry.name == name).map(|entry| entry.position);
        let position = match kind {
            "source" => {
                let tables = file.sources.iter().flat_map(|source| &source.tables);
                tables.into_iter().find(|table| table.name == name)?.position
            }
            "exposure" => file.exposures.iter().find(|entry| entry.name == name)?.position,
            "unit_test" => file.unit_tests.iter().find(|entry| entry.name == name)?.position,
            "metric" => of_section(&file.metrics)?,
            "semantic_model" => of_section(&file.semantic_models)?,
            "saved_query" => of_section(&file.saved_queries)?,
            _ => return None,
        };
        Some(Self { source: &file.source, position })
    }

    fn start(&self) -> Location {
        self.source.location(self.position)
    }

    /// The first wanted line below the entry's first; one in braces may have all on that.
    fn line(&self, is_wanted: impl Fn(&str) -> bool) -> Option<Location> {
        let indent = |line: &str| line.len() - line.trim_start().len();
        let mut lines = self.source.text.lines().enumerate().skip(self.position.line.saturating_sub(1));
        let first = lines.next()?;
        let own = indent(first.1);
        let below = lines.take_while(|(_, line)| line.trim().is_empty() || indent(line) > own);
        let (index, line) = below.chain([first]).find(|(_, line)| is_wanted(line))?;
        Some(Location::in_source(&self.source.file, &self.source.text, index + 1, Some(indent(line) + 1)))
    }
}

/// Whether a line of YAML starts with the key, or has it in a mapping in braces.
fn has_key(line: &str, key: &str) -> bool {
    let other = key.replace('-', "_");
    let is_start = |before: &str| before.is_empty() || before.ends_with(['+', ' ', '{', ',', '"', '\'']);
    [key, &other].into_iter().any(|key| {
        line.match_indices(key).any(|(at, _)| {
            is_start(&line[..at]) && line[at + key.len()..].trim_start_matches(['"', '\'']).starts_with(':')
        })
    })
}
