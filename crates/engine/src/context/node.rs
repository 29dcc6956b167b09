//! The context of one node (or macro, or hook) while it renders.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use artifacts::{
    JsonMap,
    manifest::{Node, Ref, ResourceType},
};
use indexmap::IndexSet;
use jinja::{CallArgs, Globals, MacroCall, MacroDef, Result, State, Value};
use names::UniqueId;

use super::{
    Host, ProjectScope, Relation, Table, adapter_object::AdapterObject, builtins, config_object::ConfigObject,
    exceptions::Exceptions, flags::Flags, macros::PackageNamespace, reference::Reference, relation::RelationClass,
    var::Var,
};
use crate::{
    adapter::AdapterResponse,
    compile::{Batch, Compiler},
};

/// What rendering is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// To learn what a node needs; the text is thrown away. Nothing is asked of the warehouse.
    Parse,
    /// `generate_schema_name` and its like: nothing is asked, and nothing is learned.
    Name,
    /// For the text.
    Run,
}

/// What a rendering left behind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Capture {
    pub refs: Vec<Ref>,
    pub sources: Vec<Vec<String>>,
    pub metrics: Vec<Vec<String>>,
    pub functions: Vec<Vec<String>>,
    /// What `config(…)` said, merged.
    pub config: JsonMap,
    /// Macros called by the node itself.
    pub macros: IndexSet<UniqueId>,
    /// Ephemeral models that were referred to.
    pub ephemeral: IndexSet<UniqueId>,
    /// What `write()` was given: the text of `target/run`.
    pub written: Option<String>,
    /// The response of the last statement.
    pub last_response: Option<AdapterResponse>,
    /// The response of the last statement named `main`.
    pub main_response: Option<AdapterResponse>,
}

/// A statement's result under its name.
#[derive(Debug, Clone)]
pub(crate) struct StoredResult {
    pub response: Value,
    pub table: Value,
    pub data: Value,
    pub taken: bool,
}

/// Inputs of a unit test: what `ref` and `source` give instead.
#[derive(Debug, Default)]
pub(crate) struct UnitTestInputs {
    /// Node or source → CTE.
    pub by_id: HashMap<UniqueId, String>,
    /// What stands for `this`.
    pub this: Option<String>,
}

pub(crate) struct Inner {
    pub scope: Arc<ProjectScope>,
    pub host: Host,
    pub phase: Phase,
    pub package: String,
    /// What is rendered; a draft while parsing.
    pub node: Arc<Node>,
    /// Whether it is a macro called from the command line, without a node of its own.
    pub is_macro: bool,
    /// Names that win over all others.
    pub extra: HashMap<String, Value>,
    /// At run time: to resolve what is referred to.
    pub compiler: Option<Compiler>,
    pub batch: Option<Batch>,
    pub inputs: Option<UnitTestInputs>,
    pub overridden_vars: JsonMap,
    pub overridden_env: JsonMap,
    scope_macros: Arc<HashMap<Arc<str>, Arc<MacroDef>>>,
    capture: Mutex<Capture>,
    results: Mutex<HashMap<String, StoredResult>>,
    model: OnceLock<Value>,
    statements: AtomicUsize,
    /// What the code itself put into `context`; hardly ever anything.
    added: OnceLock<Mutex<HashMap<String, Value>>>,
}

/// The names a node sees. Cloning shares them.
#[derive(Clone)]
pub(crate) struct Context(pub(crate) Arc<Inner>);

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<context of {}>", self.0.node.unique_id)
    }
}

/// How a [`Context`] is made.
pub(crate) struct ContextParts {
    pub scope: Arc<ProjectScope>,
    pub host: Host,
    pub phase: Phase,
    pub node: Arc<Node>,
}

impl ContextParts {
    pub fn build(self) -> Context {
        self.build_with(|_| {})
    }

    pub fn build_with(self, change: impl FnOnce(&mut Inner)) -> Context {
        let package = self.node.package_name.clone();
        let scope_macros = Arc::clone(self.scope.macros.scope(&package));
        let mut inner = Inner {
            scope: self.scope,
            host: self.host,
            phase: self.phase,
            package,
            node: self.node,
            is_macro: false,
            extra: HashMap::new(),
            compiler: None,
            batch: None,
            inputs: None,
            overridden_vars: JsonMap::new(),
            overridden_env: JsonMap::new(),
            scope_macros,
            capture: Mutex::default(),
            results: Mutex::default(),
            model: OnceLock::new(),
            statements: AtomicUsize::new(0),
            added: OnceLock::new(),
        };
        change(&mut inner);
        Context(Arc::new(inner))
    }
}

type HostFunction = fn(&Context, &mut State<'_>, CallArgs) -> Result<Value>;

impl Context {
    pub fn capture(&self) -> MutexGuard<'_, Capture> {
        self.0.capture.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn take_capture(&self) -> Capture {
        std::mem::take(&mut *self.capture())
    }

    pub fn results(&self) -> MutexGuard<'_, HashMap<String, StoredResult>> {
        self.0.results.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `execute`: whether the warehouse may be asked.
    pub fn executes(&self) -> bool {
        self.0.phase == Phase::Run && self.0.host.runtime.is_some()
    }

    pub fn is_parsing(&self) -> bool {
        self.0.phase == Phase::Parse
    }

    /// The next statement's name within the node.
    pub fn next_step(&self) -> String {
        format!("statement-{}", self.0.statements.fetch_add(1, Ordering::Relaxed))
    }

    fn function(&self, name: &'static str, function: HostFunction) -> Value {
        let context = self.clone();
        Value::function(name, move |state, args| function(&context, state, args))
    }

    /// The node's own relation.
    pub fn this(&self) -> Option<Relation> {
        let node = &self.0.node;
        if self.0.is_macro || node.resource_type == ResourceType::Operation {
            return None;
        }
        if let Some(inputs) = &self.0.inputs {
            return inputs.this.as_deref().map(Relation::cte);
        }
        Some(node_relation(&self.0.scope, node))
    }

    /// `model`: the node as a mapping, without nulls.
    pub fn model(&self) -> Value {
        let inner = &self.0;
        inner.model.get_or_init(|| super::model::of(&inner.node, inner.batch.as_ref())).clone()
    }

    fn find_macro(&self, name: &str) -> Option<Value> {
        self.0.scope_macros.get(name).map(|found| Value::from(Arc::clone(found)))
    }

    /// The members that macros of the same name may hide, and `builtins` still has.
    fn hideable(&self, name: &str) -> Option<Value> {
        Some(match name {
            "ref" => Value::object(Reference(self.clone())),
            "source" => self.function("source", builtins::source),
            "config" => Value::object(ConfigObject(self.clone())),
            "metric" => self.function("metric", builtins::metric),
            "function" => self.function("function", builtins::function_reference),
            _ => return None,
        })
    }

    fn node_member(&self, name: &str) -> Option<Value> {
        let inner = &self.0;
        Some(match name {
            "this" => self.this().map_or(Value::None, Value::from),
            "model" => self.model(),
            "database" => inner.node.database.clone().into(),
            "schema" => inner.node.schema.clone().into(),
            "sql" | "compiled_code" => match &inner.node.compiled {
                Some(compiled) => Value::Str(Arc::clone(&compiled.compiled_code)),
                None => Value::None,
            },
            "pre_hooks" if !inner.is_macro => hooks(&inner.node, "pre-hook"),
            "post_hooks" if !inner.is_macro => hooks(&inner.node, "post-hook"),
            "defer_relation" => {
                let other = inner.compiler.as_ref().and_then(|compiler| compiler.counterpart(&inner.node.unique_id));
                other.map_or(Value::None, |other| node_relation(&inner.scope, &other).into())
            }
            "graph" => match &inner.compiler {
                Some(compiler) => compiler.manifest().graph_value(),
                None => Value::dict::<&str, Value>([
                    ("nodes", Value::dict::<&str, Value>([])),
                    ("sources", Value::dict::<&str, Value>([])),
                    ("exposures", Value::dict::<&str, Value>([])),
                    ("metrics", Value::dict::<&str, Value>([])),
                    ("groups", Value::dict::<&str, Value>([])),
                ]),
            },
            "execute" => (inner.phase == Phase::Run).into(),
            "load_agate_table" if inner.node.resource_type == ResourceType::Seed => {
                self.function("load_agate_table", builtins::load_agate_table)
            }
            _ => return None,
        })
    }

    fn function_member(&self, name: &str) -> Option<Value> {
        Some(match name {
            "log" => self.function("log", builtins::log),
            "print" => self.function("print", builtins::print),
            "env_var" => self.function("env_var", builtins::env_var),
            "render" => self.function("render", builtins::render),
            "write" => self.function("write", builtins::write),
            "load_result" => self.function("load_result", builtins::load_result),
            "store_result" => self.function("store_result", builtins::store_result),
            "store_raw_result" => self.function("store_raw_result", builtins::store_raw_result),
            "try_or_compiler_error" => self.function("try_or_compiler_error", builtins::try_or_compiler_error),
            "fromyaml" => Value::function("fromyaml", builtins::from_yaml),
            "toyaml" => Value::function("toyaml", builtins::to_yaml),
            "local_md5" => Value::function("local_md5", builtins::local_md5),
            "submit_python_job" => self.function("submit_python_job", builtins::submit_python_job),
            "adapter_macro" => self.function("adapter_macro", builtins::adapter_macro),
            _ => return None,
        })
    }

    fn constant(&self, name: &str) -> Option<Value> {
        let inner = &self.0;
        Some(match name {
            "target" | "env" => inner.scope.target(),
            "project_name" => inner.scope.root.clone().into(),
            "dbt_version" => project::CLAIMED_DBT_VERSION.into(),
            "invocation_id" => inner.host.invocation_id.clone().into(),
            "run_started_at" => inner.host.started_at.into(),
            "thread_id" => super::invocation::thread_id(),
            "modules" => inner.scope.modules.clone()?,
            "flags" => Value::object(Flags(Arc::clone(&inner.host.flags))),
            "var" => Value::object(Var(self.clone())),
            "exceptions" => Value::object(Exceptions(self.clone())),
            "adapter" => Value::object(AdapterObject(self.clone())),
            "api" => Value::dict([
                ("Relation", Value::object(RelationClass { quote: inner.scope.quoting })),
                ("Column", Value::object(super::column::ColumnClass)),
            ]),
            "column" => Value::object(super::column::ColumnClass),
            "dbt_metadata_envs" => {
                Value::dict(inner.host.metadata_env.iter().map(|(name, value)| (name.as_str(), value.as_str())))
            }
            "invocation_args_dict" => Value::from(serde_json::Value::Object((*inner.host.args).clone())),
            "selected_resources" => Value::list(inner.host.selected.iter().map(|id| Value::str(id.as_str())).collect()),
            "sql_now" => "now()".into(),
            "validation" => Value::object(super::config_object::Validation),
            "context_macro_stack" => Value::None,
            _ => return None,
        })
    }
}

impl Globals for Context {
    fn lookup(&self, name: &str) -> Option<Value> {
        if let Some(added) = self.0.added.get()
            && let Some(value) = added.lock().unwrap_or_else(PoisonError::into_inner).get(name)
        {
            return Some(value.clone());
        }
        if let Some(value) = self.0.extra.get(name) {
            return Some(value.clone());
        }
        if let Some(found) = self.find_macro(name) {
            return Some(found);
        }
        if let Some(found) = self
            .hideable(name)
            .or_else(|| self.node_member(name))
            .or_else(|| self.constant(name))
            .or_else(|| self.function_member(name))
        {
            return Some(found);
        }
        match name {
            "builtins" => {
                let names = ["ref", "source", "config", "metric", "function"];
                let more = ["var", "env_var", "log", "return", "target"];
                return Some(Value::dict(names.into_iter().chain(more).filter_map(|name| {
                    let value = self
                        .hideable(name)
                        .or_else(|| self.constant(name))
                        .or_else(|| self.function_member(name))
                        .or_else(|| jinja::modules::builtin(name))?;
                    Some((name, value))
                })));
            }
            "context" => return Some(Value::object(ContextMapping(self.clone()))),
            _ => {}
        }
        if let Some(macros) = self.0.scope.macros.package(name) {
            return Some(Value::object(PackageNamespace { name: name.to_owned(), macros: Arc::clone(macros) }));
        }
        if self.0.phase == Phase::Parse
            && self.0.node.is_generic_test()
            && let Some(found) = self.0.scope.macros.of_all(name)
        {
            // While a test is read, the macros that its own one reaches go by their names alone, whatever package they are of.
            return Some(Value::from(Arc::clone(found)));
        }
        jinja::modules::builtin(name)
    }

    fn enter_macro(&self, call: &MacroCall, depth: usize) {
        if depth == 0 {
            self.capture().macros.insert(UniqueId::new(Arc::clone(&call.id)));
        }
    }
}

/// `context`: all names as a mapping.
#[derive(Debug)]
struct ContextMapping(Context);

impl jinja::Object for ContextMapping {
    fn type_name(&self) -> &str {
        "dict"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        self.0.lookup(name)
    }

    fn get_item(&self, key: &Value) -> Option<Value> {
        self.0.lookup(key.as_str()?)
    }

    fn contains(&self, item: &Value) -> Option<bool> {
        Some(item.as_str().is_some_and(|name| self.0.lookup(name).is_some()))
    }

    fn has_method(&self, name: &str) -> bool {
        matches!(name, "get" | "update")
    }

    fn call_method(&self, state: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        if name == "update" {
            let keyword = args.keyword.iter().map(|(name, value)| (Value::str(Arc::clone(name)), value.clone()));
            let given = args.positional.iter().filter_map(Value::as_dict).flat_map(jinja::Dict::entries);
            let mut added = self.0.0.added.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
            added.extend(given.chain(keyword).map(|(name, value)| (name.to_string(), value)));
            return Ok(Value::None);
        }
        if name == "get" {
            let [key, default] = args.bind("get", ["key", "default"], 1)?;
            let found = key.as_ref().and_then(Value::as_str).and_then(|key| self.0.lookup(key));
            return Ok(found.or(default).unwrap_or(Value::None));
        }
        match self.0.lookup(name) {
            Some(function) => state.call(&function, args),
            None => state.call_missing("dict", name),
        }
    }
}

/// A node's place, quoted as project and node say.
pub(crate) fn node_relation(scope: &ProjectScope, node: &Node) -> Relation {
    // The config `quoting` of a node has no effect in dbt.
    Relation::new(node.database.as_deref(), &node.schema, &node.alias, scope.quoting)
}

fn hooks(node: &Node, key: &str) -> Value {
    if matches!(node.resource_type, ResourceType::Test) {
        return Value::list(Vec::new());
    }
    node.config.get(key).map_or_else(|| Value::list(Vec::new()), Value::from)
}

/// A statement's result as `load_result` gives it.
pub(crate) fn result_value(stored: &StoredResult) -> Value {
    Value::dict([("response", stored.response.clone()), ("data", stored.data.clone()), ("table", stored.table.clone())])
}

/// The rows of a table value as tuples.
pub(crate) fn table_data(table: &Value) -> Value {
    match table.downcast_ref::<Table>() {
        Some(table) => Value::list(table.rows().map(|row| Value::tuple(row.to_vec())).collect()),
        None => Value::list(Vec::new()),
    }
}
