//! `unit_tests:`.

use serde_json::{Map as JsonMap, Value as Json};

use super::types;
use super::versions::VersionNumber;
use crate::config::Config;
use crate::fields::Fields;
use crate::yaml::{Map, Node, Position, Value};

/// An entry of `unit_tests:`.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitTestProperties {
    /// Where the entry starts.
    pub position: Position,
    /// The test's name.
    pub name: String,
    /// The model under test.
    pub model: String,
    /// Unrendered.
    pub description: String,
    /// The inputs.
    pub given: Vec<Given>,
    /// The rows that should come out.
    pub expect: Rows,
    /// Macros, variables and environment variables for the time of the test.
    pub overrides: Option<Overrides>,
    /// Which versions of the model are tested; `None` is all.
    pub versions: Option<VersionFilter>,
    /// `config:` (`tags`, `meta`, `enabled`).
    pub config: Config,
    /// Every other key.
    pub extra: JsonMap<String, Json>,
}

/// One input of a unit test.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// Where the entry starts.
    pub position: Position,
    /// `ref('x')`, `source('a', 'b')` or `this`, without braces.
    pub input: String,
    /// Its rows.
    pub rows: Rows,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowFormat {
    /// A list of mappings.
    Dict,
    /// CSV text with a header.
    Csv,
    /// A query.
    Sql,
}

impl RowFormat {
    /// dbt's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dict => "dict",
            Self::Csv => "csv",
            Self::Sql => "sql",
        }
    }
}

/// Rows of a unit test.
#[derive(Debug, Clone, PartialEq)]
pub enum Rows {
    /// Written out as mappings.
    Dicts(Vec<Map>),
    /// CSV text in the property file.
    Csv(String),
    /// A query in the property file.
    Sql(String),
    /// The stem of a file in `<tests>/fixtures`.
    Fixture {
        /// The file's name without its extension.
        name: String,
        /// `csv` or `sql`.
        format: RowFormat,
    },
    /// Neither `rows` nor `fixture`: the seed's own file.
    FromSeed,
}

/// `overrides:`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// `name` or `package.name` → what the call returns.
    pub macros: Map,
    /// Variables.
    pub vars: Map,
    /// Environment variables.
    pub env_vars: Map,
}

/// `versions:` of a unit test.
#[derive(Debug, Clone, PartialEq)]
pub enum VersionFilter {
    /// Only these.
    Include(Vec<VersionNumber>),
    /// All but these.
    Exclude(Vec<VersionNumber>),
    /// An empty mapping, or one of empty lists.
    All,
}

impl VersionFilter {
    /// Whether a version of the model is tested.
    pub fn wants(&self, version: &VersionNumber) -> bool {
        match self {
            Self::Include(versions) => versions.contains(version),
            Self::Exclude(versions) => !versions.contains(version),
            Self::All => true,
        }
    }
}

pub(super) fn read_unit_test(entry: &Node, fields: &mut Fields<'_>) -> Option<UnitTestProperties> {
    let mut test = fields.nested(entry, "an entry of unit_tests")?;
    let name = test.name("unit_tests")?;
    test.of = format!("unit test '{name}'");
    types::check(&mut test, types::UNIT_TEST);
    if !test.was_there("given") {
        let what = format!(
            "Parsing Error\n  Invalid unit_tests config given in {}: 'given' is missing on {}",
            test.source.file, test.of
        );
        test.report(entry.position, what, None, "add `given: []`, or the inputs");
    }
    let Some(model) = test.text("model") else {
        let what = format!(
            "Parsing Error\n  Invalid unit_tests config given in {}: 'model' is missing on {}",
            test.source.file, test.of
        );
        test.report(entry.position, what, None, "add `model: <name of the model under test>`");
        return None;
    };
    let nodes = test.list("given");
    let given = nodes.iter().filter_map(|node| read_given(&mut test, node)).collect();
    let expect = match test.take_some("expect") {
        Some(node) => {
            let of = format!("expect of {}", test.of);
            let read = test.nested(&node, of).map(|mut expect| {
                let rows = take_rows(&mut expect);
                expect.refuse_rest("unit_tests", &["rows", "format", "fixture"]);
                rows
            });
            read.unwrap_or(Rows::Dicts(Vec::new()))
        }
        None => {
            let what = format!(
                "Parsing Error\n  Invalid unit_tests config given in {}: 'expect' is missing on {}",
                test.source.file, test.of
            );
            test.report(entry.position, what, None, "add `expect: {rows: […]}`");
            return None;
        }
    };
    let read = UnitTestProperties {
        position: entry.position,
        model,
        description: test.text("description").unwrap_or_default(),
        given,
        expect: if expect == Rows::FromSeed { Rows::Dicts(Vec::new()) } else { expect },
        overrides: take_overrides(&mut test),
        versions: take_versions(&mut test),
        config: test.json("config"),
        extra: JsonMap::new(),
        name,
    };
    test.refuse_rest("unit_tests", UNIT_TEST_KEYS);
    Some(UnitTestProperties { extra: test.extra(), ..read })
}

/// Keys of a unit test; dbt refuses any other.
const UNIT_TEST_KEYS: &[&str] = &["name", "model", "given", "expect", "description", "overrides", "config", "versions"];

fn read_given(fields: &mut Fields<'_>, node: &Node) -> Option<Given> {
    let of = format!("a given input of {}", fields.of);
    let mut given = fields.nested(node, of)?;
    types::check(&mut given, types::UNIT_TEST_INPUT);
    let Some(input) = given.text("input") else {
        let what = format!("Parsing Error\n  {} has no 'input'", given.of);
        given.report(node.position, what, None, "add `input: ref('…')`, `input: source('…', '…')` or `input: this`");
        return None;
    };
    let input = input.trim().trim_start_matches("{{").trim_end_matches("}}").trim().to_owned();
    let rows = take_rows(&mut given);
    given.refuse_rest("unit_tests", &["input", "rows", "format", "fixture"]);
    Some(Given { position: node.position, input, rows })
}

fn take_rows(fields: &mut Fields<'_>) -> Rows {
    let written = fields.take_some("format");
    let format = match written.as_ref().and_then(|node| node.value.as_str()) {
        None | Some("dict") => RowFormat::Dict,
        Some("csv") => RowFormat::Csv,
        Some("sql") => RowFormat::Sql,
        Some(_) => {
            if let Some(node) = &written {
                fields.wrong("format", "one of dict, csv, sql", node);
            }
            RowFormat::Dict
        }
    };
    let rows = fields.take_some("rows");
    if let Some(name) = fields.text("fixture") {
        if rows.is_some() || format == RowFormat::Dict {
            let what = format!("Parsing Error\n  {}: a fixture needs format csv or sql, and no rows", fields.of);
            let position = fields.position;
            fields.report(position, what, None, "set `format: csv` (or sql) and remove `rows`");
        }
        return Rows::Fixture { name, format };
    }
    let Some(node) = rows else {
        return match format {
            RowFormat::Dict => Rows::FromSeed,
            RowFormat::Csv => Rows::Csv(String::new()),
            RowFormat::Sql => Rows::Sql(String::new()),
        };
    };
    match (format, &node.value) {
        (RowFormat::Csv, Value::Str(text)) => Rows::Csv(text.clone()),
        (RowFormat::Sql, Value::Str(text)) => Rows::Sql(text.clone()),
        (RowFormat::Dict, Value::Seq(items)) => {
            let rows: Option<Vec<Map>> = items.iter().map(|item| item.value.as_map().cloned()).collect();
            if rows.is_none() {
                fields.wrong("rows", "a list of mappings (format dict)", &node);
            }
            Rows::Dicts(rows.unwrap_or_default())
        }
        (format, _) => {
            let expected = match format {
                RowFormat::Dict => "a list of mappings (format dict)",
                RowFormat::Csv => "a string of CSV (format csv)",
                RowFormat::Sql => "a string of SQL (format sql)",
            };
            fields.wrong("rows", expected, &node);
            Rows::Dicts(Vec::new())
        }
    }
}

fn take_overrides(fields: &mut Fields<'_>) -> Option<Overrides> {
    let node = fields.take_some("overrides")?;
    let of = format!("overrides of {}", fields.of);
    let mut overrides = fields.nested(&node, of)?;
    types::check(&mut overrides, types::OVERRIDES);
    let read = Overrides {
        macros: overrides.mapping("macros"),
        vars: overrides.mapping("vars"),
        env_vars: overrides.mapping("env_vars"),
    };
    overrides.refuse_rest("unit_tests", &["macros", "vars", "env_vars"]);
    Some(read)
}

fn take_versions(fields: &mut Fields<'_>) -> Option<VersionFilter> {
    let node = fields.take_some("versions")?;
    let of = format!("versions of {}", fields.of);
    let mut versions = fields.nested(&node, of)?;
    let numbers = |nodes: Vec<Node>| -> Vec<VersionNumber> {
        nodes.iter().filter_map(|node| VersionNumber::of(&node.value)).collect()
    };
    let include = numbers(versions.list("include"));
    let exclude = numbers(versions.list("exclude"));
    versions.refuse_rest("unit_tests", &["include", "exclude"]);
    match (include.is_empty(), exclude.is_empty()) {
        (false, true) => Some(VersionFilter::Include(include)),
        (true, false) => Some(VersionFilter::Exclude(exclude)),
        (true, true) => Some(VersionFilter::All),
        (false, false) => {
            let what = format!("Parsing Error\n  {} cannot have both 'include' and 'exclude'", versions.of);
            versions.report(node.position, what, None, "keep one of them");
            None
        }
    }
}
