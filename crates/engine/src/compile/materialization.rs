//! Materializations that are macros: those written in the project, as `{% materialization my_table, adapter='athena' %}`, and the
//! built-in ones where the project replaces a macro that they call. All other nodes are built by plans of the adapter.

use std::sync::{Arc, PoisonError};

use artifacts::manifest::{CompiledCode, Node, ResourceType};
use diagnostic::Diagnostic;
use jinja::{CallArgs, MacroDef, State, UndefinedMode, Value};
use names::{RelationName, UniqueId};

use super::{Batch, Compiled, Compiler};
use crate::{
    adapter::{AdapterResponse, ResultTable},
    context::{GLOBAL_PACKAGE, Relation, Table, node::Context},
    parse::{errors, resolve::nearest},
};

/// The materializations that are plans of the adapter.
const BUILT_IN: [&str; 10] =
    ["view", "table", "incremental", "ephemeral", "seed", "snapshot", "test", "unit", "function", "clone"];

/// Those that dbt-athena has for itself: a project's own for any adapter does not replace them.
const OF_ADAPTER: [&str; 4] = ["view", "table", "incremental", "snapshot"];

/// Those that dbt has for any adapter.
const OF_DBT: [&str; 9] = ["view", "table", "incremental", "seed", "snapshot", "test", "unit", "function", "clone"];

const CLONE: &str = "clone";

/// What a materialization did.
#[derive(Debug, Clone, Default)]
pub struct MaterializationOutcome {
    /// The relations it returned.
    pub relations: Vec<RelationName>,
    /// The response of its `main` statement.
    pub response: AdapterResponse,
    /// The rows of its `main` statement, where it fetched them.
    pub rows: ResultTable,
    /// What it sent as `main`: the text of `target/run`.
    pub run_sql: String,
}

/// One batch of a microbatch model, as its materialization builds it.
#[derive(Debug, Clone)]
pub struct BatchRun<'a> {
    pub batch: &'a Batch,
    pub compiled: &'a Compiled,
    /// Hooks run before the first batch and after the last.
    pub hooks: BatchHooks,
}

/// Which of a model's hooks a batch runs.
#[derive(Debug, Clone, Copy)]
pub struct BatchHooks {
    pub before: bool,
    pub after: bool,
}

impl Compiler {
    /// The macro that builds this node; `None` when a plan of the adapter does.
    ///
    /// # Errors
    /// `No materialization 'x' was found for adapter athena!`
    pub fn materialization(&self, id: &UniqueId) -> Result<Option<UniqueId>, Diagnostic> {
        let node = self.known(id)?;
        self.materialization_of(&node, node.materialized())
    }

    /// The macro that builds a node in a way that need not be its own.
    pub(super) fn materialization_of(&self, node: &Node, name: &str) -> Result<Option<UniqueId>, Diagnostic> {
        let macros = &self.manifest.scope().macros;
        let adapter = self.host.adapter.type_name();
        let built_in = |specific: &str| match specific {
            "default" => OF_DBT.contains(&name),
            _ => OF_ADAPTER.contains(&name),
        };
        let packages_replace = self.manifest.scope().packages_replace_materializations;
        match macros.find_materialization(name, built_in, packages_replace) {
            Some(found) if name != node.materialized() => Ok(Some(UniqueId::new(found.id()))),
            Some(found) => knows_language(found, node).map(|()| Some(UniqueId::new(found.id()))),
            None if BUILT_IN.contains(&name) => self.built_in_as_macro(node, name),
            None => {
                let near = nearest(name, BUILT_IN.into_iter().chain(macros.materializations()));
                Err(Diagnostic::error(format!(
                    "Compilation Error in {} {} ({})\n  No materialization '{name}' was found for adapter {adapter}! (searched types 'default' and '{adapter}')",
                    node.resource_type, node.name, node.original_file_path
                ))
                .cause("neither the engine nor the project, nor a package of it, defines it")
                .fix(near.map_or_else(|| "correct `materialized`".to_owned(), |near| format!("did you mean '{near}'?"))))
            }
        }
    }

    /// The built-in materialization as a macro, if the project or a package has a macro in place of one that it calls: then that macro
    /// has its effect, as in dbt. Python models are built by it too: plans are SQL.
    fn built_in_as_macro(&self, node: &Node, name: &str) -> Result<Option<UniqueId>, Diagnostic> {
        let macros = &self.manifest.scope().macros;
        let is_generic_test = node.test_metadata.is_some();
        // A snapshot's strategy is found by its name.
        let strategy = node.config_str("strategy").filter(|_| name == "snapshot").unwrap_or_default();
        let key = format!("{} {name} {strategy} {is_generic_test}", node.package_name);
        let of_dbt = |name: String| macros.find_in(GLOBAL_PACKAGE, &name).cloned();
        let specific = [self.host.adapter.type_name(), "default"];
        let built_in = specific.into_iter().find_map(|part| of_dbt(format!("materialization_{name}_{part}")));
        let is_model = node.resource_type == ResourceType::Model && name == node.materialized();
        if node.language == "python" && is_model {
            let built_in = built_in.ok_or_else(|| only_sql(node, name, "dbt", &["sql".to_owned()]))?;
            return knows_language(&built_in, node).map(|()| Some(UniqueId::new(built_in.id())));
        }
        let mut known = self.overridden.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(&key) {
            return Ok(found.clone());
        }
        let found = built_in.filter(|built_in| {
            let strategy = of_dbt(format!("snapshot_{strategy}_strategy"));
            // A clone calls the materialization of views by a name that it puts together.
            let view = macros.find(&node.package_name, "materialization_view_athena").filter(|_| name == "clone");
            if view.is_some_and(|view| !macros.is_internal(view.id())) {
                return true;
            }
            let callers = std::iter::once(Arc::clone(built_in)).chain(strategy).chain(view.cloned()).collect();
            let dispatcher = (!is_generic_test).then_some(node.package_name.as_str());
            // The plan compares keys with `=`.
            let is_otherwise = name == "snapshot" && self.manifest.scope().equals_compares_nulls;
            is_otherwise || macros.first_override(&node.package_name, dispatcher, callers).is_some()
        });
        let found = found.map(|built_in| UniqueId::new(built_in.id()));
        known.insert(key, found.clone());
        Ok(found)
    }

    /// Runs the materialization macro that [`Compiler::materialization`] found, with the node's compiled SQL.
    /// It runs the node's hooks itself.
    ///
    /// # Errors
    /// Whatever it runs into, or an answer that is not `{'relations': […]}`.
    pub fn run_materialization(&self, id: &UniqueId) -> Result<MaterializationOutcome, Diagnostic> {
        let node = self.known(id)?;
        if node.resource_type != ResourceType::Seed {
            self.compile(id)?;
        }
        let node = self.compiled_node(&node);
        let context = self.context(&node, |_| {});
        self.run_materialization_in(&node, node.materialized(), &context)
    }

    /// As [`Compiler::run_materialization`], for one batch of a microbatch model.
    ///
    /// # Errors
    /// As there.
    pub fn run_batch_materialization(
        &self,
        id: &UniqueId,
        run: &BatchRun<'_>,
    ) -> Result<MaterializationOutcome, Diagnostic> {
        let mut node = Node::clone(&*self.known(id)?);
        node.compiled = Some(run.compiled.to_artifact());
        node.compiled_path.clone_from(&run.compiled.path);
        for (key, keeps) in [("pre-hook", run.hooks.before), ("post-hook", run.hooks.after)] {
            if !keeps {
                node.config.insert(key.to_owned(), serde_json::Value::Array(Vec::new()));
            }
        }
        let node = Arc::new(node);
        let context = self.context(&node, |inner| super::node::in_batch(inner, run.batch));
        self.run_materialization_in(&node, node.materialized(), &context)
    }

    /// Makes a node a clone of its counterpart in the other state by the macro, if a macro does: the outer `None` is that of
    /// [`Compiler::materialization`], the inner one a clone that had nothing to do.
    ///
    /// # Errors
    /// As [`Compiler::run_materialization`].
    pub fn run_clone(&self, id: &UniqueId) -> Result<Option<Option<MaterializationOutcome>>, Diagnostic> {
        let node = self.known(id)?;
        if self.materialization_of(&node, CLONE)?.is_none() {
            return Ok(None);
        }
        let mut node = Node::clone(&node);
        node.compiled = self.counterpart(id).map(|other| {
            let sql = format!("select * from {}", self.rendered_relation(&other));
            CompiledCode { compiled_code: sql.into(), extra_ctes_injected: true, ..CompiledCode::default() }
        });
        let node = Arc::new(node);
        let context = self.context(&node, |_| {});
        match self.call_materialization(&node, CLONE, &context)? {
            Called { main: None, .. } => Ok(Some(None)),
            called => Ok(Some(Some(called.outcome(&node)?))),
        }
    }

    pub(super) fn run_materialization_in(
        &self,
        node: &Arc<Node>,
        name: &str,
        context: &Context,
    ) -> Result<MaterializationOutcome, Diagnostic> {
        self.call_materialization(node, name, context)?.outcome(node)
    }

    fn call_materialization(
        &self,
        node: &Arc<Node>,
        materialized: &str,
        context: &Context,
    ) -> Result<Called, Diagnostic> {
        let Some(macro_id) = self.materialization_of(node, materialized)? else {
            return Err(Diagnostic::error(format!("'{materialized}' is built by a plan of the adapter")));
        };
        let Some(definition) = self.manifest.scope().macros.get(macro_id.as_str()).cloned() else {
            return Err(Diagnostic::error(format!("'{macro_id}' is not among the macros")));
        };
        self.tell_of_package(materialized, definition.id())?;
        let name = Arc::clone(&definition.name);
        let mut state = State::new(context, UndefinedMode::Strict);
        let answer = state
            .call(&Value::from(definition), CallArgs::default())
            .map_err(|error| errors::in_node(node, &error, 0))?;
        let relations = relations(&answer).ok_or_else(|| {
            let sentence = match answer.as_str() {
                Some(_) => format!(
                    "The materialization (\"{materialized}\") did not explicitly return a list of relations to add to the cache."
                ),
                None => "Invalid return value from materialization, expected a dict with key \"relations\"".to_owned(),
            };
            wrong(node, "Compilation", &sentence)
                .cause(format!("'{name}' answered {}", answer.type_name()))
                .fix("end it with {{ return({'relations': [target_relation]}) }}")
        })?;
        let capture = context.take_capture();
        let main = capture.main_response.zip(context.results().remove("main").map(|main| main.table));
        Ok(Called { name, relations, main, written: capture.written })
    }

    /// A package's materialization in the place of dbt's own, which the project's flags allow, is deprecated.
    fn tell_of_package(&self, name: &str, macro_id: &str) -> Result<(), Diagnostic> {
        let package = macro_id.split('.').nth(1).unwrap_or_default();
        let is_built_in = OF_DBT.contains(&name) || OF_ADAPTER.contains(&name);
        let is_own = self.manifest.scope().macros.is_internal(macro_id);
        if !is_built_in || is_own || package == self.manifest.scope().root {
            return Ok(());
        }
        let what = format!(
            "Installed package '{package}' is overriding the built-in materialization '{name}'. Overrides of built-in materializations from installed packages will be deprecated in future versions of dbt."
        );
        self.host.events.deprecated("PackageMaterializationOverrideDeprecation", &what).map_err(|what| {
            Diagnostic::error(what)
                .cause("the flag require_explicit_package_overrides_for_builtin_materializations is off")
                .fix("define the materialization in the project itself, and call the package's from it")
        })
    }
}

fn knows_language(found: &MacroDef, node: &Node) -> Result<(), Diagnostic> {
    let languages = languages(found);
    if languages.contains(&node.language) { Ok(()) } else { Err(only_sql(node, &found.name, found.id(), &languages)) }
}

fn only_sql(node: &Node, materialization: &str, id: &str, languages: &[String]) -> Diagnostic {
    let languages = languages.join("', '");
    Diagnostic::error(format!(
        "Validation Error in {} {} ({})\n  Materialization \"{materialization}\" only supports languages ['{languages}']; got \"{}\"",
        node.resource_type, node.name, node.original_file_path, node.language
    ))
    .cause(format!("`supported_languages` of {id} leaves it out"))
    .fix("write the model in another language, or extend the list")
}

/// How a materialization's macro ended.
struct Called {
    name: Arc<str>,
    relations: Vec<RelationName>,
    /// Response and table of the statement of this name.
    main: Option<(AdapterResponse, Value)>,
    written: Option<String>,
}

impl Called {
    /// Its `main` statement is what is told of.
    fn outcome(self, node: &Node) -> Result<MaterializationOutcome, Diagnostic> {
        let Some((response, table)) = self.main else {
            return Err(wrong(node, "Runtime", "main is not being called during running model")
                .cause(format!("'{}' has no statement named `main`, of which the result is told", self.name))
                .fix("send the statement that builds the node in {% call statement('main') %}…{% endcall %}"));
        };
        let rows = table.downcast_ref::<Table>().map(Table::to_result).unwrap_or_default();
        let run_sql = self.written.unwrap_or_default();
        Ok(MaterializationOutcome { relations: self.relations, response, rows, run_sql })
    }
}

fn wrong(node: &Node, kind: &str, what: &str) -> Diagnostic {
    Diagnostic::error(format!(
        "{kind} Error in {} {} ({})\n  {what}",
        node.resource_type, node.name, node.original_file_path
    ))
}

/// What a materialization can build: SQL, unless it says otherwise.
fn languages(found: &MacroDef) -> Vec<String> {
    match found.supported_languages.as_slice() {
        [] => vec!["sql".to_owned()],
        languages => languages.to_vec(),
    }
}

fn relations(answer: &Value) -> Option<Vec<RelationName>> {
    let list = answer.as_dict()?.get("relations")?;
    let items = list.as_list()?.items();
    items.iter().map(|item| item.downcast_ref::<Relation>().map(Relation::name)).collect()
}
