//! What each method of a criterion compares.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::criterion::Criterion;
use crate::fnmatch::{glob_path_matches, is_pattern, matches};
use crate::graph::Index;
use crate::node::{GraphNode, TestKind};
use crate::resource_type::ResourceType;
use crate::select::{Selection, SelectionError};

/// Every method, for the message about an unknown one.
pub(crate) const NAMES: [&str; 22] = [
    "access",
    "config",
    "exposure",
    "file",
    "fqn",
    "group",
    "metric",
    "package",
    "path",
    "resource_type",
    "result",
    "saved_query",
    "selector",
    "semantic_model",
    "source",
    "source_status",
    "state",
    "tag",
    "test_name",
    "test_type",
    "unit_test",
    "version",
];

type Answer = Result<BTreeSet<Index>, SelectionError>;

/// The nodes a criterion names, without neighbours and tests.
pub(crate) fn matching(selection: &Selection<'_>, criterion: &Criterion) -> Answer {
    let value = criterion.value.as_str();
    let root = selection.context.root_package;
    let of_type = |wanted: ResourceType| move |node: &GraphNode| node.resource_type == wanted && names_it(node, value);
    match criterion.method.name.as_str() {
        "fqn" => filter(selection, |node| fqn_matches(node, value)),
        "tag" => filter(selection, |node| node.tags.iter().any(|tag| matches(tag, value))),
        "group" => filter(selection, |node| group_matches(node, value)),
        "source" => source(selection, value),
        "path" => path(selection, value, root),
        "file" => filter(selection, |node| file_matches(node, value)),
        "package" => {
            let wanted = if value == "this" { root } else { value };
            filter(selection, |node| matches(&node.package_name, wanted))
        }
        "config" => filter(selection, |node| config_matches(node, &criterion.method.arguments, value)),
        "access" => access(selection, value),
        "version" => version(selection, value),
        "resource_type" => resource_type(selection, value),
        "test_type" => test_type(selection, value),
        "test_name" => filter(selection, |node| match node.resource_type {
            ResourceType::UnitTest => matches(&node.name, value),
            _ => node.test_name.as_deref().is_some_and(|name| matches(name, value)),
        }),
        "exposure" => filter(selection, of_type(ResourceType::Exposure)),
        "metric" => filter(selection, of_type(ResourceType::Metric)),
        "semantic_model" => filter(selection, of_type(ResourceType::SemanticModel)),
        "saved_query" => filter(selection, of_type(ResourceType::SavedQuery)),
        "unit_test" => filter(selection, of_type(ResourceType::UnitTest)),
        "state" => try_filter(selection, |node| selection.context.state.has_state(node, value)),
        "result" => try_filter(selection, |node| {
            Ok(selection.context.state.result_status(&node.unique_id)?.is_some_and(|status| status == value))
        }),
        "source_status" if value != "fresher" => Err(invalid("source_status", value, &["fresher"])),
        "source_status" => try_filter(selection, |node| {
            Ok(node.resource_type == ResourceType::Source && selection.context.state.is_fresher(&node.unique_id)?)
        }),
        other => Err(SelectionError::UnknownMethod { name: other.to_owned() }),
    }
}

fn filter(selection: &Selection<'_>, wanted: impl Fn(&GraphNode) -> bool) -> Answer {
    try_filter(selection, |node| Ok(wanted(node)))
}

fn try_filter(selection: &Selection<'_>, wanted: impl Fn(&GraphNode) -> Result<bool, SelectionError>) -> Answer {
    let mut found = BTreeSet::new();
    for index in selection.graph.order() {
        if wanted(selection.graph.node(*index))? {
            found.insert(*index);
        }
    }
    Ok(found)
}

fn invalid(method: &str, value: &str, valid: &[&str]) -> SelectionError {
    SelectionError::InvalidValue {
        method: method.to_owned(),
        value: value.to_owned(),
        valid: valid.iter().map(|word| (*word).to_owned()).collect(),
    }
}

fn fqn_matches(node: &GraphNode, value: &str) -> bool {
    if node.resource_type == ResourceType::Source {
        return false;
    }
    let without_package = node.fqn.get(1..).unwrap_or_default();
    fqn_parts_match(&node.fqn, value, node) || fqn_parts_match(without_package, value, node)
}

fn fqn_parts_match(fqn: &[String], value: &str, node: &GraphNode) -> bool {
    let Some(last) = fqn.last() else { return false };
    if node.version.is_some() {
        if let [.., name, version] = fqn
            && (value == name || value == format!("{name}_{version}") || value == format!("{name}.{version}"))
        {
            return true;
        }
    } else if value == last {
        return true;
    }
    let flat: Vec<&str> = fqn.iter().flat_map(|part| part.split('.')).collect();
    let wanted: Vec<&str> = value.split('.').collect();
    for (at, part) in wanted.iter().enumerate() {
        if is_pattern(part) {
            return flat.len() > at && matches(&flat[at..].join("."), &wanted[at..].join("."));
        }
        if flat.get(at) != Some(part) {
            return false;
        }
    }
    true
}

fn names_it(node: &GraphNode, value: &str) -> bool {
    match value.split_once('.') {
        Some((package, name)) => matches(&node.package_name, package) && matches(&node.name, name),
        None => matches(&node.name, value),
    }
}

fn source(selection: &Selection<'_>, value: &str) -> Answer {
    let parts: Vec<&str> = value.split('.').collect();
    let (package, source, table) = match parts[..] {
        [source] => ("*", source, "*"),
        [source, table] => ("*", source, table),
        [package, source, table] => (package, source, table),
        _ => {
            return Err(SelectionError::InvalidSource { value: value.to_owned() });
        }
    };
    filter(selection, |node| {
        node.resource_type == ResourceType::Source
            && matches(&node.package_name, package)
            && node.source_name.as_deref().is_some_and(|name| matches(name, source))
            && matches(&node.name, table)
    })
}

/// dbt globs the root project's directory and then compares; what lies there is known from its nodes.
fn path(selection: &Selection<'_>, value: &str, root: &str) -> Answer {
    let pattern = plain(value);
    let mut there = BTreeSet::new();
    let nodes = selection.graph.nodes();
    for node in nodes.iter().filter(|node| node.package_name == root) {
        for path in std::iter::once(&node.original_file_path).chain(&node.patch_path) {
            let path = plain(path);
            let candidates = std::iter::once(path).chain(parents(path));
            there.extend(candidates.filter(|candidate| glob_path_matches(candidate, pattern)));
        }
    }
    filter(selection, |node| {
        let path = plain(&node.original_file_path);
        there.contains(path)
            || node.patch_path.as_deref().is_some_and(|path| there.contains(plain(path)))
            || parents(path).any(|parent| there.contains(parent))
    })
}

/// `./a/b.sql` → `a/b.sql`.
fn plain(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}

/// `a/b/c.sql` → `a/b`, `a`.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(path.rsplit_once('/').map(|(parent, _)| parent), |path| {
        path.rsplit_once('/').map(|(parent, _)| parent)
    })
}

fn file_matches(node: &GraphNode, value: &str) -> bool {
    let name = node.original_file_path.rsplit('/').next().unwrap_or_default();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    matches(name, value) || matches(stem, value)
}

fn config_matches(node: &GraphNode, path: &[String], value: &str) -> bool {
    if matches!(
        node.resource_type,
        ResourceType::Exposure
            | ResourceType::Metric
            | ResourceType::SemanticModel
            | ResourceType::SavedQuery
            | ResourceType::UnitTest
    ) {
        return false;
    }
    let Some((first, below)) = path.split_first() else { return false };
    let found = below.iter().fold(node.config.get(first), |found, key| found?.get(key));
    let Some(found) = found else { return false };
    let truth = match value.to_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    };
    let is = |json: &Json| match json {
        Json::Bool(flag) => truth == Some(*flag),
        Json::String(text) => text == value,
        _ => false,
    };
    match found {
        Json::Array(items) => items.iter().any(is),
        Json::String(text) if path.iter().any(|key| key == "severity") => text.eq_ignore_ascii_case(value),
        other => is(other),
    }
}

/// By the config: a test is in its model's group and found by the model only. dbt looks through nodes and metrics.
fn group_matches(node: &GraphNode, value: &str) -> bool {
    use ResourceType::{Exposure, Function, SavedQuery, SemanticModel, Source, UnitTest};
    !matches!(node.resource_type, Exposure | Function | SavedQuery | SemanticModel | Source | UnitTest)
        && node.config.get("group").and_then(Json::as_str).is_some_and(|group| matches(group, value))
}

fn access(selection: &Selection<'_>, value: &str) -> Answer {
    filter(selection, |node| node.resource_type == ResourceType::Model && node.access.as_deref() == Some(value))
}

fn resource_type(selection: &Selection<'_>, value: &str) -> Answer {
    let Ok(wanted) = value.parse::<ResourceType>() else {
        return Err(invalid("resource_type", &format!("\"{value}\""), &ResourceType::ALL.map(ResourceType::as_str)));
    };
    filter(selection, |node| node.resource_type == wanted)
}

fn test_type(selection: &Selection<'_>, value: &str) -> Answer {
    let is = |kind: TestKind| move |node: &GraphNode| node.test_kind == Some(kind);
    match value {
        "generic" | "schema" => filter(selection, is(TestKind::Generic)),
        "singular" => filter(selection, is(TestKind::Singular)),
        "data" => filter(selection, |node| node.test_kind.is_some()),
        "unit" => filter(selection, |node| node.resource_type == ResourceType::UnitTest),
        _ => Err(invalid("test type", value, &["generic", "schema", "singular", "data", "unit"])),
    }
}

fn version(selection: &Selection<'_>, value: &str) -> Answer {
    use std::cmp::Ordering;
    let against_latest = |node: &GraphNode| -> Option<Ordering> {
        Some(compare_versions(node.version.as_deref()?, node.latest_version.as_deref()?))
    };
    let is = |wanted: Ordering| {
        move |node: &GraphNode| node.resource_type == ResourceType::Model && against_latest(node) == Some(wanted)
    };
    match value {
        "latest" => filter(selection, is(Ordering::Equal)),
        "prerelease" => filter(selection, is(Ordering::Greater)),
        "old" => filter(selection, is(Ordering::Less)),
        "none" => filter(selection, |node| node.resource_type == ResourceType::Model && node.version.is_none()),
        _ => Err(invalid("version type", value, &["latest", "prerelease", "old", "none"])),
    }
}

/// As numbers where both are, else as texts.
fn compare_versions(a: &str, b: &str) -> std::cmp::Ordering {
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.total_cmp(&b),
        _ => a.cmp(b),
    }
}
