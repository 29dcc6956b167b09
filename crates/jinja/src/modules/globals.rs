//! Jinja's own globals: `range`, `dict`, `namespace`, `cycler`, `joiner`, `lipsum`.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::{CallArgs, Dict, DictMap, Error, ErrorKind, Key, Object, Result, State, Value, ValueIter};

/// The sandbox's bound on `range`.
const MAX_RANGE: u64 = 100_000;

pub(crate) fn jinja_global(name: &str) -> Option<Value> {
    static VALUES: OnceLock<[Value; 6]> = OnceLock::new();
    const NAMES: [&str; 6] = ["range", "dict", "namespace", "cycler", "joiner", "lipsum"];
    let index = NAMES.iter().position(|known| *known == name)?;
    let values = VALUES.get_or_init(|| {
        [
            Value::function("range", range),
            Value::function("dict", |_, args| crate::filters::make_dict(args)),
            Value::function("namespace", namespace),
            Value::function("cycler", cycler),
            Value::function("joiner", joiner),
            Value::function("lipsum", lipsum),
        ]
    });
    values.get(index).cloned()
}

#[derive(Debug)]
struct Range {
    start: i64,
    stop: i64,
    step: i64,
    length: usize,
}

fn range(_: &mut State<'_>, args: CallArgs) -> Result<Value> {
    if !args.keyword.is_empty() {
        return Err(Error::type_error("range() takes no keyword arguments"));
    }
    let mut numbers = Vec::new();
    for value in &args.positional {
        numbers.push(value.as_i64().ok_or_else(|| {
            Error::type_error(format!("'{}' object cannot be interpreted as an integer", value.type_name()))
        })?);
    }
    let (start, stop, step) = match numbers.as_slice() {
        [stop] => (0, *stop, 1),
        [start, stop] => (*start, *stop, 1),
        [start, stop, step] => (*start, *stop, *step),
        [] => return Err(Error::type_error("range expected at least 1 argument, got 0")),
        more => return Err(Error::type_error(format!("range expected at most 3 arguments, got {}", more.len()))),
    };
    let length = match step {
        0 => return Err(Error::value_error("range() arg 3 must not be zero")),
        step if step > 0 && start < stop => (stop.abs_diff(start) - 1) / step.unsigned_abs() + 1,
        step if step < 0 && start > stop => (start.abs_diff(stop) - 1) / step.unsigned_abs() + 1,
        _ => 0,
    };
    if length > MAX_RANGE {
        return Err(Error::new(
            ErrorKind::Overflow,
            format!("Range too big. The sandbox blocks ranges larger than MAX_RANGE ({MAX_RANGE})."),
        ));
    }
    Ok(Value::object(Range { start, stop, step, length: length as usize }))
}

impl Range {
    fn at(&self, index: usize) -> Value {
        Value::Int(self.start + self.step * index as i64)
    }
}

impl Object for Range {
    fn type_name(&self) -> &str {
        "range"
    }

    fn len(&self) -> Option<usize> {
        Some(self.length)
    }

    fn iter(&self) -> Option<ValueIter> {
        let (start, step) = (self.start, self.step);
        Some(Box::new((0..self.length as i64).map(move |index| Ok(Value::Int(start + step * index)))))
    }

    fn get_item(&self, key: &Value) -> Option<Value> {
        crate::value::position(key.as_i64()?, self.length).map(|index| self.at(index))
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        match name {
            "start" => Some(self.start.into()),
            "stop" => Some(self.stop.into()),
            "step" => Some(self.step.into()),
            _ => None,
        }
    }

    fn contains(&self, item: &Value) -> Option<bool> {
        let number = item.as_i64()?;
        let steps = number.checked_sub(self.start)?;
        Some(steps % self.step == 0 && (0..self.length as i64).contains(&(steps / self.step)))
    }

    fn eq(&self, other: &Value) -> bool {
        other.downcast_ref::<Range>().is_some_and(|other| {
            self.length == other.length && (0..self.length.min(2)).all(|index| self.at(index) == other.at(index))
        })
    }

    fn repr(&self) -> String {
        match self.step {
            1 => format!("range({}, {})", self.start, self.stop),
            step => format!("range({}, {}, {step})", self.start, self.stop),
        }
    }
}

/// `namespace()`: the one thing whose attributes templates may set.
#[derive(Debug)]
struct Namespace(Dict);

fn namespace(_: &mut State<'_>, args: CallArgs) -> Result<Value> {
    match crate::filters::make_dict(args)? {
        Value::Dict(dict) => Ok(Value::object(Namespace(dict))),
        other => Ok(other),
    }
}

impl Object for Namespace {
    fn type_name(&self) -> &str {
        "Namespace"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        self.0.get(name)
    }

    fn set_attr(&self, name: &str, value: Value) -> bool {
        self.0.insert(name, value);
        true
    }

    fn is_sequence(&self) -> bool {
        false
    }

    fn repr(&self) -> String {
        format!("<Namespace {}>", Value::Dict(self.0.clone()).repr())
    }
}

#[derive(Debug)]
struct Cycler {
    items: Vec<Value>,
    at: AtomicUsize,
}

fn cycler(_: &mut State<'_>, args: CallArgs) -> Result<Value> {
    if args.positional.is_empty() {
        return Err(Error::new(ErrorKind::Runtime, "at least one item has to be provided"));
    }
    Ok(Value::object(Cycler { items: args.positional, at: AtomicUsize::new(0) }))
}

impl Object for Cycler {
    fn type_name(&self) -> &str {
        "Cycler"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        (name == "current").then(|| self.items[self.at.load(Ordering::Relaxed) % self.items.len()].clone())
    }

    fn has_method(&self, name: &str) -> bool {
        matches!(name, "next" | "reset")
    }

    fn call_method(&self, state: &mut State<'_>, name: &str, _args: CallArgs) -> Result<Value> {
        match name {
            "next" => {
                let at = self.at.fetch_add(1, Ordering::Relaxed);
                Ok(self.items[at % self.items.len()].clone())
            }
            "reset" => {
                self.at.store(0, Ordering::Relaxed);
                Ok(Value::None)
            }
            _ => state.call_missing(self.type_name(), name),
        }
    }
}

#[derive(Debug)]
struct Joiner {
    separator: Value,
    used: AtomicBool,
}

fn joiner(_: &mut State<'_>, args: CallArgs) -> Result<Value> {
    let [separator] = args.bind("joiner", ["sep"], 0)?;
    let separator = separator.unwrap_or_else(|| ", ".into());
    Ok(Value::object(Joiner { separator, used: AtomicBool::new(false) }))
}

impl Object for Joiner {
    fn type_name(&self) -> &str {
        "Joiner"
    }

    fn call(&self, _state: &mut State<'_>, _args: CallArgs) -> Result<Value> {
        if self.used.swap(true, Ordering::Relaxed) { Ok(self.separator.clone()) } else { Ok("".into()) }
    }

    fn is_callable(&self) -> bool {
        true
    }
}

/// A fixed paragraph: nothing random comes in from the host.
fn lipsum(_: &mut State<'_>, _args: CallArgs) -> Result<Value> {
    Ok("<p>Lorem ipsum dolor sit amet, consectetur adipiscing elit.</p>".into())
}

/// A dict from string keys, for members of modules.
pub(super) fn string_dict(entries: Vec<(String, Value)>) -> Value {
    let map: DictMap = entries.into_iter().map(|(key, value)| (Key::from(key.as_str()), value)).collect();
    Value::Dict(Dict::new(map))
}
