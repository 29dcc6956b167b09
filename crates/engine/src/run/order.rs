//! The project as a graph, what a selection finds in it, and in which order a run takes it.

use std::collections::HashMap;

use artifacts::manifest::{Node, ResourceType};
use graph::{BuildQueue, CycleError, Edges, Graph, GraphNode, ResourceType as Kind, TestKind};
use names::UniqueId;
use serde_json::Value as Json;

use super::{RunCommand, RunError, job::Jobs};
use crate::Manifest;

/// Everything that can be selected.
///
/// # Errors
/// When nodes ref() each other in a circle.
pub fn project_graph(manifest: &Manifest) -> Result<Graph, CycleError> {
    Graph::new(graph_nodes(manifest))
}

fn graph_nodes(manifest: &Manifest) -> Vec<GraphNode> {
    let artifact = manifest.artifact();
    let nodes =
        artifact.nodes.values().filter(|node| node.resource_type != ResourceType::Operation).map(|node| of_node(node));
    let sources = artifact.sources.values().map(|source| GraphNode {
        unique_id: source.unique_id.clone(),
        resource_type: Kind::Source,
        name: source.name.clone(),
        package_name: source.package_name.clone(),
        fqn: source.fqn.clone(),
        tags: source.tags.clone(),
        original_file_path: source.original_file_path.clone(),
        patch_path: without_package(source.patch_path.as_deref()),
        config: Json::Object(source.config.clone()),
        meta: Json::Object(source.meta.clone()),
        source_name: Some(source.source_name.clone()),
        ..GraphNode::default()
    });
    let exposures = artifact.exposures.values().map(|exposure| GraphNode {
        unique_id: exposure.unique_id.clone(),
        resource_type: Kind::Exposure,
        name: exposure.name.clone(),
        package_name: exposure.package_name.clone(),
        fqn: exposure.fqn.clone(),
        tags: exposure.tags.clone(),
        original_file_path: exposure.original_file_path.clone(),
        config: Json::Object(exposure.config.clone()),
        meta: Json::Object(exposure.meta.clone()),
        depends_on: exposure.depends_on.nodes.clone(),
        ..GraphNode::default()
    });
    let unit_tests = artifact.unit_tests.values().map(|test| GraphNode {
        unique_id: test.unique_id.clone(),
        resource_type: Kind::UnitTest,
        name: test.name.clone(),
        package_name: test.package_name.clone(),
        fqn: test.fqn.clone(),
        tags: strings(test.config.get("tags")),
        original_file_path: test.original_file_path.clone(),
        config: Json::Object(test.config.clone()),
        version: test.version.as_ref().map(text),
        tested_node: test.tested_node().cloned(),
        depends_on: test.depends_on.nodes.clone(),
        ..GraphNode::default()
    });
    nodes.chain(sources).chain(exposures).chain(unit_tests).collect()
}

fn of_node(node: &Node) -> GraphNode {
    let is_test = node.resource_type == ResourceType::Test;
    GraphNode {
        unique_id: node.unique_id.clone(),
        resource_type: match node.resource_type {
            ResourceType::Model => Kind::Model,
            ResourceType::Seed => Kind::Seed,
            ResourceType::Snapshot => Kind::Snapshot,
            ResourceType::Test => Kind::Test,
            ResourceType::Analysis => Kind::Analysis,
            ResourceType::Function => Kind::Function,
            ResourceType::Operation => Kind::Operation,
            _ => Kind::SqlOperation,
        },
        name: node.name.clone(),
        package_name: node.package_name.clone(),
        fqn: node.fqn.clone(),
        tags: node.tags.clone(),
        original_file_path: node.original_file_path.clone(),
        patch_path: without_package(node.patch_path.as_deref()),
        config: Json::Object(node.config.clone()),
        meta: Json::Object(node.meta.clone()),
        version: node.version.as_ref().map(text),
        latest_version: node.latest_version.as_ref().map(text),
        access: node.access.clone(),
        group: node.group.clone(),
        source_name: None,
        test_kind: is_test.then(|| if node.is_generic_test() { TestKind::Generic } else { TestKind::Singular }),
        test_name: node.test_metadata.as_ref().map(|metadata| metadata.name.clone()),
        test_namespace: node.test_metadata.as_ref().and_then(|metadata| metadata.namespace.clone()),
        attached_node: node.attached_node.clone(),
        tested_node: None,
        is_empty: node.is_empty(),
        depends_on: node.depends_on.nodes.clone(),
    }
}

fn without_package(patch_path: Option<&str>) -> Option<String> {
    patch_path.map(|path| path.split_once("://").map_or(path, |(_, path)| path).to_owned())
}

fn strings(value: Option<&Json>) -> Vec<String> {
    value.and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
}

fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The jobs, each when what it waits for is done.
pub(super) fn queue(manifest: &Manifest, jobs: &Jobs, command: RunCommand) -> Result<BuildQueue, RunError> {
    let mut nodes = graph_nodes(manifest);
    let edges = match command {
        RunCommand::Build => {
            run_unit_tests_before_their_models(&mut nodes);
            Edges::DependenciesAndTests
        }
        RunCommand::Freshness => Edges::None,
        _ => Edges::Dependencies,
    };
    let graph = Graph::new(nodes)?;
    Ok(BuildQueue::new(&graph, &jobs.ids().cloned().collect::<Vec<_>>(), edges))
}

/// A unit test needs what its model needs, and the model waits for it.
fn run_unit_tests_before_their_models(nodes: &mut [GraphNode]) {
    let place: HashMap<UniqueId, usize> =
        nodes.iter().enumerate().map(|(place, node)| (node.unique_id.clone(), place)).collect();
    let tests: Vec<(usize, usize)> = nodes
        .iter()
        .enumerate()
        .filter_map(|(test, node)| Some((test, *place.get(node.tested_node.as_ref()?)?)))
        .collect();
    let needs: Vec<Vec<UniqueId>> = tests.iter().map(|(_, model)| nodes[*model].depends_on.clone()).collect();
    for ((test, model), needs) in tests.into_iter().zip(needs) {
        let id = nodes[test].unique_id.clone();
        nodes[test].depends_on = needs;
        nodes[model].depends_on.push(id);
    }
}
