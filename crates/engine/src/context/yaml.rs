//! Jinja in YAML values, and YAML text made of values.

use std::{collections::HashMap, fmt::Write, sync::Arc};

use jinja::{CallArgs, Error, Globals, Object, Result, State, Template, UndefinedMode, Value};
use project::{RenderError, RenderYaml, yaml};
use serde_json::Value as Json;

use super::{
    Environment,
    builtins::{self, SECRET_PREFIX, environment_value, missing_env},
    invocation::InvocationNames,
    scope::{from_yaml, to_yaml},
    secrets,
};

/// Who may see what in a YAML file.
#[derive(Clone)]
enum Variables {
    /// Only `--vars`; a missing one is an error.
    CommandLine(Arc<yaml::Map>),
    /// All of a package's variables, as they are written; a missing one is an error.
    Project(Arc<project::Vars>, String),
}

/// The `target` of commands that need no profile: each of its members is an empty text.
#[derive(Debug)]
struct NoTarget;

impl Object for NoTarget {
    fn type_name(&self) -> &str {
        "dict"
    }

    fn get_item(&self, _: &Value) -> Option<Value> {
        Some(Value::str(""))
    }

    fn has_method(&self, name: &str) -> bool {
        name == "get"
    }

    fn call_method(&self, state: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        if name != "get" {
            return state.call(&Value::str(""), args);
        }
        let [_, default] = args.bind("get", ["key", "default"], 1)?;
        Ok(default.unwrap_or(Value::None))
    }

    fn len(&self) -> Option<usize> {
        Some(0)
    }

    fn is_mapping(&self) -> bool {
        true
    }

    fn repr(&self) -> String {
        "{}".to_owned()
    }

    fn contains(&self, _: &Value) -> Option<bool> {
        Some(false)
    }
}

/// Renders YAML values: `profiles.yml`, `dbt_project.yml`, property files.
#[derive(Clone)]
pub struct YamlContext {
    names: HashMap<&'static str, Value>,
    invocation: Option<Arc<InvocationNames>>,
    environment: Environment,
    variables: Variables,
    /// `env_var` may give secrets.
    secrets: bool,
    /// `require_generic_test_arguments_property`
    nests_test_arguments: bool,
}

impl std::fmt::Debug for YamlContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("YamlContext").field("secrets", &self.secrets).finish_non_exhaustive()
    }
}

impl YamlContext {
    /// For `profiles.yml` and `packages.yml`: `env_var` (secrets too) and `--vars`.
    pub fn for_profiles(environment: Environment, cli_vars: yaml::Map) -> Self {
        Self {
            names: HashMap::new(),
            invocation: None,
            environment,
            variables: Variables::CommandLine(Arc::new(cli_vars)),
            secrets: true,
            nests_test_arguments: true,
        }
    }

    /// For `dbt_project.yml`: as for profiles without secrets, and with `target`, which is empty without a profile.
    pub fn for_project(
        environment: Environment,
        cli_vars: yaml::Map,
        target: Option<&serde_json::Map<String, Json>>,
    ) -> Self {
        let mut names = HashMap::new();
        if let Some(target) = target {
            let members = Value::from(Json::Object(target.clone()));
            names.insert("target", if target.is_empty() { Value::object(NoTarget) } else { members });
        }
        let variables = Variables::CommandLine(Arc::new(cli_vars));
        Self { names, invocation: None, environment, variables, secrets: false, nests_test_arguments: true }
    }

    /// With what every file sees of the invocation.
    pub fn of_invocation(self, invocation: InvocationNames) -> Self {
        Self { invocation: Some(Arc::new(invocation)), ..self }
    }

    /// For the property files of a package.
    pub(crate) fn for_properties(scope: &super::ProjectScope, host: &super::Host, package: &str) -> Self {
        let mut names = HashMap::new();
        names.insert("target", scope.target());
        names.insert("project_name", Value::str(scope.root.as_str()));
        if let Some(modules) = &scope.modules {
            names.insert("modules", modules.clone());
        }
        Self {
            names,
            invocation: Some(Arc::new(InvocationNames::of_host(host))),
            environment: Arc::clone(&host.environment),
            variables: Variables::Project(Arc::new(scope.vars.clone()), package.to_owned()),
            secrets: false,
            nests_test_arguments: scope.nests_test_arguments,
        }
    }

    /// Renders a text to a value of a template.
    ///
    /// # Errors
    /// Wrong Jinja, or a name that is not there.
    pub(crate) fn render_value(&self, text: &str) -> Result<Value> {
        if !project::has_jinja(text) {
            return Ok(Value::str(text));
        }
        let template = Template::compile(text, "a YAML value")?;
        template.render_native(self, UndefinedMode::Strict)
    }

    fn env_var(&self, args: CallArgs) -> Result<Value> {
        let [name, default] = args.bind("env_var", ["var", "default"], 1)?;
        let name = name.unwrap_or(Value::None).to_string();
        if self.secrets && name.starts_with(SECRET_PREFIX) {
            return match (self.environment)(&name) {
                Some(_) => Ok(Value::from(secrets::placeholder(&name))),
                None => Err(missing_env(&name)),
            };
        }
        environment_value(&self.environment, &name, default)
    }

    fn var(&self, args: CallArgs) -> Result<Value> {
        let [name, default] = args.bind("var", ["var_name", "default"], 1)?;
        let name = name.unwrap_or(Value::None).to_string();
        let found = match &self.variables {
            Variables::CommandLine(vars) => vars.get(&name).map(|node| from_yaml(&node.value)),
            Variables::Project(vars, package) => vars.lookup(package, &name).map(from_yaml),
        };
        match found.or(default) {
            Some(value) => Ok(value),
            None => Err(Error::host(
                diagnostic::Diagnostic::error(format!("Required var '{name}' not found in config"))
                    .cause("only variables given with --vars or in vars.yml, and in property files those of dbt_project.yml, are known here")
                    .fix(format!("pass --vars '{{{name}: …}}', or give a default: var('{name}', …)")),
            )),
        }
    }
}

fn reveal_secrets(value: Value, environment: &Environment) -> Value {
    match &value {
        Value::Str(text) if secrets::has_placeholder(text) => {
            secrets::replace_placeholders(text, |name| environment(name).unwrap_or_default()).into()
        }
        _ => value,
    }
}

impl Globals for YamlContext {
    fn lookup(&self, name: &str) -> Option<Value> {
        if let Some(value) = self.names.get(name) {
            return Some(value.clone());
        }
        match name {
            "env_var" => {
                let context = self.clone();
                Some(Value::function("env_var", move |_, args| context.env_var(args)))
            }
            "var" => {
                let context = self.clone();
                Some(Value::function("var", move |_, args| context.var(args)))
            }
            "dbt_version" => Some(project::CLAIMED_DBT_VERSION.into()),
            "fromyaml" => Some(Value::function("fromyaml", builtins::from_yaml)),
            "toyaml" => Some(Value::function("toyaml", builtins::to_yaml)),
            "local_md5" => Some(Value::function("local_md5", builtins::local_md5)),
            _ => {
                let of_invocation = self.invocation.as_ref().and_then(|invocation| invocation.lookup(name));
                of_invocation.or_else(|| jinja::modules::builtin(name))
            }
        }
    }
}

impl RenderYaml for YamlContext {
    fn render(&self, text: &str, _path: &str) -> std::result::Result<yaml::Value, RenderError> {
        match self.render_value(text) {
            Ok(value) => Ok(to_yaml(&reveal_secrets(value, &self.environment))),
            Err(error) => Err(render_error(&error)),
        }
    }

    fn with_variables(&self, variables: &yaml::Map) -> Option<Box<dyn RenderYaml>> {
        let Variables::CommandLine(given) = &self.variables else { return None };
        let mut merged = variables.clone();
        for (name, value) in given.iter() {
            merged.insert(name, value.clone());
        }
        Some(Box::new(Self { variables: Variables::CommandLine(Arc::new(merged)), ..self.clone() }))
    }

    fn nests_test_arguments(&self) -> bool {
        self.nests_test_arguments
    }
}

fn render_error(error: &Error) -> RenderError {
    match error.host_error::<diagnostic::Diagnostic>() {
        Some(diagnostic) => RenderError {
            message: diagnostic.what.clone(),
            kind: diagnostic.kind,
            cause: diagnostic.cause.clone(),
            fix: diagnostic.fix.clone(),
        },
        None => RenderError::new(error.message()),
    }
}

/// The globals of a docs block's reader: `doc()` and what YAML sees.
pub(crate) struct DocContext<'a> {
    pub yaml: &'a YamlContext,
    pub doc: Value,
}

impl Globals for DocContext<'_> {
    fn lookup(&self, name: &str) -> Option<Value> {
        if name == "doc" { Some(self.doc.clone()) } else { self.yaml.lookup(name) }
    }
}

/// Renders a text as text, with `doc()`.
pub(crate) fn render_description(template: &Template, globals: &dyn Globals) -> Result<String> {
    let mut state = State::new(globals, UndefinedMode::Strict);
    state.render(template)
}

/// Block-style YAML, as PyYAML's `safe_dump` writes it.
pub(super) fn dump(value: &Json, sorted: bool) -> String {
    let mut text = String::new();
    match value {
        Json::Object(map) if !map.is_empty() => dump_map(&mut text, map, 0, sorted),
        Json::Array(items) if !items.is_empty() => dump_list(&mut text, items, 0, sorted),
        scalar => {
            text.push_str(&scalar_text(scalar));
            let is_plain = !matches!(scalar, Json::Object(_) | Json::Array(_)) && !text.starts_with(['\'', '"']);
            text.push_str(if is_plain { "\n...\n" } else { "\n" });
        }
    }
    text
}

fn dump_map(text: &mut String, map: &serde_json::Map<String, Json>, indent: usize, sorted: bool) {
    let mut entries: Vec<(&String, &Json)> = map.iter().collect();
    if sorted {
        entries.sort_by_key(|(key, _)| *key);
    }
    for (key, value) in entries {
        let _ = write!(text, "{:indent$}{}:", "", scalar_text(&Json::String(key.clone())));
        match value {
            Json::Object(inner) if !inner.is_empty() => {
                text.push('\n');
                dump_map(text, inner, indent + 2, sorted);
            }
            Json::Array(items) if !items.is_empty() => {
                text.push('\n');
                dump_list(text, items, indent, sorted);
            }
            scalar => {
                let _ = writeln!(text, " {}", scalar_text(scalar));
            }
        }
    }
}

fn dump_list(text: &mut String, items: &[Json], indent: usize, sorted: bool) {
    for item in items {
        let _ = write!(text, "{:indent$}-", "");
        match item {
            Json::Object(inner) if !inner.is_empty() => {
                let mut nested = String::new();
                dump_map(&mut nested, inner, indent + 2, sorted);
                let _ = write!(text, " {}", nested.trim_start());
            }
            Json::Array(inner) if !inner.is_empty() => {
                let mut nested = String::new();
                dump_list(&mut nested, inner, indent + 2, sorted);
                let _ = write!(text, " {}", nested.trim_start());
            }
            scalar => {
                let _ = writeln!(text, " {}", scalar_text(scalar));
            }
        }
    }
}

fn scalar_text(value: &Json) -> String {
    match value {
        Json::String(text) => string_text(text),
        Json::Object(_) => "{}".to_owned(),
        Json::Array(_) => "[]".to_owned(),
        other => other.to_string(),
    }
}

fn string_text(text: &str) -> String {
    let is_word = matches!(yaml::resolve_plain(text), Ok(yaml::Value::Str(_)));
    let special = text.is_empty()
        || text.trim() != text
        || text.starts_with([
            '!', '&', '*', '-', '?', '{', '}', '[', ']', ',', '#', '|', '>', '@', '`', '"', '\'', '%', ':', '=',
        ])
        || text.contains(": ")
        || text.contains(" #")
        || text.ends_with(':');
    if text.contains('\n') {
        return format!("{text:?}");
    }
    if is_word && !special { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}
