//! dbt's own functions that need no host: `return`, `tojson`, `zip`, `set` …

use std::sync::OnceLock;

use super::{dump_json, parse_json};
use crate::{CallArgs, Dict, DictMap, Error, ErrorKind, Key, Result, State, Value, ValueIter, one_shot};

type Function = fn(&mut State<'_>, CallArgs) -> Result<Value>;

const FUNCTIONS: [(&str, Function); 9] = [
    ("return", return_value),
    ("tojson", tojson),
    ("fromjson", fromjson),
    ("set", set),
    ("set_strict", set_strict),
    ("zip", zip),
    ("zip_strict", zip_strict),
    ("diff_of_two_dicts", diff_of_two_dicts),
    ("try_or_compiler_error", try_or_compiler_error),
];

/// The names [`builtin`] knows.
pub fn builtin_names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|(name, _)| *name)
}

/// A name that every context has and that needs no host: `return`, `tojson`, `fromjson`, `set`, `set_strict`, `zip`,
/// `zip_strict`, `diff_of_two_dicts`, `try_or_compiler_error`.
///
/// Jinja's own globals (`range`, `dict`, `lipsum`, `cycler`, `joiner`, `namespace`) are found by the evaluator when
/// the host has no such name.
pub fn builtin(name: &str) -> Option<Value> {
    static VALUES: OnceLock<Vec<Value>> = OnceLock::new();
    let index = FUNCTIONS.iter().position(|(known, _)| *known == name)?;
    let values =
        VALUES.get_or_init(|| FUNCTIONS.iter().map(|(name, function)| Value::function(name, *function)).collect());
    values.get(index).cloned()
}

fn return_value(_: &mut State<'_>, args: CallArgs) -> Result<Value> {
    let [value] = args.bind("return", ["data"], 1)?;
    Err(Error::new(ErrorKind::Return(value.unwrap_or(Value::None)), "return"))
}

fn tojson(_: &mut State<'_>, args: CallArgs) -> Result<Value> {
    let [value, default, sort] = args.bind("tojson", ["value", "default", "sort_keys"], 1)?;
    let value = value.unwrap_or(Value::None);
    match dump_json(&value, sort.is_some_and(|sort| sort.is_true()), None) {
        Ok(text) => Ok(text.into()),
        // As the reference: only a ValueError gives the default.
        Err(error) if matches!(error.kind(), ErrorKind::Value) => Ok(default.unwrap_or(Value::None)),
        Err(error) => Err(error),
    }
}

fn fromjson(_: &mut State<'_>, args: CallArgs) -> Result<Value> {
    let [text, default] = args.bind("fromjson", ["string", "default"], 1)?;
    match text {
        Some(Value::Str(text)) => Ok(parse_json(&text).unwrap_or_else(|_| default.unwrap_or(Value::None))),
        other => Err(Error::type_error(format!(
            "the JSON object must be str, bytes or bytearray, not {}",
            other.unwrap_or(Value::None).type_name()
        ))),
    }
}

fn set(_: &mut State<'_>, args: CallArgs) -> Result<Value> {
    let [items, default] = args.bind("set", ["value", "default"], 1)?;
    let made = items.unwrap_or(Value::None).items().and_then(crate::methods::set_of);
    Ok(made.unwrap_or_else(|_| default.unwrap_or(Value::None)))
}

fn set_strict(_: &mut State<'_>, args: CallArgs) -> Result<Value> {
    let [items] = args.bind("set_strict", ["value"], 1)?;
    crate::methods::set_of(items.unwrap_or(Value::None).items()?)
}

fn zipped(sources: &[Value]) -> Result<Value> {
    let mut iterators: Vec<ValueIter> = Vec::new();
    for source in sources {
        iterators.push(source.iter()?);
    }
    Ok(one_shot(
        "zip",
        std::iter::from_fn(move || {
            if iterators.is_empty() {
                return None;
            }
            let mut row = Vec::with_capacity(iterators.len());
            for iterator in &mut iterators {
                match iterator.next()? {
                    Ok(item) => row.push(item),
                    Err(error) => return Some(Err(error)),
                }
            }
            Some(Ok(Value::tuple(row)))
        }),
    ))
}

fn zip(_: &mut State<'_>, mut args: CallArgs) -> Result<Value> {
    let default = args.take_keyword("default");
    Ok(zipped(&args.positional).unwrap_or_else(|_| default.unwrap_or(Value::None)))
}

fn zip_strict(_: &mut State<'_>, args: CallArgs) -> Result<Value> {
    zipped(&args.positional)
}

/// The lists of `a` without what the list of `b` under the same key has, both without regard to case.
fn diff_of_two_dicts(_: &mut State<'_>, args: CallArgs) -> Result<Value> {
    let [a, b] = args.bind("diff_of_two_dicts", ["dict_a", "dict_b"], 2)?;
    let entries = |value: Option<Value>| crate::methods::entries_of(&value.unwrap_or(Value::None));
    let lower = |value: &Value| match value.as_str() {
        Some(text) => Ok(text.to_lowercase()),
        None => Err(Error::type_error(format!("'{}' object has no attribute 'casefold'", value.type_name()))),
    };
    let mut others: Vec<(String, Vec<String>)> = Vec::new();
    for (key, list) in entries(b)? {
        others.push((lower(&key)?, list.items()?.iter().map(lower).collect::<Result<_>>()?));
    }
    let mut map = DictMap::default();
    for (key, list) in entries(a)? {
        let wanted = lower(&key)?;
        let Some((_, other)) = others.iter().find(|(known, _)| *known == wanted) else {
            // A key that `b` does not have is kept, whatever is below it.
            map.insert(Key::new(key)?, list);
            continue;
        };
        let mut left = Vec::new();
        for item in list.items()? {
            if !other.contains(&lower(&item)?) {
                left.push(item);
            }
        }
        if !left.is_empty() {
            map.insert(Key::new(key)?, Value::list(left));
        }
    }
    Ok(Value::Dict(Dict::new(map)))
}

fn try_or_compiler_error(state: &mut State<'_>, mut args: CallArgs) -> Result<Value> {
    if args.positional.len() < 2 {
        return Err(Error::type_error("try_or_compiler_error() missing 1 required positional argument: 'func'"));
    }
    let rest = args.positional.split_off(2);
    let function = args.positional.pop().unwrap_or(Value::None);
    let message = args.positional.pop().unwrap_or(Value::None);
    let call = CallArgs { positional: rest, keyword: args.keyword };
    state
        .call(&function, call)
        .map_err(|error| if error.is_return() { error } else { Error::new(ErrorKind::Runtime, message.to_string()) })
}
