//! Which generic tests property files ask for, on what.

use std::{collections::HashSet, sync::Arc};

use artifacts::manifest::{Disabled, Node, Ref, ResourceType};
use diagnostic::Location;
use project::PropertyFile;

use super::{builder::Builder, sources::ParsedSource, tests::Target};

/// A place in a property file; its line is looked up only for messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub file: &'a PropertyFile,
    pub position: project::yaml::Position,
}

impl Place<'_> {
    pub fn location(&self) -> Location {
        self.file.source.location(self.position)
    }
}

/// A test, the column it is on, and its target.
pub(super) type TestEntry<'a> =
    (Target<'a>, Option<(String, Option<bool>, Vec<String>)>, &'a project::properties::TestDefinition);

/// All generic tests with what they are on, and where they are written.
pub(super) fn test_entries<'a>(
    properties: &'a [PropertyFile],
    builder: &Builder<'_>,
    sources: &[ParsedSource<'a>],
) -> (Vec<TestEntry<'a>>, Vec<Place<'a>>) {
    let mut entries: Vec<TestEntry<'a>> = Vec::new();
    let mut places = Vec::new();
    for file in properties {
        let sections = [
            (ResourceType::Model, "models", &file.models),
            (ResourceType::Seed, "seeds", &file.seeds),
            (ResourceType::Snapshot, "snapshots", &file.snapshots),
        ];
        for (kind, section, nodes) in sections {
            for of in nodes {
                let versions: Vec<Option<&project::properties::VersionProperties>> =
                    if of.versions.is_empty() { vec![None] } else { of.versions.iter().map(Some).collect() };
                for version in versions {
                    let id = match version {
                        Some(version) => format!("{kind}.{}.{}.v{}", file.package, of.name, version.v),
                        None => format!("{kind}.{}.{}", file.package, of.name),
                    };
                    // Tests of what is not there or switched off are listed, and never run.
                    let disabled = || builder.artifact.disabled.get(id.as_str())?.first().and_then(node_of);
                    let node = builder.artifact.nodes.get(id.as_str()).or_else(disabled);
                    let (label, expression) = match version {
                        Some(version) => (
                            format!("{}_v{}", of.name, version.v),
                            format!("ref('{}', version='{}')", of.name, version.v),
                        ),
                        None => (of.name.clone(), format!("ref('{}')", of.name)),
                    };
                    let target = Target {
                        file,
                        section,
                        entry: of.name.clone(),
                        label,
                        expression,
                        refs: vec![Ref {
                            name: of.name.clone(),
                            package: None,
                            version: version.map(|version| version.v.to_json()),
                        }],
                        sources: Vec::new(),
                        attached: node.map(|node| node.unique_id.clone()),
                        group: node.and_then(|node| node.group.clone()),
                        tags: Vec::new(),
                        quote_columns: of.quote_columns.unwrap_or(false),
                    };
                    let kept: Option<HashSet<String>> =
                        version.map(|version| of.columns_of(version).into_iter().map(|column| column.name).collect());
                    let own = version.map(|version| version.columns.own.as_slice()).unwrap_or_default();
                    let inherited = of.columns.iter().filter(|column| {
                        kept.as_ref().is_none_or(|kept| kept.contains(&column.name))
                            && own.iter().all(|other| other.name != column.name)
                    });
                    for column in inherited.chain(own) {
                        for test in &column.data_tests {
                            places.push(Place { file, position: test.position });
                            let on = (column.name.clone(), column.quote, column.tags.clone());
                            entries.push((target.clone(), Some(on), test));
                        }
                    }
                    let tests = version.map_or(of.data_tests.as_slice(), |version| of.data_tests_of(version));
                    for test in tests {
                        places.push(Place { file, position: test.position });
                        entries.push((target.clone(), None, test));
                    }
                }
            }
        }
    }
    for parsed in sources {
        let source = &parsed.source;
        let target = Target {
            file: parsed.file,
            section: "sources",
            entry: source.source_name.clone(),
            label: format!("{}_{}", source.source_name, source.name),
            expression: format!("source('{}', '{}')", source.source_name, source.name),
            refs: Vec::new(),
            sources: vec![vec![source.source_name.clone(), source.name.clone()]],
            attached: None,
            group: None,
            tags: parsed.tags_of_tests.clone(),
            quote_columns: source.quoting.column.unwrap_or(false),
        };
        for column in &parsed.table.columns {
            for test in &column.data_tests {
                places.push(Place { file: parsed.file, position: test.position });
                entries.push((target.clone(), Some((column.name.clone(), column.quote, column.tags.clone())), test));
            }
        }
        for test in &parsed.table.data_tests {
            places.push(Place { file: parsed.file, position: test.position });
            entries.push((target.clone(), None, test));
        }
    }
    (entries, places)
}

fn node_of(entry: &Disabled) -> Option<&Arc<Node>> {
    match entry {
        Disabled::Node(node) => Some(node),
        _ => None,
    }
}
