//! Columns and constraints.

use std::str::FromStr;

use serde_json::{Map as JsonMap, Value as Json};

use super::semantic;
use super::shape::Shape;
use super::tests::{TestDefinition, take_tests};
use super::types;
use crate::fields::Fields;
use crate::render::RenderYaml;
use crate::yaml::{Node, Position};

/// An entry of `columns:`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ColumnProperties {
    /// Where the entry starts.
    pub position: Position,
    /// The column's name, as written.
    pub name: String,
    /// Unrendered: may call `doc()`.
    pub description: String,
    /// The SQL type, if given.
    pub data_type: Option<String>,
    /// Whether the name is quoted in SQL.
    pub quote: Option<bool>,
    /// Column-level constraints.
    pub constraints: Vec<Constraint>,
    /// Tests on this column.
    pub data_tests: Vec<TestDefinition>,
    /// `tags`, then `config.tags`.
    pub tags: Vec<String>,
    /// `meta` with `config.meta` over it.
    pub meta: JsonMap<String, Json>,
    /// `config` as written.
    pub config: JsonMap<String, Json>,
    /// Every other key.
    pub extra: JsonMap<String, Json>,
}

/// What a constraint demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConstraintKind {
    /// `check`
    Check,
    /// `not_null`
    NotNull,
    /// `unique`
    Unique,
    /// `primary_key`
    PrimaryKey,
    /// `foreign_key`
    ForeignKey,
    /// `custom`
    Custom,
}

impl ConstraintKind {
    /// dbt's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::NotNull => "not_null",
            Self::Unique => "unique",
            Self::PrimaryKey => "primary_key",
            Self::ForeignKey => "foreign_key",
            Self::Custom => "custom",
        }
    }
}

impl FromStr for ConstraintKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text {
            "check" => Self::Check,
            "not_null" => Self::NotNull,
            "unique" => Self::Unique,
            "primary_key" => Self::PrimaryKey,
            "foreign_key" => Self::ForeignKey,
            "custom" => Self::Custom,
            _ => return Err(()),
        })
    }
}

/// An entry of `constraints:`.
#[derive(Debug, Clone, PartialEq)]
pub struct Constraint {
    /// Where the entry starts.
    pub position: Position,
    /// `type`.
    pub kind: ConstraintKind,
    /// An optional name.
    pub name: Option<String>,
    /// The expression of a check, foreign key or custom constraint.
    pub expression: Option<String>,
    /// The columns of a model-level constraint.
    pub columns: Vec<String>,
    /// `ref(…)` or `source(…)` of a foreign key.
    pub to: Option<String>,
    /// The columns `to` is about.
    pub to_columns: Vec<String>,
    /// Whether to warn when the adapter does not enforce it; `true` by default.
    pub warn_unenforced: bool,
    /// Whether to warn when the adapter does not know it; `true` by default.
    pub warn_unsupported: bool,
}

pub(super) fn take_columns(fields: &mut Fields<'_>, renderer: &dyn RenderYaml) -> Vec<ColumnProperties> {
    let nodes = fields.list("columns");
    let mut columns: Vec<ColumnProperties> = Vec::with_capacity(nodes.len());
    for node in &nodes {
        let Some(mut column) = read_column(fields, node, renderer) else { continue };
        // Of two entries for one column dbt keeps the later, and the tests of both.
        match columns.iter_mut().find(|earlier| earlier.name == column.name) {
            Some(earlier) => {
                column.data_tests.splice(0..0, std::mem::take(&mut earlier.data_tests));
                *earlier = column;
            }
            None => columns.push(column),
        }
    }
    columns
}

pub(super) fn read_column(fields: &mut Fields<'_>, node: &Node, renderer: &dyn RenderYaml) -> Option<ColumnProperties> {
    let of = format!("a column of {}", fields.of);
    let mut entry = fields.nested(node, of)?;
    let name = entry.name("columns")?;
    entry.of = format!("column '{name}' of {}", entry.of.trim_start_matches("a column of "));
    types::check(&mut entry, types::COLUMN);
    let config = entry.json("config");
    let mut meta = entry.json("meta");
    let mut tags = entry.texts("tags");
    if let Some(Json::Object(more)) = config.get("meta") {
        meta.extend(more.clone());
    }
    match config.get("tags") {
        Some(Json::String(tag)) => tags.push(tag.clone()),
        Some(Json::Array(more)) => tags.extend(more.iter().filter_map(|tag| tag.as_str().map(str::to_owned))),
        _ => {}
    }
    let column = ColumnProperties {
        position: node.position,
        description: entry.text("description").unwrap_or_default(),
        data_type: entry.text("data_type"),
        quote: entry.bool("quote"),
        constraints: take_constraints(&mut entry),
        data_tests: take_tests(&mut entry, renderer),
        tags,
        meta,
        config,
        extra: JsonMap::new(),
        name,
    };
    for (key, shape) in SEMANTIC_KEYS {
        if let Some(node) = entry.peek(key).filter(|node| !node.value.is_null()).cloned() {
            let of = format!("'{key}' of {}", entry.of);
            shape.check(&node, &of, &mut entry);
        }
    }
    entry.report_slips(COLUMN_KEYS);
    Some(ColumnProperties { extra: entry.extra(), ..column })
}

/// Keys of a column that the semantic layer reads.
const SEMANTIC_KEYS: [(&str, Shape); 3] = [
    ("granularity", semantic::GRANULARITY),
    ("dimension", semantic::COLUMN_DIMENSION),
    ("entity", semantic::COLUMN_ENTITY),
];

/// Keys of a column.
const COLUMN_KEYS: &[&str] = &[
    "name",
    "description",
    "data_type",
    "quote",
    "constraints",
    "data_tests",
    "tests",
    "tags",
    "meta",
    "config",
    "docs",
    "granularity",
    "dimension",
    "entity",
];

pub(super) fn take_constraints(fields: &mut Fields<'_>) -> Vec<Constraint> {
    let nodes = fields.list("constraints");
    nodes.iter().filter_map(|node| read_constraint(fields, node)).collect()
}

fn read_constraint(fields: &mut Fields<'_>, node: &Node) -> Option<Constraint> {
    let of = format!("a constraint of {}", fields.of);
    let mut entry = fields.nested(node, of)?;
    let written = entry.text("type").unwrap_or_default();
    let Ok(kind) = written.parse::<ConstraintKind>() else {
        let what = format!("Parsing Error\n  Invalid constraint type '{written}' on {}", entry.of);
        let fix = "use one of check, not_null, unique, primary_key, foreign_key, custom";
        entry.report(node.position, what, None, fix);
        return None;
    };
    Some(Constraint {
        position: node.position,
        kind,
        name: entry.text("name"),
        expression: entry.text("expression"),
        columns: entry.texts("columns"),
        to: entry.text("to"),
        to_columns: entry.texts("to_columns"),
        warn_unenforced: entry.bool("warn_unenforced").unwrap_or(true),
        warn_unsupported: entry.bool("warn_unsupported").unwrap_or(true),
    })
}
