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

/// Whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    Run(UniqueId),
    /// Something above it failed. It ends as every node does, with [`BuildQueue::finish`].
    Skip(UniqueId),
}

/// Hands out selected nodes, each when all it waits for has ended.
///
/// Nodes come in the order in which they become ready; those that do so together, by their depth in the selected graph and then
/// by id. A unit test comes right before its model. Edges through nodes that were not selected count.
///
/// Source: dbt Core 1.12, whose pool of threads takes nodes in the order in which its graph queue gave them.
#[derive(Debug)]
pub struct BuildQueue {
    ids: Vec<UniqueId>,
    index: HashMap<UniqueId, usize>,
    children: Vec<Vec<usize>>,
    waiting_for: Vec<usize>,
    rank: Vec<Rank>,
    state: Vec<State>,
    /// Something above failed.
    doomed: Vec<bool>,
    /// When nodes became ready.
    moment: Vec<usize>,
    /// How many moments there were.
    moments: usize,
    /// The heap gives the smallest.
    ready: BinaryHeap<Reverse<(usize, Rank, usize)>>,
    open: usize,
}

/// Depth and place by id, a unit test's those of its model, which it precedes.
type Rank = (usize, usize, bool);

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
        let index: HashMap<UniqueId, usize> = ids.iter().enumerate().map(|(place, id)| (id.clone(), place)).collect();
        let mut queue = Self {
            rank: ranks(&ids, &children, &waiting_for),
            ids,
            index,
            children,
            waiting_for,
            state: vec![State::Waiting; count],
            doomed: vec![false; count],
            moment: vec![0; count],
            moments: 0,
            ready: BinaryHeap::new(),
            open: count,
        };
        for place in 0..count {
            queue.make_ready_if_free(place, 0);
        }
        queue
    }

    /// The next node whose turn has come; `None` when all are waiting, running or ended.
    pub fn next_turn(&mut self) -> Option<Turn> {
        let Reverse((.., place)) = self.ready.pop()?;
        self.state[place] = State::Running;
        let id = self.ids[place].clone();
        Some(if self.doomed[place] { Turn::Skip(id) } else { Turn::Run(id) })
    }

    /// Says how a node ended.
    pub fn finish(&mut self, id: &UniqueId, outcome: Outcome) {
        let Some(place) = self.index.get(id).copied() else { return };
        if !matches!(self.state[place], State::Running | State::Ready | State::Waiting) {
            return;
        }
        self.state[place] = State::Ended;
        self.open -= 1;
        if outcome == Outcome::SkipDescendants {
            self.doom_below(place);
        }
        let moment = match is_unit_test(id) {
            // A model takes its turn with its unit tests.
            true => self.moment[place],
            false => {
                self.moments += 1;
                self.moments
            }
        };
        for child in self.children[place].clone() {
            self.waiting_for[child] -= 1;
            self.make_ready_if_free(child, moment);
        }
    }

    /// Takes out everything that has not started: `--fail-fast`, an interrupt. Parents before children.
    pub fn skip_rest(&mut self) -> Vec<UniqueId> {
        self.ready.clear();
        let mut rest: Vec<usize> =
            (0..self.ids.len()).filter(|place| matches!(self.state[*place], State::Waiting | State::Ready)).collect();
        rest.sort_by_key(|place| self.rank[*place]);
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
        while let Some(Turn::Run(id) | Turn::Skip(id)) = self.next_turn() {
            self.finish(&id, Outcome::Done);
            order.push(id);
        }
        order
    }

    fn make_ready_if_free(&mut self, place: usize, moment: usize) {
        if self.waiting_for[place] == 0 && self.state[place] == State::Waiting {
            self.state[place] = State::Ready;
            self.moment[place] = moment;
            self.ready.push(Reverse((moment, self.rank[place], place)));
        }
    }

    fn doom_below(&mut self, place: usize) {
        let mut stack = self.children[place].clone();
        while let Some(next) = stack.pop() {
            if !std::mem::replace(&mut self.doomed[next], true) {
                stack.extend(&self.children[next]);
            }
        }
    }
}

fn is_unit_test(id: &UniqueId) -> bool {
    id.resource_type() == "unit_test"
}

/// The ranks by depth and place, where a unit test is no step on the way to its model.
fn ranks(ids: &[UniqueId], children: &[Vec<usize>], waiting_for: &[usize]) -> Vec<Rank> {
    let (mut edges, mut waiting_for) = (children.to_vec(), waiting_for.to_vec());
    let mut model_of = vec![None; ids.len()];
    for (place, _) in ids.iter().enumerate().filter(|(_, id)| is_unit_test(id)) {
        for model in std::mem::take(&mut edges[place]) {
            waiting_for[model] -= 1;
            model_of[place] = Some(model);
        }
    }
    let depth = depths(&edges, &waiting_for);
    let rank = |place: usize| match model_of[place] {
        Some(model) => (depth[model], model, false),
        None => (depth[place], place, true),
    };
    (0..ids.len()).map(rank).collect()
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
