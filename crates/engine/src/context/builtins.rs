//! The functions of the context.

use std::sync::Arc;

use artifacts::manifest::Ref;
use diagnostic::{Diagnostic, Kind};
use jinja::{CallArgs, Error, Result, State, Template, Value};
use md5::{Digest as _, Md5};

use super::{
    Relation, Table,
    metric::MetricReference,
    node::{Context, Phase, StoredResult, node_relation, result_value, table_data},
};
use crate::run::seeds;

/// Environment variables with this prefix are secrets.
pub(crate) const SECRET_PREFIX: &str = "DBT_ENV_SECRET";

fn compiler_error(message: impl Into<String>) -> Error {
    Error::host(Diagnostic::error(message))
}

/// A name that a function of the context is given.
fn text_argument(function: &str, which: &str, value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).ok_or_else(|| {
        let class = value.type_name();
        let what = format!("The {which} argument to {function}() must be a string, got <class '{class}'>");
        Error::host(Diagnostic::error(what).fix("write the name in quotes"))
    })
}

/// What `ref`, `metric` and `function` ask for: a package, if one is given, and a name.
fn named(function: &str, args: &CallArgs) -> Result<(Option<String>, String)> {
    let (package, name) = match args.positional.as_slice() {
        [name] => (None, name),
        [package, name] => (Some(package).filter(|package| !package.is_none()), name),
        other => {
            return Err(compiler_error(format!("{function}() takes at most two arguments ({} given)", other.len())));
        }
    };
    let text = |which, value| text_argument(function, which, value);
    Ok((package.map(|package| text("package", package)).transpose()?, text("name", name)?))
}

/// `ref`.
pub(super) fn reference(context: &Context, _: &mut State<'_>, mut args: CallArgs) -> Result<Value> {
    // 0 and an empty text are no version.
    let mut version = |name: &str| args.take_keyword(name).filter(Value::is_true);
    let version = version("version").or_else(|| version("v"));
    if let Some((name, _)) = args.keyword.first() {
        return Err(Error::type_error(format!("ref() got an unexpected keyword argument '{name}'")));
    }
    let (package, name) = named("ref", &args)?;
    let version = match version {
        Some(value @ (Value::Str(_) | Value::Int(_) | Value::Float(_) | Value::Bool(_))) => Some(value.to_json_lossy()),
        None => None,
        Some(value) => {
            return Err(compiler_error(format!(
                "The version argument to ref() must be a string, int, float, or None - got <class '{}'>",
                value.type_name()
            )));
        }
    };
    let wanted = Ref { name, package, version };
    match context.0.phase {
        Phase::Run => context.resolve_ref(&wanted).map(Value::from),
        phase => {
            if phase == Phase::Parse {
                context.capture().refs.push(wanted);
            }
            Ok(node_relation(&context.0.scope, &context.0.node).into())
        }
    }
}

/// `source`.
pub(super) fn source(context: &Context, _: &mut State<'_>, args: CallArgs) -> Result<Value> {
    let given = args.positional.len() + args.keyword.len();
    let [Some(source), Some(table)] = args
        .bind("source", ["source_name", "table_name"], 2)
        .map_err(|_| compiler_error(format!("source() takes exactly two arguments ({given} given)")))?
    else {
        return Err(compiler_error(format!("source() takes exactly two arguments ({given} given)")));
    };
    let text = |which, value| text_argument("source", which, value);
    let (source, table) = (text("source name (first)", &source)?, text("table name (second)", &table)?);
    match context.0.phase {
        Phase::Run => context.resolve_source(&source, &table).map(Value::from),
        phase => {
            if phase == Phase::Parse {
                context.capture().sources.push(vec![source, table]);
            }
            Ok(node_relation(&context.0.scope, &context.0.node).into())
        }
    }
}

/// `metric`.
pub(super) fn metric(context: &Context, _: &mut State<'_>, args: CallArgs) -> Result<Value> {
    if let Some((name, _)) = args.keyword.first() {
        return Err(Error::type_error(format!("metric() got an unexpected keyword argument '{name}'")));
    }
    let (package, name) = named("metric", &args)?;
    let parts: Vec<String> = package.iter().chain([&name]).cloned().collect();
    let mut metric = MetricReference { name, package, fields: None };
    if context.is_parsing() {
        context.capture().metrics.push(parts);
    } else if let Some(compiler) = &context.0.compiler {
        let manifest = compiler.manifest();
        let found = metric.find(&manifest.artifact().metrics, &context.0.package, manifest.root_package());
        metric.fields = found.cloned();
    }
    Ok(Value::object(metric))
}

/// `function`.
pub(super) fn function_reference(context: &Context, _: &mut State<'_>, args: CallArgs) -> Result<Value> {
    if let Some((name, _)) = args.keyword.first() {
        return Err(Error::type_error(format!("function() got an unexpected keyword argument '{name}'")));
    }
    let (package, name) = named("function", &args)?;
    let parts: Vec<String> = package.into_iter().chain([name]).collect();
    match context.0.phase {
        Phase::Run => context.resolve_function(&parts).map(Value::from),
        phase => {
            if phase == Phase::Parse {
                context.capture().functions.push(parts);
            }
            let mut relation = node_relation(&context.0.scope, &context.0.node);
            relation.kind = Some(Arc::from("function"));
            Ok(relation.into())
        }
    }
}

/// `log`.
pub(super) fn log(context: &Context, _: &mut State<'_>, args: CallArgs) -> Result<Value> {
    told(args, |message, info| context.0.host.events.log(message, info))
}

/// `log`, to whoever hears it.
pub(super) fn told(args: CallArgs, hear: impl FnOnce(&str, bool)) -> Result<Value> {
    let [message, info] = args.bind("log", ["msg", "info"], 1)?;
    hear(&message.unwrap_or(Value::None).to_string(), info.is_some_and(|info| info.is_true()));
    Ok("".into())
}

/// `print`.
pub(super) fn print(context: &Context, _: &mut State<'_>, args: CallArgs) -> Result<Value> {
    printed(args, |message| context.0.host.events.print(message))
}

/// `print`, to whoever hears it.
pub(super) fn printed(args: CallArgs, hear: impl FnOnce(&str)) -> Result<Value> {
    let [message] = args.bind("print", ["msg"], 1)?;
    hear(&message.unwrap_or(Value::None).to_string());
    Ok("".into())
}

/// `env_var`.
pub(super) fn env_var(context: &Context, _: &mut State<'_>, args: CallArgs) -> Result<Value> {
    let [name, default] = args.bind("env_var", ["var", "default"], 1)?;
    let name = name.unwrap_or(Value::None);
    let Some(name) = name.as_str().map(str::to_owned) else {
        let class = name.type_name();
        return Err(compiler_error(format!(
            "The name of an environment variable must be a string, got <class '{class}'>"
        )));
    };
    if let Some(value) = context.0.overridden_env.get(&name) {
        return Ok(Value::from(value));
    }
    environment_value(&context.0.host.environment, &name, default)
}

/// The value of an environment variable where secrets are not allowed.
pub(super) fn environment_value(environment: &super::Environment, name: &str, default: Option<Value>) -> Result<Value> {
    if name.starts_with(SECRET_PREFIX) {
        return Err(Error::host(
            Diagnostic::error(format!(
                "Secret env vars are allowed only in profiles.yml or packages.yml. Found '{name}' referenced elsewhere."
            ))
            .cause(format!("names that start with {SECRET_PREFIX} are secrets"))
            .fix("use it in profiles.yml, or give the variable another name"),
        ));
    }
    match environment(name).map(Value::from).or(default.filter(|value| !value.is_none())) {
        Some(value) => Ok(value),
        None => Err(missing_env(name)),
    }
}

pub(super) fn missing_env(name: &str) -> Error {
    Error::host(
        Diagnostic::error(format!("Env var required but not provided: '{name}'"))
            .of_kind(Kind::Compilation)
            .cause("the environment has no such variable, and the call has no default")
            .fix(format!("set {name}, or write env_var('{name}', '…') with a default")),
    )
}

/// `render`.
pub(super) fn render(_: &Context, state: &mut State<'_>, args: CallArgs) -> Result<Value> {
    let [text] = args.bind("render", ["string"], 1)?;
    let text = text.unwrap_or(Value::None).to_string();
    if !project::has_jinja(&text) {
        return Ok(text.into());
    }
    let template = Template::compile(&text, "render")?;
    Ok(state.render(&template)?.into())
}

/// `write`.
pub(super) fn write(context: &Context, _: &mut State<'_>, args: CallArgs) -> Result<Value> {
    let [payload] = args.bind("write", ["payload"], 1)?;
    context.capture().written = Some(payload.unwrap_or(Value::None).to_string());
    Ok("".into())
}

/// `load_result`.
pub(super) fn load_result(context: &Context, _: &mut State<'_>, args: CallArgs) -> Result<Value> {
    let [name] = args.bind("load_result", ["name"], 1)?;
    let name = name.unwrap_or(Value::None).to_string();
    let mut results = context.results();
    let Some(stored) = results.get_mut(&name) else { return Ok(Value::None) };
    if stored.taken {
        return Err(compiler_error(format!(
            "The 'statement' result named '{name}' has already been loaded into a variable"
        )));
    }
    let value = result_value(stored);
    if name != "main" {
        // Only the name remains: the rows may be many.
        *stored = StoredResult { response: Value::None, table: Value::None, data: Value::None, taken: true };
    }
    Ok(value)
}

/// `store_result`.
pub(super) fn store_result(context: &Context, _: &mut State<'_>, args: CallArgs) -> Result<Value> {
    let [name, response, table] = args.bind("store_result", ["name", "response", "agate_table"], 2)?;
    let table = table.filter(|table| !table.is_none()).unwrap_or_else(|| Table::empty().into());
    let data = table_data(&table);
    let response = response.unwrap_or(Value::None);
    let name = name.unwrap_or(Value::None).to_string();
    if name == "main" {
        context.capture().main_response = Some(adapter_response(&response));
    }
    context.results().insert(name, StoredResult { response, table, data, taken: false });
    Ok("".into())
}

/// What a statement answered; a code may also hand over a text.
fn adapter_response(value: &Value) -> crate::adapter::AdapterResponse {
    let json = value.to_json().ok().filter(serde_json::Value::is_object);
    json.and_then(|json| serde_json::from_value(json).ok()).unwrap_or_else(|| crate::adapter::AdapterResponse {
        message: value.to_string(),
        rows_affected: -1,
        ..Default::default()
    })
}

/// `store_raw_result`.
pub(super) fn store_raw_result(context: &Context, _: &mut State<'_>, args: CallArgs) -> Result<Value> {
    let [name, message, code, rows, table] =
        args.bind("store_raw_result", ["name", "message", "code", "rows_affected", "agate_table"], 1)?;
    let name = name.unwrap_or(Value::None).to_string();
    let response = crate::adapter::AdapterResponse {
        message: message.unwrap_or(Value::None).to_string(),
        code: code.map(|code| code.to_string()).unwrap_or_default(),
        rows_affected: rows.and_then(|rows| rows.as_i64()).unwrap_or(-1),
        ..Default::default()
    };
    let table = table.filter(|table| !table.is_none()).unwrap_or_else(|| Table::empty().into());
    let stored = StoredResult {
        response: Value::from(serde_json::to_value(&response).unwrap_or_default()),
        data: table_data(&table),
        table,
        taken: false,
    };
    context.results().insert(name.clone(), stored);
    if name == "main" {
        context.capture().main_response = Some(response);
    }
    Ok("".into())
}

/// `try_or_compiler_error`.
pub(super) fn try_or_compiler_error(_: &Context, state: &mut State<'_>, mut args: CallArgs) -> Result<Value> {
    if args.positional.len() < 2 {
        return Err(Error::type_error("try_or_compiler_error() needs a message and a function".to_owned()));
    }
    let message = args.positional.remove(0).to_string();
    let function = args.positional.remove(0);
    match state.call(&function, args) {
        Err(error) if !error.is_return() => Err(compiler_error(message)),
        other => other,
    }
}

/// `fromyaml`.
pub(super) fn from_yaml(_: &mut State<'_>, args: CallArgs) -> Result<Value> {
    let [text, default] = args.bind("fromyaml", ["value", "default"], 1)?;
    let text = text.unwrap_or(Value::None).to_string();
    match project::yaml::parse(&text) {
        Ok((node, _)) => Ok(super::scope::from_yaml(&node.value)),
        Err(_) => Ok(default.unwrap_or(Value::None)),
    }
}

/// `toyaml`.
pub(super) fn to_yaml(_: &mut State<'_>, args: CallArgs) -> Result<Value> {
    let [value, default, sort_keys] = args.bind("toyaml", ["value", "default", "sort_keys"], 1)?;
    let sorted = sort_keys.is_some_and(|flag| flag.is_true());
    match value.unwrap_or(Value::None).to_json() {
        Ok(json) => Ok(super::yaml::dump(&json, sorted).into()),
        Err(_) => Ok(default.unwrap_or(Value::None)),
    }
}

/// `local_md5`.
pub(super) fn local_md5(_: &mut State<'_>, args: CallArgs) -> Result<Value> {
    let [value] = args.bind("local_md5", ["value"], 1)?;
    match value {
        Some(Value::Str(text)) => Ok(hex::encode(Md5::digest(text.as_bytes())).into()),
        other => Err(Error::type_error(format!(
            "local_md5() takes a string, not {}",
            other.unwrap_or(Value::None).type_name()
        ))),
    }
}

/// `submit_python_job`.
pub(super) fn submit_python_job(context: &Context, _: &mut State<'_>, args: CallArgs) -> Result<Value> {
    let [model, code] = args.bind("submit_python_job", ["parsed_model", "compiled_code"], 2)?;
    if !context.executes() {
        return Ok(Value::None);
    }
    let code = code.unwrap_or(Value::None).to_string();
    super::adapter_object::AdapterObject(context.clone()).run_python(&model.unwrap_or(Value::None), &code)
}

/// `adapter_macro`.
pub(super) fn adapter_macro(_: &Context, _: &mut State<'_>, _: CallArgs) -> Result<Value> {
    Err(compiler_error(
        "The \"adapter_macro\" macro has been deprecated. Instead, use the `adapter.dispatch` method to find a macro and call the result.",
    ))
}

/// `load_agate_table`.
pub(super) fn load_agate_table(context: &Context, _: &mut State<'_>, _: CallArgs) -> Result<Value> {
    if !context.executes() {
        return Ok(Table::empty().into());
    }
    let node = &context.0.node;
    let path = std::path::Path::new(node.root_path.as_deref().unwrap_or_default()).join(&node.original_file_path);
    let mut seed = seeds::read_seed_file(&path, node).map_err(Error::host)?.table;
    if context.0.host.flag("empty") {
        seed.rows.clear();
    }
    let names = seed.columns.iter().map(|column| Arc::from(column.name.as_str())).collect();
    Ok(Table::from_rows(names, seeds::values(&seed)).into())
}

impl Context {
    fn resolve_ref(&self, wanted: &Ref) -> Result<Relation> {
        let Some(compiler) = &self.0.compiler else {
            return Err(compiler_error("ref() cannot be resolved here"));
        };
        compiler.resolve_ref(self, wanted).map_err(Error::host)
    }

    fn resolve_function(&self, parts: &[String]) -> Result<Relation> {
        let Some(compiler) = &self.0.compiler else {
            return Err(compiler_error("function() cannot be resolved here"));
        };
        compiler.resolve_function(self, parts).map_err(Error::host)
    }

    fn resolve_source(&self, source: &str, table: &str) -> Result<Relation> {
        let Some(compiler) = &self.0.compiler else {
            return Err(compiler_error("source() cannot be resolved here"));
        };
        compiler.resolve_source(self, source, table).map_err(Error::host)
    }
}
