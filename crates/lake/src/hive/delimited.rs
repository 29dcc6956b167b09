//! LazySimpleSerDe: fields by position between delimiters; what is no value of its type is NULL.

use std::borrow::Cow;

use super::DelimitedFormat;
use super::builder::ColumnBuilder;

/// Adds a row to the columns, given with their positions in the line.
pub(super) fn row(line: &str, format: &DelimitedFormat, columns: &mut [(usize, ColumnBuilder)]) {
    let fields = split(line, format.separators[0], format.escape);
    for (position, column) in columns {
        match fields.get(*position) {
            Some(text) => value(text, format, 1, column),
            None => column.null(),
        }
    }
}

/// Adds the value of a text whose own separators begin at `level`.
fn value(text: &str, format: &DelimitedFormat, level: usize, column: &mut ColumnBuilder) {
    if text == format.null {
        return column.null();
    }
    let separator = format.separators.get(level).copied().unwrap_or('\u{1}');
    match column {
        ColumnBuilder::List { element, .. } => {
            let elements = if text.is_empty() { Vec::new() } else { split(text, separator, format.escape) };
            for text in &elements {
                value(text, format, level + 1, element);
            }
            column.end_of_list(elements.len());
        }
        ColumnBuilder::Map { key, value: map_value, .. } => {
            let entries = if text.is_empty() { Vec::new() } else { split(text, separator, format.escape) };
            let between = format.separators.get(level + 1).copied().unwrap_or('\u{1}');
            let mut count = 0;
            for entry in &entries {
                let parts = split(entry, between, format.escape);
                // A key that is no value of its type cannot be in a map.
                if !key.text(&unescaped(parts[0], format.escape)) {
                    continue;
                }
                count += 1;
                match parts.get(1) {
                    Some(text) => value(text, format, level + 2, map_value),
                    None => map_value.null(),
                }
            }
            column.end_of_list(count);
        }
        ColumnBuilder::Struct { fields, valid } => {
            let parts = split(text, separator, format.escape);
            for (at, (_, field)) in fields.iter_mut().enumerate() {
                match parts.get(at) {
                    Some(text) => value(text, format, level + 1, field),
                    None => field.null(),
                }
            }
            valid.push(true);
        }
        scalar => {
            if !scalar.text(&unescaped(text, format.escape)) {
                scalar.null();
            }
        }
    }
}

/// The parts between separators that are not escaped.
fn split(text: &str, separator: char, escape: Option<char>) -> Vec<&str> {
    let Some(escape) = escape else { return text.split(separator).collect() };
    let mut parts = Vec::new();
    let mut start = 0;
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        if c == escape {
            characters.next();
        } else if c == separator {
            parts.push(&text[start..at]);
            start = at + c.len_utf8();
        }
    }
    parts.push(&text[start..]);
    parts
}

fn unescaped(text: &str, escape: Option<char>) -> Cow<'_, str> {
    let Some(escape) = escape.filter(|escape| text.contains(*escape)) else { return Cow::Borrowed(text) };
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (c == escape, c) {
            (false, c) => plain.push(c),
            (true, _) => match characters.next() {
                Some('n') => plain.push('\n'),
                Some('r') => plain.push('\r'),
                Some(next) => plain.push(next),
                None => plain.push(escape),
            },
        }
    }
    Cow::Owned(plain)
}
