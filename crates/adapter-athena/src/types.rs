//! Types in the two grammars that Athena speaks: Hive's in DDL and Glue, Trino's in queries.

use std::fmt::Write as _;

/// A type, taken apart far enough to be written in either grammar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DataType {
    /// A scalar: lower-case name and what stands in its brackets.
    Scalar {
        name: String,
        arguments: Vec<String>,
    },
    Array(Box<DataType>),
    Map(Box<DataType>, Box<DataType>),
    /// Fields by name; the name is as it was written.
    Row(Vec<(String, DataType)>),
}

impl DataType {
    /// Reads either grammar; what is not understood stays a scalar of that text.
    pub(crate) fn parse(text: &str) -> Self {
        let text = text.trim();
        let Some(open) = text.find(['(', '<']) else { return Self::scalar(text) };
        let (name, rest) = text.split_at(open);
        let name = name.trim().to_lowercase();
        let Some(close) = rest.rfind([')', '>']) else { return Self::scalar(text) };
        let inner = &rest[1..close];
        let suffix = rest[close + 1..].trim().to_lowercase();
        let parts = split_at_top(inner);
        match (name.as_str(), parts.as_slice()) {
            ("array", [item]) => Self::Array(Box::new(Self::parse(item))),
            ("map", [key, value]) => Self::Map(Box::new(Self::parse(key)), Box::new(Self::parse(value))),
            ("row" | "struct", _) => Self::Row(parts.iter().map(|part| field(part)).collect()),
            _ => Self::Scalar {
                name: if suffix.is_empty() { name } else { format!("{name} {suffix}") },
                arguments: parts.iter().map(|part| part.trim().to_owned()).collect(),
            },
        }
    }

    fn scalar(text: &str) -> Self {
        Self::Scalar { name: text.to_lowercase(), arguments: Vec::new() }
    }

    /// As Trino writes it, for casts: `array(row(a varchar))`. `iceberg` gives timestamps their six digits.
    pub(crate) fn trino(&self, iceberg: bool) -> String {
        match self {
            Self::Scalar { name, arguments } => {
                let name = match name.as_str() {
                    "int" => "integer",
                    "string" => "varchar",
                    "binary" => "varbinary",
                    "float" => "real",
                    "numeric" => "decimal",
                    "timestamp" if iceberg && arguments.is_empty() => return "timestamp(6)".to_owned(),
                    "timestamptz" => return "timestamp(6) with time zone".to_owned(),
                    other => other,
                };
                with_arguments(name, arguments)
            }
            Self::Array(item) => format!("array({})", item.trino(iceberg)),
            Self::Map(key, value) => format!("map({}, {})", key.trino(iceberg), value.trino(iceberg)),
            Self::Row(fields) => {
                let fields: Vec<String> =
                    fields.iter().map(|(name, kind)| format!("\"{name}\" {}", kind.trino(iceberg))).collect();
                format!("row({})", fields.join(", "))
            }
        }
    }

    /// As Hive DDL writes it: `array<struct<a:string>>`.
    pub(crate) fn hive(&self, iceberg: bool) -> String {
        match self {
            Self::Scalar { name, arguments } => match name.as_str() {
                "integer" => "int".to_owned(),
                "varchar" | "character varying" | "string" => "string".to_owned(),
                "varbinary" => "binary".to_owned(),
                "real" => "float".to_owned(),
                "timestamp" | "datetime" => "timestamp".to_owned(),
                "timestamp with time zone" if iceberg => "timestamp".to_owned(),
                "numeric" => with_arguments("decimal", arguments),
                other => with_arguments(other, arguments).replace(", ", ","),
            },
            Self::Array(item) => format!("array<{}>", item.hive(iceberg)),
            Self::Map(key, value) => format!("map<{},{}>", key.hive(iceberg), value.hive(iceberg)),
            Self::Row(fields) => {
                let fields: Vec<String> =
                    fields.iter().map(|(name, kind)| format!("{name}:{}", kind.hive(iceberg))).collect();
                format!("struct<{}>", fields.join(","))
            }
        }
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self, Self::Map(..))
    }
}

fn with_arguments(name: &str, arguments: &[String]) -> String {
    // `timestamp(6) with time zone` has its arguments inside the name.
    match (arguments, name.split_once(' ')) {
        ([], _) => name.to_owned(),
        (arguments, Some((first, rest))) => format!("{first}({}) {rest}", arguments.join(", ")),
        (arguments, None) => format!("{name}({})", arguments.join(", ")),
    }
}

/// `a:int`, `a int` or `"a" int`.
fn field(text: &str) -> (String, DataType) {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix('"')
        && let Some((name, kind)) = rest.split_once('"')
    {
        return (name.to_owned(), DataType::parse(kind));
    }
    match text.find([':', ' ']) {
        Some(at) => (text[..at].to_owned(), DataType::parse(&text[at + 1..])),
        None => (String::new(), DataType::parse(text)),
    }
}

fn split_at_top(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_i32, 0);
    for (at, character) in text.char_indices() {
        match character {
            '(' | '<' => depth += 1,
            ')' | '>' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// `"name"`.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `` `name` ``.
pub(crate) fn hive_quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// `"a", "b"`.
pub(crate) fn quoted_list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let mut list = String::new();
    for name in names {
        let comma = if list.is_empty() { "" } else { ", " };
        let _ = write!(list, "{comma}{}", quoted(name));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_go_from_one_grammar_to_the_other() {
        let cases = [
            ("array<struct<a:int,b:decimal(10,2)>>", "array(row(\"a\" integer, \"b\" decimal(10, 2)))"),
            ("map<string,array<timestamp>>", "map(varchar, array(timestamp))"),
            ("varchar(10)", "varchar(10)"),
            ("float", "real"),
            ("timestamp(6) with time zone", "timestamp(6) with time zone"),
        ];
        for (hive, trino) in cases {
            assert_eq!(DataType::parse(hive).trino(false), trino);
        }
        assert_eq!(DataType::parse("array(decimal(10, 2))").hive(false), "array<decimal(10,2)>");
        assert_eq!(
            DataType::parse("row(a varchar(3), b array(timestamp(6)))").hive(true),
            "struct<a:string,b:array<timestamp>>"
        );
        assert_eq!(DataType::parse("array<timestamp>").trino(true), "array(timestamp(6))");
    }
}
