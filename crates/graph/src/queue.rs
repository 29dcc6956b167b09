//! Which selected node is next.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet};

use names::UniqueId;

use crate::graph::{Graph, Index};
use crate::test_edges::waiting_for_tests;

/// What a node waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edges {
    /// What it depends on.
    Dependencies,
    /// That, and the data tests of all its ancestors: `build`.
    DependenciesAndTests,
    /// Nothing: `clone`.
    None,
}

/// How a node ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// What waits for it may go on.
    Done,
    /// What waits for it is skipped: a failed model, a failed test in `build`.
    SkipDescendants,
}

/// Hands out selected nodes, each when all it waits for has ended.
///
/// Ready nodes come by their depth in the selected graph, then by id. Edges through nodes that were not selected count.
#[derive(Debug)]
pub struct BuildQueue {
    ids: Vec<UniqueId>,
    index: HashMap<UniqueId, usize>,
    children: Vec<Vec<usize>>,
    waiting_for: Vec<usize>,
    depth: Vec<usize>,
    state: Vec<State>,
    /// Depth and rank by id; the heap gives the smallest.
    ready: BinaryHeap<Reverse<(usize, usize)>>,
    open: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Ready,
    Running,
    Ended,
    Skipped,
}

impl BuildQueue {
    /// A queue over `selected` nodes of `graph`; ids that are not in the graph are passed over.
    pub fn new(graph: &Graph, selected: &[UniqueId], edges: Edges) -> Self {
        // Sorted by id, so that a node's place here is its rank among equals.
        let chosen: BTreeSet<(&UniqueId, Index)> =
            selected.iter().filter_map(|id| Some((id, graph.index_of(id.as_str())?))).collect();
        let indices: Vec<Index> = chosen.iter().map(|(_, index)| *index).collect();
        let ids: Vec<UniqueId> = graph.ids(&indices);
        let count = ids.len();
        let mut children = match edges {
            Edges::None => vec![Vec::new(); count],
            Edges::Dependencies => subset_edges(graph, &indices, &HashMap::new()),
            Edges::DependenciesAndTests => subset_edges(graph, &indices, &waiting_for_tests(graph)),
        };
        let mut waiting_for = vec![0; count];
        for list in &mut children {
            list.sort_unstable();
            list.dedup();
            for child in list {
                waiting_for[*child] += 1;
            }
        }
        let index = ids.iter().enumerate().map(|(place, id)| (id.clone(), place)).collect();
        let mut queue = Self {
            ids,
            index,
            depth: depths(&children, &waiting_for),
            children,
            waiting_for,
            state: vec![State::Waiting; count],
            ready: BinaryHeap::new(),
            open: count,
        };
        for place in 0..count {
            queue.make_ready_if_free(place);
        }
        queue
    }

    /// The next node that can start; `None` when all are waiting, running or ended.
    pub fn next_ready(&mut self) -> Option<UniqueId> {
        let Reverse((_, place)) = self.ready.pop()?;
        self.state[place] = State::Running;
        Some(self.ids[place].clone())
    }

    /// Says how a node ended. Returns the nodes that will never start because of it, parents before children.
    pub fn finish(&mut self, id: &UniqueId, outcome: Outcome) -> Vec<UniqueId> {
        let Some(place) = self.index.get(id).copied() else { return Vec::new() };
        if !matches!(self.state[place], State::Running | State::Ready | State::Waiting) {
            return Vec::new();
        }
        self.state[place] = State::Ended;
        self.open -= 1;
        let skipped = match outcome {
            Outcome::Done => Vec::new(),
            Outcome::SkipDescendants => self.skip_below(place),
        };
        for child in self.children[place].clone() {
            self.waiting_for[child] -= 1;
            self.make_ready_if_free(child);
        }
        skipped
    }

    /// Takes out everything that has not started: `--fail-fast`, an interrupt. Parents before children.
    pub fn skip_rest(&mut self) -> Vec<UniqueId> {
        self.ready.clear();
        let mut rest: Vec<usize> =
            (0..self.ids.len()).filter(|place| matches!(self.state[*place], State::Waiting | State::Ready)).collect();
        rest.sort_by_key(|place| (self.depth[*place], *place));
        for place in &rest {
            self.state[*place] = State::Skipped;
            self.open -= 1;
        }
        rest.into_iter().map(|place| self.ids[place].clone()).collect()
    }

    /// Whether every node has ended or was skipped.
    pub fn is_finished(&self) -> bool {
        self.open == 0
    }

    /// How many nodes there are in all.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether nothing was selected.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// All nodes in the order in which one worker would take them if nothing failed.
    pub fn into_order(mut self) -> Vec<UniqueId> {
        let mut order = Vec::with_capacity(self.ids.len());
        while let Some(id) = self.next_ready() {
            self.finish(&id, Outcome::Done);
            order.push(id);
        }
        order
    }

    fn make_ready_if_free(&mut self, place: usize) {
        if self.waiting_for[place] == 0 && self.state[place] == State::Waiting {
            self.state[place] = State::Ready;
            self.ready.push(Reverse((self.depth[place], place)));
        }
    }

    fn skip_below(&mut self, place: usize) -> Vec<UniqueId> {
        let mut below: Vec<usize> = Vec::new();
        let mut stack = self.children[place].clone();
        while let Some(next) = stack.pop() {
            if self.state[next] == State::Waiting {
                self.state[next] = State::Skipped;
                self.open -= 1;
                below.push(next);
                stack.extend(&self.children[next]);
            }
        }
        below.sort_by_key(|place| (self.depth[*place], *place));
        below.into_iter().map(|place| self.ids[place].clone()).collect()
    }
}

/// The longest way from a node without parents.
fn depths(children: &[Vec<usize>], waiting_for: &[usize]) -> Vec<usize> {
    let mut left = waiting_for.to_vec();
    let mut depth = vec![0; children.len()];
    let mut free: Vec<usize> = (0..children.len()).filter(|place| left[*place] == 0).collect();
    while let Some(place) = free.pop() {
        for child in &children[place] {
            depth[*child] = depth[*child].max(depth[place] + 1);
            left[*child] -= 1;
            if left[*child] == 0 {
                free.push(*child);
            }
        }
    }
    depth
}

/// Edges among the chosen nodes, with ways through others cut short. `more` are edges besides the graph's own.
fn subset_edges(graph: &Graph, chosen: &[Index], more: &HashMap<Index, Vec<Index>>) -> Vec<Vec<usize>> {
    let place: HashMap<Index, usize> = chosen.iter().enumerate().map(|(place, index)| (*index, place)).collect();
    let mut edges: Vec<Vec<usize>> = vec![Vec::new(); chosen.len()];
    // Which chosen nodes one comes from when arriving at a node that was not chosen.
    let mut arriving: HashMap<Index, HashSet<usize>> = HashMap::new();
    for index in order_with(graph, more) {
        let from: HashSet<usize> = match place.get(&index) {
            Some(place) => HashSet::from([*place]),
            None => match arriving.remove(&index) {
                Some(from) => from,
                None => continue,
            },
        };
        let next = graph.child_indices(index).iter().chain(more.get(&index).into_iter().flatten());
        for child in next {
            match place.get(child) {
                Some(child) => from.iter().for_each(|from| edges[*from].push(*child)),
                None => arriving.entry(*child).or_default().extend(&from),
            }
        }
    }
    edges
}

/// All nodes, parents before children, where `more` edges count too.
fn order_with(graph: &Graph, more: &HashMap<Index, Vec<Index>>) -> Vec<Index> {
    if more.is_empty() {
        return graph.order().to_vec();
    }
    let mut waiting_for: HashMap<Index, usize> = HashMap::new();
    for index in graph.order() {
        for child in graph.child_indices(*index).iter().chain(more.get(index).into_iter().flatten()) {
            *waiting_for.entry(*child).or_default() += 1;
        }
    }
    let mut order: Vec<Index> =
        graph.order().iter().copied().filter(|index| !waiting_for.contains_key(index)).collect();
    let mut next = 0;
    while let Some(index) = order.get(next).copied() {
        next += 1;
        for child in graph.child_indices(index).iter().chain(more.get(&index).into_iter().flatten()) {
            if let Some(left) = waiting_for.get_mut(child) {
                *left -= 1;
                if *left == 0 {
                    order.push(*child);
                }
            }
        }
    }
    order
}
