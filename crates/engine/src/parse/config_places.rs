//! Where a config of a node is written, for messages: in its code, in its entry of a property file, in dbt_project.yml.
//!
//! The merged config does not know it, so the files are looked through when there is a message.

use std::collections::HashMap;

use artifacts::manifest::Node;
use diagnostic::Location;
use jinja::Template;
use names::UniqueId;
use project::{Project, PropertyFile, SourceText};

use super::{nodes::location, test_entries::Place};

pub(super) struct ConfigPlaces<'a> {
    pub project: &'a Project,
    pub files: &'a [PropertyFile],
    /// Lines before the code of a node that is not its whole file.
    pub lines_before: &'a HashMap<UniqueId, usize>,
    /// Entries of generic tests.
    pub entries: &'a HashMap<UniqueId, Place<'a>>,
}

impl ConfigPlaces<'_> {
    pub fn of(&self, node: &Node, key: &str) -> Location {
        self.in_code(node, key)
            .or_else(|| self.entries.get(&node.unique_id).map(|place| place.location()))
            .or_else(|| self.in_properties(node, key))
            .or_else(|| self.in_project(node, key))
            .or_else(|| self.entry(node))
            .unwrap_or_else(|| Location::file(&node.original_file_path))
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
        Some(location(node, Some(line), self.lines_before.get(&node.unique_id).copied().unwrap_or(0)))
    }

    fn properties(&self, node: &Node) -> Option<(&SourceText, usize)> {
        let (package, path) = node.patch_path.as_deref()?.split_once("://")?;
        let file = self.files.iter().find(|file| file.package == package && file.source.file == path)?;
        let entry = file.source.text.lines().position(|line| {
            let line = line.trim_start().trim_start_matches("- ").trim_start();
            line.strip_prefix("name:").is_some_and(|name| name.trim().trim_matches(['"', '\'']) == node.name)
        })?;
        Some((&file.source, entry))
    }

    fn entry(&self, node: &Node) -> Option<Location> {
        let (source, entry) = self.properties(node)?;
        Some(Location::in_source(&source.file, &source.text, entry + 1, None))
    }

    fn in_properties(&self, node: &Node, key: &str) -> Option<Location> {
        let (source, entry) = self.properties(node)?;
        let indent = |line: &str| line.len() - line.trim_start().len();
        let mut lines = source.text.lines().enumerate().skip(entry);
        let own = indent(lines.next()?.1);
        let of_entry = lines.take_while(|(_, line)| line.trim().is_empty() || indent(line) > own);
        let (index, line) = of_entry.into_iter().find(|(_, line)| has_key(line, key))?;
        Some(Location::in_source(&source.file, &source.text, index + 1, Some(indent(line) + 1)))
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
