//! YAML as PyYAML's `dump` writes it in block style: a lock file must have the text that dbt gives it.
//!
//! Source: files written by PyYAML 6 with dbt's indented lists; `tests/yaml_text.txt`.

use project::yaml::{self, Map, Value};

/// A longer line is broken at its next blank.
const WIDTH: usize = 80;

/// The text of a mapping, keys in order.
pub fn dump(map: &Map) -> String {
    if map.is_empty() {
        return "{}\n".to_owned();
    }
    let mut writer = Writer { text: String::new() };
    writer.map(map, 0);
    writer.text
}

/// The text of one entry of a list whose dash stands in column `indent`.
pub fn dump_item(map: &Map, indent: usize) -> String {
    let mut writer = Writer { text: " ".repeat(indent) };
    writer.item(&Value::Map(map.clone()), indent);
    writer.text
}

struct Writer {
    text: String,
}

impl Writer {
    /// Starts in the middle of a line that has `indent` columns.
    fn map(&mut self, map: &Map, indent: usize) {
        let mut entries: Vec<_> = map.entries().collect();
        if entries.iter().all(|entry| entry.key.value.as_str().is_some()) {
            entries.sort_by(|a, b| a.key.value.as_str().cmp(&b.key.value.as_str()));
        }
        for (at, entry) in entries.into_iter().enumerate() {
            if at > 0 {
                self.text.push_str(&" ".repeat(indent));
            }
            self.scalar(&entry.key.value, indent, true);
            self.text.push(':');
            self.below(&entry.value.value, indent);
        }
    }

    /// The value of a key whose column is `indent`.
    fn below(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Map(map) if !map.is_empty() => {
                self.text.push('\n');
                self.text.push_str(&" ".repeat(indent + 2));
                self.map(map, indent + 2);
            }
            Value::Seq(items) if !items.is_empty() => {
                self.text.push('\n');
                for item in items {
                    self.text.push_str(&" ".repeat(indent + 2));
                    self.item(&item.value, indent + 2);
                }
            }
            other => {
                self.text.push(' ');
                self.scalar(other, indent + 2, false);
                self.text.push('\n');
            }
        }
    }

    fn item(&mut self, value: &Value, indent: usize) {
        self.text.push_str("- ");
        match value {
            Value::Map(map) if !map.is_empty() => self.map(map, indent + 2),
            Value::Seq(items) if !items.is_empty() => {
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        self.text.push_str(&" ".repeat(indent + 2));
                    }
                    self.item(&item.value, indent + 2);
                }
            }
            other => {
                self.scalar(other, indent + 2, false);
                self.text.push('\n');
            }
        }
    }

    fn scalar(&mut self, value: &Value, indent: usize, is_key: bool) {
        match value {
            Value::Str(text) => self.string(text, indent, is_key),
            Value::Null => self.text.push_str("null"),
            Value::Bool(value) => self.text.push_str(if *value { "true" } else { "false" }),
            Value::Seq(_) => self.text.push_str("[]"),
            Value::Map(_) => self.text.push_str("{}"),
            Value::Float(value) if value.is_nan() => self.text.push_str(".nan"),
            Value::Float(value) if value.is_infinite() => {
                self.text.push_str(if *value > 0.0 { ".inf" } else { "-.inf" });
            }
            other => self.text.push_str(&other.scalar_text().unwrap_or_default()),
        }
    }

    fn string(&mut self, text: &str, indent: usize, is_key: bool) {
        let form = Form::of(text);
        if form.plain {
            return self.words(text, indent, !is_key, None);
        }
        if form.single {
            return self.words(&text.replace('\'', "''"), indent, !is_key, Some('\''));
        }
        self.double(text);
    }

    /// Breaks after column 80 at single blanks.
    fn words(&mut self, text: &str, indent: usize, may_break: bool, quote: Option<char>) {
        self.text.extend(quote);
        let mut column = self.column();
        let characters: Vec<char> = text.chars().collect();
        for (at, c) in characters.iter().enumerate() {
            let alone = *c == ' '
                && at > 0
                && characters.get(at - 1) != Some(&' ')
                && characters.get(at + 1).is_some_and(|next| *next != ' ');
            if alone && may_break && column > WIDTH {
                self.text.push('\n');
                self.text.push_str(&" ".repeat(indent));
                column = indent;
            } else {
                self.text.push(*c);
                column += 1;
            }
        }
        self.text.extend(quote);
    }

    fn double(&mut self, text: &str) {
        self.text.push('"');
        for c in text.chars() {
            let named = match c {
                '\0' => Some('0'),
                '\u{7}' => Some('a'),
                '\u{8}' => Some('b'),
                '\t' => Some('t'),
                '\n' => Some('n'),
                '\u{b}' => Some('v'),
                '\u{c}' => Some('f'),
                '\r' => Some('r'),
                '\u{1b}' => Some('e'),
                '"' => Some('"'),
                '\\' => Some('\\'),
                '\u{85}' => Some('N'),
                '\u{a0}' => Some('_'),
                '\u{2028}' => Some('L'),
                '\u{2029}' => Some('P'),
                _ => None,
            };
            match named {
                Some(letter) => self.text.extend(['\\', letter]),
                None if (' '..='~').contains(&c) => self.text.push(c),
                None if u32::from(c) <= 0xff => self.text.push_str(&format!("\\x{:02X}", u32::from(c))),
                None if u32::from(c) <= 0xffff => self.text.push_str(&format!("\\u{:04X}", u32::from(c))),
                None => self.text.push_str(&format!("\\U{:08X}", u32::from(c))),
            }
        }
        self.text.push('"');
    }

    fn column(&self) -> usize {
        self.text.rsplit('\n').next().unwrap_or_default().chars().count()
    }
}

/// How a text may be written.
struct Form {
    plain: bool,
    single: bool,
}

impl Form {
    fn of(text: &str) -> Self {
        let breaks = ['\n', '\u{85}', '\u{2028}', '\u{2029}'];
        let multiline = text.contains(breaks);
        let special = text.chars().any(|c| c != '\n' && !(' '..='~').contains(&c));
        let edge = text.starts_with(' ') || text.ends_with(' ') || text.starts_with(breaks) || text.ends_with(breaks);
        let broken_blank = text.contains("\n ") || text.contains(" \n");
        let single = !special && !broken_blank && !multiline;
        let plain = single && !edge && !has_indicator(text) && reads_as_text(text);
        Self { plain, single }
    }
}

/// Whether a plain scalar would read as something else than its text.
fn has_indicator(text: &str) -> bool {
    let mut characters = text.chars();
    let Some(first) = characters.next() else { return true };
    let second_is_blank = characters.next().is_none_or(char::is_whitespace);
    text.starts_with("---")
        || text.starts_with("...")
        || "#,[]{}&*!|>'\"%@`".contains(first)
        || ("?:-".contains(first) && second_is_blank)
        || text.contains(": ")
        || text.ends_with(':')
        || text.contains(" #")
}

fn reads_as_text(text: &str) -> bool {
    !matches!(text, "=" | "<<") && yaml::parse(text).is_ok_and(|(node, _)| node.value.as_str() == Some(text))
}
