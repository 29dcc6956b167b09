//! Jinja's filters and tests, and dbt's own filters.

mod checks;
mod sequences;
mod texts;

use crate::{CallArgs, Error, Result, State, Value};

pub(crate) use checks::test;
pub(crate) use sequences::make_dict;

/// A filter: what it is applied to, and the arguments after it.
pub(crate) type Filter = fn(&mut State<'_>, Value, CallArgs) -> Result<Value>;
/// A test.
pub(crate) type Test = fn(&mut State<'_>, &Value, CallArgs) -> Result<bool>;

/// Filters that take nothing but the value they are applied to.
const WITHOUT_ARGUMENTS: [&str; 27] = [
    "abs",
    "as_bool",
    "as_native",
    "as_number",
    "as_text",
    "capitalize",
    "count",
    "e",
    "escape",
    "first",
    "forceescape",
    "is_list",
    "items",
    "last",
    "length",
    "list",
    "lower",
    "pprint",
    "random",
    "reverse",
    "safe",
    "string",
    "striptags",
    "title",
    "upper",
    "urlencode",
    "wordcount",
];

/// Tests that ask how two values stand to each other.
const WITH_ARGUMENT: [&str; 18] = [
    "!=",
    "<",
    "<=",
    "==",
    ">",
    ">=",
    "divisibleby",
    "eq",
    "equalto",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "le",
    "lessthan",
    "lt",
    "ne",
    "sameas",
];

/// Applies the filter of this name.
pub(crate) fn apply(state: &mut State<'_>, name: &str, filter: Filter, value: Value, args: CallArgs) -> Result<Value> {
    if !args.is_empty() && WITHOUT_ARGUMENTS.contains(&name) {
        return Err(too_many("filter", name, "no arguments", &args));
    }
    filter(state, value, args)
}

/// Whether the test of this name holds.
pub(crate) fn holds(state: &mut State<'_>, name: &str, test: Test, value: &Value, args: CallArgs) -> Result<bool> {
    match given(&args) {
        2.. if WITH_ARGUMENT.contains(&name) => Err(too_many("test", name, "one argument", &args)),
        1.. if !WITH_ARGUMENT.contains(&name) => Err(too_many("test", name, "no arguments", &args)),
        _ => test(state, value, args),
    }
}

fn given(args: &CallArgs) -> usize {
    args.positional.len() + args.keyword.len()
}

fn too_many(what: &str, name: &str, takes: &str, args: &CallArgs) -> Error {
    Error::type_error(format!("the {what} '{name}' takes {takes} ({} given)", given(args)))
}

/// The filter of this name.
pub(crate) fn filter(name: &str) -> Option<Filter> {
    Some(match name {
        "as_text" => |state, value, _| Ok(marked(state, "as_text", value)),
        "as_bool" => |state, value, _| Ok(marked(state, "as_bool", value)),
        "as_native" => |state, value, _| Ok(marked(state, "as_native", value)),
        "as_number" => |state, value, _| Ok(marked(state, "as_number", value)),
        "is_list" => |_, value, _| Ok(matches!(value, Value::List(_)).into()),
        _ => return texts::filter(name).or_else(|| sequences::filter(name)),
    })
}

fn marked(state: &State<'_>, filter: &str, value: Value) -> Value {
    if state.is_native() { crate::eval::Marker::value(filter, value.to_string()) } else { value }
}

/// An argument that must be an integer.
fn integer(value: Option<Value>, default: i64) -> Result<i64> {
    match value {
        None => Ok(default),
        Some(Value::Undefined(undefined)) => Err(undefined.error()),
        Some(value) => value.as_i64().ok_or_else(|| {
            Error::type_error(format!("'{}' object cannot be interpreted as an integer", value.type_name()))
        }),
    }
}

fn flag(value: Option<Value>) -> bool {
    value.is_some_and(|value| value.is_true())
}

/// `a.b.0` followed from a value, as filters with `attribute=` do.
fn follow(state: &State<'_>, value: &Value, path: &Value) -> Result<Value> {
    let mut value = value.clone();
    match path {
        Value::Str(path) => {
            for part in path.split('.') {
                let key = part.parse::<i64>().map_or_else(|_| Value::str(part), Value::Int);
                value = state.item(&value, &key)?;
            }
        }
        other => value = state.item(&value, other)?,
    }
    Ok(value)
}

/// Texts are compared without regard to case unless asked.
fn ignoring_case(value: Value, case_sensitive: bool) -> Value {
    match value {
        Value::Str(text) if !case_sensitive => text.to_lowercase().into(),
        other => other,
    }
}
