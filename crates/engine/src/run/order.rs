//! The project as a graph, and in which order a run takes it.

use std::collections::HashMap;

use artifacts::graph_summary::{GraphNode as SummaryNode, GraphNodes, GraphSummary};
use artifacts::manifest::ResourceType;
use diagnostic::{Diagnostic, Location};
use graph::{BuildQueue, CycleError, Edges, Graph, GraphNode};
use names::UniqueId;

use super::{RunCommand, RunError, job::Jobs};
use crate::Manifest;

/// Everything that can be selected.
///
/// # Errors
/// When nodes ref() each other in a circle.
pub fn project_graph(manifest: &Manifest) -> Result<Graph, CycleError> {
    Graph::new(manifest.graph_nodes())
}

/// The shape of the graph, with what waits for tests if the command is `build`.
///
/// Source: dbt Core 1.12, `get_graph_summary`; of the edges to tests only those that `--use-fast-test-edges` writes.
pub fn graph_summary(graph: &Graph, invocation_id: &str, which: &str) -> GraphSummary {
    GraphSummary {
        invocation_id: invocation_id.to_owned(),
        linked: numbered(graph, Edges::Dependencies),
        with_test_edges: (which == "build").then(|| numbered(graph, Edges::DependenciesAndTests)),
    }
}

fn numbered(graph: &Graph, edges: Edges) -> GraphNodes {
    let nodes = graph.nodes().iter().zip(graph.successors(edges)).map(|(node, successors)| SummaryNode {
        name: node.unique_id.clone(),
        resource_type: node.resource_type.as_str(),
        successors,
    });
    (0..).zip(nodes).collect()
}

/// What is told of a circle, at the place where its first node refers to its last.
pub fn cycle(manifest: &Manifest, circle: CycleError) -> Diagnostic {
    let last = circle.path.len().checked_sub(2).and_then(|index| circle.path.get(index));
    let named = last.and_then(|id| manifest.node(id.as_str())).map(|node| node.name.clone());
    let first = circle.path.first().and_then(|id| manifest.node(id.as_str()));
    let place = first.map(|node| {
        let line = named.and_then(|name| node.raw_code.lines().position(|line| line.contains(&name)));
        match line {
            // A snapshot's code is a part of its file.
            Some(line) if node.resource_type != ResourceType::Snapshot => {
                Location::in_source(&node.original_file_path, &node.raw_code, line + 1, None)
            }
            _ => Location::file(&node.original_file_path),
        }
    });
    let diagnostic = RunError::Cycle(circle).diagnostic();
    Diagnostic { location: place, ..diagnostic }
}

/// The jobs, each when what it waits for is done.
pub(super) fn queue(manifest: &Manifest, jobs: &Jobs, command: RunCommand) -> Result<BuildQueue, RunError> {
    let mut nodes = manifest.graph_nodes();
    let edges = match command {
        RunCommand::Build => {
            run_unit_tests_before_their_models(&mut nodes);
            Edges::DependenciesAndTests
        }
        RunCommand::Freshness | RunCommand::Clone => Edges::None,
        _ => Edges::Dependencies,
    };
    let graph = Graph::new(nodes)?;
    Ok(BuildQueue::new(&graph, &jobs.turns().cloned().collect::<Vec<_>>(), edges))
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
