//! A table as text, as agate writes it: `print_table`, `print_csv`, `print_json`, and what `show` prints.

use jinja::{CallArgs, Error, Result, State, Value, modules::dump_json};
use serde_json::Value as Json;

use super::Table;

const ELLIPSIS: &str = "...";

/// Hands a text to `print()`, which knows where it goes.
fn print(state: &mut State<'_>, text: String) -> Result<Value> {
    if let Some(print) = state.lookup("print") {
        state.call(&print, CallArgs::positional(vec![Value::from(text)]))?;
    }
    Ok(Value::None)
}

impl Table {
    pub(super) fn print_table(&self, state: &mut State<'_>, args: CallArgs) -> Result<Value> {
        let [rows, columns, output, width, locale, precision] = args.bind(
            "print_table",
            ["max_rows", "max_columns", "output", "max_column_width", "locale", "max_precision"],
            0,
        )?;
        if output.is_some_and(|output| !output.is_none()) || locale.is_some_and(|locale| !locale.is_none()) {
            return Err(Error::type_error("print_table() prints to standard output, with English numbers".to_owned()));
        }
        // None is no limit, nothing the default.
        let limit = |value: Option<Value>, default: usize| match value {
            None => default,
            Some(Value::None) => usize::MAX,
            Some(value) => value.as_i64().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(default),
        };
        let layout = Layout {
            rows: limit(rows, 20),
            columns: limit(columns, 6),
            width: limit(width, 20),
            precision: limit(precision, 3),
        };
        print(state, layout.text(self))
    }

    pub(super) fn print_csv(&self, state: &mut State<'_>, args: CallArgs) -> Result<Value> {
        let [] = args.bind("print_csv", [], 0)?;
        let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
        let names = self.names().iter().map(|name| name.to_string()).collect::<Vec<_>>();
        let rows = self.rows().map(|row| row.iter().map(cell).collect::<Vec<_>>());
        for record in std::iter::once(names).chain(rows) {
            writer.write_record(record).map_err(|error| Error::type_error(error.to_string()))?;
        }
        let bytes = writer.into_inner().map_err(|error| Error::type_error(error.to_string()))?;
        print(state, String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned())
    }

    pub(super) fn print_json(&self, state: &mut State<'_>, args: CallArgs) -> Result<Value> {
        let [] = args.bind("print_json", [], 0)?;
        let objects: Vec<Value> = self.objects().into_iter().map(|object| Value::from(Json::Object(object))).collect();
        print(state, dump_json(&Value::list(objects), false, None)?)
    }

    /// The rows as JSON objects.
    pub fn objects(&self) -> Vec<serde_json::Map<String, Json>> {
        let value = |value: &Value| match value {
            Value::Decimal(_) => number(value).map_or(Json::Null, Into::into),
            Value::Date(_) | Value::DateTime(_) => value.to_string().replacen(' ', "T", 1).into(),
            other => other.to_json_lossy(),
        };
        let row = |row: &[Value]| self.names().iter().map(|name| name.to_string()).zip(row.iter().map(value)).collect();
        self.rows().map(row).collect()
    }

    /// What `show` prints: every row, at most six columns.
    pub fn text(&self) -> String {
        Layout { rows: usize::MAX, columns: 6, width: 20, precision: 3 }.text(self)
    }
}

/// Python's `str()`; nothing for None.
fn cell(value: &Value) -> String {
    match value {
        Value::None => String::new(),
        Value::DateTime(_) => value.to_string().replacen(' ', "T", 1),
        other => other.to_string(),
    }
}

fn number(value: &Value) -> Option<f64> {
    value.to_string().parse().ok()
}

struct Layout {
    rows: usize,
    columns: usize,
    width: usize,
    precision: usize,
}

impl Layout {
    fn text(&self, table: &Table) -> String {
        let is_cut = self.columns < table.names().len();
        let shown = self.columns.min(table.names().len());
        let mut names: Vec<String> = table.names()[..shown].iter().map(|name| self.cut(name)).collect();
        let places: Vec<Option<(usize, bool)>> = (0..shown).map(|column| self.places(table, column)).collect();
        let mut rows: Vec<Vec<String>> = table
            .rows()
            .take(self.rows)
            .map(|row| {
                let cells = row[..shown].iter().zip(&places).map(|(value, places)| match (value, places) {
                    (Value::None, _) => String::new(),
                    (value, Some((places, more))) => self.cut(&spoken(value, *places, *more)),
                    (value, None) => self.cut(&value.to_string()),
                });
                cells.chain(is_cut.then(|| ELLIPSIS.to_owned())).collect()
            })
            .collect();
        names.extend(is_cut.then(|| ELLIPSIS.to_owned()));
        let widths: Vec<usize> = (0..names.len())
            .map(|column| rows.iter().chain([&names]).map(|row| row[column].chars().count()).max().unwrap_or(0))
            .collect();
        if self.rows < table.rows().count() {
            rows.push(names.iter().map(|_| ELLIPSIS.to_owned()).collect());
        }
        let is_text = |column: usize| table.0.types.get(column).is_some_and(|name| name == "Text");
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (text, width))| match is_text(column) {
                true => format!(" {text:<width$} "),
                false => format!(" {text:>width$} "),
            });
            format!("|{}|", cells.collect::<Vec<_>>().join("|"))
        };
        let divider: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        let head = [line(&names), format!("| {} |", divider.join(" | "))];
        head.into_iter().chain(rows.iter().map(line)).collect::<Vec<_>>().join("\n")
    }

    fn cut(&self, text: &str) -> String {
        if text.chars().count() <= self.width {
            return text.to_owned();
        }
        let kept = self.width.saturating_sub(ELLIPSIS.len());
        text.chars().take(kept).chain(ELLIPSIS.chars()).collect()
    }

    /// Decimal places of a column of numbers, and whether some have more; `None` for other columns.
    fn places(&self, table: &Table, column: usize) -> Option<(usize, bool)> {
        // dbt's integers are no numbers of agate's.
        if table.0.types.get(column)? != "Number" {
            return None;
        }
        let places = |value: &Value| {
            let text = value.to_string();
            text.split_once('.').map_or(0, |(_, fraction)| fraction.trim_end_matches('0').len())
        };
        let most = table.rows().take(self.rows).map(|row| places(&row[column])).max().unwrap_or(0);
        Some((most.min(self.precision), most > self.precision))
    }
}

/// `1,234.50`, with `…` where places are left out.
fn spoken(value: &Value, places: usize, more: bool) -> String {
    let Some(number) = number(value) else { return value.to_string() };
    let text = format!("{:.places$}", number.abs());
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(whole, part)| (whole, Some(part)));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if number < 0.0 { "-" } else { "" };
    let fraction = fraction.map(|fraction| format!(".{fraction}")).unwrap_or_default();
    format!("{sign}{grouped}{fraction}{}", if more { "…" } else { "" })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn table() -> Table {
        let decimal = |text: &str| Value::Decimal(Arc::new(text.parse().expect("a number")));
        let names = ["id", "name", "amount", "flag"].map(Arc::from).to_vec();
        let rows = vec![
            vec![1.into(), "a".into(), decimal("1.50"), Value::None],
            vec![20000.into(), "a text that is far too long for it".into(), decimal("-1234567.12345"), true.into()],
            vec![3.into(), Value::None, Value::None, false.into()],
        ];
        Table::from_rows(names, rows)
    }

    #[test]
    fn tables_look_as_agate_prints_them() {
        let layout = Layout { rows: 20, columns: 6, width: 20, precision: 3 };
        let expected = "\
            |    id | name                 |          amount |  flag |\n\
            | ----- | -------------------- | --------------- | ----- |\n\
            |     1 | a                    |          1.500… |       |\n\
            | 20000 | a text that is fa... | -1,234,567.123… |  True |\n\
            |     3 |                      |                 | False |";
        assert_eq!(layout.text(&table()), expected);
        let layout = Layout { rows: 1, columns: 2, ..layout };
        let expected = "\
            | id | name | ... |\n\
            | -- | ---- | --- |\n\
            |  1 | a    | ... |\n\
            | ... | ...  | ... |";
        assert_eq!(layout.text(&table()), expected);
    }
}
