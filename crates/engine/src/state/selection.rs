//! `state:`, `result:` and `source_status:`.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, OnceLock, PoisonError},
};

use artifacts::{
    Manifest as Artifact,
    freshness::{FreshnessResult, FreshnessResults},
    manifest::{Disabled, Node},
};
use chrono::{DateTime, Utc};
use diagnostic::{Diagnostic, Location, Severity};
use graph::{GraphNode, SelectionError, SelectionState};
use names::UniqueId;
use serde_json::Value as Json;

use super::{
    PreviousState,
    compare::{
        same_body, same_config, same_exposure, same_exposure_config, same_json, same_json_config, same_node,
        same_persisted_description, same_relation, same_source, same_source_config, same_source_relation,
        same_unit_test,
    },
    contract::{self, ContractChange},
};
use crate::Manifest;

/// What `state:` can ask for.
const STATES: [&str; 10] = [
    "new",
    "old",
    "modified",
    "unmodified",
    "modified.body",
    "modified.configs",
    "modified.persisted_descriptions",
    "modified.relation",
    "modified.macros",
    "modified.contract",
];

/// The project as it is beside the project as it was.
#[derive(Debug)]
pub struct Comparison<'a> {
    now: &'a Manifest,
    then: &'a PreviousState,
    /// For deprecation dates.
    clock: DateTime<Utc>,
    /// `maximum_seed_size_mib`
    seed_limit_mib: u64,
    /// Macros whose text is another one, that are new, or that are gone.
    changed_macros: OnceLock<HashSet<UniqueId>>,
    /// Per macro: whether it or a macro that it calls changed.
    known_macros: Mutex<HashMap<UniqueId, bool>>,
    removed_were_checked: OnceLock<()>,
    warnings: Mutex<Vec<Diagnostic>>,
}

/// The two sides of one resource.
enum Pair<'a> {
    Node(&'a Node, Option<&'a Node>),
    Source(&'a artifacts::manifest::Source, Option<&'a artifacts::manifest::Source>),
    Exposure(&'a artifacts::manifest::Exposure, Option<&'a artifacts::manifest::Exposure>),
    UnitTest(&'a artifacts::manifest::UnitTest, Option<&'a artifacts::manifest::UnitTest>),
    /// Metrics, semantic models, saved queries.
    Json(&'static str, &'a Json, Option<&'a Json>),
}

impl<'a> Comparison<'a> {
    /// Compares `now` with `then`.
    pub fn new(now: &'a Manifest, then: &'a PreviousState, clock: DateTime<Utc>, seed_limit_mib: u64) -> Self {
        Self {
            now,
            then,
            clock,
            seed_limit_mib,
            changed_macros: OnceLock::new(),
            known_macros: Mutex::default(),
            removed_were_checked: OnceLock::new(),
            warnings: Mutex::default(),
        }
    }

    /// What the comparisons so far have to warn about.
    pub fn take_warnings(&self) -> Vec<Diagnostic> {
        std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn earlier(&self) -> Result<&'a Artifact, SelectionError> {
        self.then.manifest.as_deref().ok_or_else(|| {
            let fix = "name a folder with the manifest.json of an earlier run";
            self.missing("manifest.json", SelectionError::NoManifest, fix)
        })
    }

    fn missing(&self, file: &str, error: SelectionError, fix: &str) -> SelectionError {
        let folder = self.then.folder.display();
        let diagnostic = error.diagnostic().cause(format!("the folder '{folder}' has no {file}")).fix(fix);
        SelectionError::State(Box::new(diagnostic))
    }

    fn pair(&self, id: &UniqueId, old: &'a Artifact) -> Option<Pair<'a>> {
        let new = self.now.artifact();
        let key = id.as_str();
        if let Some(node) = new.nodes.get(key) {
            return Some(Pair::Node(node, old.nodes.get(key).map(|node| &**node)));
        }
        if let Some(function) = new.functions.get(key) {
            return Some(Pair::Node(function, old.functions.get(key).map(|function| &**function)));
        }
        if let Some(source) = new.sources.get(key) {
            return Some(Pair::Source(source, old.sources.get(key).map(|source| &**source)));
        }
        if let Some(exposure) = new.exposures.get(key) {
            return Some(Pair::Exposure(exposure, old.exposures.get(key).map(|exposure| &**exposure)));
        }
        if let Some(test) = new.unit_tests.get(key) {
            return Some(Pair::UnitTest(test, old.unit_tests.get(key).map(|test| &**test)));
        }
        let sections = [
            ("metric", &new.metrics, &old.metrics),
            ("semantic_model", &new.semantic_models, &old.semantic_models),
            ("saved_query", &new.saved_queries, &old.saved_queries),
        ];
        sections.into_iter().find_map(|(kind, new, old)| Some(Pair::Json(kind, new.get(key)?, old.get(key))))
    }

    /// dbt: contents, macros, contract. A source, an exposure and the like that are new are not modified.
    fn is_modified(&self, pair: &Pair<'_>) -> Result<bool, SelectionError> {
        Ok(match pair {
            Pair::Node(new, None) => {
                self.macros_changed(new)?;
                true
            }
            Pair::Node(new, Some(old)) => {
                let contract = self.contract_changed(new, Some(old))?;
                self.tell_of_seed(new, old)?;
                self.macros_changed(new)? || contract || !same_node(new, old)
            }
            Pair::Source(new, old) => old.is_some_and(|old| !same_source(new, old, self.then.as_written)),
            Pair::Exposure(new, old) => old.is_some_and(|old| !same_exposure(new, old)),
            Pair::UnitTest(new, old) => {
                old.is_none_or(|old| !same_unit_test(new, old)) || self.any_changed(&new.depends_on.macros)
            }
            Pair::Json(kind, new, old) => old.is_some_and(|old| !same_json(kind, new, old)),
        })
    }

    fn macros_changed(&self, node: &Node) -> Result<bool, SelectionError> {
        let changed = self.any_changed(&node.depends_on.macros);
        // dbt stops here at the first macro that is not there, unless one before it has changed.
        if !changed
            && !self.changed_macros().is_empty()
            && node.depends_on.macros.iter().any(|id| id.as_str() == "None")
        {
            let diagnostic = Diagnostic::error(format!(
                "Compilation Error\n  Node '{}' (in {}) depends on a macro or test that does not exist. This can happen when a macro or generic test is removed but is still referenced. Check for typos and/or install package dependencies with 'dbt deps'.",
                node.name, node.original_file_path
            ))
            .at(Location::file(&node.original_file_path))
            .fix("define the test again, or remove it from the property file");
            return Err(SelectionError::State(Box::new(diagnostic)));
        }
        Ok(changed)
    }

    fn any_changed(&self, macros: &[UniqueId]) -> bool {
        !self.changed_macros().is_empty() && macros.iter().any(|id| self.macro_changed(id, &mut HashSet::new()))
    }

    fn macro_changed(&self, id: &UniqueId, open: &mut HashSet<UniqueId>) -> bool {
        if let Some(known) = self.known_macros.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
            return *known;
        }
        // Macros may call each other in a circle; what is open is decided by whoever opened it.
        if !open.insert(id.clone()) {
            return false;
        }
        let calls = self.now.artifact().macros.get(id.as_str()).map(|found| found.depends_on.macros.as_slice());
        let changed = self.changed_macros().contains(id.as_str())
            || calls.unwrap_or_default().iter().any(|called| self.macro_changed(called, open));
        // "No" is final only for the macro that was asked for first: one inside a circle has not seen all of it.
        if changed || open.len() == 1 {
            self.known_macros.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), changed);
        }
        changed
    }

    /// The engine's own macros never count: dbt's have another text, and another version is no change of the project.
    fn changed_macros(&self) -> &HashSet<UniqueId> {
        self.changed_macros.get_or_init(|| {
            let then = self.then.manifest.as_deref();
            let own = &self.now.scope().macros;
            let macros = self.now.artifact().macros.iter().filter(|(id, _)| !own.is_internal(id.as_str()));
            let same = |id: &UniqueId, text: &str| {
                then.and_then(|then| then.macros.get(id.as_str())).is_some_and(|old| *old.macro_sql == *text)
            };
            let changed = macros.filter(|(id, new)| !same(id, &new.macro_sql)).map(|(id, _)| id.clone());
            let removed = then
                .into_iter()
                .flat_map(|then| then.macros.keys())
                .filter(|id| !own.is_internal(id.as_str()) && !self.now.artifact().macros.contains_key(id.as_str()));
            changed.chain(removed.cloned()).collect()
        })
    }

    /// A changed contract; breaking changes are told, or end the selection when the model has versions.
    fn contract_changed(&self, new: &Node, old: Option<&Node>) -> Result<bool, SelectionError> {
        if new.resource_type != artifacts::manifest::ResourceType::Model {
            return Ok(old.is_none());
        }
        let Some(old) = old else { return Ok(true) };
        match contract::change(new, old) {
            None => Ok(false),
            Some(ContractChange::Harmless) => Ok(true),
            Some(ContractChange::Breaking(changes)) => self.tell(contract::told(new, &changes)).map(|()| true),
        }
    }

    fn tell_of_seed(&self, new: &Node, old: &Node) -> Result<(), SelectionError> {
        super::seeds::told(new, old, self.seed_limit_mib).map_or(Ok(()), |warning| self.tell(warning))
    }

    fn tell(&self, diagnostic: Diagnostic) -> Result<(), SelectionError> {
        if diagnostic.severity == Severity::Error {
            return Err(SelectionError::State(Box::new(diagnostic)));
        }
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if !warnings.contains(&diagnostic) {
            warnings.push(diagnostic);
        }
        Ok(())
    }

    /// Models that are gone, or switched off, and had a contract.
    fn check_removed(&self, old: &Artifact) -> Result<(), SelectionError> {
        if self.removed_were_checked.set(()).is_err() {
            return Ok(());
        }
        let new = self.now.artifact();
        for (id, node) in &old.nodes {
            let disabled = new.disabled.get(id.as_str()).and_then(|disabled| match disabled.first() {
                Some(Disabled::Node(node)) => Some(node),
                _ => None,
            });
            let removed = disabled.or_else(|| (!new.nodes.contains_key(id.as_str())).then_some(node));
            let Some(removed) = removed else { continue };
            if let Some(change) = contract::removal(removed, self.clock) {
                self.tell(contract::told(removed, &[change]))?;
            }
        }
        Ok(())
    }
}

impl SelectionState for Comparison<'_> {
    fn has_state(&self, node: &GraphNode, state: &str) -> Result<bool, SelectionError> {
        let old = self.earlier()?;
        if !STATES.contains(&state) {
            let valid = STATES.map(|state| format!("'{state}'")).join(", ");
            let what = format!("Runtime Error\n  Got an invalid selector \"{state}\", expected one of \"[{valid}]\"");
            let diagnostic = Diagnostic::error(what).fix("use one of those after `state:`");
            return Err(SelectionError::State(Box::new(diagnostic)));
        }
        if matches!(state, "modified" | "unmodified" | "modified.contract") {
            self.check_removed(old)?;
        }
        let Some(pair) = self.pair(&node.unique_id, old) else { return Ok(false) };
        let existed = match &pair {
            Pair::Node(_, old) => old.is_some(),
            Pair::Source(_, old) => old.is_some(),
            Pair::Exposure(_, old) => old.is_some(),
            Pair::UnitTest(_, old) => old.is_some(),
            Pair::Json(_, _, old) => old.is_some(),
        };
        Ok(match (state, &pair) {
            ("new", _) => !existed,
            ("old", _) => existed,
            ("modified", pair) => self.is_modified(pair)?,
            ("unmodified", pair) => !self.is_modified(pair)?,
            ("modified.body", Pair::Node(new, Some(old))) => {
                self.tell_of_seed(new, old)?;
                !same_body(new, old)
            }
            ("modified.body", Pair::Node(_, None)) => true,
            ("modified.configs", Pair::Node(new, old)) => old.is_none_or(|old| !same_config(new, old)),
            ("modified.configs", Pair::Source(new, old)) => old.is_none_or(|old| !same_source_config(new, old)),
            ("modified.configs", Pair::Exposure(new, old)) => old.is_none_or(|old| !same_exposure_config(new, old)),
            ("modified.configs", Pair::Json(kind, new, old)) => old.is_none_or(|old| match *kind {
                "metric" => !same_json_config(new, old),
                _ => new.get("config") != old.get("config"),
            }),
            ("modified.persisted_descriptions", Pair::Node(new, old)) => {
                old.is_none_or(|old| !same_persisted_description(new, old))
            }
            ("modified.relation", Pair::Node(new, old)) => old.is_none_or(|old| !same_relation(new, old)),
            ("modified.relation", Pair::Source(new, old)) => {
                old.is_none_or(|old| !same_source_relation(new, old, self.then.as_written))
            }
            ("modified.macros", Pair::Node(new, _)) => self.macros_changed(new)?,
            ("modified.macros", Pair::UnitTest(new, _)) => self.any_changed(&new.depends_on.macros),
            ("modified.contract", Pair::Node(new, old)) => self.contract_changed(new, *old)?,
            _ => false,
        })
    }

    fn result_status(&self, id: &UniqueId) -> Result<Option<String>, SelectionError> {
        let Some(results) = &self.then.results else {
            let fix = "name a folder with the run_results.json of an earlier run";
            return Err(self.missing("run_results.json", SelectionError::NoResults, fix));
        };
        let found = results.results.iter().find(|result| result.unique_id == id.as_str());
        Ok(found.map(|result| result.status.clone()))
    }

    fn is_fresher(&self, id: &UniqueId) -> Result<bool, SelectionError> {
        let Some(then) = &self.then.sources else {
            let fix = "name a folder with the sources.json of an earlier `source freshness`";
            return Err(self.missing("sources.json", SelectionError::NoFreshness, fix));
        };
        let Some(now) = &self.then.current_sources else {
            let what = "Runtime Error\n  No current state comparison freshness results in sources.json";
            let diagnostic = Diagnostic::error(what)
                .cause("the target folder has no sources.json")
                .fix("run `owlet source freshness` first");
            return Err(SelectionError::State(Box::new(diagnostic)));
        };
        Ok(match (loaded_at(now, id), loaded_at(then, id)) {
            (Some(now), Some(then)) => now > then,
            (Some(_), None) => true,
            (None, _) => false,
        })
    }
}

/// When a source was loaded last; `None` when that could not be measured.
fn loaded_at(results: &FreshnessResults, id: &UniqueId) -> Option<DateTime<Utc>> {
    results.results.iter().find_map(|result| match result {
        FreshnessResult::Measured { unique_id, max_loaded_at, .. } if unique_id == id.as_str() => {
            DateTime::parse_from_rfc3339(max_loaded_at).ok().map(|time| time.with_timezone(&Utc))
        }
        _ => None,
    })
}
