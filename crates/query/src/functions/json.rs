//! JSON: text in its compact form, and what Trino's functions do with it.

use serde_json::{Map, Number, Value as Json};

use super::{Resolved, f, invalid};
use crate::{
    error::QueryError,
    types::{Type, VARCHAR, array_of},
    value::Value,
};

/// Compact text.
pub(crate) fn print(json: &Json) -> String {
    json.to_string()
}

fn parse(text: &str) -> Option<Json> {
    serde_json::from_str(text).ok()
}

/// A value as JSON; rows become objects with their fields' names.
pub(crate) fn from_value(value: &Value, ty: &Type) -> Json {
    match (value, ty) {
        (Value::Null, _) => Json::Null,
        (Value::Bool(value), _) => Json::Bool(*value),
        (Value::Double(number), _) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
        (Value::Decimal(number), Type::Decimal(_, scale)) => {
            let text = crate::text::decimal(*number, *scale);
            serde_json::from_str(&text).unwrap_or(Json::String(text))
        }
        (Value::Str(text), Type::Json) => parse(text).unwrap_or(Json::Null),
        (Value::Str(text), _) => Json::String(text.clone()),
        (Value::Array(items), Type::Array(element)) => {
            Json::Array(items.iter().map(|item| from_value(item, element)).collect())
        }
        (Value::Map(entries), Type::Map(key, item)) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by(|a, b| a.0.order(&b.0));
            let name = |value: &Value| crate::text::print(value, key).unwrap_or_default();
            Json::Object(entries.iter().map(|(k, v)| (name(k), from_value(v, item))).collect::<Map<_, _>>())
        }
        (Value::Row(items) | Value::Array(items), Type::Row(fields)) => {
            let named = items
                .iter()
                .zip(fields)
                .map(|(item, (name, ty))| (name.clone().unwrap_or_default(), from_value(item, ty)));
            Json::Object(named.collect::<Map<_, _>>())
        }
        (Value::Int(number), ty) if ty.is_integer() => Json::Number((*number).into()),
        (other, ty) => Json::String(crate::text::print(other, ty).unwrap_or_default()),
    }
}

/// JSON text as a value of another type.
pub(crate) fn cast_from(text: &str, to: &Type) -> Result<Value, QueryError> {
    let fail = || {
        let shown: String = text.chars().take(100).collect();
        QueryError::new(
            "INVALID_CAST_ARGUMENT",
            format!("Cannot cast to {to}. Expected a different JSON value.\n{shown}"),
        )
    };
    to_value(&parse(text).ok_or_else(fail)?, to).ok_or_else(fail)
}

fn to_value(json: &Json, to: &Type) -> Option<Value> {
    Some(match (json, to) {
        (_, Type::Json) => Value::Str(print(json)),
        (Json::Null, _) => Value::Null,
        (Json::Bool(value), Type::Boolean) => Value::Bool(*value),
        (Json::Bool(value), Type::Varchar(_)) => Value::Str(value.to_string()),
        (Json::Bool(value), _) if to.is_numeric() => {
            crate::cast::convert(&Value::Bool(*value), &Type::Boolean, to).ok()?
        }
        (Json::String(text), Type::Varchar(_)) => Value::Str(text.clone()),
        (Json::Number(number), Type::Varchar(_)) => Value::Str(number.to_string()),
        (Json::String(text), _) if to.is_numeric() || *to == Type::Boolean => crate::cast::from_text(text, to)?,
        (Json::Number(number), Type::Boolean) => Value::Bool(number.as_f64()? != 0.0),
        (Json::Number(number), _) if to.is_numeric() => match number.as_i64() {
            Some(whole) => crate::cast::convert(&Value::Int(whole), &Type::BigInt, to).ok()?,
            None => crate::cast::convert(&Value::Double(number.as_f64()?), &Type::Double, to).ok()?,
        },
        (Json::Array(items), Type::Array(element)) => {
            Value::Array(items.iter().map(|item| to_value(item, element)).collect::<Option<_>>()?)
        }
        (Json::Object(fields), Type::Map(key, item)) => {
            let mut entries = Vec::new();
            for (name, field) in fields {
                let key = to_value(&Json::String(name.clone()), key)?;
                entries.push((key, to_value(field, item)?));
            }
            Value::Map(entries)
        }
        (Json::Object(object), Type::Row(fields)) => {
            let find =
                |name: &str| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
            Value::Row(
                fields
                    .iter()
                    .map(|(name, ty)| match find(name.as_deref().unwrap_or_default()) {
                        Some(value) => to_value(value, ty),
                        None => Some(Value::Null),
                    })
                    .collect::<Option<_>>()?,
            )
        }
        (Json::Array(items), Type::Row(fields)) if items.len() == fields.len() => {
            Value::Row(items.iter().zip(fields).map(|(item, (_, ty))| to_value(item, ty)).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// A step of a path such as `$.a[0]["b c"]`.
enum Step {
    Key(String),
    Index(usize),
    All,
}

fn path(text: &str) -> Result<Vec<Step>, QueryError> {
    let bad = || invalid(format!("Invalid JSON path: '{text}'"));
    let mut rest = text.trim();
    rest = rest.strip_prefix("lax ").or_else(|| rest.strip_prefix("strict ")).unwrap_or(rest).trim();
    let mut steps = Vec::new();
    match rest.strip_prefix('$') {
        Some(after) => rest = after,
        // A path without `$` begins with a key.
        None => {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            steps.push(Step::Key(rest[..end].to_owned()));
            rest = &rest[end..];
        }
    }
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            if let Some(quoted) = after.strip_prefix('"') {
                let end = quoted.find('"').ok_or_else(bad)?;
                steps.push(Step::Key(quoted[..end].to_owned()));
                rest = &quoted[end + 1..];
                continue;
            }
            let end = after.find(['.', '[']).unwrap_or(after.len());
            if end == 0 {
                return Err(bad());
            }
            steps.push(if &after[..end] == "*" { Step::All } else { Step::Key(after[..end].to_owned()) });
            rest = &after[end..];
        } else if let Some(after) = rest.strip_prefix('[') {
            let end = after.find(']').ok_or_else(bad)?;
            let inside = after[..end].trim();
            steps.push(match inside.trim_matches(['"', '\'']) {
                "*" if inside == "*" => Step::All,
                key if key.len() != inside.len() => Step::Key(key.to_owned()),
                digits => Step::Index(digits.parse().map_err(|_| bad())?),
            });
            rest = &after[end + 1..];
        } else {
            return Err(bad());
        }
    }
    Ok(steps)
}

fn follow<'j>(json: &'j Json, steps: &[Step]) -> Vec<&'j Json> {
    let mut found = vec![json];
    for step in steps {
        found = found
            .into_iter()
            .flat_map(|json| match (step, json) {
                (Step::Key(key), Json::Object(fields)) => fields.get(key).into_iter().collect::<Vec<_>>(),
                (Step::Index(at), Json::Array(items)) => items.get(*at).into_iter().collect(),
                (Step::All, Json::Array(items)) => items.iter().collect(),
                (Step::All, Json::Object(fields)) => fields.values().collect(),
                _ => Vec::new(),
            })
            .collect();
    }
    found
}

fn extract(text: &str, at: &str) -> Result<Option<Json>, QueryError> {
    let steps = path(at)?;
    let Some(json) = parse(text) else { return Ok(None) };
    let found = follow(&json, &steps);
    if steps.iter().any(|step| matches!(step, Step::All)) {
        return Ok(Some(Json::Array(found.into_iter().cloned().collect())));
    }
    Ok(found.first().map(|json| (*json).clone()))
}

fn scalar(json: &Json) -> Value {
    match json {
        Json::String(text) => Value::Str(text.clone()),
        Json::Number(number) => Value::Str(number.to_string()),
        Json::Bool(value) => Value::Str(value.to_string()),
        _ => Value::Null,
    }
}

pub(super) fn resolve(name: &str, types: &[Type], _: &[Option<Value>]) -> Option<Resolved> {
    let input = |at: usize| if types[at] == Type::Json { Type::Json } else { VARCHAR };
    let size = |count: usize| Value::Int(i64::try_from(count).unwrap_or(i64::MAX));
    match (name, types.len()) {
        ("json_parse", 1) => f([VARCHAR], Type::Json, |a| {
            let json =
                parse(a[0].str()).ok_or_else(|| invalid(format!("Cannot convert value to JSON: '{}'", a[0].str())))?;
            Ok(Value::Str(print(&json)))
        }),
        ("json_format", 1) => f([Type::Json], VARCHAR, |a| Ok(a[0].clone())),
        ("json_extract", 2) => f([input(0), VARCHAR], Type::Json, |a| {
            Ok(extract(a[0].str(), a[1].str())?.map_or(Value::Null, |json| Value::Str(print(&json))))
        }),
        ("json_extract_scalar", 2) => f([input(0), VARCHAR], VARCHAR, |a| {
            Ok(extract(a[0].str(), a[1].str())?.map_or(Value::Null, |json| scalar(&json)))
        }),
        ("json_value", 2) => f([input(0), VARCHAR], VARCHAR, |a| {
            Ok(extract(a[0].str(), a[1].str())?.map_or(Value::Null, |json| scalar(&json)))
        }),
        ("json_exists", 2) => {
            f([input(0), VARCHAR], Type::Boolean, |a| Ok(Value::Bool(extract(a[0].str(), a[1].str())?.is_some())))
        }
        ("json_query", 2) => f([input(0), VARCHAR], VARCHAR, |a| {
            Ok(extract(a[0].str(), a[1].str())?.map_or(Value::Null, |json| Value::Str(print(&json))))
        }),
        ("json_array_length", 1) => f([input(0)], Type::BigInt, move |a| match parse(a[0].str()) {
            Some(Json::Array(items)) => Ok(size(items.len())),
            _ => Ok(Value::Null),
        }),
        ("json_array_get", 2) => f([input(0), Type::BigInt], Type::Json, |a| match parse(a[0].str()) {
            Some(Json::Array(items)) => {
                let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
                let at = if a[1].int() < 0 { length + a[1].int() } else { a[1].int() };
                let found = usize::try_from(at).ok().and_then(|at| items.get(at));
                Ok(found.map_or(Value::Null, |json| Value::Str(print(json))))
            }
            _ => Ok(Value::Null),
        }),
        ("json_array_contains", 2) => {
            let ty = types[1].clone();
            f([input(0), ty.clone()], Type::Boolean, move |a| match parse(a[0].str()) {
                Some(Json::Array(items)) => Ok(Value::Bool(items.contains(&from_value(&a[1], &ty)))),
                _ => Ok(Value::Null),
            })
        }
        ("json_size", 2) => f([input(0), VARCHAR], Type::BigInt, move |a| {
            Ok(match extract(a[0].str(), a[1].str())? {
                None => Value::Null,
                Some(Json::Array(items)) => size(items.len()),
                Some(Json::Object(fields)) => size(fields.len()),
                Some(_) => size(0),
            })
        }),
        ("is_json_scalar", 1) => f([input(0)], Type::Boolean, |a| match parse(a[0].str()) {
            Some(json) => Ok(Value::Bool(!json.is_array() && !json.is_object())),
            None => Err(invalid(format!("Invalid JSON value: {}", a[0].str()))),
        }),
        ("json_keys", 1) => f([input(0)], array_of(VARCHAR), |a| match parse(a[0].str()) {
            Some(Json::Object(fields)) => Ok(Value::Array(fields.keys().cloned().map(Value::Str).collect())),
            _ => Ok(Value::Null),
        }),
        _ => None,
    }
}
