//! Views as Athena keeps them in Glue: base64 of JSON in a comment.

use athena_api::glue;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use crate::{analyze::Found, error::QueryError, types::Type};

/// The JSON inside of `/* Presto View: … */`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Definition {
    pub original_sql: String,
    pub catalog: Option<String>,
    pub schema: Option<String>,
    pub columns: Vec<Column>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_as_invoker: Option<bool>,
}

/// A column with its type in Trino's spelling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Column {
    pub name: String,
    pub r#type: String,
}

/// A view's definition, if that is what the text holds.
pub(crate) fn definition(table: &glue::Table) -> Option<Definition> {
    let text = table.input.view_original_text.as_deref()?.trim();
    let encoded = text.strip_prefix("/* Presto View:")?.strip_suffix("*/")?.trim();
    serde_json::from_slice(&STANDARD.decode(encoded).ok()?).ok()
}

/// The text that Glue keeps.
pub(crate) fn encode(definition: &Definition) -> Result<String, QueryError> {
    let json = serde_json::to_vec(definition).map_err(QueryError::internal)?;
    Ok(format!("/* Presto View: {} */", STANDARD.encode(json)))
}

/// A view, ready to be analyzed.
pub(crate) fn read(table: &glue::Table, catalog: &str) -> Result<Found, QueryError> {
    let name = format!("{catalog}.{}.{}", table.database_name, table.name());
    let Some(view) = definition(table) else {
        return Err(QueryError::new("INVALID_VIEW", format!("Invalid view JSON: {name} was not made by Athena")));
    };
    let invalid = |why: String| QueryError::new("INVALID_VIEW", format!("Failed parsing stored view '{name}': {why}"));
    let query = athena_sql::parse_query(&view.original_sql).map_err(|error| invalid(error.to_string()))?;
    let mut columns = Vec::new();
    for column in view.columns {
        let ty = athena_sql::parse_type(&column.r#type).map_err(|error| invalid(error.to_string()))?;
        columns.push((column.name, Type::from_name(&ty)?));
    }
    Ok(Found::View {
        query: Box::new(query),
        catalog: view.catalog.unwrap_or_else(|| catalog.to_owned()),
        database: view.schema.unwrap_or_else(|| table.database_name.clone()),
        columns,
    })
}
