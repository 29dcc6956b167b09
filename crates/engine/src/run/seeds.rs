//! Seeds: a CSV file read as dbt (agate) reads it.
//!
//! A column has the first type that all its values allow: number, date, datetime, boolean, text.
//! Source: spec of dbt seeds; agate's `Number`, `Date`, `DateTime`, `Boolean` casts.

mod number;

use std::path::Path;

use artifacts::manifest::Node;
use chrono::{NaiveDate, NaiveDateTime};
use diagnostic::Diagnostic;
use jinja::{Decimal, Value};

use crate::adapter::{SeedColumn, SeedTable, SeedType};

/// How a seed is to be read.
#[derive(Debug, Clone)]
pub struct SeedOptions<'a> {
    /// `delimiter` of the config.
    pub delimiter: u8,
    /// Columns that `column_types` names: their text stays as it is.
    pub text_columns: Vec<&'a str>,
}

/// A seed and what its author should know.
#[derive(Debug)]
pub struct ReadSeed {
    pub table: SeedTable,
    pub warnings: Vec<Diagnostic>,
}

/// Reads a seed's file, as its config says.
///
/// # Errors
/// A file that is not there, is no UTF-8, or cannot be read as CSV.
pub fn read_seed_file(path: &Path, seed: &Node) -> Result<ReadSeed, Diagnostic> {
    let text = fs_err::read_to_string(path).map_err(|error| {
        Diagnostic::error(format!(
            "Runtime Error in seed {} ({})\n  the file cannot be read",
            seed.name, seed.original_file_path
        ))
        .cause(error.to_string())
        .fix("check that the file is there and is UTF-8")
    })?;
    let column_types = seed.config("column_types").and_then(|types| types.as_object());
    let delimiter = seed.config_str("delimiter").and_then(|text| text.bytes().next()).unwrap_or(b',');
    let text_columns: Vec<&str> = column_types.into_iter().flat_map(|types| types.keys()).map(String::as_str).collect();
    let options = SeedOptions { delimiter, text_columns: text_columns.clone() };
    let mut read = read_seed(&seed.original_file_path, &text, &options)?;
    let known = |name: &str| read.table.columns.iter().any(|column| column.name == name);
    let unknown: Vec<&str> = text_columns.into_iter().filter(|name| !known(name)).collect();
    if !unknown.is_empty() {
        let warning = Diagnostic::warning(format!(
            "Column types specified for non-existent columns in seed {}: {}",
            seed.name,
            unknown.join(", ")
        ));
        read.warnings.push(warning.fix("correct the names below `column_types`"));
    }
    Ok(read)
}

/// A seed's rows as the values that `load_agate_table()` gives.
pub fn values(seed: &SeedTable) -> Vec<Vec<Value>> {
    let value = |text: &Option<String>, kind: SeedType| {
        let Some(text) = text else { return Value::None };
        let typed = match kind {
            SeedType::Integer => text.parse().ok().map(Value::Int),
            SeedType::Number => text.parse::<Decimal>().ok().map(Value::from),
            SeedType::Boolean => Some(Value::Bool(text.eq_ignore_ascii_case("true"))),
            SeedType::Date => NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(Value::Date),
            SeedType::DateTime => {
                let text = text.replace('T', " ");
                NaiveDateTime::parse_from_str(text.trim_end_matches('Z'), "%Y-%m-%d %H:%M:%S%.f").ok().map(Value::from)
            }
            SeedType::Text => None,
        };
        typed.unwrap_or_else(|| Value::str(text.as_str()))
    };
    let row = |row: &Vec<Option<String>>| {
        row.iter().zip(&seed.columns).map(|(text, column)| value(text, column.inferred)).collect()
    };
    seed.rows.iter().map(row).collect()
}

/// A seed has the name of its file.
fn failed(file: &str) -> String {
    let name = std::path::Path::new(file).file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    format!("Compilation Error in seed {name} ({file})")
}

/// Reads the text of a CSV file; `file` is named in messages.
///
/// # Errors
/// When it has no header, or a row has more values than the header.
pub fn read_seed(file: &str, text: &str, options: &SeedOptions<'_>) -> Result<ReadSeed, Diagnostic> {
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(options.delimiter)
        .from_reader(text.as_bytes());
    let mut records = reader.records();
    let Some(header) = records.next() else {
        return Err(Diagnostic::error(format!("{}\n  the file is empty", failed(file)))
            .cause("a seed needs a first line with the names of its columns")
            .fix("add the header line"));
    };
    let header = header.map_err(|error| unreadable(file, &error))?;
    let mut warnings = Vec::new();
    let names = column_names(file, header.iter(), &mut warnings);

    let mut rows: Vec<Vec<Option<String>>> = Vec::new();
    for (index, record) in records.enumerate() {
        let record = record.map_err(|error| unreadable(file, &error))?;
        if record.len() > names.len() {
            let line = record.position().map_or(index as u64 + 2, csv::Position::line);
            return Err(Diagnostic::error(format!(
                "{}\n  Row {index} has {} values, but Table only has {} columns.",
                failed(file),
                record.len(),
                names.len()
            ))
            .cause(format!("line {line} has more values than the header has columns"))
            .fix("quote values that contain the delimiter, or set the `delimiter` config"));
        }
        let mut row: Vec<Option<String>> = record.iter().map(|value| Some(value.to_owned())).collect();
        row.resize(names.len(), None);
        rows.push(row);
    }

    let columns = names
        .into_iter()
        .enumerate()
        .map(|(index, name)| {
            let forced = options.text_columns.contains(&name.as_str());
            let inferred = if forced { SeedType::Text } else { infer(&rows, index) };
            for row in &mut rows {
                row[index] = row[index].take().and_then(|value| canonical(&value, inferred, forced));
            }
            let inferred =
                if inferred == SeedType::Number && all_whole(&rows, index) { SeedType::Integer } else { inferred };
            SeedColumn { name, inferred }
        })
        .collect();
    Ok(ReadSeed { table: SeedTable { columns, rows }, warnings })
}

fn unreadable(file: &str, error: &csv::Error) -> Diagnostic {
    Diagnostic::error(format!("{}\n  the file cannot be read as CSV", failed(file)))
        .cause(error.to_string())
        .fix("save it as UTF-8, and close every quoted value")
}

/// Blank headers become letters; repeated ones get a number, with a warning.
fn column_names<'a>(file: &str, header: impl Iterator<Item = &'a str>, warnings: &mut Vec<Diagnostic>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (index, name) in header.enumerate() {
        let name = if name.trim().is_empty() { letters(index) } else { name.to_owned() };
        let mut unique = name.clone();
        let mut number = 2;
        while names.contains(&unique) {
            unique = format!("{name}_{number}");
            number += 1;
        }
        if unique != name {
            warnings.push(
                Diagnostic::warning(format!(
                    "Column name \"{name}\" already exists in {file}; using \"{unique}\" instead."
                ))
                .fix("give the column a name of its own"),
            );
        }
        names.push(unique);
    }
    names
}

/// a, b, …, z, aa, bb, …
fn letters(index: usize) -> String {
    let letter = char::from(b'a' + u8::try_from(index % 26).unwrap_or_default());
    letter.to_string().repeat(index / 26 + 1)
}

/// Empty text and `null` in any case, surrounding spaces aside.
fn is_null(value: &str) -> bool {
    let value = value.trim();
    value.is_empty() || value.eq_ignore_ascii_case("null")
}

fn infer(rows: &[Vec<Option<String>>], column: usize) -> SeedType {
    const ORDER: [SeedType; 4] = [SeedType::Number, SeedType::Date, SeedType::DateTime, SeedType::Boolean];
    let values = || rows.iter().filter_map(|row| row[column].as_deref()).filter(|value| !is_null(value));
    // The two ways to write a moment are two types to dbt: a column that has both is text.
    let is_iso = |value: &str| value.contains('T');
    let of_one_kind = || values().all(is_iso) || !values().any(is_iso);
    ORDER
        .into_iter()
        .find(|candidate| values().all(|value| canonical(value, *candidate, false).is_some()))
        .filter(|found| *found != SeedType::DateTime || of_one_kind())
        .unwrap_or(SeedType::Text)
}

/// The value as SQL would write it, without quotes; `None` for NULL and for text that is no such value.
fn canonical(value: &str, as_type: SeedType, forced_text: bool) -> Option<String> {
    if forced_text {
        // Only nothing at all is NULL in a column whose type is given.
        return (!value.is_empty()).then(|| value.to_owned());
    }
    if is_null(value) {
        return None;
    }
    let trimmed = value.trim();
    match as_type {
        SeedType::Integer | SeedType::Number => number::parse(trimmed),
        SeedType::Boolean => {
            let lower = trimmed.to_ascii_lowercase();
            matches!(lower.as_str(), "true" | "false").then_some(lower)
        }
        SeedType::Date => date(trimmed).map(|date| date.format("%Y-%m-%d").to_string()),
        SeedType::DateTime => date_time(trimmed).map(|at| at.format("%Y-%m-%d %H:%M:%S%.f").to_string()),
        SeedType::Text => Some(value.to_owned()),
    }
}

/// Python's `%Y-%m-%d`: four digits, then one or two.
fn date(text: &str) -> Option<NaiveDate> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let digits =
        |text: &str, most: usize| !text.is_empty() && text.len() <= most && text.bytes().all(|b| b.is_ascii_digit());
    if parts.next().is_some() || year.len() != 4 || !digits(year, 4) || !digits(month, 2) || !digits(day, 2) {
        return None;
    }
    NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}

/// `%Y-%m-%d %H:%M:%S`, or ISO 8601 with a `T`; an offset is applied, so that the value is UTC.
fn date_time(text: &str) -> Option<NaiveDateTime> {
    if let Some((day, time)) = text.split_once(' ') {
        date(day)?;
        return NaiveDateTime::parse_from_str(&format!("{day} {time}"), "%Y-%m-%d %H:%M:%S").ok();
    }
    let (day, _) = text.split_once('T')?;
    date(day)?;
    if let Ok(at) = chrono::DateTime::parse_from_rfc3339(text) {
        return Some(at.naive_utc());
    }
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
        .into_iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text.trim_end_matches('Z'), format).ok())
}

fn all_whole(rows: &[Vec<Option<String>>], column: usize) -> bool {
    rows.iter()
        .filter_map(|row| row[column].as_deref())
        .all(|value| value.bytes().all(|b| b.is_ascii_digit() || b == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(text: &str) -> SeedTable {
        let options = SeedOptions { delimiter: b',', text_columns: Vec::new() };
        read_seed("seeds/s.csv", text, &options).expect("readable").table
    }

    /// The inferred type of a column with these values, and the values as read.
    fn column(values: &[&str]) -> (SeedType, Vec<Option<String>>) {
        let lines: Vec<String> = values.iter().map(|value| format!("\"{value}\",x")).collect();
        let table = seed(&format!("c,other\n{}\n", lines.join("\n")));
        (table.columns[0].inferred, table.rows.into_iter().map(|mut row| row.swap_remove(0)).collect())
    }

    fn owned(values: &[&str]) -> Vec<Option<String>> {
        values.iter().map(|value| Some((*value).to_owned())).collect()
    }

    #[test]
    fn numbers_as_agate_reads_them() {
        assert_eq!(
            column(&["007", "5%", "$3", "1,000", "1e5", "-2", "1.0"]),
            (SeedType::Integer, owned(&["7", "5", "3", "1000", "100000", "-2", "1"]))
        );
        assert_eq!(column(&["1.50", "2"]), (SeedType::Number, owned(&["1.5", "2"])));
        assert_eq!(column(&["(5)"]).0, SeedType::Text);
        assert_eq!(column(&["0", "1"]).0, SeedType::Integer);
        assert_eq!(column(&["", "null"]).0, SeedType::Integer);
    }

    #[test]
    fn booleans_dates_and_text() {
        assert_eq!(column(&["True", "FALSE"]), (SeedType::Boolean, owned(&["true", "false"])));
        assert_eq!(column(&["t", "f"]).0, SeedType::Text);
        assert_eq!(column(&["yes", "no"]).0, SeedType::Text);
        assert_eq!(column(&["2024-01-02"]).0, SeedType::Date);
        assert_eq!(column(&["01/02/2024"]).0, SeedType::Text);
        assert_eq!(column(&["2024-01-02 03:04:05"]), (SeedType::DateTime, owned(&["2024-01-02 03:04:05"])));
        assert_eq!(column(&["2024-01-02 03:04:05", "2024-01-02T03:04:05"]).0, SeedType::Text);
        assert_eq!(column(&["2024-01-02T03:04:05.5Z"]), (SeedType::DateTime, owned(&["2024-01-02 03:04:05.500"])));
        assert_eq!(column(&[" x ", "Null"]), (SeedType::Text, vec![Some(" x ".to_owned()), None]));
    }

    #[test]
    fn a_given_type_keeps_the_text() {
        let options = SeedOptions { delimiter: b';', text_columns: vec!["zip"] };
        let table = read_seed("s.csv", "id;zip\n1;007\n2;\n", &options).expect("readable").table;
        assert_eq!(table.columns[1].inferred, SeedType::Text);
        assert_eq!(table.rows, vec![owned(&["1", "007"]), vec![Some("2".to_owned()), None]]);
    }

    #[test]
    fn headers_are_made_unique() {
        let options = SeedOptions { delimiter: b',', text_columns: Vec::new() };
        let read = read_seed("s.csv", "id,,id\n1,2,3\n", &options).expect("readable");
        let names: Vec<&str> = read.table.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["id", "b", "id_2"]);
        assert_eq!(read.warnings.len(), 1);
        assert!(read_seed("s.csv", "id\n1,2\n", &options).is_err());
    }
}
