//! The methods and attributes of Python's types.

mod containers;
mod dates;
mod strings;

use std::fmt;
use std::sync::Arc;

pub(crate) use containers::{entries_of, set_of, sort};
pub(crate) use dates::{in_zone, parse_iso, strftime, strptime};
pub(crate) use strings::{capitalize, is_space, split_lines, strip_chars};

use crate::{CallArgs, Dict, Error, Object, Result, State, Value, ValueIter};

/// Whether the Python type of the value has a method of this name.
pub(crate) fn has_method(value: &Value, name: &str) -> bool {
    match value {
        Value::Str(_) => strings::METHODS.contains(&name),
        Value::List(_) => matches!(
            name,
            "append"
                | "extend"
                | "insert"
                | "pop"
                | "remove"
                | "index"
                | "count"
                | "reverse"
                | "sort"
                | "copy"
                | "clear"
        ),
        Value::Tuple(_) => matches!(name, "index" | "count"),
        Value::Dict(_) => matches!(
            name,
            "get"
                | "items"
                | "keys"
                | "values"
                | "update"
                | "pop"
                | "popitem"
                | "copy"
                | "setdefault"
                | "clear"
                | "fromkeys"
        ),
        Value::Set(_) => containers::SET_METHODS.contains(&name),
        Value::Bytes(_) => matches!(name, "decode" | "hex"),
        Value::Date(_) | Value::DateTime(_) | Value::Time(_) | Value::TimeDelta(_) => dates::has_method(value, name),
        Value::Decimal(_) => {
            matches!(
                name,
                "quantize" | "normalize" | "to_integral_value" | "is_zero" | "is_signed" | "as_tuple" | "sqrt"
            )
        }
        Value::Int(_) | Value::Bool(_) | Value::BigInt(_) => matches!(name, "bit_length" | "as_integer_ratio"),
        Value::Float(_) => matches!(name, "is_integer"),
        _ => false,
    }
}

/// An attribute that is not a method.
pub(crate) fn attribute(value: &Value, name: &str) -> Option<Value> {
    match (value, name) {
        (Value::Int(_) | Value::BigInt(_) | Value::Bool(_), "real" | "numerator") => value.positive().ok(),
        (Value::Int(_) | Value::BigInt(_) | Value::Bool(_), "imag") => Some(Value::Int(0)),
        (Value::Int(_) | Value::BigInt(_) | Value::Bool(_), "denominator") => Some(Value::Int(1)),
        (Value::Float(_) | Value::Decimal(_), "real") => Some(value.clone()),
        (Value::Date(_) | Value::DateTime(_) | Value::Time(_) | Value::TimeDelta(_), _) => {
            dates::attribute(value, name)
        }
        _ => None,
    }
}

/// Calls a method that [`has_method`] knows.
pub(crate) fn call(state: &mut State<'_>, value: &Value, name: &str, args: CallArgs) -> Result<Value> {
    match value {
        Value::Str(text) => strings::call(state, text, name, args),
        Value::List(list) => containers::call_list(state, list, name, args),
        Value::Tuple(items) => containers::call_tuple(items, name, args),
        Value::Dict(dict) => containers::call_dict(dict, name, args),
        Value::Set(set) => containers::call_set(set, name, args),
        Value::Bytes(bytes) => match name {
            "hex" => Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()),
            _ => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(text.into()),
                Err(_) => Err(Error::value_error("'utf-8' codec can't decode the bytes")),
            },
        },
        Value::Date(_) | Value::DateTime(_) | Value::Time(_) | Value::TimeDelta(_) => dates::call(value, name, args),
        Value::Decimal(number) => match name {
            "quantize" => {
                let [step, _rounding] = args.bind("quantize", ["exp", "rounding"], 1)?;
                match step {
                    Some(Value::Decimal(step)) => Ok(number.quantized(-step.exponent()).into()),
                    _ => Err(Error::type_error("conversion from float to Decimal is not supported")),
                }
            }
            "normalize" => Ok(number.normalized().into()),
            "to_integral_value" => Ok(number.quantized(0).into()),
            "is_zero" => Ok(number.is_zero().into()),
            "is_signed" => Ok(number.is_negative().into()),
            "sqrt" => {
                let root = format!("{:.20}", number.to_f64().sqrt());
                root.parse::<crate::Decimal>().map(Value::from).map_err(|error| Error::value_error(error.to_string()))
            }
            _ => {
                let digits = number.mantissa().magnitude().to_string();
                let digits = digits.bytes().map(|digit| Value::Int(i64::from(digit - b'0'))).collect();
                let sign = i64::from(number.is_negative());
                Ok(Value::tuple(vec![sign.into(), Value::tuple(digits), number.exponent().into()]))
            }
        },
        Value::Float(number) => Ok((number.fract() == 0.0).into()),
        _ => match name {
            "bit_length" => Ok(value.to_big().map_or(0, |number| number.bits()).into()),
            _ => Ok(Value::tuple(vec![value.clone(), Value::Int(1)])),
        },
    }
}

/// The entries of a dict or a mapping of the host.
pub(crate) fn mapping_entries(value: &Value) -> Option<Vec<(Value, Value)>> {
    match value {
        Value::Dict(dict) => Some(dict.entries()),
        Value::Object(object) if object.is_mapping() => {
            let keys = object.iter()?;
            let mut entries = Vec::new();
            for key in keys {
                let key = key.ok()?;
                let value = object.get_item(&key).unwrap_or(Value::None);
                entries.push((key, value));
            }
            Some(entries)
        }
        _ => None,
    }
}

/// What a dict view shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ViewKind {
    Keys,
    Values,
    Items,
}

/// `dict.keys()`, `dict.values()`, `dict.items()`: live views.
pub(crate) struct View {
    pub(crate) dict: Dict,
    pub(crate) kind: ViewKind,
}

impl View {
    fn list(&self) -> Vec<Value> {
        let map = self.dict.read();
        match self.kind {
            ViewKind::Keys => map.keys().map(|key| key.value().clone()).collect(),
            ViewKind::Values => map.values().cloned().collect(),
            ViewKind::Items => {
                map.iter().map(|(key, value)| Value::tuple(vec![key.value().clone(), value.clone()])).collect()
            }
        }
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repr())
    }
}

impl Object for View {
    fn type_name(&self) -> &str {
        match self.kind {
            ViewKind::Keys => "dict_keys",
            ViewKind::Values => "dict_values",
            ViewKind::Items => "dict_items",
        }
    }

    fn iter(&self) -> Option<ValueIter> {
        Some(Box::new(self.list().into_iter().map(Ok)))
    }

    fn len(&self) -> Option<usize> {
        Some(self.dict.read().len())
    }

    fn is_sequence(&self) -> bool {
        false
    }

    fn repr(&self) -> String {
        format!("{}({})", self.type_name(), Value::list(self.list()).repr())
    }

    fn eq(&self, other: &Value) -> bool {
        match (self.kind, other, other.downcast_ref::<View>()) {
            (ViewKind::Values, ..) => false,
            (kind, _, Some(other)) if other.kind == kind => {
                let (a, b) = (self.list(), other.list());
                a.len() == b.len() && a.iter().all(|item| b.contains(item))
            }
            (_, Value::Set(set), _) => {
                let (a, b) = (self.list(), set.items());
                a.len() == b.len() && a.iter().all(|item| b.contains(item))
            }
            _ => false,
        }
    }

    fn has_method(&self, name: &str) -> bool {
        self.kind != ViewKind::Values && name == "isdisjoint"
    }

    fn call_method(&self, state: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        if !self.has_method(name) {
            return state.call_missing(self.type_name(), name);
        }
        let [other] = args.bind("isdisjoint", ["other"], 1)?;
        let other = other.unwrap_or(Value::None).items()?;
        Ok((!self.list().iter().any(|item| other.contains(item))).into())
    }

    fn operate(&self, operator: &str, other: &Value, reflected: bool) -> Option<Result<Value>> {
        if operator != "-" || reflected || self.kind == ViewKind::Values {
            return None;
        }
        let mut kept = crate::SetMap::default();
        let other = other.items().ok()?;
        for item in self.list().into_iter().filter(|item| !other.contains(item)) {
            match crate::Key::new(item) {
                Ok(key) => kept.insert(key),
                Err(error) => return Some(Err(error)),
            };
        }
        Some(Ok(Value::Set(crate::Set::new(kept))))
    }
}

pub(crate) fn view(dict: &Dict, kind: ViewKind) -> Value {
    Value::Object(Arc::new(View { dict: dict.clone(), kind }))
}
