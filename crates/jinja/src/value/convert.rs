//! From and to Rust's values and JSON.

use std::sync::Arc;

use num_bigint::BigInt;
use num_traits::ToPrimitive;

use super::{DateTime, Decimal, Dict, DictMap, Key, Value, Zone};
use crate::{Error, ErrorKind, Result};

const MAX_DEPTH: u32 = 200;

macro_rules! from {
    ($($source:ty => |$value:ident| $result:expr;)*) => {
        $(impl From<$source> for Value {
            fn from($value: $source) -> Value {
                $result
            }
        })*
    };
}

from! {
    bool => |value| Value::Bool(value);
    i64 => |value| Value::Int(value);
    i32 => |value| Value::Int(i64::from(value));
    u32 => |value| Value::Int(i64::from(value));
    f64 => |value| Value::Float(value);
    &str => |value| Value::Str(value.into());
    String => |value| Value::Str(value.into());
    &String => |value| Value::Str(value.as_str().into());
    Arc<str> => |value| Value::Str(value);
    std::borrow::Cow<'_, str> => |value| Value::Str(value.into());
    Vec<Value> => |value| Value::list(value);
    Dict => |value| Value::Dict(value);
    Decimal => |value| Value::Decimal(Arc::new(value));
    chrono::NaiveDate => |value| Value::Date(value);
    chrono::NaiveTime => |value| Value::Time(value);
    chrono::TimeDelta => |value| Value::TimeDelta(value);
    chrono::NaiveDateTime => |value| Value::DateTime(Arc::new(DateTime { local: value, zone: None }));
    chrono::DateTime<chrono::Utc> => |value| {
        Value::DateTime(Arc::new(DateTime { local: value.naive_utc(), zone: Some(Zone::Utc) }))
    };
    u64 => |value| Value::from_big(BigInt::from(value));
    usize => |value| Value::from_big(BigInt::from(value));
    i128 => |value| Value::from_big(BigInt::from(value));
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::None, Into::into)
    }
}

impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Value {
        match json {
            serde_json::Value::String(text) => Value::Str(text.into()),
            serde_json::Value::Array(items) => Value::list(items.into_iter().map(Value::from).collect()),
            serde_json::Value::Object(entries) => {
                let map: DictMap =
                    entries.into_iter().map(|(key, value)| (Key::from(Arc::<str>::from(key)), value.into())).collect();
                Value::Dict(Dict::new(map))
            }
            scalar => Value::from(&scalar),
        }
    }
}

impl From<&serde_json::Value> for Value {
    fn from(json: &serde_json::Value) -> Value {
        match json {
            serde_json::Value::Null => Value::None,
            serde_json::Value::Bool(flag) => Value::Bool(*flag),
            serde_json::Value::Number(number) => {
                if let Some(integer) = number.as_i64() {
                    Value::Int(integer)
                } else if let Some(integer) = number.as_u64() {
                    Value::from_big(BigInt::from(integer))
                } else {
                    Value::Float(number.as_f64().unwrap_or(f64::NAN))
                }
            }
            serde_json::Value::String(text) => Value::str(text.as_str()),
            serde_json::Value::Array(items) => Value::list(items.iter().map(Value::from).collect()),
            serde_json::Value::Object(entries) => {
                let map: DictMap =
                    entries.iter().map(|(key, value)| (Key::from(key.as_str()), Value::from(value))).collect();
                Value::Dict(Dict::new(map))
            }
        }
    }
}

impl Value {
    /// The value of anything serialisable, as `serde_json` sees it.
    ///
    /// # Errors
    /// What its `Serialize` refuses.
    pub fn from_serialize<T: serde::Serialize + ?Sized>(value: &T) -> Result<Value> {
        serde_json::to_value(value)
            .map(Value::from)
            .map_err(|error| Error::type_error(format!("Object is not JSON serializable: {error}")))
    }

    /// As JSON. Tuples become arrays, keys text; dates, Decimals and sets are refused as `json.dumps` does.
    ///
    /// # Errors
    /// `TypeError: Object of type Decimal is not JSON serializable`
    pub fn to_json(&self) -> Result<serde_json::Value> {
        self.to_json_with(&|value| {
            let name = value.type_name();
            let name = name.rsplit('.').next().unwrap_or(name);
            Err(Error::type_error(format!("Object of type {name} is not JSON serializable")))
        })
    }

    /// As JSON, with dates, Decimals, sets and unknown objects as their text: for artifacts and logs.
    pub fn to_json_lossy(&self) -> serde_json::Value {
        let text = |value: &Value| match value {
            Value::Set(set) => Ok(serde_json::Value::Array(set.items().iter().map(Value::to_json_lossy).collect())),
            // As `isoformat` has it.
            Value::DateTime(_) => Ok(serde_json::Value::String(value.to_string().replacen(' ', "T", 1))),
            _ => Ok(serde_json::Value::String(value.to_string())),
        };
        self.to_json_with(&text).unwrap_or(serde_json::Value::Null)
    }

    fn to_json_with(&self, other: &dyn Fn(&Value) -> Result<serde_json::Value>) -> Result<serde_json::Value> {
        self.json_at(other, 0)
    }

    fn json_at(&self, other: &dyn Fn(&Value) -> Result<serde_json::Value>, depth: u32) -> Result<serde_json::Value> {
        if depth > MAX_DEPTH {
            return Err(Error::new(ErrorKind::Recursion, "Circular reference detected"));
        }
        let all = |items: &[Value]| {
            let items: Result<Vec<_>> = items.iter().map(|item| item.json_at(other, depth + 1)).collect();
            items.map(serde_json::Value::Array)
        };
        Ok(match self {
            Value::None => serde_json::Value::Null,
            Value::Bool(flag) => (*flag).into(),
            Value::Int(number) => (*number).into(),
            Value::BigInt(number) => match (number.to_u64(), number.to_f64()) {
                (Some(number), _) => number.into(),
                (None, Some(number)) => number.into(),
                (None, None) => serde_json::Value::Null,
            },
            Value::Float(number) => (*number).into(),
            Value::Str(text) => text.as_ref().into(),
            Value::List(list) => all(&list.items())?,
            Value::Tuple(items) => all(items)?,
            Value::Dict(dict) => {
                let mut entries = serde_json::Map::new();
                for (key, value) in dict.entries() {
                    entries.insert(json_key(&key)?, value.json_at(other, depth + 1)?);
                }
                serde_json::Value::Object(entries)
            }
            Value::Object(object) => match object.to_json() {
                Some(json) => json,
                None => other(self)?,
            },
            _ => other(self)?,
        })
    }
}

/// The text of a dict key in JSON, as `json.dumps` writes it.
pub(crate) fn json_key(key: &Value) -> Result<String> {
    Ok(match key {
        Value::Str(text) => text.to_string(),
        Value::None => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(_) | Value::BigInt(_) | Value::Float(_) => key.to_string(),
        other => {
            return Err(Error::type_error(format!(
                "keys must be str, int, float, bool or None, not {}",
                other.type_name()
            )));
        }
    })
}
