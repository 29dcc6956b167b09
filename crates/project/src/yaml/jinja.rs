//! YAML values as Python values for templates, and back.

use std::sync::Arc;

use chrono::FixedOffset;
use jinja::{DateTime, Dict, DictMap, Key as JinjaKey, Zone};

use super::{Map, Node, Timestamp, Value};

impl From<&Value> for jinja::Value {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::None,
            Value::Undefined => Self::undefined(""),
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Int(number) => Self::Int(*number),
            Value::BigInt(number) => Self::BigInt(Arc::new(number.clone())),
            Value::Float(number) => Self::Float(*number),
            Value::Str(text) => Self::Str(text.as_str().into()),
            Value::Date(date) => Self::Date(*date),
            Value::DateTime(Timestamp { local, offset }) => {
                let zone = offset.map(|offset| match offset.local_minus_utc() {
                    0 => Zone::Utc,
                    seconds => Zone::Fixed(seconds),
                });
                Self::DateTime(Arc::new(DateTime { local: *local, zone }))
            }
            Value::Seq(items) => Self::list(items.iter().map(|item| Self::from(&item.value)).collect()),
            Value::Map(map) => Self::from(map),
        }
    }
}

impl From<&Map> for jinja::Value {
    fn from(map: &Map) -> Self {
        let mut dict = DictMap::default();
        for entry in map.entries() {
            // YAML's keys are scalars, which Python can hash.
            if let Ok(key) = JinjaKey::new(Self::from(&entry.key.value)) {
                dict.insert(key, Self::from(&entry.value.value));
            }
        }
        Self::Dict(Dict::new(dict))
    }
}

/// Lists that hold themselves end here.
const MAX_DEPTH: usize = 200;

impl Value {
    /// What a template's value is in YAML: tuples are lists, and what YAML has no word for is its text.
    pub fn from_jinja(value: &jinja::Value) -> Self {
        from_jinja(value, 0)
    }
}

fn from_jinja(value: &jinja::Value, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return Value::Null;
    }
    let items = |items: Vec<jinja::Value>| {
        Value::Seq(items.iter().map(|item| Node::new(from_jinja(item, depth + 1))).collect())
    };
    match value {
        jinja::Value::Undefined(_) => Value::Undefined,
        jinja::Value::None => Value::Null,
        jinja::Value::Bool(flag) => Value::Bool(*flag),
        jinja::Value::Int(number) => Value::Int(*number),
        jinja::Value::BigInt(number) => Value::BigInt(number.as_ref().clone()),
        jinja::Value::Float(number) => Value::Float(*number),
        jinja::Value::Str(text) => Value::Str(text.to_string()),
        jinja::Value::Date(date) => Value::Date(*date),
        jinja::Value::DateTime(datetime) => {
            let offset = match datetime.zone {
                None => Some(None),
                Some(Zone::Utc) => Some(FixedOffset::east_opt(0)),
                Some(Zone::Fixed(seconds)) => Some(FixedOffset::east_opt(seconds)),
                Some(Zone::Named(_)) => None,
            };
            match offset {
                Some(offset) => Value::DateTime(Timestamp { local: datetime.local, offset }),
                None => Value::Str(value.to_string()),
            }
        }
        jinja::Value::List(list) => items(list.items()),
        jinja::Value::Tuple(tuple) => items(tuple.to_vec()),
        jinja::Value::Dict(dict) => {
            let mut map = Map::new();
            for (key, value) in dict.entries() {
                // A tuple as a key has no place in YAML.
                let _ =
                    map.insert_node(Node::new(from_jinja(&key, depth + 1)), Node::new(from_jinja(&value, depth + 1)));
            }
            Value::Map(map)
        }
        other => Value::Str(other.to_string()),
    }
}
