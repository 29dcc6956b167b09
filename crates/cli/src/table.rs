//! Rows for people and for pipes: an aligned table, CSV, JSON.

use serde_json::{Map, Value as Json};
use unicode_width::UnicodeWidthStr;

/// A cell. NULL is not the empty text.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Null,
    Text(String),
    /// Shown right-aligned; `json` keeps its type.
    Number {
        text: String,
        json: Json,
    },
    Bool(bool),
    /// Arrays, maps, rows.
    Nested {
        text: String,
        json: Json,
    },
}

impl Cell {
    fn text(&self) -> &str {
        match self {
            Self::Null => "NULL",
            Self::Text(text) | Self::Number { text, .. } | Self::Nested { text, .. } => text,
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
        }
    }

    fn json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Text(text) => Json::String(text.clone()),
            Self::Bool(flag) => Json::Bool(*flag),
            Self::Number { json, .. } | Self::Nested { json, .. } => json.clone(),
        }
    }
}

/// A result to be shown.
#[derive(Debug, Clone, Default)]
pub struct Table {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// Rows of texts; `None` is NULL.
    pub fn of_texts(columns: Vec<String>, rows: Vec<Vec<Option<String>>>) -> Self {
        let cell = |text: Option<String>| text.map_or(Cell::Null, Cell::Text);
        Self { columns, rows: rows.into_iter().map(|row| row.into_iter().map(cell).collect()).collect() }
    }

    /// An aligned table. `dim` wraps NULL, so that it differs from the text `NULL` by more than its alignment: `NULL` is shown as `∅`
    /// where there are no colours.
    pub fn aligned(&self, colors: bool) -> String {
        let shown = |cell: &Cell| one_line(if *cell == Cell::Null { "∅" } else { cell.text() });
        let mut widths: Vec<usize> = self.columns.iter().map(|name| name.width()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(shown(cell).width());
            }
        }
        let numeric: Vec<bool> = (0..self.columns.len())
            .map(|index| {
                let mut cells =
                    self.rows.iter().filter_map(|row| row.get(index)).filter(|cell| **cell != Cell::Null).peekable();
                cells.peek().is_some() && cells.all(|cell| matches!(cell, Cell::Number { .. }))
            })
            .collect();
        let line = |cells: Vec<String>| cells.join(" │ ").trim_end().to_owned();
        let mut lines = Vec::with_capacity(self.rows.len() + 2);
        let header =
            self.columns.iter().zip(&widths).zip(&numeric).map(|((name, width), right)| pad(name, *width, *right));
        lines.push(line(header.collect()));
        lines.push(widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>().join("─┼─"));
        for row in &self.rows {
            let cells = row.iter().zip(&widths).zip(&numeric).map(|((cell, width), right)| {
                let padded = pad(&shown(cell), *width, *right);
                if colors && *cell == Cell::Null { format!("\u{1b}[2m{padded}\u{1b}[0m") } else { padded }
            });
            lines.push(line(cells.collect()));
        }
        lines.join("\n")
    }

    /// RFC 4180 with a header. NULL is nothing, the empty text is `""`, as in Athena's own result files.
    pub fn csv(&self) -> String {
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let needs_quotes = |text: &str| text.is_empty() || text.contains([',', '"', '\n', '\r']);
        let field = |text: &str| if needs_quotes(text) { quoted(text) } else { text.to_owned() };
        let mut lines = vec![self.columns.iter().map(|name| field(name)).collect::<Vec<_>>().join(",")];
        for row in &self.rows {
            let cells = row.iter().map(|cell| if *cell == Cell::Null { String::new() } else { field(cell.text()) });
            lines.push(cells.collect::<Vec<_>>().join(","));
        }
        lines.join("\n")
    }

    /// The rows as objects.
    pub fn objects(&self) -> Vec<Json> {
        self.rows
            .iter()
            .map(|row| {
                let entries = self.columns.iter().cloned().zip(row.iter().map(Cell::json));
                Json::Object(entries.collect::<Map<_, _>>())
            })
            .collect()
    }

    /// dbt's pipe table of `show`: at most six columns, values cut at twenty characters, NULL left blank.
    pub fn pipes(&self) -> String {
        const MOST_COLUMNS: usize = 6;
        const MOST_CHARS: usize = 20;
        let cut = |text: &str| {
            let text = one_line(text);
            if text.chars().count() > MOST_CHARS {
                text.chars().take(MOST_CHARS - 3).collect::<String>() + "..."
            } else {
                text
            }
        };
        let more = self.columns.len() > MOST_COLUMNS;
        let shown = self.columns.len().min(MOST_COLUMNS);
        let cell_text = |cell: &Cell| if *cell == Cell::Null { String::new() } else { cut(cell.text()) };
        let mut grid: Vec<Vec<(String, bool)>> =
            vec![self.columns[..shown].iter().map(|name| (cut(name), false)).collect()];
        grid.extend(self.rows.iter().map(|row| {
            row[..shown].iter().map(|cell| (cell_text(cell), matches!(cell, Cell::Number { .. }))).collect()
        }));
        let widths: Vec<usize> =
            (0..shown).map(|index| grid.iter().map(|row| row[index].0.width()).max().unwrap_or_default()).collect();
        let tail = if more { " ... |" } else { "" };
        let mut lines: Vec<String> = grid
            .into_iter()
            .map(|row| {
                let cells = row.into_iter().zip(&widths).map(|((text, right), width)| pad(&text, *width, right));
                format!("| {} |{tail}", cells.collect::<Vec<_>>().join(" | "))
            })
            .collect();
        let dashes: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        lines.insert(1, format!("| {} |{}", dashes.join(" | "), if more { " --- |" } else { "" }));
        lines.join("\n")
    }
}

fn one_line(text: &str) -> String {
    if !text.contains(['\n', '\r', '\t']) {
        return text.to_owned();
    }
    text.replace('\r', "").replace('\n', "⏎").replace('\t', " ")
}

fn pad(text: &str, width: usize, right: bool) -> String {
    let space = " ".repeat(width.saturating_sub(text.width()));
    if right { space + text } else { text.to_owned() + &space }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Cell {
        Cell::Number { text: text.to_owned(), json: text.parse::<i64>().expect("a number").into() }
    }

    fn table() -> Table {
        Table {
            columns: vec!["origin".to_owned(), "flights".to_owned()],
            rows: vec![
                vec![Cell::Text("JFK, \"New York\"".to_owned()), number("1234")],
                vec![Cell::Text(String::new()), number("7")],
                vec![Cell::Null, Cell::Null],
            ],
        }
    }

    #[test]
    fn null_is_not_the_empty_text() {
        assert_eq!(table().csv(), "origin,flights\n\"JFK, \"\"New York\"\"\",1234\n\"\",7\n,");
        assert_eq!(
            table().aligned(false),
            "origin          │ flights\n\
             ────────────────┼────────\n\
             JFK, \"New York\" │    1234\n                \
             │       7\n\
             ∅               │       ∅"
        );
        assert_eq!(serde_json::to_string(&table().objects()[2]).expect("json"), r#"{"origin":null,"flights":null}"#);
    }

    #[test]
    fn dbts_table_cuts_long_values() {
        let table = Table {
            columns: vec!["n".to_owned(), "text".to_owned()],
            rows: vec![
                vec![number("1"), Cell::Text("abcdefghijklmnopqrstuvwxyz".to_owned())],
                vec![Cell::Null, Cell::Null],
            ],
        };
        assert_eq!(
            table.pipes(),
            "| n | text                 |\n| - | -------------------- |\n| 1 | abcdefghijklmnopq... |\n|   |                      |"
        );
    }
}
