//! `data_tests:` entries in all their spellings, made one.

use serde_json::{Map as JsonMap, Value as Json};

use crate::fields::Fields;
use crate::render::{RenderYaml, Step, render_tree};
use crate::yaml::{Map, Node, Position, Value};

/// Keys of a test that are configs even when written beside the arguments, in the order dbt writes them into `config(…)`.
pub const INLINE_CONFIG_KEYS: [&str; 15] = [
    "severity",
    "tags",
    "enabled",
    "where",
    "limit",
    "warn_if",
    "error_if",
    "fail_calc",
    "store_failures",
    "store_failures_as",
    "sql_header",
    "meta",
    "database",
    "schema",
    "alias",
];

/// A generic test on a model, column, seed, snapshot or source table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TestDefinition {
    /// Where the entry starts.
    pub position: Position,
    /// The package of `pkg.test_name`.
    pub namespace: Option<String>,
    /// The test's own name: macro `test_<name>`.
    pub name: String,
    /// `name:`, which replaces the generated name.
    pub custom_name: Option<String>,
    /// Unrendered.
    pub description: String,
    /// The arguments as written, without `model` and `column_name`; rendered when the test is parsed.
    pub arguments: Map,
    /// Configs in the order in which dbt writes them into the test's `config(…)`; rendered.
    pub config: JsonMap<String, Json>,
    /// The same before rendering.
    pub unrendered_config: JsonMap<String, Json>,
    /// Spellings that dbt has given up.
    pub outdated: OutdatedTest,
}

/// What of a test stands where dbt does not want it any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutdatedTest {
    /// `arguments:`, where the project says that it is an argument like others.
    pub plain_arguments: Option<Json>,
    /// Arguments beside the name, and none below `arguments:`.
    pub loose_arguments: bool,
    /// Configs beside the name.
    pub loose_configs: Vec<&'static str>,
}

/// Takes `data_tests` and its older name `tests`.
pub(super) fn take_tests(fields: &mut Fields<'_>, renderer: &dyn RenderYaml) -> Vec<TestDefinition> {
    let nodes = take_test_nodes(fields);
    nodes.iter().filter_map(|node| read_test(fields, node, renderer)).collect()
}

/// The same, telling an absent list (or null) from an empty one.
pub(super) fn take_tests_if_any(fields: &mut Fields<'_>, renderer: &dyn RenderYaml) -> Option<Vec<TestDefinition>> {
    let is_written =
        ["data_tests", "tests"].iter().any(|key| fields.peek(key).is_some_and(|list| !list.value.is_null()));
    let tests = take_tests(fields, renderer);
    is_written.then_some(tests)
}

fn take_test_nodes(fields: &mut Fields<'_>) -> Vec<Node> {
    let position = fields.peek("tests").map(|node| node.position).unwrap_or_default();
    let old = fields.list("tests");
    let new = fields.list("data_tests");
    if !old.is_empty() && !new.is_empty() {
        let what = format!(
            "Parsing Error\n  Invalid test config: cannot have both 'tests' and 'data_tests' defined on {}",
            fields.of
        );
        let cause = Some("`tests` is the older name of `data_tests`; dbt reads one of them".to_owned());
        fields.report(position, what, cause, "move the entries of `tests` into `data_tests`");
    }
    if new.is_empty() { old } else { new }
}

fn read_test(fields: &mut Fields<'_>, node: &Node, renderer: &dyn RenderYaml) -> Option<TestDefinition> {
    let of = fields.of.clone();
    let bad = |fields: &mut Fields<'_>, problem: String| {
        let what = format!("Parsing Error\n  Invalid test config given in {}: {problem}", fields.source.file);
        let cause = Some(format!("this test is on {of}"));
        let fix = "write the test's name alone, or `- name_of_test: {arguments: {…}, config: {…}}`";
        fields.report(node.position, what, cause, fix);
    };
    let (written, body) = match &node.value {
        Value::Str(name) => (name.clone(), Map::new()),
        Value::Map(map) if map.contains_key("test_name") => {
            let mut body = map.clone();
            let name = body.remove("test_name").and_then(|name| name.value.scalar_text()).unwrap_or_default();
            (name, body)
        }
        Value::Map(map) if map.len() == 1 => {
            let (name, body) = map.iter().next()?;
            let body = match &body.value {
                Value::Map(body) => body.clone(),
                other => {
                    // `- unique:` is a slip for `- unique`.
                    bad(fields, format!("test arguments must be a dict, got {} (of '{name}')", other.kind()));
                    return None;
                }
            };
            (name.to_owned(), body)
        }
        Value::Map(map) => {
            let keys: Vec<&str> = map.iter().map(|(key, _)| key).collect();
            bad(
                fields,
                format!(
                    "test definition dictionary must have exactly one key, got {} ({})",
                    map.len(),
                    keys.join(", ")
                ),
            );
            return None;
        }
        other => {
            bad(fields, format!("test must be a string or a mapping, got {}", other.kind()));
            return None;
        }
    };
    let Some((namespace, name)) = name_of_test(&written) else {
        bad(fields, format!("Test name string did not match expected pattern: {written}"));
        return None;
    };
    let nests = renderer.nests_test_arguments();
    let outdated = if nests { outdated(&body) } else { argument_by_that_name(&body) };
    let body = if nests { with_arguments(body) } else { body };
    let body = Node::at(Value::Map(body), node.position);
    let mut entry = fields.nested(&body, format!("test '{name}' on {of}"))?;
    let custom_name = take_text(&mut entry, "name");
    let description = take_text(&mut entry, "description").unwrap_or_default();
    let unrendered = take_config(&mut entry);
    // dbt renders the configs themselves, not what stands in a mapping or a list.
    let is_within = |path: &[Step<'_>]| path.len() > 1;
    let written = Node::new(Value::Map(unrendered.clone()));
    let config = render_tree(&written, renderer, &is_within, entry.source, entry.diagnostics);
    check_tags(&mut entry, &config);
    let arguments = take_arguments(&mut entry, nests);
    Some(TestDefinition {
        position: node.position,
        namespace,
        name,
        custom_name,
        description,
        arguments,
        config: config.value.as_map().map(without_nulls).unwrap_or_default(),
        unrendered_config: unrendered.to_json(),
        outdated,
    })
}

/// `name` or `package.name`. What stands behind it is passed over, as in dbt: `not_null,` is `not_null`.
///
/// Source: dbt Core 1.12, `TestBuilder.TEST_NAME_PATTERN`.
fn name_of_test(written: &str) -> Option<(Option<String>, String)> {
    let (first, rest) = identifier(written)?;
    match rest.strip_prefix('.').and_then(identifier) {
        Some((second, _)) => Some((Some(first.to_owned()), second.to_owned())),
        None => Some((None, first.to_owned())),
    }
}

/// The identifier that a text begins with, and what follows it.
fn identifier(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts_well.then(|| text.split_at(end))
}

/// dbt joins it to other names: it is a text, and not null either.
/// A text and nothing else: null is none, nor is a number.
fn take_text(entry: &mut Fields<'_>, key: &str) -> Option<String> {
    match entry.take(key)? {
        Node { value: Value::Str(text), .. } => Some(text),
        node => {
            entry.wrong(key, "a string", &node);
            None
        }
    }
}

fn check_tags(entry: &mut Fields<'_>, config: &Node) {
    let Some(tags) = config.value.as_map().and_then(|config| config.get("tags")) else { return };
    let is_text = |value: &Value| matches!(value, Value::Str(_));
    let fits = match &tags.value {
        Value::Seq(items) => items.iter().all(|item| is_text(&item.value)),
        other => other.is_null() || is_text(other),
    };
    if !fits {
        entry.wrong("tags", "a list of strings", tags);
    }
}

fn outdated(body: &Map) -> OutdatedTest {
    let mut outdated = OutdatedTest::default();
    for (key, _) in
        body.iter().filter(|(key, _)| !matches!(*key, "config" | "column_name" | "description" | "name" | "arguments"))
    {
        match INLINE_CONFIG_KEYS.into_iter().find(|known| *known == key) {
            Some(config) => outdated.loose_configs.push(config),
            None => outdated.loose_arguments = true,
        }
    }
    let is_empty = |node: &Node| node.value.is_null() || node.value.as_map().is_some_and(|map| map.is_empty());
    outdated.loose_arguments &= body.get("arguments").is_none_or(is_empty);
    outdated
}

fn argument_by_that_name(body: &Map) -> OutdatedTest {
    OutdatedTest { plain_arguments: body.get("arguments").map(|node| node.value.to_json()), ..OutdatedTest::default() }
}

/// What stands below `arguments:` counts as if it stood beside it, a `config:` too.
fn with_arguments(mut body: Map) -> Map {
    let Some(arguments) = body.get("arguments").and_then(|node| node.value.as_map()).cloned() else { return body };
    body.remove("arguments");
    for (key, value) in arguments.iter() {
        body.insert(key, value.clone());
    }
    body
}

/// A config whose value is null, as written or as rendered, is as good as not written.
fn without_nulls(config: &Map) -> JsonMap<String, Json> {
    config.to_json().into_iter().filter(|(_, value)| !value.is_null()).collect()
}

/// Inline configs and `config:`, in dbt's order.
fn take_config(entry: &mut Fields<'_>) -> Map {
    let mut written = entry.mapping("config");
    entry.check_config(&written);
    let mut config = Map::new();
    for key in INLINE_CONFIG_KEYS {
        let inline = entry.take(key);
        let nested = written.remove(key);
        if let (Some(inline), Some(_)) = (&inline, &nested) {
            let what = format!(
                "Validation Error\n  Test cannot have the same key at the top-level and in config: '{key}' of {}",
                entry.of
            );
            entry.report(inline.position, what, None, "keep the one in `config:`");
        }
        if let Some(value) = inline.or(nested) {
            config.insert(key, value);
        }
    }
    for (key, value) in written.iter() {
        config.insert(key, value.clone());
    }
    config
}

/// What is `nested` below `arguments:`, and whatever keys are left (deprecated). dbt passes over `arguments:` that are no mapping.
fn take_arguments(entry: &mut Fields<'_>, nested: bool) -> Map {
    let below = if nested { entry.take_some("arguments") } else { None };
    let mut arguments = match below {
        None => Map::new(),
        Some(Node { value: Value::Map(map), .. }) => map,
        Some(node) => {
            let what = format!("'arguments' of {} has no effect: it is {}, not a mapping", entry.of, node.value.kind());
            let warning = entry.source.warning(node.position, what).fix("write `arguments: {name: value}`");
            entry.diagnostics.push(warning);
            Map::new()
        }
    };
    for (key, value) in entry.rest_by_name() {
        if !arguments.contains_key(key) {
            arguments.insert(key, value.clone());
        }
    }
    arguments
}
