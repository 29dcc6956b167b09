//! The JSON SerDes: one object a line, columns by key.

use serde_json::{Map, Value};

use super::builder::ColumnBuilder;
use super::csv::bad_field;
use super::{JsonFormat, scalar};
use crate::{LakeError, LakeResult};

/// A column and the key it is read from.
pub(super) struct JsonColumn {
    pub position: usize,
    pub key: String,
    pub builder: ColumnBuilder,
}

/// The key in the files for a column of the table.
pub(super) fn key_of(column: &str, format: &JsonFormat) -> String {
    format.mapping.iter().find(|(name, _)| name == column).map_or_else(|| column.to_owned(), |(_, key)| key.clone())
}

/// Adds a row to the columns.
pub(super) fn row(line: &str, format: &JsonFormat, columns: &mut [JsonColumn]) -> LakeResult<()> {
    let object = match serde_json::from_str::<Value>(line) {
        Ok(Value::Object(object)) => object,
        Ok(_) | Err(_) if format.ignore_malformed => {
            columns.iter_mut().for_each(|column| column.builder.null());
            return Ok(());
        }
        Ok(_) => return Err(malformed("A JSONObject text must begin with '{' at 1 [character 2 line 1]")),
        Err(error) => return Err(malformed(&error.to_string())),
    };
    for column in columns {
        let found = lookup(&object, &column.key, format.case_insensitive, format.dots_in_keys);
        if !value(found, format.case_insensitive, &mut column.builder) {
            return Err(bad_field(&text_of(found.unwrap_or(&Value::Null)), column.position));
        }
    }
    Ok(())
}

fn malformed(why: &str) -> LakeError {
    LakeError::athena("HIVE_CURSOR_ERROR", format!("Row is not a valid JSON Object - JSONException: {why}"))
}

fn lookup<'a>(object: &'a Map<String, Value>, key: &str, any_case: bool, dots: bool) -> Option<&'a Value> {
    object.get(key).or_else(|| {
        let same = |name: &str| {
            let name = if dots { name.replace('.', "_") } else { name.to_owned() };
            if any_case { name.eq_ignore_ascii_case(key) } else { name == key }
        };
        object.iter().find(|(name, _)| same(name)).map(|(_, value)| value)
    })
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Adds a value; adds nothing and answers `false` when it is none of the type.
fn value(found: Option<&Value>, any_case: bool, column: &mut ColumnBuilder) -> bool {
    let Some(found) = found.filter(|found| !found.is_null()) else {
        column.null();
        return true;
    };
    match (&mut *column, found) {
        (ColumnBuilder::List { element, .. }, Value::Array(items)) => {
            if !items.iter().all(|item| value(Some(item), any_case, element)) {
                return false;
            }
            column.end_of_list(items.len());
            true
        }
        (ColumnBuilder::Map { key, value: map_value, .. }, Value::Object(object)) => {
            for (name, item) in object {
                if !key.text(name) || !value(Some(item), any_case, map_value) {
                    return false;
                }
            }
            column.end_of_list(object.len());
            true
        }
        (ColumnBuilder::Struct { fields, valid }, Value::Object(object)) => {
            for (name, field) in fields {
                if !value(lookup(object, name, any_case, false), any_case, field) {
                    return false;
                }
            }
            valid.push(true);
            true
        }
        (ColumnBuilder::Timestamp(builder), Value::String(text)) => {
            scalar::iso_timestamp(text).map(|moment| builder.append_value(moment)).is_some()
        }
        // Seconds, unless it is too large for them.
        (ColumnBuilder::Timestamp(builder), Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
            (Some(moment), _) if moment.abs() >= 100_000_000_000 => {
                builder.append_value(moment);
                true
            }
            (Some(seconds), _) => {
                builder.append_value(seconds * 1000);
                true
            }
            #[expect(clippy::cast_possible_truncation, reason = "a float's milliseconds are in range or saturate")]
            (None, Some(seconds)) => {
                builder.append_value((seconds * 1000.0).round() as i64);
                true
            }
            _ => false,
        },
        _ => column.text(&text_of(found)),
    }
}
