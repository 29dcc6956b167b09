//! Athena's result texts as the values that dbt's tables hold: what agate has no type for is a text there.
//!
//! Source: dbt Core 1.12 with dbt-athena 1.11, asked for a value of each type.

use std::str::FromStr;

use athena_api::athena::ColumnInfo;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use diagnostic::Diagnostic;
use engine::adapter::{AdapterError, AdapterResult, ResultColumn, ResultTable};
use jinja::{DateTime, Decimal, Value, Zone};
use serde_json::Value as Json;

use crate::warehouse::RawResult;

/// A whole result.
pub(crate) fn to_table(raw: RawResult) -> AdapterResult<ResultTable> {
    let rows = raw.rows.into_iter().map(|row| to_row(&raw.columns, row)).collect::<AdapterResult<Vec<_>>>()?;
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut columns: Vec<ResultColumn> = raw.columns.iter().map(to_column).collect();
    // DDL may answer text without saying its columns.
    for index in columns.len()..width {
        columns.push(ResultColumn { name: format!("column_{index}"), data_type: "string".to_owned() });
    }
    // DESCRIBE answers some rows with fewer texts.
    let whole = |mut row: Vec<Value>| {
        row.resize(columns.len(), Value::None);
        row
    };
    let rows = rows.into_iter().map(whole).collect();
    Ok(ResultTable { columns, rows })
}

fn to_column(column: &ColumnInfo) -> ResultColumn {
    let data_type = match column.r#type.as_str() {
        "decimal" => format!("decimal({},{})", column.precision, column.scale),
        other => other.to_owned(),
    };
    ResultColumn { name: column.name.clone(), data_type }
}

fn to_row(columns: &[ColumnInfo], row: Vec<Option<String>>) -> AdapterResult<Vec<Value>> {
    let values = row.into_iter().enumerate().map(|(index, text)| match (text, columns.get(index)) {
        (None, _) => Ok(Value::None),
        (Some(text), Some(column)) => to_value(&column.r#type, &text),
        (Some(text), None) => Ok(Value::str(text)),
    });
    values.collect()
}

/// One value; the type is Athena's bare name.
pub(crate) fn to_value(data_type: &str, text: &str) -> AdapterResult<Value> {
    let value = match data_type {
        "tinyint" | "smallint" | "int" | "integer" | "bigint" => text.parse::<i64>().ok().map(Value::Int),
        "float" | "real" | "double" => float(text).map(number),
        "boolean" => Some(Value::Bool(!text.eq_ignore_ascii_case("false"))),
        "decimal" => Decimal::from_str(text).is_ok().then(|| Value::str(text)),
        "date" => NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(Value::Date),
        "timestamp" => moment(text).map(Value::from),
        "timestamp with time zone" => zoned(text),
        "time" => NaiveTime::parse_from_str(text, "%H:%M:%S%.f").ok().map(|time| Value::Time(time).to_string().into()),
        "varbinary" => hex::decode(text.replace(' ', "")).ok().map(|bytes| Value::Bytes(bytes.into()).repr().into()),
        "json" => serde_json::from_str::<Json>(text).ok().map(json_text),
        "array" | "map" | "row" => Some(match nested(text) {
            Json::String(text) => text.into(),
            nested => json_text(nested),
        }),
        _ => Some(Value::str(text)),
    };
    value.ok_or_else(|| {
        AdapterError::new(
            Diagnostic::error(format!("Athena answered '{text}' for a value of type {data_type}"))
                .cause("this text is not understood as a value of that type")
                .fix("cast the column to varchar in the query, and report the value"),
        )
    })
}

/// As `json.dumps` writes it.
fn json_text(json: Json) -> Value {
    let value = Value::from(json);
    jinja::modules::dump_json(&value, false, None).map_or(value, Value::from)
}

/// Numbers with decimals are Python's decimals in agate.
fn number(number: f64) -> Value {
    let float = Value::Float(number);
    Decimal::from_str(&float.repr()).map_or(float, Value::from)
}

fn float(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => text.parse().ok(),
    }
}

/// Python keeps microseconds.
fn moment(text: &str) -> Option<NaiveDateTime> {
    let text = match text.split_once('.') {
        Some((seconds, fraction)) if fraction.len() > 6 => format!("{seconds}.{}", &fraction[..6]),
        _ => text.to_owned(),
    };
    NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f").ok()
}

fn zoned(text: &str) -> Option<Value> {
    let (local, zone) = text.rsplit_once(' ')?;
    let zone = match zone {
        "UTC" | "Z" => Zone::Utc,
        offset if offset.starts_with(['+', '-']) => {
            let (hours, minutes) = offset[1..].split_once(':')?;
            let seconds = hours.parse::<i32>().ok()? * 3600 + minutes.parse::<i32>().ok()? * 60;
            Zone::Fixed(if offset.starts_with('-') { -seconds } else { seconds })
        }
        // A named zone would need the tz database; its text says the same.
        _ => return Some(Value::str(text)),
    };
    Some(Value::DateTime(DateTime { local: moment(local)?, zone: Some(zone) }.into()))
}

/// An array, map or row as Athena prints it: `[a, b]`, `{k=v, x=y}`. Nothing quotes the parts, so scalars stay text, `null` too.
///
/// Source: dbt-athena 1.11.1, `AthenaResultSet._process_nested_value`.
fn nested(text: &str) -> Json {
    let inner = || {
        let mut characters = text.chars();
        characters.next();
        characters.next_back();
        characters.as_str()
    };
    if text.starts_with('[') {
        split(inner()).into_iter().map(nested).collect()
    } else if text.starts_with('{') {
        Json::Object(split(inner()).into_iter().filter_map(entry).collect())
    } else {
        text.into()
    }
}

/// `k=v`; what has no `=` is left out.
fn entry(text: &str) -> Option<(String, Json)> {
    let mut depth = 0_i32;
    let mut equals = None;
    for (at, character) in text.char_indices() {
        match character {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            '=' if depth == 0 => equals = Some((equals.map_or(at, |(first, _)| first), at)),
            _ => {}
        }
    }
    let (first, last) = equals?;
    let key = text[..first].trim();
    (!key.is_empty()).then(|| (key.to_owned(), nested(text[last + 1..].trim())))
}

fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_i32, 0);
    for (at, character) in text.char_indices() {
        match character {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    if !text.trim().is_empty() {
        parts.push(text[start..].trim());
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repr(data_type: &str, text: &str) -> String {
        to_value(data_type, text).expect("understood").repr()
    }

    #[test]
    fn values_are_pythons() {
        assert_eq!(repr("decimal", "1.50"), "'1.50'");
        assert_eq!(repr("double", "1.5"), "Decimal('1.5')");
        assert_eq!(repr("time", "10:00:00.000"), "'10:00:00'");
        assert_eq!(repr("bigint", "7"), "7");
        assert_eq!(repr("boolean", "false"), "False");
        assert_eq!(repr("date", "2024-02-29"), "datetime.date(2024, 2, 29)");
        assert_eq!(repr("array", "[a, [b, c], null]"), "'[\"a\", [\"b\", \"c\"], \"null\"]'");
        assert_eq!(repr("row", "{a=1, text, b=x=y}"), "'{\"a\": \"1\", \"b\": \"y\"}'");
        assert_eq!(repr("map", "{k=v, n={x=1}}"), "'{\"k\": \"v\", \"n\": {\"x\": \"1\"}}'");
        assert_eq!(repr("array", "[]"), "'[]'");
        assert_eq!(repr("json", "{\"a\":[1,\"é\"]}"), r#"'{"a": [1, "\\u00e9"]}'"#);
        assert_eq!(repr("varbinary", "68 69"), "\"b'hi'\"");
    }

    #[test]
    fn nonsense_is_an_error_and_not_a_text() {
        assert!(to_value("date", "tomorrow").is_err());
    }
}
