//! Collects what was parsed: enabled resources into the manifest, disabled ones beside it, each id once.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use artifacts::manifest::{Disabled, Node, ResourceType};
use diagnostic::{Diagnostic, Location};
use names::UniqueId;
use project::{PropertyFile, yaml::Position};
use serde_json::Value as Json;

use super::{
    nodes::{ParsedNode, Parser},
    resolve,
    sources::ParsedSource,
    test_entries::Place,
    unit_test_csv::Seeds,
};

/// Collects what was parsed.
#[derive(Default)]
pub(super) struct Builder<'a> {
    pub artifact: artifacts::Manifest,
    pub lines_before: HashMap<UniqueId, usize>,
    pub places: HashMap<UniqueId, Place<'a>>,
    /// Names of nodes, and `source.table` of sources, that are switched off.
    pub disabled_names: HashSet<String>,
}

impl<'a> Builder<'a> {
    pub fn add(&mut self, parsed: ParsedNode, diagnostics: &mut Vec<Diagnostic>) {
        let enabled = parsed.is_enabled();
        let ParsedNode { node, lines_before, diagnostics: found } = parsed;
        let id = node.unique_id.clone();
        if !enabled {
            if node.resource_type.is_refable() {
                self.disabled_names.insert(node.name.clone());
            } else if node.resource_type == ResourceType::Function {
                self.disabled_names.insert(super::functions::disabled_key(&node.name));
            }
            self.artifact.disabled.entry(id).or_default().push(Disabled::Node(node));
            return;
        }
        diagnostics.extend(found);
        if lines_before > 0 {
            self.lines_before.insert(id.clone(), lines_before);
        }
        let of_kind = match node.resource_type {
            ResourceType::Function => &mut self.artifact.functions,
            _ => &mut self.artifact.nodes,
        };
        if let Some(other) = of_kind.get(&id) {
            diagnostics.push(
                Diagnostic::error(format!(
                    "Compilation Error\n  dbt found two {} with the name \"{}\".",
                    plural(node.resource_type),
                    node.name
                ))
                .at(self
                    .places
                    .get(&id)
                    .map(Place::location)
                    .unwrap_or_else(|| Location::file(&node.original_file_path)))
                .cause(format!("{id} is defined in {} and in {}", other.original_file_path, node.original_file_path))
                .fix("rename or remove one of them"),
            );
            return;
        }
        of_kind.insert(id, node);
    }

    pub fn add_sources(&mut self, sources: Vec<ParsedSource<'_>>, diagnostics: &mut Vec<Diagnostic>) {
        for parsed in sources {
            let enabled = parsed.is_enabled();
            let ParsedSource { source, file, table, diagnostics: found, .. } = parsed;
            let id = source.unique_id.clone();
            if !enabled {
                self.disabled_names.insert(format!("{}.{}", source.source_name, source.name));
                self.artifact.disabled.entry(id).or_default().push(Disabled::Source(source));
                continue;
            }
            diagnostics.extend(found);
            if let Some(other) = self.artifact.sources.get(&id) {
                diagnostics.push(
                    file.source
                        .error(
                            table.position,
                            format!(
                                "Compilation Error\n  dbt found two sources with the name \"{}_{}\".",
                                source.source_name, source.name
                            ),
                        )
                        .cause(format!("it is declared in {} too", other.original_file_path))
                        .fix("join the two entries"),
                );
                continue;
            }
            self.artifact.sources.insert(id, source);
        }
    }

    pub fn add_others(
        &mut self,
        parser: &Parser<'_>,
        properties: &'a [PropertyFile],
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let mut models: HashMap<(String, String), Vec<Arc<Node>>> = HashMap::new();
        for node in self.artifact.nodes.values().filter(|node| node.resource_type == ResourceType::Model) {
            models.entry((node.package_name.clone(), node.name.clone())).or_default().push(Arc::clone(node));
        }
        let seeds = Seeds::find(&self.artifact, &parser.scope, properties);
        for file in properties {
            for of in &file.exposures {
                let exposure = parser.parse_exposure(file, of, diagnostics);
                let id = exposure.unique_id.clone();
                self.places.insert(id.clone(), Place { file, position: of.position });
                if exposure.config.get("enabled").and_then(Json::as_bool) == Some(false) {
                    let json = serde_json::to_value(&exposure).unwrap_or_default();
                    self.artifact.disabled.entry(id).or_default().push(Disabled::Other(json));
                } else if self.artifact.exposures.contains_key(&id) {
                    diagnostics.push(twice(file, of.position, "exposures", &of.name));
                } else {
                    self.artifact.exposures.insert(id, Arc::new(exposure));
                }
            }
            for of in &file.groups {
                let group = parser.parse_group(file, of);
                if self.artifact.groups.insert(group.unique_id.clone(), group).is_some() {
                    diagnostics.push(twice(file, of.position, "groups", &of.name));
                }
            }
            for of in &file.unit_tests {
                let found = models.get(&(file.package.clone(), of.model.clone()));
                let Some(found) = found else {
                    if self.is_disabled_model(&file.package, &of.model) {
                        let test = parser.parse_unit_test_of_disabled(file, of, diagnostics);
                        let json = serde_json::to_value(&test).unwrap_or_default();
                        self.artifact.disabled.entry(test.unique_id).or_default().push(Disabled::Other(json));
                    } else {
                        diagnostics.push(missing_model(file, of, models.keys().map(|(_, name)| name.as_str())));
                    }
                    continue;
                };
                let found: Vec<&Arc<Node>> = found.iter().collect();
                for test in parser.parse_unit_test(file, of, &found, &seeds, diagnostics) {
                    let id = test.unique_id.clone();
                    self.places.insert(id.clone(), Place { file, position: of.position });
                    if test.config.get("enabled").and_then(Json::as_bool) == Some(false) {
                        let json = serde_json::to_value(&test).unwrap_or_default();
                        self.artifact.disabled.entry(id).or_default().push(Disabled::Other(json));
                    } else if self.artifact.unit_tests.insert(id, Arc::new(test)).is_some() {
                        diagnostics.push(twice(file, of.position, "unit_tests", &of.name));
                    }
                }
            }
        }
    }
}

impl Builder<'_> {
    fn is_disabled_model(&self, package: &str, name: &str) -> bool {
        self.disabled_names.contains(name)
            && self.artifact.disabled.values().flatten().any(|entry| match entry {
                Disabled::Node(node) => {
                    node.resource_type == ResourceType::Model && node.name == name && node.package_name == package
                }
                _ => false,
            })
    }
}

fn missing_model<'a>(
    file: &PropertyFile,
    of: &project::properties::UnitTestProperties,
    known: impl Iterator<Item = &'a str>,
) -> Diagnostic {
    let near = resolve::nearest(&of.model, known);
    file.source
        .error(
            of.position,
            format!(
                "Parsing Error\n  Unable to find model '{}.{}' for unit test '{}' in {}",
                file.package, of.model, of.name, file.source.file
            ),
        )
        .cause("a unit test is of a model of its own package")
        .fix(near.map_or_else(|| "correct the name of the model".to_owned(), |near| format!("did you mean '{near}'?")))
}

fn plural(resource_type: ResourceType) -> String {
    match resource_type {
        ResourceType::Analysis => "analyses".to_owned(),
        other => format!("{other}s"),
    }
}

/// One name for two entries of a kind.
fn twice(file: &PropertyFile, position: Position, kind: &str, name: &str) -> Diagnostic {
    file.source
        .error(position, format!("Compilation Error\n  dbt found two {kind} with the name \"{name}\"."))
        .cause("another entry has this name too")
        .fix("rename or remove one of them")
}
