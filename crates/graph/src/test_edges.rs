//! In `build`, a node waits for the tests of what it is built from.

use std::collections::HashMap;

use crate::graph::{Direction, Graph, Index};
use crate::resource_type::ResourceType;

/// For each data test, the nodes that wait for it: those that have all its parents among their ancestors. Only the first
/// of them on each way down are named; those below wait for these.
pub(crate) fn waiting_for_tests(graph: &Graph) -> HashMap<Index, Vec<Index>> {
    let is_test = |index: &Index| graph.node(*index).resource_type == ResourceType::Test;
    // Exposures, metrics and the like build nothing and wait for no test.
    let waits = |index: &Index| {
        let node = graph.node(*index);
        if node.resource_type == ResourceType::UnitTest {
            // One that runs before its model waits for what the model waits for.
            let is_model = |parent: &Index| Some(&graph.node(*parent).unique_id) == node.tested_node.as_ref();
            return !graph.parent_indices(*index).iter().any(is_model);
        }
        matches!(
            node.resource_type,
            ResourceType::Model
                | ResourceType::Seed
                | ResourceType::Snapshot
                | ResourceType::Analysis
                | ResourceType::Operation
                | ResourceType::SqlOperation
                | ResourceType::Function
        )
    };
    let mut edges = HashMap::new();
    // Tests often share their parents (a relationship is checked on two tables many times over).
    let mut known: HashMap<Vec<Index>, Vec<Index>> = HashMap::new();
    for test in graph.order().iter().copied().filter(|index| is_test(index)) {
        let mut parents = graph.parent_indices(test).to_vec();
        parents.sort_unstable();
        if parents.is_empty() {
            continue;
        }
        let first = known.entry(parents).or_insert_with_key(|parents| {
            first_below_all(graph, parents).into_iter().filter(|index| waits(index)).collect()
        });
        if !first.is_empty() {
            edges.insert(test, first.clone());
        }
    }
    edges
}

fn first_below_all(graph: &Graph, parents: &[Index]) -> Vec<Index> {
    if let [parent] = parents {
        return graph.child_indices(*parent).to_vec();
    }
    let mut below = vec![0_usize; graph.len()];
    for parent in parents {
        for index in graph.reach(&[*parent], Direction::Down, None) {
            below[index as usize] += 1;
        }
    }
    let is_below_all = |index: Index| below[index as usize] == parents.len();
    graph
        .order()
        .iter()
        .copied()
        .filter(|index| is_below_all(*index))
        .filter(|index| !graph.parent_indices(*index).iter().any(|parent| is_below_all(*parent)))
        .collect()
}
