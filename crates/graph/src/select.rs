//! What a [`SelectionSpec`] finds in a graph.

use std::collections::BTreeSet;

use diagnostic::Diagnostic;
use names::UniqueId;
use thiserror::Error;

use crate::criterion::Criterion;
use crate::graph::{Direction, Graph, Index};
use crate::methods;
use crate::node::GraphNode;
use crate::resource_type::ResourceType;
use crate::selectors::Selectors;
use crate::spec::{IndirectSelection, SelectionSpec};

/// Why a selection cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SelectionError {
    /// Not of the grammar.
    #[error("Invalid node spec {raw} - {reason}")]
    Invalid {
        /// As written.
        raw: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A value that the method does not know.
    #[error("Invalid {method} selector {value}: expected one of: {}", quoted(valid, '"'))]
    InvalidValue {
        /// The method.
        method: String,
        /// What was given.
        value: String,
        /// What could have been given.
        valid: Vec<String>,
    },
    /// `source:` with more parts than a source has.
    #[error(
        "Invalid source selector value \"{value}\". Sources must be of the form `source`, `source.table`, or `package.source.table`"
    )]
    InvalidSource {
        /// What was given.
        value: String,
    },
    /// A method that does not exist.
    #[error("'{name}' is not a valid method name")]
    UnknownMethod {
        /// What stands before the colon.
        name: String,
    },
    /// `state:` without an earlier manifest.
    #[error("Got a state selector method, but no comparison manifest")]
    NoManifest,
    /// `result:` without earlier results.
    #[error("No comparison run_results")]
    NoResults,
    /// `source_status:` without an earlier sources.json or a present one.
    #[error("No previous state comparison freshness results in sources.json")]
    NoFreshness,
    /// What it compares with is missing, unreadable, or shows a change that must not be.
    #[error("{}", .0.what)]
    State(Box<Diagnostic>),
    /// `--selector`, or `selector:` with a name that is not there.
    #[error("Could not find selector named {name}, expected one of [{}]", quoted(known, '\''))]
    UnknownSelector {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// selectors.yml is wrong.
    #[error("Could not read selector file data: {reason}")]
    InvalidSelectorFile {
        /// What is wrong.
        reason: String,
        /// The selector it is in, if any.
        selector: Option<String>,
    },
}

fn quoted(words: &[String], quote: char) -> String {
    words.iter().map(|word| format!("{quote}{word}{quote}")).collect::<Vec<_>>().join(", ")
}

pub(crate) fn nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::jaro_winkler(wanted, candidate), candidate))
        .filter(|(score, _)| *score >= 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

impl SelectionError {
    /// What the reader can do.
    pub fn fix(&self) -> String {
        match self {
            Self::Invalid { .. } => {
                "write `[+]name[+]`, `@name` or `method:value`; blanks join, commas intersect".to_owned()
            }
            Self::InvalidValue { .. } | Self::InvalidSource { .. } => "use one of those".to_owned(),
            Self::UnknownMethod { name } => {
                let known = methods::NAMES.join(", ");
                match nearest(name, methods::NAMES.iter().copied()) {
                    Some(near) => format!("did you mean '{near}:'? Known are {known}"),
                    None => format!("use one of {known}"),
                }
            }
            Self::State(diagnostic) => diagnostic.fix.clone().unwrap_or_default(),
            Self::NoManifest => "pass --state with a directory that has an earlier manifest.json".to_owned(),
            Self::NoResults => {
                "pass --state with a directory that has the run_results.json of an earlier run".to_owned()
            }
            Self::NoFreshness => {
                "pass --state with a directory that has an earlier sources.json, and run `source freshness` first"
                    .to_owned()
            }
            Self::UnknownSelector { name, known } => nearest(name, known.iter().map(String::as_str))
                .map_or_else(|| "add it to selectors.yml".to_owned(), |near| format!("did you mean '{near}'?")),
            Self::InvalidSelectorFile { .. } => {
                "an entry has `name`, `definition` and perhaps `description` and `default`; a definition is \"tag:nightly\", `{method: …, value: …}` or `{union: […]}`"
                    .to_owned()
            }
        }
    }

    /// The error as a reader sees it.
    pub fn diagnostic(&self) -> Diagnostic {
        if let Self::State(diagnostic) = self {
            return (**diagnostic).clone();
        }
        let diagnostic = Diagnostic::error(format!("Runtime Error\n  {self}")).fix(self.fix());
        match self {
            Self::NoManifest | Self::NoResults | Self::NoFreshness => {
                diagnostic.cause("the selection compares with an earlier run")
            }
            Self::UnknownMethod { name } => {
                diagnostic.cause(format!("what stands before the colon in `{name}:…` says how to compare"))
            }
            Self::InvalidSelectorFile { selector: Some(name), .. } => {
                diagnostic.cause(format!("the entry of selector '{name}' is not one that dbt takes"))
            }
            _ => diagnostic,
        }
    }
}

/// What `state:`, `result:` and `source_status:` compare with.
pub trait SelectionState {
    /// Whether a node is in a state such as `new`, `modified`, `modified.body`.
    ///
    /// # Errors
    /// [`SelectionError::NoManifest`] without an earlier one, [`SelectionError::InvalidValue`] for an unknown state.
    fn has_state(&self, node: &GraphNode, state: &str) -> Result<bool, SelectionError>;

    /// The status a node had in the earlier run; `None` when it was not in it.
    ///
    /// # Errors
    /// [`SelectionError::NoResults`] without earlier ones.
    fn result_status(&self, id: &UniqueId) -> Result<Option<String>, SelectionError>;

    /// Whether a source has newer data than it had in the earlier run.
    ///
    /// # Errors
    /// [`SelectionError::NoFreshness`] without earlier or present ones.
    fn is_fresher(&self, id: &UniqueId) -> Result<bool, SelectionError>;
}

/// Nothing to compare with: every question is an error that says so.
#[derive(Debug, Clone, Copy)]
pub struct NoState;

impl SelectionState for NoState {
    fn has_state(&self, _node: &GraphNode, _state: &str) -> Result<bool, SelectionError> {
        Err(SelectionError::NoManifest)
    }

    fn result_status(&self, _id: &UniqueId) -> Result<Option<String>, SelectionError> {
        Err(SelectionError::NoResults)
    }

    fn is_fresher(&self, _id: &UniqueId) -> Result<bool, SelectionError> {
        Err(SelectionError::NoFreshness)
    }
}

/// What a selection needs to know besides the graph.
#[derive(Clone, Copy)]
pub struct SelectionContext<'a> {
    /// The root project's name, for `package:this` and paths.
    pub root_package: &'a str,
    /// For `state:`, `result:`, `source_status:`.
    pub state: &'a dyn SelectionState,
    /// For `selector:`.
    pub selectors: Option<&'a Selectors>,
    /// The types the command works on; `None` for all.
    pub resource_types: Option<&'a [ResourceType]>,
    /// Whether models without a query are left out, as every command but `ls` does.
    pub skip_empty: bool,
}

impl<'a> SelectionContext<'a> {
    /// Everything there is, with nothing to compare with.
    pub fn new(root_package: &'a str) -> Self {
        Self { root_package, state: &NoState, selectors: None, resource_types: None, skip_empty: false }
    }
}

/// What a selection found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selected {
    /// Parents before children.
    pub ids: Vec<UniqueId>,
    /// Criteria that found nothing.
    pub warnings: Vec<Diagnostic>,
}

impl Graph {
    /// The nodes that `spec` finds.
    ///
    /// # Errors
    /// When the selection needs something that is not there, or has a value that its method does not know.
    pub fn select(&self, spec: &SelectionSpec, context: &SelectionContext<'_>) -> Result<Selected, SelectionError> {
        let mut selection = Selection { graph: self, context, warnings: Vec::new() };
        let found = selection.evaluate(spec, 0)?.direct;
        let wanted = |index: &&Index| {
            let node = self.node(**index);
            found.contains(index)
                && context.resource_types.is_none_or(|types| types.contains(&node.resource_type))
                && !(context.skip_empty && node.is_empty)
        };
        let indices: Vec<Index> = self.order().iter().filter(wanted).copied().collect();
        Ok(Selected { ids: self.ids(&indices), warnings: selection.warnings })
    }
}

/// A part's answer: what it selects, and tests that lack a parent so far.
#[derive(Debug, Clone, Default)]
struct Found {
    direct: BTreeSet<Index>,
    undecided: BTreeSet<Index>,
}

/// How deep `selector:` may refer to selectors.
const MAX_DEPTH: usize = 64;

pub(crate) struct Selection<'a> {
    pub graph: &'a Graph,
    pub context: &'a SelectionContext<'a>,
    pub warnings: Vec<Diagnostic>,
}

impl Selection<'_> {
    fn evaluate(&mut self, spec: &SelectionSpec, depth: usize) -> Result<Found, SelectionError> {
        if depth > MAX_DEPTH {
            let reason = "selectors refer to each other in a circle".to_owned();
            return Err(SelectionError::InvalidSelectorFile { reason, selector: None });
        }
        let (parts, mode, raw): (Vec<&SelectionSpec>, _, _) = match spec {
            SelectionSpec::Criterion(criterion) => return self.criterion(criterion, depth),
            SelectionSpec::Union { parts, indirect_selection, raw }
            | SelectionSpec::Intersection { parts, indirect_selection, raw } => {
                (parts.iter().collect(), *indirect_selection, raw.as_deref())
            }
            SelectionSpec::Difference { include, exclude, indirect_selection } => {
                (vec![&**include, &**exclude], *indirect_selection, None)
            }
        };
        let found = parts.into_iter().map(|part| self.evaluate(part, depth + 1)).collect::<Result<Vec<_>, _>>()?;
        let with_undecided = found.iter().map(|part| part.direct.union(&part.undecided).copied().collect()).collect();
        let direct = combine(spec, found.into_iter().map(|part| part.direct).collect());
        let undecided = combine(spec, with_undecided);
        let direct = self.decide(direct, &undecided, mode);
        if let Some(raw) = raw
            && direct.is_empty()
        {
            let warning = self.nothing_found(raw);
            self.warnings.push(warning);
        }
        Ok(Found { direct, undecided })
    }

    fn criterion(&mut self, criterion: &Criterion, depth: usize) -> Result<Found, SelectionError> {
        let by_selector = criterion.method.name == "selector";
        let mut collected =
            if by_selector { self.by_selector(&criterion.value, depth)? } else { methods::matching(self, criterion)? };
        let starts: Vec<Index> = collected.iter().copied().collect();
        if criterion.childrens_parents {
            let mut below = self.graph.reach(&starts, Direction::Down, None);
            below.extend(&starts);
            collected.extend(self.graph.reach(&below, Direction::Up, None));
            collected.extend(below);
        }
        if let Some(depth) = criterion.parents {
            collected.extend(self.graph.reach(&starts, Direction::Up, depth));
        }
        if let Some(depth) = criterion.children {
            collected.extend(self.graph.reach(&starts, Direction::Down, depth));
        }
        // A selector has already drawn in the tests it wants.
        if by_selector {
            return Ok(Found { direct: collected, undecided: BTreeSet::new() });
        }
        Ok(self.expand(collected, criterion.indirect_selection))
    }

    fn by_selector(&mut self, pattern: &str, depth: usize) -> Result<BTreeSet<Index>, SelectionError> {
        let all: Vec<_> = self.context.selectors.into_iter().flat_map(Selectors::all).collect();
        let wanted: Vec<_> = all.iter().filter(|selector| crate::fnmatch::matches(&selector.name, pattern)).collect();
        if wanted.is_empty() {
            let known = all.iter().map(|selector| selector.name.clone()).collect();
            return Err(SelectionError::UnknownSelector { name: pattern.to_owned(), known });
        }
        let mut found = BTreeSet::new();
        for selector in wanted {
            found.extend(self.evaluate(&selector.spec, depth + 1)?.direct);
        }
        Ok(found)
    }

    /// Adds the tests of what is selected, as far as `mode` lets each in by what this criterion alone selects.
    fn expand(&self, selected: BTreeSet<Index>, mode: IndirectSelection) -> Found {
        if mode == IndirectSelection::Empty {
            return Found { direct: selected, undecided: BTreeSet::new() };
        }
        let buildable = (mode == IndirectSelection::Buildable).then(|| self.with_ancestors(&selected, true));
        let mut found = Found { direct: selected.clone(), undecided: BTreeSet::new() };
        for child in selected.iter().flat_map(|index| self.graph.child_indices(*index)) {
            if !self.graph.node(*child).is_selected_indirectly() || found.direct.contains(child) {
                continue;
            }
            let enough = mode == IndirectSelection::Eager
                || self.parents_within(*child, &selected)
                || buildable.as_ref().is_some_and(|set| self.parents_within(*child, set));
            if enough {
                found.direct.insert(*child)
            } else {
                found.undecided.insert(*child)
            };
        }
        found
    }

    /// Lets in tests whose parents came together only now.
    fn decide(&self, direct: BTreeSet<Index>, undecided: &BTreeSet<Index>, mode: IndirectSelection) -> BTreeSet<Index> {
        let enough = match mode {
            IndirectSelection::Eager | IndirectSelection::Empty => return direct,
            IndirectSelection::Cautious => direct.clone(),
            IndirectSelection::Buildable => self.with_ancestors(&direct, false),
        };
        let more: Vec<Index> = undecided
            .iter()
            .filter(|index| self.graph.node(**index).is_selected_indirectly() && self.parents_within(**index, &enough))
            .copied()
            .collect();
        direct.into_iter().chain(more).collect()
    }

    fn nothing_found(&self, raw: &str) -> Diagnostic {
        // Only a plain name can be a misspelt one.
        let wanted = raw.trim_matches(['+', '@']);
        let is_name = !wanted.contains(|c: char| !c.is_alphanumeric() && c != '_');
        let names = self.graph.nodes().iter().map(|node| node.name.as_str());
        let fix = match nearest(wanted, names) {
            Some(near) if is_name && near != wanted => format!("did you mean '{near}'? See the names with `owlet ls`"),
            _ => "see the names with `owlet ls`".to_owned(),
        };
        Diagnostic::warning(format!("The selection criterion '{raw}' does not match any enabled nodes"))
            .named("NoNodesForSelectionCriteria")
            .with("spec_raw", raw)
            .cause("no enabled node of the project or its packages is like that")
            .fix(fix)
    }

    fn parents_within(&self, index: Index, set: &BTreeSet<Index>) -> bool {
        self.graph.parent_indices(index).iter().all(|parent| set.contains(parent))
    }

    fn with_ancestors(&self, selected: &BTreeSet<Index>, and_sources: bool) -> BTreeSet<Index> {
        let starts: Vec<Index> = selected.iter().copied().collect();
        let mut all: BTreeSet<Index> = self.graph.reach(&starts, Direction::Up, None).into_iter().collect();
        all.extend(starts);
        if and_sources {
            let is_source = |index: &&Index| self.graph.node(**index).resource_type == ResourceType::Source;
            all.extend(self.graph.order().iter().filter(is_source));
        }
        all
    }
}

fn combine(spec: &SelectionSpec, sets: Vec<BTreeSet<Index>>) -> BTreeSet<Index> {
    let mut sets = sets.into_iter();
    let first = sets.next().unwrap_or_default();
    sets.fold(first, |so_far, next| match spec {
        SelectionSpec::Intersection { .. } => so_far.intersection(&next).copied().collect(),
        SelectionSpec::Difference { .. } => so_far.difference(&next).copied().collect(),
        SelectionSpec::Union { .. } | SelectionSpec::Criterion(_) => so_far.union(&next).copied().collect(),
    })
}
