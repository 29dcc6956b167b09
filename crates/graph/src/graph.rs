//! Nodes, edges, ancestors and descendants.

use std::collections::HashMap;

use names::UniqueId;
use thiserror::Error;

use crate::node::GraphNode;
use crate::queue::Edges;
use crate::test_edges::waiting_for_tests;

/// The index of a node in its [`Graph`].
pub(crate) type Index = u32;

/// Nodes that wait for each other.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("Found a cycle: {}", path.iter().map(UniqueId::as_str).collect::<Vec<_>>().join(" --> "))]
pub struct CycleError {
    /// From a node along its children back to itself.
    pub path: Vec<UniqueId>,
}

impl CycleError {
    /// What the author can do.
    pub fn fix(&self) -> String {
        let last = self.path.len().checked_sub(2).and_then(|index| self.path.get(index));
        match (last, self.path.first()) {
            (Some(last), Some(first)) => {
                format!("remove the ref to '{last}' from '{first}', or another one on the way")
            }
            _ => "remove one of the refs".to_owned(),
        }
    }
}

/// All enabled nodes and what they depend on.
#[derive(Debug, Default)]
pub struct Graph {
    nodes: Vec<GraphNode>,
    index: HashMap<UniqueId, Index>,
    parents: Vec<Vec<Index>>,
    children: Vec<Vec<Index>>,
    /// Parents before children.
    order: Vec<Index>,
}

impl Graph {
    /// Builds the graph. Of two nodes with one id the later is kept.
    ///
    /// # Errors
    /// When nodes wait for each other.
    #[expect(clippy::cast_possible_truncation, reason = "four thousand million nodes do not fit a project")]
    pub fn new(nodes: Vec<GraphNode>) -> Result<Self, CycleError> {
        let index: HashMap<UniqueId, Index> =
            nodes.iter().enumerate().map(|(index, node)| (node.unique_id.clone(), index as Index)).collect();
        let mut parents = vec![Vec::new(); nodes.len()];
        let mut children = vec![Vec::new(); nodes.len()];
        for (child, node) in nodes.iter().enumerate() {
            for parent in node.depends_on.iter().filter_map(|id| index.get(id)) {
                if !parents[child].contains(parent) {
                    parents[child].push(*parent);
                    children[*parent as usize].push(child as Index);
                }
            }
        }
        let mut graph = Self { nodes, index, parents, children, order: Vec::new() };
        graph.order = graph.topological_order()?;
        Ok(graph)
    }

    /// All nodes, in the order they were given.
    pub fn nodes(&self) -> &[GraphNode] {
        &self.nodes
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The node of an id.
    pub fn get(&self, id: &str) -> Option<&GraphNode> {
        self.index_of(id).map(|index| self.node(index))
    }

    /// Whether there is such a node.
    pub fn contains(&self, id: &str) -> bool {
        self.index.contains_key(id)
    }

    /// What a node depends on directly.
    pub fn parents(&self, id: &str) -> impl Iterator<Item = &GraphNode> {
        self.index_of(id).into_iter().flat_map(|index| self.parent_indices(index)).map(|index| self.node(*index))
    }

    /// What depends directly on a node.
    pub fn children(&self, id: &str) -> impl Iterator<Item = &GraphNode> {
        self.index_of(id).into_iter().flat_map(|index| self.child_indices(index)).map(|index| self.node(*index))
    }

    /// Of each node, by its place among [`Graph::nodes`], the places of those that follow it.
    pub fn successors(&self, edges: Edges) -> Vec<Vec<u32>> {
        let mut successors = match edges {
            Edges::None => vec![Vec::new(); self.len()],
            Edges::Dependencies | Edges::DependenciesAndTests => self.children.clone(),
        };
        if edges == Edges::DependenciesAndTests {
            for (test, waiting) in waiting_for_tests(self) {
                successors[test as usize].extend(waiting);
            }
        }
        successors
    }

    /// Everything a node depends on, up to `depth` steps away; nearest first, without itself.
    pub fn ancestors(&self, id: &str, depth: Option<usize>) -> Vec<UniqueId> {
        self.ids(&self.index_of(id).map(|start| self.reach(&[start], Direction::Up, depth)).unwrap_or_default())
    }

    /// Everything that depends on a node, up to `depth` steps away; nearest first, without itself.
    pub fn descendants(&self, id: &str, depth: Option<usize>) -> Vec<UniqueId> {
        self.ids(&self.index_of(id).map(|start| self.reach(&[start], Direction::Down, depth)).unwrap_or_default())
    }

    /// All ids, parents before children.
    pub fn topological_ids(&self) -> Vec<UniqueId> {
        self.ids(&self.order)
    }

    pub(crate) fn ids(&self, indices: &[Index]) -> Vec<UniqueId> {
        indices.iter().map(|index| self.node(*index).unique_id.clone()).collect()
    }

    pub(crate) fn index_of(&self, id: &str) -> Option<Index> {
        self.index.get(id).copied()
    }

    pub(crate) fn node(&self, index: Index) -> &GraphNode {
        &self.nodes[index as usize]
    }

    pub(crate) fn parent_indices(&self, index: Index) -> &[Index] {
        &self.parents[index as usize]
    }

    pub(crate) fn child_indices(&self, index: Index) -> &[Index] {
        &self.children[index as usize]
    }

    pub(crate) fn order(&self) -> &[Index] {
        &self.order
    }

    /// Breadth-first from `starts`, which are not in the answer unless they are reached from one another.
    pub(crate) fn reach(&self, starts: &[Index], direction: Direction, depth: Option<usize>) -> Vec<Index> {
        let mut seen = vec![false; self.nodes.len()];
        let mut found = Vec::new();
        let mut frontier: Vec<Index> = starts.to_vec();
        let mut steps = 0;
        while !frontier.is_empty() && depth.is_none_or(|depth| steps < depth) {
            let mut next = Vec::new();
            for index in frontier {
                let neighbours = match direction {
                    Direction::Up => self.parent_indices(index),
                    Direction::Down => self.child_indices(index),
                };
                for neighbour in neighbours {
                    if !std::mem::replace(&mut seen[*neighbour as usize], true) {
                        found.push(*neighbour);
                        next.push(*neighbour);
                    }
                }
            }
            frontier = next;
            steps += 1;
        }
        found
    }

    #[expect(clippy::cast_possible_truncation, reason = "as in `new`")]
    fn topological_order(&self) -> Result<Vec<Index>, CycleError> {
        let mut waiting_for: Vec<usize> = self.parents.iter().map(Vec::len).collect();
        let mut order: Vec<Index> =
            (0..self.nodes.len() as Index).filter(|index| waiting_for[*index as usize] == 0).collect();
        let mut next = 0;
        while let Some(index) = order.get(next).copied() {
            next += 1;
            for child in self.child_indices(index) {
                waiting_for[*child as usize] -= 1;
                if waiting_for[*child as usize] == 0 {
                    order.push(*child);
                }
            }
        }
        if order.len() == self.nodes.len() {
            return Ok(order);
        }
        Err(self.cycle_among(&waiting_for))
    }

    /// Walks up from a node that was never ready: sooner or later a node comes twice.
    fn cycle_among(&self, waiting_for: &[usize]) -> CycleError {
        let stuck = |index: &Index| waiting_for[*index as usize] > 0;
        let mut path: Vec<Index> = Vec::new();
        #[expect(clippy::cast_possible_truncation, reason = "as in `new`")]
        let mut at = (0..self.nodes.len() as Index).filter(stuck).min_by_key(|index| &self.node(*index).unique_id);
        while let Some(index) = at {
            if let Some(first) = path.iter().position(|earlier| *earlier == index) {
                // Walked against the edges: turn it round, and close it.
                let mut cycle: Vec<Index> = path.split_off(first);
                cycle.reverse();
                let smallest = cycle
                    .iter()
                    .enumerate()
                    .min_by_key(|(_, index)| &self.node(**index).unique_id)
                    .map_or(0, |(place, _)| place);
                cycle.rotate_left(smallest);
                cycle.extend(cycle.first().copied());
                return CycleError { path: self.ids(&cycle) };
            }
            path.push(index);
            at = self
                .parent_indices(index)
                .iter()
                .copied()
                .filter(stuck)
                .min_by_key(|index| &self.node(*index).unique_id);
        }
        CycleError { path: Vec::new() }
    }
}

/// Which way to walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Up,
    Down,
}
