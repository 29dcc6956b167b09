//! Nodes into SQL.
//!
//! Everything here is synchronous and may wait for the warehouse: call it on a blocking thread.

mod ctes;
mod freshness;
mod hooks;
mod materialization;
mod node;
mod operation;
mod pointer;
mod snapshot_strategy;
mod unit_test;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use artifacts::manifest::{CompiledCode, ExtraCte, Node};
use names::UniqueId;

pub use hooks::NodeHook;
pub use materialization::{BatchHooks, BatchRun, MaterializationOutcome};
pub use snapshot_strategy::CustomStrategy;
pub use unit_test::{UnitTestPlan, UnitTestRows};

use crate::{
    Manifest,
    context::{Host, node::node_relation},
    run::event_time::Window,
};

/// A node's SQL.
#[derive(Debug, Clone, Default)]
pub struct Compiled {
    /// The node.
    pub id: UniqueId,
    /// The SQL with its CTEs, ready to be run: `compiled_code`.
    pub sql: Arc<str>,
    /// The ephemeral models in it.
    pub extra_ctes: Vec<ExtraCte>,
    /// They were left out of the SQL (`--no-inject-ephemeral-ctes`).
    pub without_ctes: bool,
    /// Where dbt writes it: `target/compiled/shop/models/orders.sql`. Relative to the project; `None` for inline queries.
    pub path: Option<String>,
    /// A test's relation, when its failures are stored.
    pub relation_name: Option<String>,
    /// The macros that the node itself called while it was compiled.
    pub macros: Vec<UniqueId>,
    /// `set_sql_header`'s text.
    pub sql_header: Option<String>,
    /// The bodies of a function's overloads, in order.
    pub overload_bodies: Vec<String>,
    /// The relations that a model's foreign keys point to, in [`Node::foreign_keys`]' order.
    pub foreign_keys: Vec<String>,
}

impl Compiled {
    /// As the manifest has it.
    pub fn to_artifact(&self) -> CompiledCode {
        CompiledCode {
            compiled_code: Arc::clone(&self.sql),
            extra_ctes_injected: !self.without_ctes,
            extra_ctes: self.extra_ctes.clone(),
        }
    }

    /// Puts into the node what became known when it was compiled.
    pub(crate) fn complete(&self, node: &mut Node) {
        node.compiled = Some(self.to_artifact());
        node.compiled_path.clone_from(&self.path);
        for (to, relation) in node.foreign_keys_mut().zip(&self.foreign_keys) {
            to.clone_from(relation);
        }
        let overloads = node.function.iter_mut().flat_map(|function| &mut function.overloads);
        for (overload, body) in overloads.zip(&self.overload_bodies) {
            overload.compiled_body = Some(body.clone());
        }
        node.relation_name = self.relation_name.clone().or_else(|| node.relation_name.take());
        for called in &self.macros {
            if !node.depends_on.macros.contains(called) {
                node.depends_on.macros.push(called.clone());
            }
        }
    }
}

/// A batch of a microbatch model: `[start, end)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// `20240917`, `20240917T16`.
    pub id: String,
    /// `2024-09-17`, for people and file names.
    pub name: String,
    pub start: chrono::DateTime<chrono::Utc>,
    pub end: chrono::DateTime<chrono::Utc>,
    /// Later batches of a run are incremental whatever the warehouse says.
    pub incremental: bool,
}

/// Nodes of another state that stand in for those not built here (`--defer`).
#[derive(Debug, Clone)]
pub struct Defer {
    /// The state's manifest.
    pub manifest: Arc<artifacts::Manifest>,
    /// `--favor-state`.
    pub favor_state: bool,
    /// The nodes that are being built: never deferred under `favor_state`.
    pub selected: Arc<std::collections::HashSet<UniqueId>>,
}

/// Compiles nodes; each once. Cloning shares what was compiled.
#[derive(Debug, Clone)]
pub struct Compiler {
    pub(crate) manifest: Manifest,
    pub(crate) host: Host,
    pub(crate) defer: Option<Defer>,
    /// `--sample`
    pub(crate) sample: Option<Window>,
    cache: Arc<Mutex<HashMap<UniqueId, Arc<Compiled>>>>,
    /// Where the SQL stands that nodes were run with.
    run_paths: Arc<Mutex<HashMap<UniqueId, String>>>,
    /// The place, from 1, of the project hooks that were run.
    hook_places: Arc<Mutex<HashMap<UniqueId, i64>>>,
    /// Which built-in materializations are run as macros, since the project replaces a part of them.
    overridden: Arc<Mutex<HashMap<String, Option<UniqueId>>>>,
}

impl Compiler {
    /// What templates see of the outside.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// A compiler for one invocation.
    pub fn new(manifest: Manifest, host: Host) -> Self {
        Self {
            manifest,
            host,
            defer: None,
            sample: None,
            cache: Arc::default(),
            run_paths: Arc::default(),
            hook_places: Arc::default(),
            overridden: Arc::default(),
        }
    }

    /// With another state behind it.
    #[must_use]
    pub fn with_defer(mut self, defer: Defer) -> Self {
        self.defer = Some(defer);
        self
    }

    /// Refs and sources with an event time give only rows of a span.
    #[must_use]
    pub fn with_sample(mut self, sample: Option<Window>) -> Self {
        self.sample = sample;
        self
    }

    /// The relation of the other state that stands for a node, with `--defer` and in `clone`.
    pub(crate) fn counterpart(&self, id: &UniqueId) -> Option<Arc<Node>> {
        let manifest = &self.defer.as_ref()?.manifest;
        let other = manifest.nodes.get(id).or_else(|| manifest.functions.get(id))?;
        other.is_relational().then(|| Arc::clone(other))
    }

    /// A node's relation, as SQL writes it.
    pub(crate) fn rendered_relation(&self, node: &Node) -> String {
        node_relation(self.manifest.scope(), node).render()
    }

    /// The manifest that is compiled.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The manifest as it is written, with all that was compiled and run so far.
    pub fn artifact(&self) -> artifacts::Manifest {
        let mut artifact = self.manifest.with_compiled(&self.compiled());
        for (id, path) in self.run_paths.lock().unwrap_or_else(std::sync::PoisonError::into_inner).iter() {
            if let Some(node) = artifact.nodes.get_mut(id) {
                Arc::make_mut(node).build_path = Some(path.clone());
            }
        }
        for (id, place) in self.hook_places.lock().unwrap_or_else(std::sync::PoisonError::into_inner).iter() {
            if let Some(node) = artifact.nodes.get_mut(id) {
                Arc::make_mut(node).index = Some(*place);
            }
        }
        artifact
    }

    /// A project hook's turn has come; the manifest then has its place among those of all packages, from 1, as with dbt.
    pub(crate) fn place_hook(&self, id: &UniqueId, place: i64) {
        self.hook_places.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(id.clone(), place);
    }

    /// Where the SQL is written that a node is run with; the manifest says so from now on.
    pub(crate) fn run_path(&self, node: &Node) -> String {
        let path = self.write_path(node, "run");
        let mut paths = self.run_paths.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        paths.insert(node.unique_id.clone(), path.clone());
        path
    }

    /// All that was compiled so far, in no order: for [`Manifest::with_compiled`].
    pub fn compiled(&self) -> Vec<Arc<Compiled>> {
        self.cache.lock().unwrap_or_else(std::sync::PoisonError::into_inner).values().cloned().collect()
    }

    pub(crate) fn cached(&self, id: &UniqueId) -> Option<Arc<Compiled>> {
        self.cache.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(id).cloned()
    }

    fn remember(&self, compiled: Compiled) -> Arc<Compiled> {
        let compiled = Arc::new(compiled);
        let mut cache = self.cache.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(cache.entry(compiled.id.clone()).or_insert(compiled))
    }
}
