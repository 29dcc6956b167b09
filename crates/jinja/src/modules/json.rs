//! JSON as Python's `json` module writes and reads it.

use crate::value::float_repr;
use crate::{Error, ErrorKind, Result, Value};

/// `json.dumps(value, sort_keys=…, indent=…)`: `", "` and `": "` between, everything beyond ASCII escaped.
///
/// # Errors
/// `TypeError: Object of type Decimal is not JSON serializable`
pub fn dump_json(value: &Value, sort_keys: bool, indent: Option<usize>) -> Result<String> {
    let mut out = String::new();
    write(&mut out, value, sort_keys, indent, 0)?;
    Ok(out)
}

fn write(out: &mut String, value: &Value, sort: bool, indent: Option<usize>, depth: usize) -> Result<()> {
    if depth > 200 {
        return Err(Error::value_error("Circular reference detected"));
    }
    match value {
        Value::None => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Int(_) | Value::BigInt(_) => value.write_str(out),
        Value::Float(number) if number.is_nan() => out.push_str("NaN"),
        Value::Float(number) if number.is_infinite() => {
            out.push_str(if *number > 0.0 { "Infinity" } else { "-Infinity" })
        }
        Value::Float(number) => out.push_str(&float_repr(*number)),
        Value::Str(text) => write_text(out, text),
        Value::List(_) | Value::Tuple(_) => {
            let items = value.items()?;
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                separate(out, index, indent, depth + 1);
                write(out, item, sort, indent, depth + 1)?;
            }
            close(out, items.is_empty(), indent, depth);
            out.push(']');
        }
        Value::Dict(dict) => {
            let mut entries = dict.entries();
            if sort {
                let mut pairs: Vec<(Value, Value)> =
                    entries.into_iter().map(|(key, value)| (key.clone(), Value::tuple(vec![key, value]))).collect();
                crate::methods::sort(&mut pairs, false)?;
                entries = pairs.into_iter().filter_map(|(key, pair)| Some((key, pair.items().ok()?.pop()?))).collect();
            }
            out.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                separate(out, index, indent, depth + 1);
                let key = match key {
                    Value::Bool(flag) => flag.to_string(),
                    other => crate::value::json_key(other)?,
                };
                write_text(out, &key);
                out.push_str(": ");
                write(out, value, sort, indent, depth + 1)?;
            }
            close(out, entries.is_empty(), indent, depth);
            out.push('}');
        }
        other => {
            let json = other.to_json()?;
            return write(out, &Value::from(json), sort, indent, depth + 1);
        }
    }
    Ok(())
}

fn separate(out: &mut String, index: usize, indent: Option<usize>, depth: usize) {
    match indent {
        None if index > 0 => out.push_str(", "),
        None => {}
        Some(width) => {
            if index > 0 {
                out.push(',');
            }
            out.push('\n');
            out.push_str(&" ".repeat(width * depth));
        }
    }
}

fn close(out: &mut String, empty: bool, indent: Option<usize>, depth: usize) {
    if let Some(width) = indent
        && !empty
    {
        out.push('\n');
        out.push_str(&" ".repeat(width * depth));
    }
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            ' '..='~' => out.push(letter),
            letter => {
                let mut units = [0_u16; 2];
                for unit in letter.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out.push('"');
}

/// `json.loads(text)`
///
/// # Errors
/// `ValueError` when the text is not JSON.
pub fn parse_json(text: &str) -> Result<Value> {
    serde_json::from_str::<serde_json::Value>(text)
        .map(Value::from)
        .map_err(|error| Error::new(ErrorKind::Value, format!("invalid JSON: {error}")))
}
