//! The parsed project in memory: shared by all threads, immutable once parsing is done.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use artifacts::manifest::{Manifest as Artifact, Node, ResourceType, Source, UnitTest};
use graph::GraphNode;
use names::UniqueId;
use serde_json::Value as Json;

use crate::{compile::Compiled, context::ProjectScope};

/// Everything the project defines, resolved. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Manifest(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    artifact: Artifact,
    scope: Arc<ProjectScope>,
    lookup: Lookup,
    graph_value: OnceLock<jinja::Value>,
}

/// Finds nodes and sources by the names `ref()` and `source()` use.
#[derive(Debug, Default)]
pub(crate) struct Lookup {
    /// A node's own package comes before the root project.
    pub package_first: bool,
    /// The packages as they are read.
    reading_order: Vec<String>,
    /// `name` or `name.v2` → package and id, one per package.
    refs: HashMap<String, Vec<(String, UniqueId)>>,
    /// `source.table` → package and id.
    sources: HashMap<String, Vec<(String, UniqueId)>>,
    /// Name → package and id.
    functions: HashMap<String, Vec<(String, UniqueId)>>,
}

/// What a look-up by name found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    One(UniqueId),
    /// Several packages have it.
    Ambiguous(Vec<UniqueId>),
    Nothing,
}

impl Lookup {
    pub fn new(artifact: &Artifact, scope: &ProjectScope) -> Self {
        let mut lookup = Self {
            package_first: scope.package_first,
            reading_order: scope.macros.reading_order().to_vec(),
            ..Self::default()
        };
        for (id, node) in &artifact.nodes {
            lookup.add_node(id, node);
        }
        for (id, source) in &artifact.sources {
            lookup.add_source(id, source);
        }
        for (id, function) in &artifact.functions {
            let entry = (function.package_name.clone(), id.clone());
            lookup.functions.entry(function.name.clone()).or_default().push(entry);
        }
        lookup
    }

    pub fn add_node(&mut self, id: &UniqueId, node: &Node) {
        if !node.resource_type.is_refable() {
            return;
        }
        let entry = || (node.package_name.clone(), id.clone());
        match &node.version {
            Some(version) => {
                let version_text = version_text(version);
                self.refs.entry(format!("{}.v{version_text}", node.name)).or_default().push(entry());
                if node.latest_version.as_ref().is_some_and(|latest| self::version_text(latest) == version_text) {
                    self.refs.entry(node.name.clone()).or_default().push(entry());
                }
            }
            None => self.refs.entry(node.name.clone()).or_default().push(entry()),
        }
    }

    pub fn add_source(&mut self, id: &UniqueId, source: &Source) {
        let key = format!("{}.{}", source.source_name, source.name);
        self.sources.entry(key).or_default().push((source.package_name.clone(), id.clone()));
    }

    /// Finds what `ref(name)` in a node of `package` means.
    pub fn find_ref(
        &self,
        name: &str,
        wanted_package: Option<&str>,
        version: Option<&serde_json::Value>,
        package: &str,
        root: &str,
    ) -> Found {
        let found = match version {
            Some(version) => self.refs.get(&format!("{name}.v{}", version_text(version))),
            None => self.refs.get(name),
        };
        self.pick(found, wanted_package, package, root)
    }

    /// Finds what `source(source, table)` in a node of `package` means.
    pub fn find_source(&self, source: &str, table: &str, package: &str, root: &str) -> Option<UniqueId> {
        self.first(self.sources.get(&format!("{source}.{table}")), None, package, root)
    }

    /// Finds what `function(name)` in a node of `package` means.
    pub fn find_function(&self, name: &str, wanted: Option<&str>, package: &str, root: &str) -> Option<UniqueId> {
        self.first(self.functions.get(name), wanted, package, root)
    }

    /// Of several packages' the one that is read first.
    ///
    /// Source: dbt Core 1.12, `find_unique_id_for_package`.
    fn first(
        &self,
        found: Option<&Vec<(String, UniqueId)>>,
        wanted: Option<&str>,
        package: &str,
        root: &str,
    ) -> Option<UniqueId> {
        match self.pick(found, wanted, package, root) {
            Found::One(id) => Some(id),
            Found::Ambiguous(_) => {
                let place = |package: &String| self.reading_order.iter().position(|read| read == package);
                found?.iter().min_by_key(|(package, _)| place(package)).map(|(_, id)| id.clone())
            }
            Found::Nothing => None,
        }
    }

    /// Root first, then the node's own package, or the other way round; then any.
    fn pick(&self, found: Option<&Vec<(String, UniqueId)>>, wanted: Option<&str>, package: &str, root: &str) -> Found {
        let Some(found) = found else { return Found::Nothing };
        // Of two of one name in a package the later one counts.
        let of = |name: &str| found.iter().rev().find(|(package, _)| package == name).map(|(_, id)| id.clone());
        if let Some(wanted) = wanted {
            return of(wanted).map_or(Found::Nothing, Found::One);
        }
        let (first, second) = if self.package_first { (package, root) } else { (root, package) };
        if let Some(id) = of(first).or_else(|| of(second)) {
            return Found::One(id);
        }
        match found.as_slice() {
            [] => Found::Nothing,
            [(_, id)] => Found::One(id.clone()),
            several => Found::Ambiguous(several.iter().map(|(_, id)| id.clone()).collect()),
        }
    }

    /// The names that `function()` knows.
    pub fn function_names(&self) -> impl Iterator<Item = &str> {
        self.functions.keys().map(String::as_str)
    }

    /// The names that `ref()` knows, for "did you mean".
    pub fn ref_names(&self) -> impl Iterator<Item = &str> {
        self.refs.keys().map(String::as_str)
    }

    /// The names that `source()` knows, as `source.table`.
    pub fn source_names(&self) -> impl Iterator<Item = &str> {
        self.sources.keys().map(String::as_str)
    }
}

/// `1`, `1.5`, `beta`: versions are compared as text.
pub(crate) fn version_text(version: &serde_json::Value) -> String {
    match version {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Manifest {
    pub(crate) fn new(artifact: Artifact, scope: Arc<ProjectScope>) -> Self {
        let lookup = Lookup::new(&artifact, &scope);
        Self(Arc::new(Inner { artifact, scope, lookup, graph_value: OnceLock::new() }))
    }

    /// Puts the project's selectors into the file.
    #[must_use]
    pub fn with_selectors(mut self, selectors: artifacts::JsonMap) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.artifact.selectors = selectors;
        }
        self
    }

    /// The manifest in the file's own shape, without compiled code.
    pub fn artifact(&self) -> &Artifact {
        &self.0.artifact
    }

    pub(crate) fn scope(&self) -> &Arc<ProjectScope> {
        &self.0.scope
    }

    pub(crate) fn lookup(&self) -> &Lookup {
        &self.0.lookup
    }

    /// The root project's name.
    pub fn root_package(&self) -> &str {
        &self.0.scope.root
    }

    /// A model, seed, snapshot, test, analysis, operation or function.
    pub fn node(&self, id: &str) -> Option<&Arc<Node>> {
        self.0.artifact.nodes.get(id).or_else(|| self.0.artifact.functions.get(id))
    }

    /// A source table.
    pub fn source(&self, id: &str) -> Option<&Arc<Source>> {
        self.0.artifact.sources.get(id)
    }

    /// A unit test.
    pub fn unit_test(&self, id: &str) -> Option<&Arc<UnitTest>> {
        self.0.artifact.unit_tests.get(id)
    }

    /// The hooks of `on-run-start` or `on-run-end`, in the order in which they run: the root's, then those of packages by name.
    ///
    /// Source: dbt Core 1.12, `RunTask._hook_keyfunc`, whose `BiggestName` is less than all others.
    pub fn hooks(&self, when: HookTime) -> Vec<Arc<Node>> {
        let tag = when.as_str();
        let root = self.root_package();
        let mut hooks: Vec<Arc<Node>> = self
            .0
            .artifact
            .nodes
            .values()
            .filter(|node| node.resource_type == ResourceType::Operation && node.tags.iter().any(|t| t == tag))
            .cloned()
            .collect();
        hooks.sort_by(|a, b| {
            let key = |node: &Node| (node.package_name != root, node.package_name.clone(), node.index);
            key(a).cmp(&key(b))
        });
        hooks
    }

    /// What selection and ordering look at: every enabled resource.
    pub fn graph_nodes(&self) -> Vec<GraphNode> {
        let artifact = &self.0.artifact;
        let nodes = artifact.nodes.values().chain(artifact.functions.values());
        let enabled = nodes.filter(|node| node.config_bool("enabled") != Some(false));
        let mut nodes: Vec<GraphNode> = enabled.map(|node| graph_node(node)).collect();
        nodes.extend(artifact.sources.values().map(|source| graph_source(source)));
        nodes.extend(artifact.exposures.values().map(|exposure| GraphNode {
            unique_id: exposure.unique_id.clone(),
            resource_type: graph::ResourceType::Exposure,
            name: exposure.name.clone(),
            package_name: exposure.package_name.clone(),
            fqn: exposure.fqn.clone(),
            tags: exposure.tags.clone(),
            original_file_path: exposure.original_file_path.clone(),
            config: Arc::new(exposure.config.clone()),
            meta: Json::Object(exposure.meta.clone()),
            depends_on: exposure.depends_on.nodes.clone(),
            ..GraphNode::default()
        }));
        nodes.extend(artifact.unit_tests.values().map(|test| GraphNode {
            unique_id: test.unique_id.clone(),
            resource_type: graph::ResourceType::UnitTest,
            name: test.name.clone(),
            package_name: test.package_name.clone(),
            fqn: test.fqn.clone(),
            tags: texts(test.config.get("tags")),
            original_file_path: test.original_file_path.clone(),
            config: Arc::new(test.config.clone()),
            version: test.version.as_ref().map(version_text),
            tested_node: test.tested_node().cloned(),
            depends_on: test.depends_on.nodes.clone(),
            ..GraphNode::default()
        }));
        let sections = [
            (graph::ResourceType::Metric, &artifact.metrics),
            (graph::ResourceType::SemanticModel, &artifact.semantic_models),
            (graph::ResourceType::SavedQuery, &artifact.saved_queries),
        ];
        for (kind, resources) in sections {
            nodes.extend(resources.iter().map(|(id, resource)| graph_json(kind, id, resource)));
        }
        nodes
    }

    /// `graph`, as templates see it.
    pub(crate) fn graph_value(&self) -> jinja::Value {
        let inner = &self.0;
        inner
            .graph_value
            .get_or_init(|| {
                let artifact = &inner.artifact;
                let section = |json: serde_json::Result<Json>| jinja::Value::from(json.unwrap_or_default());
                jinja::Value::dict([
                    ("nodes", section(serde_json::to_value(&artifact.nodes))),
                    ("sources", section(serde_json::to_value(&artifact.sources))),
                    ("exposures", section(serde_json::to_value(&artifact.exposures))),
                    ("metrics", section(serde_json::to_value(&artifact.metrics))),
                    ("groups", section(serde_json::to_value(&artifact.groups))),
                    ("functions", section(serde_json::to_value(&artifact.functions))),
                    ("semantic_models", section(serde_json::to_value(&artifact.semantic_models))),
                    ("saved_queries", section(serde_json::to_value(&artifact.saved_queries))),
                    ("unit_tests", section(serde_json::to_value(&artifact.unit_tests))),
                ])
            })
            .clone()
    }

    /// The manifest with what was compiled since, as it is written after a run.
    pub fn with_compiled<'a>(&self, compiled: impl IntoIterator<Item = &'a Arc<Compiled>>) -> Artifact {
        let mut artifact = self.0.artifact.clone();
        for compiled in compiled {
            let section = match compiled.id.resource_type() {
                "function" => &mut artifact.functions,
                _ => &mut artifact.nodes,
            };
            let Some(node) = section.get_mut(&compiled.id) else { continue };
            let node = Arc::make_mut(node);
            compiled.complete(node);
        }
        artifact
    }
}

/// When a project's hooks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookTime {
    Start,
    End,
}

impl HookTime {
    /// dbt's word, which is also the tag of the operations.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "on-run-start",
            Self::End => "on-run-end",
        }
    }
}

fn texts(value: Option<&Json>) -> Vec<String> {
    value.and_then(Json::as_array).into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn graph_type(kind: ResourceType) -> graph::ResourceType {
    match kind {
        ResourceType::Analysis => graph::ResourceType::Analysis,
        ResourceType::Test => graph::ResourceType::Test,
        ResourceType::Snapshot => graph::ResourceType::Snapshot,
        ResourceType::Operation => graph::ResourceType::Operation,
        ResourceType::Seed => graph::ResourceType::Seed,
        ResourceType::SqlOperation => graph::ResourceType::SqlOperation,
        ResourceType::Function => graph::ResourceType::Function,
        _ => graph::ResourceType::Model,
    }
}

fn graph_node(node: &Node) -> GraphNode {
    let test = node.test_metadata.as_ref();
    let test_kind = (node.resource_type == ResourceType::Test)
        .then(|| if test.is_some() { graph::TestKind::Generic } else { graph::TestKind::Singular });
    GraphNode {
        unique_id: node.unique_id.clone(),
        resource_type: graph_type(node.resource_type),
        name: node.name.clone(),
        package_name: node.package_name.clone(),
        fqn: node.fqn.clone(),
        tags: node.tags.clone(),
        original_file_path: node.original_file_path.clone(),
        patch_path: node
            .patch_path
            .as_ref()
            .map(|path| path.split_once("://").map_or(path.as_str(), |(_, path)| path).to_owned()),
        config: node.config.shared(),
        meta: Json::Object(node.meta.clone()),
        version: node.version.as_ref().map(version_text),
        latest_version: node.latest_version.as_ref().map(version_text),
        access: node.access.clone(),
        source_name: None,
        test_kind,
        test_name: test.map(|test| test.name.clone()),
        test_namespace: test.and_then(|test| test.namespace.clone()),
        attached_node: node.attached_node.clone(),
        tested_node: None,
        is_empty: node.is_empty(),
        depends_on: node.depends_on.nodes.clone(),
    }
}

fn graph_source(source: &Source) -> GraphNode {
    GraphNode {
        unique_id: source.unique_id.clone(),
        resource_type: graph::ResourceType::Source,
        name: source.name.clone(),
        package_name: source.package_name.clone(),
        fqn: source.fqn.clone(),
        tags: source.tags.clone(),
        original_file_path: source.original_file_path.clone(),
        config: Arc::new(source.config.clone()),
        meta: Json::Object(source.meta.clone()),
        source_name: Some(source.source_name.clone()),
        ..GraphNode::default()
    }
}

fn graph_json(kind: graph::ResourceType, id: &str, resource: &Json) -> GraphNode {
    let text = |key: &str| resource.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    GraphNode {
        unique_id: UniqueId::new(id),
        resource_type: kind,
        name: text("name"),
        package_name: text("package_name"),
        fqn: texts(resource.get("fqn")),
        tags: texts(resource.get("tags")),
        original_file_path: text("original_file_path"),
        config: Arc::new(resource.get("config").and_then(Json::as_object).cloned().unwrap_or_default()),
        meta: resource.get("meta").cloned().unwrap_or_default(),
        depends_on: json_parents(resource),
        ..GraphNode::default()
    }
}

/// `depends_on.nodes` of a resource that is kept as JSON.
pub(crate) fn json_parents(resource: &Json) -> Vec<UniqueId> {
    texts(resource.get("depends_on").and_then(|depends| depends.get("nodes"))).into_iter().map(UniqueId::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_packages_the_one_read_first_has_the_source() {
        let ids =
            ["alpha", "beta"].map(|package| (package.to_owned(), UniqueId::new(format!("source.{package}.raw.t"))));
        let sources = HashMap::from([("raw.t".to_owned(), ids.to_vec())]);
        for (order, first) in [(["alpha", "beta"], "alpha"), (["beta", "alpha"], "beta")] {
            let reading_order = order.map(str::to_owned).to_vec();
            let lookup = Lookup { reading_order, sources: sources.clone(), ..Lookup::default() };
            let found = lookup.find_source("raw", "t", "shop", "shop").expect("a source");
            assert_eq!(found.as_str(), format!("source.{first}.raw.t"));
        }
    }
}
