//! Generic tests: entries of property files become nodes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use artifacts::{
    JsonMap,
    manifest::{Checksum, Node, Ref, ResourceType, TestMetadata},
};
use diagnostic::Diagnostic;
use jinja::{DictMap, Key, Template, UndefinedMode, Value};
use md5::{Digest, Md5};
use names::UniqueId;
use project::{
    PropertyFile,
    properties::{OutdatedTest, TestDefinition},
    yaml,
};
use serde_json::Value as Json;

use super::{
    config,
    nodes::{Draft, ParsedNode, Parser},
    test_entries::Place,
};
use crate::context::{
    from_yaml,
    node::{Capture, Context},
};

/// The name under which a test's code finds its arguments.
pub(crate) const ARGUMENTS: &str = "_dbt_generic_test_kwargs";
/// Names from this length on are shortened.
const LONG_NAME: usize = 64;

/// What a test is on.
#[derive(Debug, Clone)]
pub(super) struct Target<'a> {
    pub file: &'a PropertyFile,
    /// `models`, `sources`, …: with the name below it, `file_key_name`.
    pub section: &'static str,
    /// The model's name, or the source's.
    pub entry: String,
    /// What follows the test's name in the synthetic name: `orders`, `orders_v2`, `raw_orders`.
    pub label: String,
    /// `ref('orders')`, `source('raw', 'orders')`.
    pub expression: String,
    pub refs: Vec<Ref>,
    pub sources: Vec<Vec<String>>,
    pub attached: Option<UniqueId>,
    /// The group of the node it is on.
    pub group: Option<String>,
    /// Tags of a source and its table.
    pub tags: Vec<String>,
    /// Whether every column is quoted.
    pub quote_columns: bool,
}

/// The column a test is on.
#[derive(Debug, Clone, Copy)]
pub(super) struct OnColumn<'a> {
    pub name: &'a str,
    pub quote: Option<bool>,
    pub tags: &'a [String],
}

/// Tells spellings that dbt has given up; they still hold.
pub(super) fn report_outdated(
    target: &Target<'_>,
    test: &TestDefinition,
    place: &Place<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let OutdatedTest { plain_arguments, loose_arguments, loose_configs } = &test.outdated;
    if plain_arguments.is_none() && !loose_arguments && loose_configs.is_empty() {
        return;
    }
    let file = &target.file.source.file;
    let name = test.namespace.as_ref().map_or_else(|| test.name.clone(), |package| format!("{package}.{}", test.name));
    if let Some(arguments) = plain_arguments {
        diagnostics.push(
            Diagnostic::warning(format!(
                "Found `arguments` property in test definition of `{name}` ({arguments}) without usage of `require_generic_test_arguments_property` behavior change flag. The `arguments` property is deprecated for custom usage and will be used to nest keyword arguments in future versions of dbt."
            ))
            .named("ArgumentsPropertyInGenericTestDeprecation")
            .with("test_name", format!("`{name}` ({arguments})"))
            .at(place.location())
            .fix("set the flag in dbt_project.yml, or give the argument another name"),
        );
    }
    for key in loose_configs {
        let path = format!("data_tests.{name}.{key}");
        diagnostics.push(
            Diagnostic::warning(format!(
                "Found `{key}` as a top-level property of `{path}` in file `{file}`. The `{key}` top-level property should be moved into the `config` of `{path}`."
            ))
            .named("PropertyMovedToConfigDeprecation")
            .with("key", *key)
            .with("file", file)
            .with("key_path", &path)
            .at(place.location())
            .fix(format!("write `config: {{{key}: …}}`")),
        );
    }
    if *loose_arguments {
        let on = if target.section == "sources" { &target.label } else { &target.entry };
        let test = format!("`{name}` defined on '{on}' in package '{}' ({file})", target.file.package);
        diagnostics.push(
            Diagnostic::warning(format!(
                "Found top-level arguments to test {test}. Arguments to generic tests should be nested under the `arguments` property."
            ))
            .named("MissingArgumentsPropertyInGenericTestDeprecation")
            .with("test_name", test)
            .at(place.location())
            .fix("write them below `arguments:`"),
        );
    }
}

/// dbt warns of a test's header until the flag says that it is meant.
fn unasked_header(target: &Target<'_>, test: &TestDefinition) -> Diagnostic {
    let file = &target.file.source;
    let what = format!(
        "Custom key `sql_header` found in `config` at path `models.config` in file `{}`. Custom config keys should move into the `config.meta`.",
        file.file
    );
    file.warning(test.position, what)
        .named("CustomKeyInConfigDeprecation")
        .cause("the header of a test has no effect unless `require_sql_header_in_test_configs` is set, and none on Athena, which takes one statement")
        .fix("remove it")
}

impl<'a> Parser<'a> {
    /// A test as a node.
    pub fn parse_test(&self, target: &Target<'_>, column: Option<OnColumn<'_>>, test: &TestDefinition) -> ParsedNode {
        let package = &target.file.package;
        let quoted = column.map(|column| {
            if column.quote.unwrap_or(target.quote_columns) {
                format!("\"{}\"", column.name)
            } else {
                column.name.to_owned()
            }
        });
        let mut arguments = yaml::Map::new();
        if let Some(name) = &quoted {
            arguments.insert("column_name", yaml::Value::Str(name.clone()));
        }
        for (key, value) in test.arguments.iter() {
            // The column that a test is on counts, whatever the entry says.
            if key != "column_name" || quoted.is_none() {
                arguments.insert(key, value.clone());
            }
        }
        let names = TestNames::new(target, test, &arguments);
        arguments.insert("model", yaml::Value::Str(format!("{{{{ get_where_subquery({}) }}}}", target.expression)));
        let kwargs = arguments.to_json();
        let hash = hash(&names.name, test, &arguments);

        let mut configs = test.config.clone();
        if names.short != names.name && !configs.contains_key("alias") {
            configs.insert("alias".to_owned(), names.short.clone().into());
        }
        let namespace = test.namespace.as_ref().map(|namespace| format!("{namespace}.")).unwrap_or_default();
        let raw_code = format!("{{{{ {namespace}test_{}(**{ARGUMENTS}) }}}}{}", test.name, config_call(&configs));
        let definition = self.scope.macros.find_test(package, test.namespace.as_deref(), &test.name);
        // dbt notes the macro that the name alone means, also for a test of a package, and for one that it will not find.
        let noted = self.scope.macros.named(package, &format!("test_{}", test.name));
        let is_static =
            noted.is_some_and(|found| matches!(found.id(), "macro.dbt.test_not_null" | "macro.dbt.test_unique"));
        let mut fqn = vec![package.clone()];
        fqn.extend(directories(&target.file.source.file));
        fqn.push(names.name.clone());
        let mut node = Node {
            name: names.name.clone(),
            resource_type: ResourceType::Test,
            package_name: package.clone(),
            path: format!("{}.sql", names.short),
            original_file_path: target.file.source.file.clone(),
            unique_id: UniqueId::new(format!("test.{package}.{}.{hash}", names.name)),
            fqn,
            alias: names.short.clone(),
            checksum: Checksum::none(),
            raw_code: Arc::from(raw_code),
            language: "sql".to_owned(),
            created_at: self.created_at,
            database: Some(self.host.adapter.database().to_owned()),
            schema: self.host.adapter.schema().to_owned(),
            column_name: quoted,
            file_key_name: Some(format!("{}.{}", target.section, target.entry)),
            attached_node: target.attached.clone(),
            group: target.group.clone(),
            test_metadata: Some(TestMetadata {
                name: test.name.clone(),
                kwargs: kwargs.clone(),
                namespace: test.namespace.clone(),
            }),
            ..Node::default()
        };
        let mut diagnostics = Vec::new();
        // Told when the test is compiled; until then dbt notes this of one that no package has.
        node.depends_on.macros.push(UniqueId::new(noted.map_or("None", |found| found.id())));
        if definition.is_none() {
            diagnostics.push(self.missing_test(target, test, noted.map(|found| found.id())));
        }
        let has_header = test.config.get("sql_header").is_some_and(|header| !header.is_null());
        if has_header && !self.project.root.project_flags().behaviour("require_sql_header_in_test_configs") {
            diagnostics.push(unasked_header(target, test));
        }
        match self.docs.describe(&test.description, package) {
            Ok((description, blocks)) => {
                node.description = description;
                node.doc_blocks = blocks;
            }
            Err(error) => diagnostics.push(super::errors::in_yaml(target.file, test.position, &error)),
        }
        let known = is_static.then(|| Capture {
            refs: target.refs.clone(),
            sources: target.sources.clone(),
            config: configs.clone(),
            ..Capture::default()
        });
        let of_target = target.tags.iter().cloned();
        let of_column = column.into_iter().flat_map(|column| column.tags.iter().cloned());
        let tags: BTreeSet<String> = of_target.chain(of_column).chain(config::texts(configs.get("tags"))).collect();
        let draft = Draft {
            node: Arc::new(node),
            lines_before: 0,
            patch: None,
            tags: tags.into_iter().collect(),
            test_arguments: known.is_none().then_some(kwargs),
            config: if known.is_none() { configs } else { JsonMap::new() },
            known,
        };
        let mut parsed = self.parse(draft);
        for diagnostic in &mut parsed.diagnostics {
            // The code is not in a file: the entry is. A macro that the engine calls for every node has a place of its own.
            if diagnostic.location.as_ref().is_none_or(|at| at.file == parsed.node.original_file_path) {
                diagnostic.location = Some(target.file.source.location(test.position));
            }
        }
        parsed.diagnostics.splice(0..0, diagnostics);
        parsed
    }

    /// `elsewhere` is the macro of another package that has the name.
    fn missing_test(&self, target: &Target<'_>, test: &TestDefinition, elsewhere: Option<&str>) -> Diagnostic {
        let name = format!("test_{}", test.name);
        let full = test.namespace.as_ref().map_or_else(|| name.clone(), |namespace| format!("{namespace}.{name}"));
        let known: Vec<&str> = self
            .scope
            .macros
            .scope(&target.file.package)
            .keys()
            .filter_map(|name| name.strip_prefix("test_"))
            .collect();
        let near = super::resolve::nearest(&test.name, known.iter().copied());
        let fix = match near {
            Some(near) => format!(
                "did you mean '{near}'? If it is from a package, run `owlet deps` and write `package.{}`",
                test.name
            ),
            None => format!(
                "define it with {{% test {}(model) %}}, or run `owlet deps` for the package it is from",
                test.name
            ),
        };
        let what = format!("Test {} ({}) will fail: '{full}' is undefined", test.name, target.file.source.file);
        let warning = target.file.source.warning(test.position, what);
        match elsewhere.and_then(|id| id.split('.').nth(1)) {
            Some(package) => warning
                .cause(format!("the generic test '{}' is one of the package '{package}'", test.name))
                .fix(format!("write `{package}.{}`", test.name)),
            None => warning.cause(format!("no package has a generic test named '{}'", test.name)).fix(fix),
        }
    }
}

/// The directories of a property file below its first one: part of the fqn.
pub(super) fn directories(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = path.split('/').filter(|part| *part != ".").map(str::to_owned).collect();
    parts.pop();
    parts.into_iter().skip(1).collect()
}

/// The directories of a property file below the one it was found in: part of the fqn of what is declared in it alone.
pub(super) fn directories_below(file: &project::PropertyFile) -> Vec<String> {
    let mut parts: Vec<String> = file.path_in_search_path().split('/').map(str::to_owned).collect();
    parts.pop();
    parts
}

struct TestNames {
    name: String,
    short: String,
}

impl TestNames {
    fn new(target: &Target<'_>, test: &TestDefinition, arguments: &yaml::Map) -> Self {
        if let Some(name) = &test.custom_name {
            return Self { name: name.clone(), short: name.clone() };
        }
        let source = if target.section == "sources" { "source_" } else { "" };
        let namespace = test.namespace.as_ref().map(|namespace| format!("{namespace}_")).unwrap_or_default();
        let identifier = format!("{namespace}{source}{}_{}", test.name, target.label);
        let mut entries: Vec<(&str, &yaml::Node)> = arguments.iter().collect();
        entries.sort_by_key(|(key, _)| *key);
        let mut parts = Vec::new();
        for (_, value) in entries {
            match &value.value {
                yaml::Value::Map(map) => parts.extend(map.entries().map(|entry| clean(&entry.value.value))),
                yaml::Value::Seq(items) => parts.extend(items.iter().map(|item| clean(&item.value))),
                other => parts.push(clean(other)),
            }
        }
        let name = format!("{identifier}_{}", parts.join("__"));
        if name.len() < LONG_NAME {
            return Self { short: name.clone(), name };
        }
        let start: String = identifier.chars().take(30).collect();
        let short = format!("{start}_{}", hex::encode(Md5::digest(name.as_bytes())));
        Self { name, short }
    }
}

/// A value's Python text with runs of anything but letters, digits and `_` as one `_`.
fn clean(value: &yaml::Value) -> String {
    let text = from_yaml(value).to_string();
    let mut cleaned = String::with_capacity(text.len());
    let mut in_run = false;
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '_' {
            cleaned.push(c);
            in_run = false;
        } else if !in_run {
            cleaned.push('_');
            in_run = true;
        }
    }
    cleaned
}

/// What tells tests of one name apart: dbt hashes the name and the Python text of what the test is called with.
fn hash(name: &str, test: &TestDefinition, arguments: &yaml::Map) -> String {
    let mut text = name.to_owned();
    text.push_str("{'kwargs': ");
    write_hashable_map(&mut text, arguments);
    text.push_str(", 'name': ");
    Value::str(test.name.as_str()).write_repr(&mut text);
    text.push_str(", 'namespace': ");
    Value::str(test.namespace.as_deref().unwrap_or("None")).write_repr(&mut text);
    text.push('}');
    let digest = hex::encode(Md5::digest(text.as_bytes()));
    digest[digest.len() - 10..].to_owned()
}

/// A mapping's Python text, with its keys sorted and every leaf as a text.
fn write_hashable_map(out: &mut String, map: &yaml::Map) {
    let entries: BTreeMap<String, &yaml::Node> =
        map.entries().map(|entry| (from_yaml(&entry.key.value).to_string(), &entry.value)).collect();
    out.push('{');
    for (index, (key, value)) in entries.into_iter().enumerate() {
        out.push_str(if index > 0 { ", " } else { "" });
        Value::from(key).write_repr(out);
        out.push_str(": ");
        write_hashable(out, &value.value);
    }
    out.push('}');
}

fn write_hashable(out: &mut String, value: &yaml::Value) {
    match value {
        yaml::Value::Map(map) => write_hashable_map(out, map),
        yaml::Value::Seq(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write_hashable(out, &item.value);
            }
            out.push(']');
        }
        yaml::Value::Str(text) => Value::str(text.as_str()).write_repr(out),
        leaf => Value::from(from_yaml(leaf).to_string()).write_repr(out),
    }
}

fn config_call(config: &JsonMap) -> String {
    if config.is_empty() {
        return String::new();
    }
    let entries: Vec<String> = config
        .iter()
        .map(|(key, value)| match value {
            Json::String(text) => format!("{key}=\"{}\"", text.replace('"', "\\\"")),
            other => format!("{key}={}", Value::from(other)),
        })
        .collect();
    format!("{{{{ config({}) }}}}", entries.join(","))
}

/// A test's arguments as its macro gets them: texts that are calls are evaluated, other texts rendered.
pub(crate) fn render_arguments(context: &Context, arguments: &JsonMap, mode: UndefinedMode) -> jinja::Result<Value> {
    let mut map = DictMap::default();
    for (key, value) in arguments {
        let value = match value {
            Json::String(text) if key == "column_name" => Value::str(text.as_str()),
            other => render_argument(context, other, mode)?,
        };
        map.insert(Key::from(key.as_str()), value);
    }
    Ok(Value::Dict(jinja::Dict::new(map)))
}

fn render_argument(context: &Context, value: &Json, mode: UndefinedMode) -> jinja::Result<Value> {
    match value {
        Json::String(text) => {
            let call;
            let text = if looks_like_call(text) {
                call = format!("{{{{ {text} }}}}");
                &call
            } else {
                text
            };
            if !project::has_jinja(text) {
                // It is a template all the same.
                return Ok(Value::str(text.strip_suffix('\n').unwrap_or(text)));
            }
            Template::compile(text, "a test argument")?.render_native(context, mode)
        }
        Json::Array(items) => {
            let items: jinja::Result<Vec<Value>> =
                items.iter().map(|item| render_argument(context, item, mode)).collect();
            Ok(Value::list(items?))
        }
        Json::Object(map) => {
            let mut rendered = DictMap::default();
            for (key, value) in map {
                rendered.insert(Key::from(key.as_str()), render_argument(context, value, mode)?);
            }
            Ok(Value::Dict(jinja::Dict::new(rendered)))
        }
        other => Ok(Value::from(other)),
    }
}

/// `ref('x')` and its like, written without braces.
fn looks_like_call(text: &str) -> bool {
    let text = text.trim();
    text.ends_with(')')
        && ["env_var", "ref", "var", "source", "doc"].iter().any(|function| {
            text.strip_prefix(function).is_some_and(|rest| {
                let rest = rest.trim_start();
                rest.starts_with('(') && rest.len() > 2
            })
        })
}
