//! Names into ids: `ref`, `source`, groups; and what may not be.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use artifacts::{
    Manifest as Artifact,
    manifest::{Constraint, DependsOn, Disabled, Node, Ref, ResourceType},
};
use diagnostic::{Diagnostic, Location};
use names::UniqueId;
use rayon::prelude::*;

use super::{node_places::NodePlaces, test_entries::Place};
use crate::manifest::{Found, Lookup, version_text};

/// The known name that is most like `wanted`.
pub(crate) fn nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::jaro_winkler(wanted, candidate), candidate))
        .filter(|(score, _)| *score >= 0.8)
        .max_by(|(a, x), (b, y)| a.total_cmp(b).then(y.cmp(x)))
        .map(|(_, candidate)| candidate)
}

/// What resolving needs beside the manifest.
pub(super) struct Resolver<'a> {
    pub root: &'a str,
    pub packages: usize,
    pub lookup: &'a Lookup,
    pub disabled: &'a HashSet<String>,
    pub restrict_access: &'a HashMap<String, bool>,
    pub places: &'a NodePlaces<'a>,
}

/// Resolves all nodes and exposures of the manifest.
pub(super) fn resolve(artifact: &mut Artifact, resolver: &Resolver<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let resolved: Vec<Resolved> = {
        let nodes: Vec<&Arc<Node>> = artifact.nodes.values().chain(artifact.functions.values()).collect();
        nodes.par_iter().map(|node| resolver.node(node, artifact)).collect()
    };
    let nodes = artifact.nodes.values_mut().chain(artifact.functions.values_mut());
    for (node, resolved) in nodes.zip(resolved) {
        diagnostics.extend(resolved.problems);
        if !resolved.ids.is_empty() {
            Arc::make_mut(node).depends_on.nodes = resolved.ids;
        }
        if resolved.is_incomplete && node.resource_type == ResourceType::Test {
            // The test stays listed, and is never run.
            Arc::make_mut(node).config.insert("enabled".to_owned(), false.into());
        }
    }
    let Artifact { exposures, nodes, .. } = artifact;
    for exposure in exposures.values_mut() {
        let exposure = Arc::make_mut(exposure);
        let mut ids = Vec::new();
        for source in &exposure.sources {
            match resolver.lookup.find_source(&source[0], &source[1], &exposure.package_name, resolver.root) {
                Some(id) => push(&mut ids, id),
                None => diagnostics.push(
                    Diagnostic::error(format!(
                        "Compilation Error\n  Exposure '{}' ({}) depends on a source named '{}.{}' which {}",
                        exposure.unique_id,
                        exposure.original_file_path,
                        source[0],
                        source[1],
                        resolver.state_of(&format!("{}.{}", source[0], source[1]))
                    ))
                    .at(resolver.of_exposure(exposure))
                    .fix(
                        match nearest(&format!("{}.{}", source[0], source[1]), resolver.lookup.source_names()) {
                            Some(near) => format!("did you mean '{near}'?"),
                            None => "correct the name, or remove it from depends_on".to_owned(),
                        },
                    ),
                ),
            }
        }
        for of in &exposure.refs {
            let found = resolver.lookup.find_ref(
                &of.name,
                of.package.as_deref(),
                of.version.as_ref(),
                &exposure.package_name,
                resolver.root,
            );
            match found {
                Found::One(id) => {
                    let refused = nodes
                        .get(&id)
                        .and_then(|target| resolver.refused(&exposure.unique_id, &exposure.package_name, None, target));
                    diagnostics.extend(refused.map(|refused| refused.at(resolver.of_exposure(exposure))));
                    push(&mut ids, id);
                }
                _ => diagnostics.push(
                    Diagnostic::error(format!(
                        "Compilation Error\n  Exposure '{}' ({}) depends on a node named '{}' which {}",
                        exposure.unique_id,
                        exposure.original_file_path,
                        of.name,
                        resolver.state_of(&of.name)
                    ))
                    .at(resolver.of_exposure(exposure))
                    .fix(match nearest(&of.name, resolver.lookup.ref_names()) {
                        Some(near) => format!("did you mean '{near}'?"),
                        None => "correct the name, or remove it from depends_on".to_owned(),
                    }),
                ),
            }
        }
        exposure.depends_on = DependsOn { macros: Vec::new(), nodes: ids };
    }
}

fn push(ids: &mut Vec<UniqueId>, id: UniqueId) {
    if !ids.contains(&id) {
        ids.push(id);
    }
}

/// What resolving one node gave.
struct Resolved {
    ids: Vec<UniqueId>,
    problems: Vec<Diagnostic>,
    /// Something it refers to is not there.
    is_incomplete: bool,
}

impl Resolver<'_> {
    fn of_exposure(&self, exposure: &artifacts::manifest::Exposure) -> Location {
        let place = self.places.entries.get(&exposure.unique_id).map(Place::location);
        place.unwrap_or_else(|| Location::file(&exposure.original_file_path))
    }

    fn node(&self, node: &Node, artifact: &Artifact) -> Resolved {
        let mut ids = Vec::new();
        let mut problems = Vec::new();
        let mut is_incomplete = false;
        for source in &node.sources {
            let [name, table] = source.as_slice() else { continue };
            // dbt notes no sources of functions.
            if node.resource_type == ResourceType::Function {
                break;
            }
            match self.lookup.find_source(name, table, &node.package_name, self.root) {
                Some(id) => push(&mut ids, id),
                None => {
                    is_incomplete = true;
                    problems.extend(self.missing_source(node, name, table));
                }
            }
        }
        for of in &node.refs {
            let found = self.lookup.find_ref(
                &of.name,
                of.package.as_deref(),
                of.version.as_ref(),
                &node.package_name,
                self.root,
            );
            match found {
                Found::One(id) => {
                    if let Some(target) = artifact.nodes.get(&id) {
                        problems.extend(self.access(node, of, target));
                        problems.extend(self.upward(node, of, target));
                    }
                    push(&mut ids, id);
                }
                Found::Ambiguous(candidates) => problems.push(self.ambiguous(node, of, &candidates)),
                Found::Nothing => {
                    is_incomplete = true;
                    problems.extend(self.missing_ref(node, of));
                }
            }
        }
        for parts in &node.functions {
            let Some((name, package)) = parts.split_last() else { continue };
            let package = package.first().map(String::as_str);
            match self.lookup.find_function(name, package, &node.package_name, self.root) {
                Some(id) => push(&mut ids, id),
                None => {
                    is_incomplete = true;
                    problems.push(self.missing_function(node, name, package));
                }
            }
        }
        Resolved { ids, problems, is_incomplete }
    }

    fn state_of(&self, name: &str) -> &'static str {
        if self.disabled.contains(name) { "is disabled" } else { "was not found" }
    }

    /// A test without its parent is kept, and does nothing; anything else cannot be built.
    fn problem(node: &Node, what: String) -> Diagnostic {
        if node.resource_type == ResourceType::Test {
            Diagnostic::warning(what).named("NodeNotFoundOrDisabled")
        } else {
            Diagnostic::error(format!("Compilation Error\n  {what}"))
        }
    }

    fn whose(node: &Node) -> String {
        let kind = node.resource_type.as_str();
        let kind = kind[..1].to_uppercase() + &kind[1..];
        format!("{kind} '{}' ({})", node.unique_id, node.original_file_path)
    }

    fn missing_ref(&self, node: &Node, of: &Ref) -> Option<Diagnostic> {
        let mut target = format!("a node named '{}'", of.name);
        if let Some(version) = &of.version {
            target = format!("a node named '{}' with version '{}'", of.name, version_text(version));
        }
        if let Some(package) = &of.package {
            target.push_str(&format!(" in package or project '{package}'"));
        }
        let whose = Self::whose(node);
        if self.disabled.contains(&of.name) {
            // Tests of what is switched off are switched off with it, silently.
            return (node.resource_type != ResourceType::Test).then(|| {
                Self::problem(node, format!("{whose} depends on {target} which is disabled"))
                    .at(self.places.call(node, "ref", &[&of.name]))
                    .cause(format!("'{}' has `enabled: false`", of.name))
                    .fix("enable it, or do not refer to it")
            });
        }
        let near = nearest(&of.name, self.lookup.ref_names());
        let fix =
            near.map_or_else(|| "create it, or correct the name".to_owned(), |near| format!("did you mean '{near}'?"));
        let packages = match self.packages {
            0 => String::new(),
            1 => " or its package".to_owned(),
            count => format!(" or its {count} packages"),
        };
        Some(
            Self::problem(node, format!("{whose} depends on {target} which was not found"))
                .at(self.places.call(node, "ref", &[&of.name]))
                .cause(format!("no model, seed or snapshot in '{}'{packages} has this name", self.root))
                .fix(fix),
        )
    }

    fn missing_source(&self, node: &Node, name: &str, table: &str) -> Option<Diagnostic> {
        let is_disabled = self.disabled.contains(&format!("{name}.{table}"));
        if is_disabled && node.resource_type == ResourceType::Test {
            let what = format!("{} depends on a source named '{name}.{table}' which is disabled", Self::whose(node));
            return Some(
                Diagnostic::warning(what)
                    .named("InvalidDisabledTargetInTestNode")
                    .at(self.places.call(node, "source", &[name, table]))
                    .cause("the test is switched off with the source")
                    .fix("enable the source, or remove the test"),
            );
        }
        let wanted = format!("{name}.{table}");
        let near = nearest(&wanted, self.lookup.source_names());
        let fix = near.map_or_else(
            || "declare it below `sources:` of a property file".to_owned(),
            |near| {
                let (source, table) = near.split_once('.').unwrap_or((near, ""));
                format!("did you mean source('{source}', '{table}')?")
            },
        );
        let state = if is_disabled { "is disabled" } else { "was not found" };
        Some(
            Self::problem(node, format!("{} depends on a source named '{wanted}' which {state}", Self::whose(node)))
                .at(self.places.call(node, "source", &[name, table]))
                .cause(format!("no property file declares table '{table}' of source '{name}'"))
                .fix(fix),
        )
    }

    fn missing_function(&self, node: &Node, name: &str, package: Option<&str>) -> Diagnostic {
        let mut target = format!("a function named '{name}'");
        if let Some(package) = package {
            target.push_str(&format!(" in package or project '{package}'"));
        }
        let whose = Self::whose(node);
        if self.disabled.contains(&super::functions::disabled_key(name)) {
            return Self::problem(node, format!("{whose} depends on {target} which is disabled"))
                .at(self.places.call(node, "function", &[name]))
                .cause(format!("'{name}' has `enabled: false`"))
                .fix("enable it, or do not refer to it");
        }
        let near = nearest(name, self.lookup.function_names());
        Self::problem(node, format!("{whose} depends on {target} which was not found"))
            .at(self.places.call(node, "function", &[name]))
            .cause("no file below `function-paths` has this name")
            .fix(
                near.map_or_else(
                    || "create it, or correct the name".to_owned(),
                    |near| format!("did you mean '{near}'?"),
                ),
            )
    }

    fn ambiguous(&self, node: &Node, of: &Ref, candidates: &[UniqueId]) -> Diagnostic {
        let names: Vec<&str> = candidates.iter().map(UniqueId::as_str).collect();
        Self::problem(
            node,
            format!(
                "{}: when referencing '{}', dbt found nodes in multiple packages: {}. To fix this, use two-argument 'ref', with the package name first.",
                Self::whose(node),
                of.name,
                names.join(", ")
            ),
        )
        .at(self.places.call(node, "ref", &[&of.name]))
        .fix(format!("write ref('<package>', '{}')", of.name))
    }

    fn access(&self, node: &Node, of: &Ref, target: &Node) -> Option<Diagnostic> {
        if node.resource_type == ResourceType::Test {
            return None;
        }
        let refused = self.refused(&node.unique_id, &node.package_name, node.group.as_deref(), target)?;
        Some(refused.at(self.places.call(node, "ref", &[&of.name])))
    }

    /// A package that reads the root project's node of this name, which may be meant for another.
    fn upward(&self, node: &Node, of: &Ref, target: &Node) -> Option<Diagnostic> {
        let is_named = of.package.as_deref() == Some(self.root);
        if self.lookup.package_first || is_named || node.package_name == self.root || target.package_name != self.root {
            return None;
        }
        let what = format!(
            "The node '{}' in package '{}' depends on the root project node '{}'. This may lead to unexpected cycles downstream.",
            node.name, node.package_name, target.unique_id
        );
        let warning = Diagnostic::warning(what)
            .named("PackageNodeDependsOnRootProjectNode")
            .with("node_name", &node.name)
            .with("package_name", &node.package_name)
            .with("root_project_unique_id", target.unique_id.as_str());
        Some(warning.at(self.places.call(node, "ref", &[&of.name])).cause("a reference without a package means the root project first").fix(
            "set the flag `require_ref_searches_node_package_before_root` in dbt_project.yml, or name the package in the reference",
        ))
    }

    /// The target's `access` keeps out whoever is of this package and group.
    fn refused(&self, from: &UniqueId, package: &str, group: Option<&str>, target: &Node) -> Option<Diagnostic> {
        let access = target.access.as_deref()?;
        let scope = match access {
            "private" if target.group.is_none() || target.group.as_deref() != group => {
                format!("the '{}' group", target.group.as_deref().unwrap_or(""))
            }
            "protected"
                if target.package_name != package
                    && self.restrict_access.get(&target.package_name).copied().unwrap_or(false) =>
            {
                format!("the '{}' package", target.package_name)
            }
            _ => return None,
        };
        Some(
            Diagnostic::error(format!(
                "Parsing Error\n  Node {from} attempted to reference node {}, which is not allowed because the referenced node is {access} to {scope}.",
                target.unique_id
            ))
            .cause(format!("'{}' has `access: {access}`", target.name))
            .fix("put both into one group, or widen the access"),
        )
    }
}

/// Groups that do not exist, and relations that two nodes would build.
pub(super) fn check(
    artifact: &Artifact,
    unique_names: bool,
    places: &NodePlaces<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let groups: HashSet<&str> = artifact.groups.values().map(|group| group.name.as_str()).collect();
    let mut relations: HashMap<String, &Node> = HashMap::new();
    let mut names: HashMap<(&str, &str), &Node> = HashMap::new();
    let mut versioned: Vec<&Node> = Vec::new();
    for node in artifact.nodes.values() {
        // Tests on a node have its group.
        if node.attached_node.is_none()
            && let Some(group) = &node.group
            && !groups.contains(group.as_str())
        {
            diagnostics.push(
                Diagnostic::error(format!(
                    "Parsing Error\n  Invalid group '{group}', expected one of {}",
                    listed(&groups)
                ))
                .at(places.config(node, "group"))
                .cause(format!("'{}' is in a group that no property file defines", node.unique_id))
                .fix("define it below `groups:`, or correct the name"),
            );
        }
        if node.resource_type.is_refable() && node.version.is_none() {
            let key = (node.package_name.as_str(), node.name.as_str());
            if let Some(other) = names.insert(key, node) {
                let what = format!(
                    "Found resources with the same name '{}' in package '{}': '{}' and '{}'. Please update one of the resources to have a unique name.",
                    node.name, node.package_name, other.unique_id, node.unique_id
                );
                let found = match unique_names {
                    true => Diagnostic::error(format!("Compilation Error\n  {what}")),
                    false => Diagnostic::warning(what),
                };
                diagnostics.push(
                    found
                        .named("DuplicateNameDistinctNodeTypesDeprecation")
                        .with("resource_name", &node.name)
                        .with("package_name", &node.package_name)
                        .with("unique_id1", other.unique_id.as_str())
                        .with("unique_id2", node.unique_id.as_str())
                        .at(Location::file(&node.original_file_path))
                        .cause(format!("{} has it too; ref('{}') is the latter", other.original_file_path, node.name))
                        .fix("rename one of them"),
                );
            }
        }
        if node.version.is_some() {
            versioned.push(node);
        }
        let Some(relation) = &node.relation_name else { continue };
        if let Some(other) = relations.insert(relation.to_lowercase(), node) {
            diagnostics.push(
                Diagnostic::error(format!(
                    "Compilation Error\n  dbt found two resources with the database representation \"{relation}\".\n  dbt cannot create two resources with identical database representations. To fix this, change the configuration of one of these resources:\n  - {} ({})\n  - {} ({})",
                    other.unique_id, other.original_file_path, node.unique_id, node.original_file_path
                ))
                .at(Location::file(&node.original_file_path))
                .cause("both have the same database, schema and alias")
                .fix("give one of them another `alias` or `schema`"),
            );
        }
    }
    let mut told: HashSet<(&str, &str)> = HashSet::new();
    for node in versioned {
        let key = (node.package_name.as_str(), node.name.as_str());
        if let Some(other) = names.get(&key).filter(|_| told.insert(key)) {
            diagnostics.push(versioned_and_not(node, other));
        }
    }
}

/// What `ref()` without a version would be of two minds about.
fn versioned_and_not(versioned: &Node, other: &Node) -> Diagnostic {
    let (name, id, file) = (&versioned.name, &other.unique_id, &other.original_file_path);
    let patch = versioned.patch_path.as_deref().unwrap_or_default();
    Diagnostic::error(format!(
        "Parsing Error\n  dbt found versioned and unversioned models with the name \"{name}\".\n\nSince these resources have the same name, dbt will be unable to find the correct resource\nwhen looking for ref('{name}').\n\nTo fix this, change the name of the unversioned resource\n{id} ({file})\nor add the unversioned model to the versions in {patch}"
    ))
    .at(Location::file(file))
}

fn listed(names: &HashSet<&str>) -> String {
    let mut names: Vec<&str> = names.iter().copied().collect();
    names.sort_unstable();
    format!("[{}]", names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", "))
}

/// Who depends on whom, in both directions, and which nodes are in which group.
pub(super) fn maps(artifact: &mut Artifact) {
    let mut parents: Vec<(UniqueId, Vec<UniqueId>)> = Vec::new();
    for (id, node) in artifact.nodes.iter().chain(&artifact.functions) {
        parents.push((id.clone(), node.depends_on.nodes.clone()));
    }
    for id in artifact.sources.keys() {
        parents.push((id.clone(), Vec::new()));
    }
    for (id, exposure) in &artifact.exposures {
        parents.push((id.clone(), exposure.depends_on.nodes.clone()));
    }
    for (id, test) in &artifact.unit_tests {
        parents.push((id.clone(), test.depends_on.nodes.clone()));
    }
    parents.extend(super::semantic::parents(artifact));
    artifact.child_map = parents.iter().map(|(id, _)| (id.clone(), Vec::new())).collect();
    artifact.parent_map.reserve(parents.len());
    for (id, mut ids) in parents {
        for parent in &ids {
            if let Some(children) = artifact.child_map.get_mut(parent) {
                children.push(id.clone());
            }
        }
        ids.sort();
        artifact.parent_map.insert(id, ids);
    }
    artifact.child_map.values_mut().for_each(|children| children.sort());

    let mut groups: BTreeMap<String, Vec<UniqueId>> =
        artifact.groups.values().map(|group| (group.name.clone(), Vec::new())).collect();
    for (id, node) in &artifact.nodes {
        if let Some(members) = node.group.as_ref().and_then(|group| groups.get_mut(group)) {
            members.push(id.clone());
        }
    }
    artifact.group_map = groups.into_iter().collect();
}

/// What a model's columns are told apart by, as constraints and tests have it.
pub(super) fn primary_keys(artifact: &mut Artifact) {
    #[derive(Default)]
    struct Tested {
        unique: BTreeSet<String>,
        disabled_unique: BTreeSet<String>,
        not_null: BTreeSet<String>,
    }
    let mut tested: HashMap<UniqueId, Tested> = HashMap::new();
    let mut look = |node: &Node, enabled: bool| {
        let (Some(test), Some(on)) = (&node.test_metadata, &node.attached_node) else { return };
        let column = test.kwargs.get("column_name").and_then(serde_json::Value::as_str);
        let combination = test.kwargs.get("combination_of_columns").and_then(serde_json::Value::as_array);
        let columns: Vec<String> = match column {
            Some(column) => vec![column.to_owned()],
            None => combination.into_iter().flatten().filter_map(|c| c.as_str().map(str::to_owned)).collect(),
        };
        let entry = tested.entry(on.clone()).or_default();
        match test.name.as_str() {
            "unique" | "unique_combination_of_columns" if enabled => entry.unique.extend(columns),
            "unique" | "unique_combination_of_columns" => entry.disabled_unique.extend(columns),
            "not_null" => entry.not_null.extend(columns),
            _ => {}
        }
    };
    for node in artifact.nodes.values() {
        look(node, node.config_bool("enabled").unwrap_or(true));
    }
    for entry in artifact.disabled.values().flatten() {
        if let Disabled::Node(node) = entry {
            look(node, false);
        }
    }
    for node in artifact.nodes.values_mut().filter(|node| node.resource_type == ResourceType::Model) {
        let is_key = |constraints: &[Constraint]| constraints.iter().any(|c| c.kind == "primary_key");
        let of_model = node.constraints.iter().find(|c| c.kind == "primary_key").and_then(|c| c.columns.clone());
        let of_column =
            || node.columns.values().find(|column| is_key(&column.constraints)).map(|c| vec![c.name.clone()]);
        let of_tests = || {
            let Tested { unique, disabled_unique, not_null } = tested.get(&node.unique_id)?;
            let both: Vec<String> =
                not_null.iter().filter(|c| unique.contains(*c) || disabled_unique.contains(*c)).cloned().collect();
            [both, unique.iter().cloned().collect(), disabled_unique.iter().cloned().collect()]
                .into_iter()
                .find(|columns| !columns.is_empty())
        };
        if let Some(mut key) = of_model.or_else(of_column).or_else(of_tests) {
            key.sort();
            Arc::make_mut(node).primary_key = key;
        }
    }
}
