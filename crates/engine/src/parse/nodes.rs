//! Files into nodes: render once to see what a node needs, then give it its config, its place and its names.

use std::sync::Arc;

use artifacts::{
    JsonMap,
    manifest::{Checksum, Contract, Docs, Node, ResourceType},
};
use diagnostic::{Diagnostic, Location};
use jinja::{CallArgs, State, Template, UndefinedMode, Value};
use names::UniqueId;
use project::{Project, SourceFile};
use serde_json::Value as Json;

use super::{
    config::{self, Layers},
    errors,
    patches::{self, Describe, Patch},
};
use crate::{
    context::{
        Host, ProjectScope,
        node::{Capture, ContextParts, Phase, node_relation},
    },
    manifest::version_text,
};

/// What all nodes are parsed with.
pub(super) struct Parser<'a> {
    pub project: &'a Project,
    pub scope: Arc<ProjectScope>,
    pub host: Host,
    pub docs: &'a dyn Describe,
    pub created_at: f64,
    pub names: NameMacros,
}

/// A node with what belongs to its parsing only.
#[derive(Debug)]
pub(super) struct ParsedNode {
    pub node: Node,
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
pub(super) struct Draft<'a> {
    pub node: Node,
    pub lines_before: usize,
    pub patch: Option<Patch<'a>>,
    /// What a test has besides its config's tags.
    pub tags: Vec<String>,
    /// Configs that a generic test's entry gives before rendering.
    pub unrendered_patch: Option<JsonMap>,
    /// What rendering would find, where it is known without.
    pub known: Option<Capture>,
    /// Arguments of a generic test.
    pub test_arguments: Option<JsonMap>,
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
            node: Node {
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
            },
            lines_before: file.lines_before,
            patch: None,
            tags: Vec::new(),
            unrendered_patch: None,
            known: None,
            test_arguments: None,
        }
    }

    /// Makes the draft a version of a model, if its patch says so.
    pub fn apply_version(draft: &mut Draft<'a>, patch: Patch<'a>) {
        draft.patch = Some(patch);
        let Some(version) = patch.version else { return };
        let node = &mut draft.node;
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
        let Draft { mut node, lines_before, patch, tags, unrendered_patch, known, test_arguments } = draft;
        let mut static_config = None;
        let mut capture = match known {
            Some(known) => known,
            None => {
                let draft = Arc::new(node);
                let (capture, written) = self.capture(&draft, test_arguments.as_ref(), lines_before, &mut diagnostics);
                static_config = written;
                node = Arc::unwrap_or_clone(draft);
                capture
            }
        };
        let patch_config = patch.map(|patch| patch.config());
        let layers = Layers { patch: patch_config.as_ref(), call: Some(&capture.config) };
        node.config = config::resolve(self.project, node.resource_type, &node.package_name, &node.fqn, &layers);
        let unrendered = unrendered_patch.or_else(|| patch.map(|patch| patch.unrendered_config()));
        let written = static_config.unwrap_or_default();
        let layers = Layers { patch: unrendered.as_ref(), call: Some(&written) };
        node.unrendered_config =
            config::resolve_unrendered(self.project, node.resource_type, &node.package_name, &node.fqn, &layers);
        self.capture_hooks(&mut node, &mut capture, &mut diagnostics);
        node.refs = capture.refs;
        node.sources = capture.sources;
        node.metrics = capture.metrics;
        node.functions = capture.functions;
        for id in capture.macros {
            if !node.depends_on.macros.contains(&id) {
                node.depends_on.macros.push(id);
            }
        }
        self.apply_config(&mut node, tags);
        if let Some(patch) = patch {
            self.apply_patch(&mut node, patch, &mut diagnostics);
        }
        self.name(&mut node, &mut diagnostics);
        ParsedNode { node, lines_before, diagnostics }
    }

    /// Renders the node's code to see what it refers to; also answers the literal text of its `config()`.
    fn capture(
        &self,
        node: &Arc<Node>,
        test_arguments: Option<&JsonMap>,
        lines_before: usize,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> (Capture, Option<JsonMap>) {
        if node.resource_type == ResourceType::Seed || !project::has_jinja(&node.raw_code) {
            return (Capture::default(), None);
        }
        let parts = ContextParts {
            scope: Arc::clone(&self.scope),
            host: self.host.clone(),
            phase: Phase::Parse,
            node: Arc::clone(node),
        };
        let mut context = parts.build();
        let template = match Template::compile(&node.raw_code, &node.original_file_path) {
            Ok(template) => template,
            Err(error) => {
                diagnostics.push(errors::in_node(node, &error, lines_before));
                return (Capture::default(), None);
            }
        };
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
        if let Err(error) = template.render(&context, UndefinedMode::Capture) {
            diagnostics.push(errors::in_node(node, &error, lines_before));
        }
        let written = static_config(&template);
        (context.take_capture(), written)
    }

    /// Hooks are templates of the node too.
    fn capture_hooks(&self, node: &mut Node, capture: &mut Capture, diagnostics: &mut Vec<Diagnostic>) {
        let texts: Vec<String> = ["pre-hook", "post-hook"]
            .iter()
            .filter_map(|key| node.config.get(*key)?.as_array())
            .flatten()
            .filter_map(|hook| hook.get("sql")?.as_str().map(str::to_owned))
            .filter(|text| project::has_jinja(text))
            .collect();
        if texts.is_empty() {
            return;
        }
        let draft = Arc::new(std::mem::take(node));
        let parts = ContextParts {
            scope: Arc::clone(&self.scope),
            host: self.host.clone(),
            phase: Phase::Parse,
            node: Arc::clone(&draft),
        };
        let context = parts.build();
        for text in texts {
            let rendered =
                Template::compile(&text, "hook").and_then(|template| template.render(&context, UndefinedMode::Capture));
            if let Err(error) = rendered {
                diagnostics
                    .push(errors::in_node(&draft, &error, 0).cause(format!("the hook {text:?} cannot be rendered")));
            }
        }
        let found = context.take_capture();
        drop(context);
        capture.refs.extend(found.refs);
        capture.sources.extend(found.sources);
        capture.macros.extend(found.macros);
        *node = Arc::unwrap_or_clone(draft);
    }

    fn apply_config(&self, node: &mut Node, first_tags: Vec<String>) {
        let mut tags = Vec::new();
        for tag in first_tags.into_iter().chain(config::texts(node.config.get("tags"))) {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        // The config itself keeps its own tags, without duplicates only on the node.
        node.tags = tags;
        node.meta = config::mapping(node.config.get("meta"));
        node.group = node.config_str("group").map(str::to_owned).or_else(|| node.group.take());
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
        match self.docs.describe(patch.description(), package) {
            Ok((description, blocks)) => {
                node.description = description;
                node.doc_blocks = blocks;
            }
            Err(error) => diagnostics.push(errors::in_yaml(patch.file, patch.node.position, &error)),
        }
        node.columns = patches::columns(&patch.columns(), package, self.docs, &mut |column, error| {
            diagnostics.push(errors::in_yaml(patch.file, column.position, &error));
        });
        if node.resource_type == ResourceType::Model {
            node.constraints = patch.constraints().iter().map(|c| patches::constraint(c, true)).collect();
            node.deprecation_date = patch.deprecation_date();
            node.time_spine.clone_from(&patch.node.time_spine);
            if node.contract.enforced {
                node.contract.checksum = Some(super::contracts::checksum(node));
            }
        }
    }

    /// Database, schema and alias, by the macros that decide them.
    fn name(&self, node: &mut Node, diagnostics: &mut Vec<Diagnostic>) {
        let custom = |node: &Node, key: &str| node.config.get(key).filter(|value| !value.is_null()).cloned();
        let parts = [
            ("database", custom(node, "database")),
            ("schema", custom(node, "schema")),
            ("alias", custom(node, "alias")),
        ];
        for (part, custom) in parts {
            let named = self.generate(node, part, custom);
            match named {
                Ok(name) => match part {
                    "database" => node.database = name,
                    "schema" => node.schema = name.unwrap_or_default(),
                    _ => node.alias = name.unwrap_or_else(|| node.name.clone()),
                },
                Err(error) => diagnostics.push(errors::in_node(node, &error, 0)),
            }
        }
        if node.resource_type == ResourceType::Snapshot {
            if let Some(schema) = node.config_str("target_schema") {
                node.schema = schema.to_owned();
            }
            if let Some(database) = node.config_str("target_database") {
                node.database = Some(database.to_owned());
            }
        }
        let stored_test =
            node.resource_type == ResourceType::Test && (node.config_bool("store_failures").unwrap_or(false));
        if node.is_relational() || stored_test {
            node.relation_name = Some(node_relation(&self.scope, node).render());
        }
    }

    fn generate(&self, node: &mut Node, part: &'static str, custom: Option<Json>) -> jinja::Result<Option<String>> {
        let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let definition = self.scope.macros.find(&node.package_name, self.names.macro_of(part));
        let Some(definition) = definition.filter(|found| !self.names.is_built_in(found.id())) else {
            // What the built-in macros say.
            return Ok(match part {
                "database" => {
                    Some(custom.map_or_else(|| self.host.adapter.database().to_owned(), |c| text(&c).trim().to_owned()))
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
        let definition = Arc::clone(definition);
        let draft = Arc::new(std::mem::take(node));
        let value = Value::from(serde_json::to_value(&*draft).unwrap_or_default());
        let parts = ContextParts {
            scope: Arc::clone(&self.scope),
            host: self.host.clone(),
            phase: Phase::Name,
            node: Arc::clone(&draft),
        };
        let context = parts.build();
        let args = CallArgs::positional(vec![custom.as_ref().map_or(Value::None, Value::from), value]);
        let answer = {
            let mut state = State::new(&context, UndefinedMode::Strict);
            state.call(&Value::from(definition), args)
        };
        drop(context);
        *node = Arc::unwrap_or_clone(draft);
        Ok(match answer? {
            Value::None => None,
            other => Some(other.to_string().trim().to_owned()),
        })
    }
}

/// The macros that give names.
#[derive(Debug, Clone, Default)]
pub(super) struct NameMacros;

impl NameMacros {
    fn macro_of(&self, part: &str) -> &'static str {
        match part {
            "database" => "generate_database_name",
            "schema" => "generate_schema_name",
            _ => "generate_alias_name",
        }
    }

    /// Whether it is the one that comes with dbt, whose answer is known without calling it.
    fn is_built_in(&self, id: &str) -> bool {
        id.starts_with("macro.dbt.")
    }
}

/// The arguments of `config()` as they are written: text keeps its text, all else becomes its Python text.
fn static_config(template: &Template) -> Option<JsonMap> {
    let mut written = JsonMap::new();
    for call in template.calls().iter().filter(|call| call.name == "config") {
        for (key, value) in &call.keyword {
            let Some(value) = value else { continue };
            let text = match value {
                Value::Str(text) => text.to_string(),
                other => other.to_string(),
            };
            written.insert(key.clone(), Json::String(text));
        }
    }
    (!written.is_empty()).then_some(written)
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
