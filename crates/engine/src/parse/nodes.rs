//! Files into nodes: render once to see what a node needs, then give it its config, its place and its names.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use artifacts::{
    JsonMap,
    manifest::{Checksum, Contract, Docs, Node, NodeConfig, ResourceType},
};
use diagnostic::{Diagnostic, Location};
use indexmap::IndexSet;
use jinja::{CallArgs, MacroDef, Object, State, Template, UndefinedMode, Value};
use names::UniqueId;
use project::{Project, PropertyFile, SourceFile};
use serde_json::Value as Json;

use super::{
    config::{self, Layers},
    errors,
    node_places::NodePlaces,
    patches::{self, AsWritten, Describe, Patch},
    python,
    shared_configs::SharedConfigs,
    unrendered,
};
use crate::{
    context::{
        Host, MacroRegistry, ProjectScope,
        node::{Capture, ContextParts, Phase, node_relation},
    },
    manifest::version_text,
};

/// What all nodes are parsed with.
pub(super) struct Parser<'a> {
    pub project: &'a Project,
    pub properties: &'a [PropertyFile],
    pub scope: Arc<ProjectScope>,
    pub host: Host,
    pub docs: &'a dyn Describe,
    pub created_at: f64,
    pub names: NameMacros,
    /// [`unrendered::keeps_as_written`]
    pub as_written: bool,
    pub configs: SharedConfigs,
}

/// A node with what belongs to its parsing only.
#[derive(Debug)]
pub(super) struct ParsedNode {
    pub node: Arc<Node>,
    /// Lines of the file before the node's code.
    pub lines_before: usize,
    pub diagnostics: Vec<Diagnostic>,
}

impl ParsedNode {
    pub fn is_enabled(&self) -> bool {
        self.node.config_bool("enabled").unwrap_or(true)
    }
}

/// A node before it is parsed.
#[derive(Debug, Clone)]
pub(super) struct Draft<'a> {
    /// Shared with what renders it; nobody else holds it between the steps, so that changing it copies nothing.
    pub node: Arc<Node>,
    pub lines_before: usize,
    pub patch: Option<Patch<'a>>,
    /// What a test has besides its config's tags.
    pub tags: Vec<String>,
    /// What rendering would find, where it is known without.
    pub known: Option<Capture>,
    /// Arguments of a generic test.
    pub test_arguments: Option<JsonMap>,
    /// What `config()` was called with before the code is rendered: the entry of a generic test, whose code says the same again.
    pub config: JsonMap,
}

impl<'a> Parser<'a> {
    /// A node of a file, with what the file's place says.
    pub fn draft(&self, kind: ResourceType, file: &SourceFile, name: &str, raw_code: Arc<str>) -> Draft<'a> {
        let path = file.path_in_search_path();
        let mut fqn = vec![file.package.clone()];
        if let Some((directories, _)) = path.rsplit_once('/') {
            fqn.extend(directories.split('/').map(str::to_owned));
        }
        fqn.push(name.to_owned());
        Draft {
            node: Arc::new(Node {
                name: name.to_owned(),
                resource_type: kind,
                package_name: file.package.clone(),
                path: path.to_owned(),
                original_file_path: file.path.clone(),
                unique_id: UniqueId::new(format!("{kind}.{}.{name}", file.package)),
                fqn,
                alias: name.to_owned(),
                checksum: Checksum { name: file.checksum.name.to_owned(), checksum: file.checksum.checksum.clone() },
                raw_code,
                language: "sql".to_owned(),
                created_at: self.created_at,
                database: Some(self.host.adapter.database().to_owned()),
                schema: self.host.adapter.schema().to_owned(),
                ..Node::default()
            }),
            lines_before: file.lines_before,
            patch: None,
            tags: Vec::new(),
            known: None,
            test_arguments: None,
            config: JsonMap::new(),
        }
    }

    /// Makes the draft a version of a model, if its patch says so.
    pub fn apply_version(draft: &mut Draft<'a>, patch: Patch<'a>) {
        draft.patch = Some(patch);
        let Some(version) = patch.version else { return };
        let node = Arc::make_mut(&mut draft.node);
        let name = patch.node.name.clone();
        node.unique_id = UniqueId::new(format!("model.{}.{name}.v{}", node.package_name, version.v));
        node.fqn.pop();
        node.fqn.push(name.clone());
        node.fqn.push(format!("v{}", version.v));
        node.name = name.clone();
        node.alias = name;
        node.version = Some(version.v.to_json());
        node.latest_version = patch.node.latest_version.as_ref().map(project::properties::VersionNumber::to_json);
    }

    /// Parses a draft.
    pub fn parse(&self, draft: Draft<'a>) -> ParsedNode {
        let mut diagnostics = Vec::new();
        let Draft { node: mut shared, lines_before, patch, tags, known, test_arguments, config } = draft;
        let mut template = None;
        if known.is_none() && has_templates(&shared) {
            let config = self.config_of_files(&shared);
            Arc::make_mut(&mut shared).config = config;
        }
        let mut capture = match known {
            Some(known) => known,
            None => {
                let (mut capture, compiled) =
                    self.capture(&shared, test_arguments.as_ref(), lines_before, &mut diagnostics);
                if !config.is_empty() {
                    let mut merged = config;
                    project::merge_config(&mut merged, &capture.config);
                    capture.config = merged;
                }
                template = compiled;
                capture
            }
        };
        let node = Arc::make_mut(&mut shared);
        let mut patch_config = patch.map(|patch| patch.config());
        let speaking = patch.filter(|_| patch_config.as_ref().is_some_and(|config| !config.is_empty()));
        if is_python_model(node) {
            // A Python model is a table unless its own entry or code says something else.
            let config = patch_config.get_or_insert_with(Cow::default);
            config.to_mut().entry("materialized").or_insert_with(|| "table".into());
        }
        // A config of another package's property file is resolved as if the node were that package's.
        let speaker = speaking.map(|patch| patch.file.package.as_str());
        let layers = Layers { patch: patch_config.as_deref(), call: Some(&capture.config) };
        node.config = self.configs.resolve(
            self.project,
            node.resource_type,
            speaker.unwrap_or(&node.package_name),
            &node.fqn,
            &layers,
        );
        let mut tags = tags;
        let is_told_elsewhere = speaker.is_some_and(|speaker| speaker != node.package_name);
        if is_told_elsewhere || patch_config.as_ref().is_some_and(|patch| patch.contains_key("tags")) {
            // The node takes its tags before it is patched: those of the property file come last.
            let layers = Layers { patch: None, call: Some(&capture.config) };
            let before = config::resolve(self.project, node.resource_type, &node.package_name, &node.fqn, &layers);
            tags.extend(config::texts(before.get("tags")));
        }
        let written = self.written(node, template.as_ref(), &capture.config);
        let mut unrendered = speaking.map(|patch| unrendered::of_patch(patch, self.as_written));
        if is_python_model(node) {
            unrendered.get_or_insert_default().entry("materialized").or_insert_with(|| "table".into());
        }
        let layers = Layers { patch: unrendered.as_ref(), call: Some(&written.call) };
        node.unrendered_config = config::resolve_unrendered(
            self.project,
            node.resource_type,
            speaker.unwrap_or(&node.package_name),
            &node.fqn,
            &layers,
        );
        if unrendered.is_none() {
            node.unrendered_config.extend(written.over);
        }
        self.capture_hooks(&shared, lines_before, &mut capture, &mut diagnostics);
        let node = Arc::make_mut(&mut shared);
        node.refs = capture.refs;
        node.sources = capture.sources;
        if node.sources.len() > 1 && self.is_read_statically(node) {
            // The static parser gives a set.
            let mut seen = std::collections::HashSet::new();
            node.sources.retain(|source| seen.insert(source.clone()));
        }
        node.metrics = capture.metrics;
        node.functions = capture.functions;
        if node.is_generic_test() && capture.macros.len() > 1 {
            self.keep_reachable(node, &mut capture.macros);
        }
        for id in capture.macros {
            if !node.depends_on.macros.contains(&id) {
                node.depends_on.macros.push(id);
            }
        }
        self.apply_config(node, tags);
        if let Some(patch) = patch {
            self.apply_patch(node, patch, &mut diagnostics);
        }
        self.name(&mut shared, &mut diagnostics);
        ParsedNode { node: shared, lines_before, diagnostics }
    }

    /// What the project files say of a node: all that its code sees of its config before it is rendered.
    fn config_of_files(&self, node: &Node) -> NodeConfig {
        self.configs.resolve(self.project, node.resource_type, &node.package_name, &node.fqn, &Layers::default())
    }

    /// Renders the node's code to see what it refers to; also answers the compiled code.
    fn capture(
        &self,
        node: &Arc<Node>,
        test_arguments: Option<&JsonMap>,
        lines_before: usize,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> (Capture, Option<Template>) {
        if !has_templates(node) {
            return (Capture::default(), None);
        }
        let is_python = is_python_model(node);
        let parts = ContextParts {
            scope: Arc::clone(&self.scope),
            host: self.host.clone(),
            phase: Phase::Parse,
            node: Arc::clone(node),
        };
        let mut context = parts.build();
        if is_python {
            let capture = python::capture(node, &context).unwrap_or_else(|error| {
                diagnostics.push(error);
                Capture::default()
            });
            return (capture, None);
        }
        let template = match Template::compile(&node.raw_code, &node.original_file_path) {
            Ok(template) => template,
            Err(error) => {
                diagnostics.push(errors::in_node(node, &error, lines_before));
                return (Capture::default(), None);
            }
        };
        if node.package_name == self.project.root.name && test_arguments.is_none() {
            diagnostics.extend(super::slips::of_config_calls(node, &template, lines_before));
        }
        if let Some(arguments) = test_arguments {
            let rendered = super::tests::render_arguments(&context, arguments, UndefinedMode::Capture);
            let before = context.take_capture();
            match rendered {
                Ok(arguments) => {
                    let parts = ContextParts {
                        scope: Arc::clone(&self.scope),
                        host: self.host.clone(),
                        phase: Phase::Parse,
                        node: Arc::clone(node),
                    };
                    context = parts.build_with(|inner| {
                        inner.extra.insert(super::tests::ARGUMENTS.to_owned(), arguments);
                    });
                    *context.capture() = before;
                }
                Err(error) => diagnostics.push(errors::in_node(node, &error, lines_before)),
            }
        }
        let as_read = match node.raw_code.contains('\\') && self.is_read_statically(node) {
            true => {
                Template::compile(&super::unrendered::without_escapes(&node.raw_code), &node.original_file_path).ok()
            }
            false => None,
        };
        if let Err(error) = as_read.as_ref().unwrap_or(&template).render(&context, UndefinedMode::Capture) {
            diagnostics.push(errors::in_node(node, &error, lines_before));
        }
        (context.take_capture(), Some(template))
    }

    /// Of the macros that a generic test calls dbt notes those that its own macro, or `get_where_subquery`, can reach, and with the flag
    /// `support_custom_ref_kwargs` the project's own `ref` and `source`.
    fn keep_reachable(&self, test: &Node, called: &mut IndexSet<UniqueId>) {
        let macros = &self.scope.macros;
        let named = |name: &str| macros.named(&test.package_name, name).map(|found| UniqueId::new(found.id()));
        let own = ["ref", "source"].into_iter().filter(|_| self.scope.custom_ref_arguments).filter_map(named);
        let mut reached: IndexSet<UniqueId> =
            named("get_where_subquery").into_iter().chain(test.depends_on.macros.iter().cloned()).collect();
        reached.extend(own.filter(|id| !macros.is_internal(id.as_str())));
        let mut next = 0;
        while let Some(id) = reached.get_index(next).cloned() {
            next += 1;
            if let Some(found) = macros.get(id.as_str()) {
                let package = id.as_str().split('.').nth(1).unwrap_or_default();
                reached.extend(macros.dependencies(package, found));
            }
        }
        called.retain(|id| reached.contains(id));
    }

    /// Hooks are templates of the node too.
    fn capture_hooks(
        &self,
        node: &Arc<Node>,
        lines_before: usize,
        capture: &mut Capture,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let texts: Vec<(&str, String)> = ["pre-hook", "post-hook"]
            .into_iter()
            .filter_map(|key| Some((key, node.config.get(key)?.as_array()?)))
            .flat_map(|(key, hooks)| hooks.iter().map(move |hook| (key, hook)))
            .filter_map(|(key, hook)| Some((key, hook.get("sql")?.as_str()?.to_owned())))
            .filter(|(_, text)| project::has_jinja(text))
            .collect();
        if texts.is_empty() {
            return;
        }
        let mut seen = Node::clone(node);
        seen.config = self.config_of_files(node);
        seen.unrendered_config = JsonMap::new();
        let parts = ContextParts {
            scope: Arc::clone(&self.scope),
            host: self.host.clone(),
            phase: Phase::Parse,
            node: Arc::new(seen),
        };
        let context = parts.build();
        for (key, text) in texts {
            let rendered =
                Template::compile(&text, "hook").and_then(|template| template.render(&context, UndefinedMode::Capture));
            if let Err(error) = rendered {
                let mut found = errors::in_node(node, &error, 0).cause(format!("the hook {text:?} cannot be rendered"));
                let lines_before = HashMap::from([(node.unique_id.clone(), lines_before)]);
                let places = NodePlaces {
                    project: self.project,
                    files: self.properties,
                    lines_before: &lines_before,
                    entries: &HashMap::new(),
                };
                found.location = Some(places.config(node, key));
                diagnostics.push(found);
            }
        }
        let found = context.take_capture();
        capture.refs.extend(found.refs);
        capture.sources.extend(found.sources);
        capture.macros.extend(found.macros);
    }

    fn apply_config(&self, node: &mut Node, first_tags: Vec<String>) {
        let mut tags: Vec<String> = Vec::new();
        for tag in first_tags.into_iter().chain(config::texts(node.config.get("tags"))) {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        // The config itself keeps its own tags, without duplicates only on the node.
        node.tags = tags;
        node.meta = config::mapping(node.config.get("meta"));
        // A test on a node has that one's group, whatever its own config says.
        if node.attached_node.is_none() {
            let group = node.config_str("group").filter(|group| !group.is_empty()).map(str::to_owned);
            node.group = group.or_else(|| node.group.take());
        }
        node.docs = node
            .config
            .get("docs")
            .cloned()
            .and_then(|docs| serde_json::from_value(docs).ok())
            .unwrap_or_else(Docs::default);
        let contract = config::mapping(node.config.get("contract"));
        node.contract = Contract {
            enforced: contract.get("enforced").and_then(Json::as_bool).unwrap_or(false),
            alias_types: contract.get("alias_types").and_then(Json::as_bool).unwrap_or(true),
            checksum: None,
        };
        if node.resource_type == ResourceType::Model {
            node.access = Some(node.config_str("access").unwrap_or("protected").to_owned());
        }
    }

    fn apply_patch(&self, node: &mut Node, patch: Patch<'_>, diagnostics: &mut Vec<Diagnostic>) {
        node.patch_path = Some(patch.path());
        let package = &patch.file.package;
        // dbt leaves the descriptions of functions and of what is switched off as they are written.
        let is_rendered = node.resource_type != ResourceType::Function && node.config_bool("enabled").unwrap_or(true);
        let docs = if is_rendered { self.docs } else { &AsWritten };
        match docs.describe(patch.description(), package) {
            Ok((description, blocks)) => {
                node.description = description;
                node.doc_blocks = blocks;
            }
            Err(error) => diagnostics.push(errors::in_yaml(patch.file, patch.node.position, &error)),
        }
        node.columns = patches::columns(&patch.columns(), package, docs, &mut |column, error| {
            diagnostics.push(errors::in_yaml(patch.file, column.position, &error));
        });
        node.function = patch.node.function.as_deref().map(super::functions::parts);
        if node.resource_type == ResourceType::Model {
            node.constraints = patch.constraints().iter().map(|c| patches::constraint(c, true)).collect();
            foreign_keys(node, patch, diagnostics);
            node.deprecation_date = patch.deprecation_date();
            node.time_spine = patch.node.time_spine.clone().map(|mut spine| {
                if let Some(spine) = spine.as_object_mut() {
                    spine.entry("custom_granularities").or_insert_with(|| Json::Array(Vec::new()));
                }
                spine
            });
            if node.contract.enforced {
                node.contract.checksum = Some(super::checksums::contract(node));
            }
        }
    }

    /// Database, schema and alias, by the macros that decide them.
    fn name(&self, shared: &mut Arc<Node>, diagnostics: &mut Vec<Diagnostic>) {
        for part in ["database", "schema", "alias"] {
            let custom = shared.config.get(part).filter(|value| !value.is_null()).cloned();
            let named = self.generate(shared, part, custom);
            let node = Arc::make_mut(shared);
            match named {
                Ok(name) => match part {
                    "database" => node.database = name,
                    "schema" => {
                        if name.is_none() {
                            diagnostics.push(without_schema(node, self.scope.needs_schema));
                        }
                        node.is_without_schema = name.is_none();
                        node.schema = name.unwrap_or_default();
                    }
                    _ => node.alias = name.unwrap_or_else(|| node.name.clone()),
                },
                Err(error) => diagnostics.push(errors::in_node(node, &error, 0)),
            }
        }
        let node = Arc::make_mut(shared);
        if node.resource_type == ResourceType::Snapshot {
            let target =
                |node: &Node, key: &str| node.config_str(key).filter(|name| !name.is_empty()).map(str::to_owned);
            if let Some(schema) = target(node, "target_schema") {
                node.schema = schema;
                node.is_without_schema = false;
            }
            if let Some(database) = target(node, "target_database") {
                node.database = Some(database);
            }
        }
        let stored_test =
            node.resource_type == ResourceType::Test && (node.config_bool("store_failures").unwrap_or(false));
        if node.is_relational() || stored_test {
            node.relation_name = Some(node_relation(&self.scope, node).render());
        }
    }

    /// The database of the catalog that a node names.
    fn catalog_database(&self, node: &Node) -> jinja::Result<Option<String>> {
        let Some(name) = node.config_str("catalog_name") else {
            return Ok(None);
        };
        let catalog =
            self.host.adapter.catalog_integration(name).map_err(|error| jinja::Error::host(*error.diagnostic))?;
        Ok(catalog.catalog_database)
    }

    fn generate(&self, node: &Arc<Node>, part: &'static str, custom: Option<Json>) -> jinja::Result<Option<String>> {
        let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let Some(definition) = self.names.get(&node.package_name, part).cloned() else {
            // What the built-in macros say.
            return Ok(match part {
                "database" => {
                    let of_target = || self.host.adapter.database().to_owned();
                    let database = self.catalog_database(node)?;
                    Some(database.unwrap_or_else(|| custom.map_or_else(of_target, |c| text(&c).trim().to_owned())))
                }
                "schema" => {
                    let default = self.host.adapter.schema();
                    Some(
                        custom
                            .map_or_else(|| default.to_owned(), |custom| format!("{default}_{}", text(&custom).trim())),
                    )
                }
                _ => Some(match (custom.map(|custom| text(&custom)).filter(|text| !text.is_empty()), &node.version) {
                    (Some(alias), _) => alias.trim().to_owned(),
                    (None, Some(version)) => format!("{}_v{}", node.name, version_text(version).replace('.', "_")),
                    (None, None) => node.name.clone(),
                }),
            });
        };
        let value = Value::object(NodeObject { node: Arc::clone(node), members: OnceLock::new() });
        let parts = ContextParts {
            scope: Arc::clone(&self.scope),
            host: self.host.clone(),
            phase: Phase::Name,
            node: Arc::clone(node),
        };
        let context = parts.build();
        let args = CallArgs::positional(vec![custom.as_ref().map_or(Value::None, Value::from), value]);
        let answer = {
            let mut state = State::new(&context, UndefinedMode::Strict);
            state.call(&Value::from(definition), args)
        };
        Ok(match answer? {
            Value::None => None,
            other => Some(other.to_string().trim().to_owned()),
        })
    }
}

/// A node as dbt hands it to the macros that give names: attributes, no dict.
#[derive(Debug)]
struct NodeObject {
    node: Arc<Node>,
    /// Made when a macro looks at one, which few do.
    members: OnceLock<Value>,
}

impl NodeObject {
    fn members(&self) -> &Value {
        self.members.get_or_init(|| Value::from(serde_json::to_value(&*self.node).unwrap_or_default()))
    }
}

impl Object for NodeObject {
    fn type_name(&self) -> &str {
        "Node"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        self.members().as_dict()?.get(name)
    }

    fn is_true(&self) -> bool {
        true
    }

    fn to_json(&self) -> Option<Json> {
        self.members().to_json().ok()
    }
}

fn without_schema(node: &Node, is_refused: bool) -> Diagnostic {
    let diagnostic = if is_refused { Diagnostic::error } else { Diagnostic::warning };
    diagnostic(format!(
        "Node '{}' has a schema set to None as a result of a generate_schema_name call. Please set a valid schema name.",
        node.unique_id
    ))
    .named("GenerateSchemaNameNullValueDeprecation")
    .with("resource_unique_id", node.unique_id.as_str())
    .at(Location::file(&node.original_file_path))
    .fix("let the macro `generate_schema_name` answer a name")
}

/// Whether there is anything to render.
fn has_templates(node: &Node) -> bool {
    node.resource_type != ResourceType::Seed && (is_python_model(node) || project::has_jinja(&node.raw_code))
}

/// Functions in Python are templates like all others.
fn is_python_model(node: &Node) -> bool {
    node.language == "python" && node.resource_type == ResourceType::Model
}

/// The macros that give names, where a project has its own: the answers of those that come with dbt are known without a call.
#[derive(Debug, Clone, Default)]
pub(super) struct NameMacros(HashMap<String, HashMap<&'static str, Arc<MacroDef>>>);

impl NameMacros {
    pub fn new(project: &Project, macros: &MacroRegistry) -> Self {
        let own = |found: &Arc<MacroDef>| !found.id().starts_with("macro.dbt.");
        let of_package = |package: &str| -> HashMap<&'static str, Arc<MacroDef>> {
            ["database", "schema", "alias"]
                .into_iter()
                .filter_map(|part| {
                    let name = format!("generate_{part}_name");
                    let found = macros.find(package, &name).cloned().filter(own);
                    // The built-in macro dispatches, in the root project.
                    let dispatched = || macros.dispatch(Some(&project.root.name), &name, None).ok().filter(own);
                    Some((part, found.or_else(dispatched)?))
                })
                .collect()
        };
        Self(project.all().map(|project| (project.name.clone(), of_package(&project.name))).collect())
    }

    fn get(&self, package: &str, part: &str) -> Option<&Arc<MacroDef>> {
        self.0.get(package)?.get(part)
    }
}

/// The line of a file where a node's code calls something with a given first argument.
pub(super) fn line_of_call(node: &Node, function: &str, arguments: &[&str]) -> Option<usize> {
    let template = Template::compile(&node.raw_code, &node.original_file_path).ok()?;
    let call = template.calls().iter().find(|call| {
        call.name == function
            && call.positional.len() >= arguments.len()
            && call
                .positional
                .iter()
                .rev()
                .zip(arguments.iter().rev())
                .all(|(given, wanted)| given.as_ref().and_then(Value::as_str) == Some(*wanted))
    })?;
    Some(call.line as usize)
}

/// A place in a node's code.
pub(super) fn location(node: &Node, line: Option<usize>, lines_before: usize) -> Location {
    match line {
        Some(line) => {
            let mut location = Location::in_source(&node.original_file_path, &node.raw_code, line, None);
            location.line = Some(line + lines_before);
            location
        }
        None => Location::file(&node.original_file_path),
    }
}

/// What a model's foreign keys point to becomes its parents.
fn foreign_keys(node: &mut Node, patch: Patch<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let mut named = super::others::Named::default();
    for to in node.foreign_keys() {
        if !super::others::read_reference(to, &mut named) {
            diagnostics.push(
                Diagnostic::error(format!(
                    "Invalid 'ref' or 'source' syntax on foreign key constraint 'to' on model {}: {to}.",
                    node.name
                ))
                .at(patch.file.source.location(patch.node.position))
                .cause("`to` is rendered as a reference")
                .fix("write `to: ref('model')` or `to: source('source', 'table')`"),
            );
        }
    }
    node.refs.extend(named.refs);
    node.sources.extend(named.sources);
}
