//! YAML values as JSON, the form configs have in the manifest. Dates become ISO text, as dbt's serializer writes them.

use serde_json::{Map as JsonMap, Number, Value as Json};

use super::{Map, Node, Value};

impl Value {
    /// The value as JSON.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Undefined => Json::String(String::new()),
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(value) => Json::from(*value),
            Self::BigInt(value) => u64::try_from(value).map_or_else(|_| Json::String(value.to_string()), Json::from),
            Self::Float(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
            Self::Str(text) => Json::String(text.clone()),
            Self::Date(date) => Json::String(date.format("%Y-%m-%d").to_string()),
            Self::DateTime(timestamp) => Json::String(timestamp.to_string()),
            Self::Seq(items) => Json::Array(items.iter().map(|item| item.value.to_json()).collect()),
            Self::Map(map) => Json::Object(map.to_json()),
        }
    }

    /// A JSON value as YAML.
    pub fn from_json(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => number
                .as_i64()
                .map(Self::Int)
                .or_else(|| number.as_u64().map(|value| Self::BigInt(value.into())))
                .unwrap_or_else(|| Self::Float(number.as_f64().unwrap_or(f64::NAN))),
            Json::String(text) => Self::Str(text.clone()),
            Json::Array(items) => Self::Seq(items.iter().map(|item| Node::new(Self::from_json(item))).collect()),
            Json::Object(object) => Self::Map(Map::from_json(object)),
        }
    }
}

impl Map {
    /// The mapping as a JSON object. Keys that are not text are written as Python's `json.dumps` writes them.
    pub fn to_json(&self) -> JsonMap<String, Json> {
        self.entries().map(|entry| (json_key(&entry.key.value), entry.value.value.to_json())).collect()
    }

    /// A JSON object as YAML.
    pub fn from_json(object: &JsonMap<String, Json>) -> Self {
        let mut map = Self::new();
        for (key, value) in object {
            map.insert(key.clone(), Value::from_json(value));
        }
        map
    }
}

pub(crate) fn json_key(key: &Value) -> String {
    match key {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        other => other.scalar_text().unwrap_or_default(),
    }
}
