//! Rows as lines: LazySimpleSerDe's and JSON.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::{LakeError, LakeResult};

/// How a row is a line.
pub(super) enum RowFormat {
    Delimited { field: char },
    Json,
}

impl RowFormat {
    pub fn row(&self, rows: &RecordBatch, row: usize, line: &mut Vec<u8>) -> LakeResult<()> {
        match self {
            Self::Delimited { field } => {
                for (at, column) in rows.columns().iter().enumerate() {
                    if at > 0 {
                        push(line, *field);
                    }
                    delimited(column.as_ref(), row, 2, line)?;
                }
            }
            Self::Json => {
                line.push(b'{');
                let mut first = true;
                for (field, column) in rows.schema_ref().fields().iter().zip(rows.columns()) {
                    if column.is_null(row) {
                        continue;
                    }
                    if !std::mem::take(&mut first) {
                        line.push(b',');
                    }
                    json_text(field.name(), line);
                    line.push(b':');
                    json(column.as_ref(), row, line)?;
                }
                line.push(b'}');
            }
        }
        line.push(b'\n');
        Ok(())
    }
}

fn push(line: &mut Vec<u8>, c: char) {
    line.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// A value whose inner separators begin with the control character `level`.
fn delimited(array: &dyn Array, row: usize, level: u8, line: &mut Vec<u8>) -> LakeResult<()> {
    if array.is_null(row) {
        line.extend_from_slice(b"\\N");
        return Ok(());
    }
    match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>().value(row);
            separated(list.len(), level, line, |at, line| delimited(list.as_ref(), at, level + 1, line))
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            separated(entries.len(), level, line, |at, line| {
                delimited(keys.as_ref(), at, level + 2, line)?;
                line.push(level + 1);
                delimited(values.as_ref(), at, level + 2, line)
            })
        }
        DataType::Struct(_) => {
            let fields = array.as_struct();
            separated(fields.num_columns(), level, line, |at, line| {
                delimited(fields.column(at).as_ref(), row, level + 1, line)
            })
        }
        DataType::Binary => {
            use base64::Engine;
            let text = base64::engine::general_purpose::STANDARD.encode(array.as_binary::<i32>().value(row));
            line.extend_from_slice(text.as_bytes());
            Ok(())
        }
        _ => {
            line.extend_from_slice(scalar(array, row)?.as_bytes());
            Ok(())
        }
    }
}

fn separated(
    count: usize,
    separator: u8,
    line: &mut Vec<u8>,
    mut each: impl FnMut(usize, &mut Vec<u8>) -> LakeResult<()>,
) -> LakeResult<()> {
    for at in 0..count {
        if at > 0 {
            line.push(separator);
        }
        each(at, line)?;
    }
    Ok(())
}

fn json(array: &dyn Array, row: usize, line: &mut Vec<u8>) -> LakeResult<()> {
    if array.is_null(row) {
        line.extend_from_slice(b"null");
        return Ok(());
    }
    match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>().value(row);
            line.push(b'[');
            separated(list.len(), b',', line, |at, line| json(list.as_ref(), at, line))?;
            line.push(b']');
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            line.push(b'{');
            separated(entries.len(), b',', line, |at, line| {
                json_text(&scalar(entries.column(0).as_ref(), at)?, line);
                line.push(b':');
                json(entries.column(1).as_ref(), at, line)
            })?;
            line.push(b'}');
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct();
            line.push(b'{');
            separated(fields.len(), b',', line, |at, line| {
                json_text(fields[at].name(), line);
                line.push(b':');
                json(columns.column(at).as_ref(), row, line)
            })?;
            line.push(b'}');
        }
        DataType::Binary => {
            use base64::Engine;
            json_text(&base64::engine::general_purpose::STANDARD.encode(array.as_binary::<i32>().value(row)), line);
        }
        kind => {
            let text = scalar(array, row)?;
            let finite = !kind.is_floating() || !text.ends_with(['N', 'y']);
            if finite && (kind.is_numeric() || *kind == DataType::Boolean) {
                line.extend_from_slice(text.as_bytes());
            } else {
                json_text(&text, line);
            }
        }
    }
    Ok(())
}

fn json_text(text: &str, line: &mut Vec<u8>) {
    line.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
}

/// A scalar as Hive spells it.
fn scalar(array: &dyn Array, row: usize) -> LakeResult<String> {
    match array.data_type() {
        DataType::Utf8 => return Ok(array.as_string::<i32>().value(row).to_owned()),
        DataType::Float32 => return Ok(float(f64::from(array.as_primitive::<Float32Type>().value(row)), true)),
        DataType::Float64 => return Ok(float(array.as_primitive::<Float64Type>().value(row), false)),
        _ => {}
    }
    let options =
        FormatOptions::new().with_date_format(Some("%Y-%m-%d")).with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.3f"));
    let doing = "formatting a value";
    let formatter = ArrayFormatter::try_new(array, &options).map_err(LakeError::arrow(doing))?;
    formatter.value(row).try_to_string().map_err(LakeError::arrow(doing))
}

/// With a point always, and Java's words for what is no number.
fn float(value: f64, single: bool) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() };
    }
    #[expect(clippy::cast_possible_truncation, reason = "it was a float")]
    let text = if single { format!("{:?}", value as f32) } else { format!("{value:?}") };
    text
}
