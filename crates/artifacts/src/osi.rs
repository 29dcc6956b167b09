//! osi_document.json, and the files below `osi-paths`: a semantic layer in the form that Open Semantic Interchange gives it, version 0.1.
//!
//! What a document says beside this (`ai_context`, `custom_extensions`) is not kept: no resource of a manifest has a place for it.
//! Members that are not set are not written.
//!
//! Source: MetricFlow 0.213, `metricflow.converters.models`.

use serde::Serialize;

/// The version that is written.
pub const VERSION: &str = "0.1.1";

/// The dialect that is written, and looked for first.
pub const DIALECT: &str = "ANSI_SQL";

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Document {
    pub version: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dialects: Vec<String>,
    pub semantic_model: Vec<SemanticModel>,
}

/// Datasets, how they are joined, and what is computed from them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SemanticModel {
    pub name: String,
    pub datasets: Vec<Dataset>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub relationships: Vec<Relationship>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
}

/// A table: dbt's semantic model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Dataset {
    pub name: String,
    /// `database.schema.table`, or without the first.
    pub source: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub primary_key: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unique_keys: Vec<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
}

/// A column or an expression over columns: dbt's entities, dimensions and measures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Field {
    pub name: String,
    pub expression: Expression,
    /// Only a dimension has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dimension: Option<Dimension>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// That a field is one to group by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Dimension {
    pub is_time: bool,
}

/// One expression in the dialects of several engines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Expression {
    pub dialects: Vec<DialectExpression>,
}

impl Expression {
    /// In the dialect that is written.
    #[must_use]
    pub fn ansi(expression: impl Into<String>) -> Self {
        Self { dialects: vec![DialectExpression { dialect: DIALECT.to_owned(), expression: expression.into() }] }
    }

    /// In the dialect that is looked for first, or the first there is; nothing where there is none.
    #[must_use]
    pub fn preferred(&self) -> &str {
        let ansi = self.dialects.iter().find(|of| of.dialect == DIALECT);
        ansi.or_else(|| self.dialects.first()).map_or("", |of| of.expression.as_str())
    }
}

/// An expression in one dialect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DialectExpression {
    /// `ANSI_SQL`, `SNOWFLAKE`, …
    pub dialect: String,
    pub expression: String,
}

/// How the rows of one dataset name those of another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Relationship {
    pub name: String,
    /// The dataset of many rows.
    pub from: String,
    /// The dataset of one row.
    pub to: String,
    pub from_columns: Vec<String>,
    pub to_columns: Vec<String>,
}

/// A number that is asked for by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Metric {
    pub name: String,
    pub expression: Expression,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}
