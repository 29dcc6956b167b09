//! One node's SQL.

use std::sync::Arc;

use artifacts::manifest::{DependsOn, ExtraCte, Node, Ref, ResourceType};
use diagnostic::Diagnostic;
use indexmap::IndexMap;
use jinja::{Template, UndefinedMode, Value};
use names::UniqueId;
use project::{properties::VersionNumber, yaml};
use serde_json::Value as Json;

use super::{Batch, Compiled, Compiler, ctes};
use crate::{
    context::{
        Relation, RowFilter,
        node::{Context, ContextParts, Inner, Phase, node_relation},
    },
    manifest::Found,
    parse::{errors, read_reference, resolve::nearest, tests},
    run::event_time::{Window, python_text},
};

impl Compiler {
    /// A node's SQL. Compiled once; ephemeral parents are compiled with it.
    ///
    /// # Errors
    /// What dbt calls a compilation error, with the macros that were running; or a query of the model's own that failed.
    pub fn compile(&self, id: &UniqueId) -> Result<Arc<Compiled>, Diagnostic> {
        if let Some(compiled) = self.cached(id) {
            return Ok(compiled);
        }
        let node = self.known(id)?;
        let (compiled, _) = self.compile_node(&node, |_| {})?;
        Ok(self.remember(compiled))
    }

    /// The SQL of one batch of a microbatch model; never cached.
    ///
    /// # Errors
    /// As [`Compiler::compile`].
    pub fn compile_batch(&self, id: &UniqueId, batch: &Batch) -> Result<Compiled, Diagnostic> {
        let node = self.known(id)?;
        let (mut compiled, _) = self.compile_node(&node, |inner| in_batch(inner, batch))?;
        if let Some(path) = &mut compiled.path {
            let stem = path.strip_suffix(".sql").unwrap_or(path).to_owned();
            let name = stem.rsplit('/').next().unwrap_or_default().to_owned();
            *path = format!("{stem}/{name}_{}.sql", batch.name);
        }
        Ok(compiled)
    }

    /// The SQL of a query that is in no file (`show --inline`, `owlet sql`).
    ///
    /// # Errors
    /// As [`Compiler::compile`].
    pub fn compile_inline(&self, sql: &str) -> Result<Compiled, Diagnostic> {
        let root = self.manifest.root_package().to_owned();
        let node = Arc::new(Node {
            name: "inline_query".to_owned(),
            resource_type: ResourceType::SqlOperation,
            unique_id: UniqueId::new(format!("sql_operation.{root}.inline_query")),
            fqn: vec![root.clone(), "sql".to_owned(), "inline_query".to_owned()],
            package_name: root,
            path: "sql/inline_query".to_owned(),
            original_file_path: "from remote system.sql".to_owned(),
            alias: "inline_query".to_owned(),
            raw_code: Arc::from(sql),
            language: "sql".to_owned(),
            database: Some(self.host.adapter.database().to_owned()),
            schema: self.host.adapter.schema().to_owned(),
            ..Node::default()
        });
        let (mut compiled, _) = self.compile_node(&node, |_| {})?;
        compiled.path = None;
        Ok(compiled)
    }

    pub(super) fn known(&self, id: &UniqueId) -> Result<Arc<Node>, Diagnostic> {
        self.manifest.node(id.as_str()).map(Arc::clone).ok_or_else(|| {
            Diagnostic::error(format!("Internal Error\n  no node '{id}' in the manifest"))
                .cause("it was asked for by an id that parsing did not give")
                .fix("please report this")
        })
    }

    pub(super) fn context(&self, node: &Arc<Node>, change: impl FnOnce(&mut Inner)) -> Context {
        let parts = ContextParts {
            scope: Arc::clone(self.manifest.scope()),
            host: self.host.clone(),
            phase: Phase::Run,
            node: Arc::clone(node),
        };
        parts.build_with(|inner| {
            inner.compiler = Some(self.clone());
            change(inner);
        })
    }

    /// Renders a node and puts its CTEs in.
    pub(super) fn compile_node(
        &self,
        node: &Arc<Node>,
        change: impl FnOnce(&mut Inner),
    ) -> Result<(Compiled, Context), Diagnostic> {
        let fail = |error: &jinja::Error| errors::in_node(node, error, 0);
        let mut arguments = None;
        if let Some(test) = &node.test_metadata {
            let context = self.context(node, |_| {});
            let rendered =
                tests::render_arguments(&context, &test.kwargs, UndefinedMode::Strict).map_err(|e| fail(&e))?;
            arguments = Some((rendered, context.take_capture()));
        }
        let (arguments, before) =
            arguments.map_or((None, None), |(arguments, capture)| (Some(arguments), Some(capture)));
        let context = self.context(node, |inner| {
            change(inner);
            if let Some(arguments) = arguments {
                inner.extra.insert(tests::ARGUMENTS.to_owned(), arguments);
            }
        });
        if let Some(before) = before {
            *context.capture() = before;
        }
        let is_python = node.language == "python" && node.resource_type == ResourceType::Model;
        let rendered = if is_python {
            let postfix = Template::compile("{{ py_script_postfix(model) }}", &node.original_file_path);
            let postfix = postfix.and_then(|template| template.render(&context, UndefinedMode::Strict));
            format!("{}\n\n{}", node.raw_code, postfix.map_err(|error| fail(&error))?)
        } else if project::has_jinja(&node.raw_code) {
            let template = Template::compile(&node.raw_code, &node.original_file_path).map_err(|error| fail(&error))?;
            template.render(&context, UndefinedMode::Strict).map_err(|error| fail(&error))?
        } else {
            node.raw_code.to_string()
        };
        let mut overload_bodies = Vec::new();
        for overload in node.function.iter().flat_map(|function| &function.overloads) {
            let body = overload.raw_body.as_deref().unwrap_or_default();
            let template = Template::compile(body, &overload.defined_in).map_err(|error| fail(&error))?;
            overload_bodies.push(template.render(&context, UndefinedMode::Strict).map_err(|error| fail(&error))?);
        }
        let ephemeral: Vec<UniqueId> = context.capture().ephemeral.iter().cloned().collect();
        let without_ctes = self.host.flags.get("inject_ephemeral_ctes") == Some(&Json::Bool(false));
        let (extra_ctes, sql) = if without_ctes {
            // As dbt writes what it has not compiled.
            let unknown = |id| ExtraCte { id, sql: "None".to_owned() };
            (ephemeral.into_iter().map(unknown).collect(), rendered)
        } else {
            let extra_ctes = self.extra_ctes(&ephemeral)?;
            let sql = if is_python { rendered } else { ctes::inject(&rendered, &extra_ctes) };
            (extra_ctes, sql)
        };
        let compiled = Compiled {
            id: node.unique_id.clone(),
            sql: Arc::from(sql),
            extra_ctes,
            without_ctes,
            // As dbt: code that lacks its CTEs is in no file.
            path: (!without_ctes).then(|| self.write_path(node, "compiled")),
            relation_name: node.relation_name.clone().or_else(|| self.relation_of_failures(node)),
            macros: context.capture().macros.iter().cloned().collect(),
            sql_header: node.config_str("sql_header").map(str::to_owned),
            overload_bodies,
            foreign_keys: node.foreign_keys().map(|to| self.foreign_key(node, to)).collect::<Result<_, _>>()?,
        };
        Ok((compiled, context))
    }

    /// The relation of a test whose failures `--store-failures` keeps; what its config says is known since it was read.
    fn relation_of_failures(&self, node: &Node) -> Option<String> {
        let is_on = self.host.flags.get("store_failures").and_then(Json::as_bool).unwrap_or(false);
        let is_test = node.resource_type == ResourceType::Test;
        (is_on && is_test).then(|| node_relation(self.manifest.scope(), node).render())
    }

    /// The relation that a foreign key's `to` names: the other state's with `--defer`, unless the model is one of those built here.
    fn foreign_key(&self, node: &Node, to: &str) -> Result<String, Diagnostic> {
        let (lookup, root) = (self.manifest.lookup(), self.manifest.root_package());
        let named = read_reference(to);
        let found =
            named.as_ref().and_then(|named| match (named.refs.first(), named.sources.first().map(Vec::as_slice)) {
                (Some(of), _) => {
                    let version = of.version.as_ref();
                    match lookup.find_ref(&of.name, of.package.as_deref(), version, &node.package_name, root) {
                        Found::One(id) => Some(id),
                        Found::Ambiguous(_) | Found::Nothing => None,
                    }
                }
                (_, Some([source, table])) => lookup.find_source(source, table, &node.package_name, root),
                _ => None,
            });
        let Some(id) = found else {
            return Err(Diagnostic::error(format!(
                "{} depends on a node named '{to}' which was not found",
                node.unique_id
            ))
            .cause("a foreign key's `to` points to a model or source that is not there")
            .fix("correct it, or remove the constraint"));
        };
        let scope = self.manifest.scope();
        if let Some(source) = self.manifest.source(id.as_str()) {
            let quote = crate::context::PartFlags::default().with(&source.quoting);
            return Ok(Relation::new(source.database.as_deref(), &source.schema, &source.identifier, quote).render());
        }
        let built_elsewhere = self.defer.as_ref().filter(|defer| !defer.selected.contains(&id));
        if let Some(other) = built_elsewhere.and_then(|_| self.counterpart(&id)) {
            return Ok(node_relation(scope, &other).render());
        }
        Ok(node_relation(scope, &*self.known(&id)?).render())
    }

    /// Nested CTEs first, each once. Inside a CTE the model's own SQL stands without the CTEs it needs itself.
    fn extra_ctes(&self, ephemeral: &[UniqueId]) -> Result<Vec<ExtraCte>, Diagnostic> {
        let mut found: IndexMap<UniqueId, ExtraCte> = IndexMap::new();
        for id in ephemeral {
            let node = self.known(id)?;
            let (own, nested) = self.ephemeral_sql(&node)?;
            for cte in nested {
                found.entry(cte.id.clone()).or_insert(cte);
            }
            let name = format!("__dbt__cte__{}", node.alias);
            found.entry(id.clone()).or_insert_with(|| ExtraCte { id: id.clone(), sql: ctes::cte(&name, &own) });
        }
        Ok(found.into_values().collect())
    }

    /// An ephemeral model's SQL without its CTEs, and those.
    fn ephemeral_sql(&self, node: &Arc<Node>) -> Result<(String, Vec<ExtraCte>), Diagnostic> {
        let compiled = self.compile(&node.unique_id).map_err(|mut diagnostic| {
            if diagnostic.cause.is_none() {
                diagnostic.cause = Some(format!("it is in the ephemeral model {}", node.unique_id));
            }
            diagnostic
        })?;
        if compiled.extra_ctes.is_empty() {
            return Ok((compiled.sql.to_string(), Vec::new()));
        }
        let context = self.context(node, |_| {});
        let template = Template::compile(&node.raw_code, &node.original_file_path)
            .map_err(|error| errors::in_node(node, &error, 0))?;
        let own = template.render(&context, UndefinedMode::Strict).map_err(|error| errors::in_node(node, &error, 0))?;
        Ok((own, compiled.extra_ctes.clone()))
    }

    /// Where dbt writes a node's text: `target/<compiled|run>/<package>/<file>`.
    pub fn write_path(&self, node: &Node, below: &str) -> String {
        let original = node.original_file_path.as_str();
        let base = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let target = &self.host.target_path;
        let package = &node.package_name;
        let nested = node.resource_type == ResourceType::Snapshot || base(&node.path) != base(original);
        if !nested {
            return format!("{target}/{below}/{package}/{original}");
        }
        let file = match node.resource_type {
            ResourceType::Snapshot => format!("{}.sql", node.name),
            _ => node.path.clone(),
        };
        format!("{target}/{below}/{package}/{original}/{file}")
    }

    /// What `ref()` means while a node is compiled.
    pub(crate) fn resolve_ref(&self, context: &Context, wanted: &Ref) -> Result<Relation, Diagnostic> {
        let inner = &context.0;
        let node = &inner.node;
        let found = self.manifest.lookup().find_ref(
            &wanted.name,
            wanted.package.as_deref(),
            wanted.version.as_ref(),
            &inner.package,
            self.manifest.root_package(),
        );
        let id = match found {
            Found::One(id) => id,
            Found::Ambiguous(ids) => {
                let names: Vec<&str> = ids.iter().map(UniqueId::as_str).collect();
                return Err(Diagnostic::error(format!(
                    "When referencing '{}', dbt found nodes in multiple packages: {}",
                    wanted.name,
                    names.join(", ")
                ))
                .fix(format!("write ref('<package>', '{}')", wanted.name)));
            }
            Found::Nothing => {
                let near = nearest(&wanted.name, self.manifest.lookup().ref_names());
                let mut target = wanted.name.clone() + "'";
                if let Some(version) = &wanted.version {
                    let version = version.as_str().map_or_else(|| version.to_string(), str::to_owned);
                    target.push_str(&format!(" with version '{version}'"));
                }
                if let Some(package) = &wanted.package {
                    target.push_str(&format!(" in package or project '{package}'"));
                }
                let what = format!("{} depends on a node named '{target} which was not found", node.unique_id);
                return Err(Diagnostic::error(what).cause("no model, seed or snapshot has this name").fix(
                    near.map_or_else(|| "correct the name".to_owned(), |near| format!("did you mean '{near}'?")),
                ));
            }
        };
        if let Some(inputs) = &inner.inputs {
            return match inputs.by_id.get(&id) {
                Some(cte) => Ok(Relation::cte(cte)),
                None => Err(Diagnostic::error(format!(
                    "{} depends on a node named '{}' which was not found",
                    node.unique_id, wanted.name
                ))
                .cause(format!("the unit test gives no rows for ref('{}')", wanted.name))
                .fix(format!("add `- input: ref('{}')` below `given:`", wanted.name))),
            };
        }
        let free = inner.is_macro
            || matches!(
                node.resource_type,
                ResourceType::Operation | ResourceType::SqlOperation | ResourceType::Source
            );
        if !free && !node.depends_on.nodes.contains(&id) && node.attached_node.as_ref() != Some(&id) {
            return Err(not_inferred(node, wanted));
        }
        let Some(target) = self.manifest.node(id.as_str()) else {
            return Err(Diagnostic::error(format!("'{id}' is not in the manifest")));
        };
        if wanted.version.is_none() && target.version.is_some() {
            self.tell_newer_version(node, target);
        }
        if target.is_ephemeral() {
            if node.resource_type == ResourceType::Operation || inner.is_macro {
                return Err(Diagnostic::error(format!(
                    "Operations can not ref() ephemeral nodes, but {} is ephemeral",
                    target.name
                ))
                .fix("give the model another materialization, or do not refer to it here"));
            }
            context.capture().ephemeral.insert(id);
            let filter = self.row_filter(context, target.config_str("event_time"));
            return Ok(Relation { filter, ..Relation::cte(&format!("__dbt__cte__{}", target.alias)) });
        }
        let mut relation = match self.deferred(context, target)? {
            Some(relation) => relation,
            None => node_relation(&inner.scope, target),
        };
        relation.filter = self.row_filter(context, target.config_str("event_time"));
        Ok(relation)
    }

    /// Tells of a version that a reference without one does not mean yet: it is newer than the latest.
    fn tell_newer_version(&self, node: &Node, target: &Node) {
        let number = |version: &Json| VersionNumber::of(&yaml::Value::from_json(version));
        let siblings = self.manifest.artifact().nodes.values().filter(|other| other.name == target.name);
        let newest = siblings.filter_map(|other| number(other.version.as_ref()?)).max();
        let latest = target.latest_version.as_ref().and_then(number);
        let Some((newest, latest)) = newest.zip(latest).filter(|(newest, latest)| newest > latest) else { return };
        let (name, package) = (&target.name, &target.package_name);
        let text = format!(
            "While compiling '{}':\n\
             Found an unpinned reference to versioned model '{name}' in project '{package}'.\n\
             Resolving to latest version: {name}.v{latest}\n\
             A prerelease version {newest} is available. It has not yet been marked 'latest' by its maintainer.\n\
             When that happens, this reference will resolve to {name}.v{newest} instead.\n\n  \
             Try out v{newest}: {{{{ ref('{package}', '{name}', v='{newest}') }}}}\n  \
             Pin to  v{latest}: {{{{ ref('{package}', '{name}', v='{latest}') }}}}\n",
            node.name
        );
        self.host.events.note("UnpinnedRefNewVersionAvailable", &text);
    }

    /// The other state's relation, where it stands in for this one.
    fn deferred(&self, context: &Context, target: &Node) -> Result<Option<Relation>, Diagnostic> {
        let Some(defer) = &self.defer else { return Ok(None) };
        let Some(other) = self.counterpart(&target.unique_id) else { return Ok(None) };
        let favored = defer.favor_state && !defer.selected.contains(&target.unique_id);
        let use_other = favored
            || match &self.host.runtime {
                Some(runtime) => {
                    let name = target.relation();
                    let exists = runtime
                        .block_on(self.host.adapter.get_relation(&name))
                        .map_err(|error| (*error.diagnostic).clone())?;
                    exists.is_none()
                }
                None => false,
            };
        Ok(use_other.then(|| node_relation(&context.0.scope, &other)))
    }

    /// The rows that a ref or a source gives: a batch's, a sample's, none, or all.
    fn row_filter(&self, context: &Context, event_time: Option<&str>) -> RowFilter {
        let inner = &context.0;
        let is_empty = self.host.flag("empty");
        let filters = matches!(inner.node.resource_type, ResourceType::Model | ResourceType::Snapshot);
        let window = match (&inner.batch, self.sample) {
            (Some(batch), Some(sample)) => {
                Some(Window { start: batch.start.max(sample.start), end: batch.end.min(sample.end) })
            }
            (Some(batch), None) => Some(Window { start: batch.start, end: batch.end }),
            (None, sample) => sample,
        };
        match (event_time, window) {
            (Some(field), Some(window)) if filters => {
                let (start, end) = (python_text(window.start), python_text(window.end));
                RowFilter::EventTime {
                    condition: self.host.adapter.event_time_condition(field, &start, &end),
                    is_empty,
                }
            }
            _ if is_empty => RowFilter::Empty,
            _ => RowFilter::All,
        }
    }

    /// What `source()` means while a node is compiled.
    pub(crate) fn resolve_source(&self, context: &Context, source: &str, table: &str) -> Result<Relation, Diagnostic> {
        let inner = &context.0;
        let lookup = self.manifest.lookup();
        let found = lookup.find_source(source, table, &inner.package, self.manifest.root_package());
        let Some(id) = found else {
            let wanted = format!("{source}.{table}");
            let near = nearest(&wanted, lookup.source_names());
            return Err(Diagnostic::error(format!(
                "{} depends on a source named '{wanted}' which was not found",
                inner.node.unique_id
            ))
            .cause("no property file declares it")
            .fix(
                near.map_or_else(|| "declare it below `sources:`".to_owned(), |near| format!("did you mean '{near}'?")),
            ));
        };
        if let Some(inputs) = &inner.inputs {
            return match inputs.by_id.get(&id) {
                Some(cte) => Ok(Relation::cte(cte)),
                None => Err(Diagnostic::error(format!(
                    "{} depends on a source named '{source}.{table}' which was not found",
                    inner.node.unique_id
                ))
                .cause("the unit test gives no rows for it")
                .fix(format!("add `- input: source('{source}', '{table}')` below `given:`"))),
            };
        }
        let Some(target) = self.manifest.source(id.as_str()) else {
            return Err(Diagnostic::error(format!("'{id}' is not in the manifest")));
        };
        let quote = crate::context::PartFlags::default().with(&target.quoting);
        let mut relation = Relation::new(target.database.as_deref(), &target.schema, &target.identifier, quote);
        let event_time = target.config.get("event_time").and_then(serde_json::Value::as_str);
        relation.filter = self.row_filter(context, event_time);
        Ok(relation)
    }

    /// What `function()` means while a node is compiled: `name`, or `package` and `name`.
    pub(crate) fn resolve_function(&self, context: &Context, parts: &[String]) -> Result<Relation, Diagnostic> {
        let inner = &context.0;
        let lookup = self.manifest.lookup();
        let found = parts.split_last().and_then(|(name, package)| {
            let package = package.first().map(String::as_str);
            lookup.find_function(name, package, &inner.package, self.manifest.root_package())
        });
        let Some(target) = found.as_ref().and_then(|id| self.manifest.node(id.as_str())) else {
            let name = parts.last().map_or("", String::as_str);
            let near = nearest(name, lookup.function_names());
            return Err(Diagnostic::error(format!(
                "{} depends on a function named '{name}' which was not found",
                inner.node.unique_id
            ))
            .cause("no file below `function-paths` has this name")
            .fix(near.map_or_else(|| "correct the name".to_owned(), |near| format!("did you mean '{near}'?"))));
        };
        // Quoted as the adapter quotes, whatever the project says about relations.
        let of = |node: &Node| {
            let quote = crate::context::PartFlags::default();
            let mut relation = Relation::new(node.database.as_deref(), &node.schema, &node.alias, quote);
            relation.kind = Some(Arc::from("function"));
            relation
        };
        // Athena has no functions that could be found, so with `--defer` all are the other state's.
        Ok(match self.counterpart(&target.unique_id) {
            Some(other) => of(&other),
            None => of(target),
        })
    }

    /// A draft of a node for macros called from the command line.
    pub(super) fn macro_node(&self, id: &UniqueId) -> Arc<Node> {
        let package = id.package().to_owned();
        Arc::new(Node {
            name: id.as_str().rsplit('.').next().unwrap_or_default().to_owned(),
            resource_type: ResourceType::Macro,
            unique_id: id.clone(),
            package_name: if self.manifest.scope().macros.is_internal(id.as_str()) {
                self.manifest.root_package().to_owned()
            } else {
                package
            },
            original_file_path: "run-operation".to_owned(),
            database: Some(self.host.adapter.database().to_owned()),
            schema: self.host.adapter.schema().to_owned(),
            depends_on: DependsOn::default(),
            ..Node::default()
        })
    }
}

fn not_inferred(node: &Node, wanted: &Ref) -> Diagnostic {
    let mut call = format!("ref('{}')", wanted.name);
    if let Some(package) = &wanted.package {
        call = format!("ref('{package}', '{}')", wanted.name);
    }
    Diagnostic::error(format!(
        "dbt was unable to infer all dependencies for the model \"{}\".\nThis typically happens when ref() is placed within a conditional block.\n\nTo fix this, add the following hint to the top of the model \"{}\":\n\n-- depends_on: {{{{ {call} }}}}",
        node.name, node.name
    ))
    .cause(format!("{call} was not reached while the project was parsed, when nothing is asked of the warehouse"))
    .fix(format!("add the line `-- depends_on: {{{{ {call} }}}}` to the file"))
}

/// Makes a context that of a batch.
pub(super) fn in_batch(inner: &mut Inner, batch: &Batch) {
    inner.batch = Some(batch.clone());
    if batch.incremental {
        for (name, answer) in [("is_incremental", true), ("should_full_refresh", false)] {
            inner.extra.insert(name.to_owned(), Value::function(name, move |_, _| Ok(answer.into())));
        }
    }
}
