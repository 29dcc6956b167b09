//! OpenCSVSerde: quoted fields by position, all strings first; what is no value of its column's type is an error.
//!
//! Source: Athena user guide, "Open CSV SerDe": dates are days and timestamps milliseconds since 1970, as numbers.

use super::CsvFormat;
use super::builder::ColumnBuilder;
use crate::{LakeError, LakeResult};

/// Adds a row to the columns, given with their positions in the line.
pub(super) fn row(line: &str, format: &CsvFormat, columns: &mut [(usize, ColumnBuilder)]) -> LakeResult<()> {
    let fields = fields(line, format);
    for (position, column) in columns {
        match fields.get(*position) {
            None => column.null(),
            Some(text) => {
                if !value(text, column) {
                    return Err(bad_field(text, *position));
                }
            }
        }
    }
    Ok(())
}

/// Athena's sentence about a value that is none.
pub(super) fn bad_field(text: &str, field: usize) -> LakeError {
    LakeError::athena(
        "HIVE_BAD_DATA",
        format!("Error parsing field value '{text}' for field {field}: For input string: \"{text}\""),
    )
}

fn value(text: &str, column: &mut ColumnBuilder) -> bool {
    match column {
        ColumnBuilder::Date(builder) => text.trim().parse().map(|days| builder.append_value(days)).is_ok(),
        ColumnBuilder::Timestamp(builder) => text.trim().parse().map(|moment| builder.append_value(moment)).is_ok(),
        // Unlike Hive's lazy integers, a fraction is no integer.
        ColumnBuilder::TinyInt(_) | ColumnBuilder::SmallInt(_) | ColumnBuilder::Int(_) | ColumnBuilder::BigInt(_) => {
            !text.contains('.') && column.text(text)
        }
        _ => column.text(text),
    }
}

/// The fields of a line. A quote inside quotes is doubled or escaped; outside of quotes the escape character vanishes.
fn fields(line: &str, format: &CsvFormat) -> Vec<String> {
    let characters: Vec<char> = line.chars().collect();
    let (mut fields, mut field, mut quoted, mut at) = (Vec::new(), String::new(), false, 0);
    while let Some(&c) = characters.get(at) {
        let next = characters.get(at + 1).copied();
        let doubled = quoted && c == format.quote && next == Some(format.quote);
        let escaped =
            quoted && c == format.escape && next.is_some_and(|next| next == format.quote || next == format.escape);
        if doubled || (escaped && c != format.quote) {
            field.extend(next);
            at += 1;
        } else if c == format.quote {
            let inside = at > 0
                && characters[at - 1] != format.separator
                && next.is_some_and(|next| next != format.separator)
                && !field.trim().is_empty();
            if inside {
                // a,bc"d"ef,g keeps its quotes.
                field.push(c);
            } else if !quoted && field.trim().is_empty() {
                field.clear();
            }
            quoted = !quoted;
        } else if c == format.separator && !quoted {
            fields.push(std::mem::take(&mut field));
        } else if c != format.escape || format.escape == format.quote {
            field.push(c);
        }
        at += 1;
    }
    fields.push(field);
    fields
}
