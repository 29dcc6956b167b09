//! The graph of a project: what depends on what, what `--select` means, and in which order nodes build.
//!
//! It knows no files and no manifest: a [`GraphNode`] carries what selection and ordering look at. Reading order:
//! [`Graph::new`], [`SelectionSpec`] (the grammar), [`Graph::select`] (its meaning), [`BuildQueue`] (the order).

mod criterion;
mod fnmatch;
mod graph;
mod methods;
mod node;
mod queue;
mod resource_type;
mod select;
mod selectors;
mod spec;
mod test_edges;

pub use criterion::{Criterion, Method};
pub use fnmatch::{glob_path_matches, matches as fnmatch};
pub use graph::{CycleError, Graph};
pub use node::{GraphNode, TestKind};
pub use queue::{BuildQueue, Edges, Outcome, Turn};
pub use resource_type::ResourceType;
pub use select::{NoState, Selected, SelectionContext, SelectionError, SelectionState};
pub use selectors::{Selector, Selectors};
pub use spec::{IndirectSelection, SelectionSpec};
