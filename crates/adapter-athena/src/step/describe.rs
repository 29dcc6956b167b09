//! What Glue says about a table: description, comments, classification, old versions.

use athena_api::glue::{PageRequest, Parameters, TableVersion, UpdateOptions};
use diagnostic::Diagnostic;
use engine::adapter::{AdapterResult, ColumnSpec};
use indexmap::IndexMap;
use names::{RelationName, S3Uri};

use crate::{
    errors,
    warehouse::{Warehouse, folded},
};

/// Source: Glue API, limits of `Description`, column `Comment` and parameter values.
const DESCRIPTION_LIMIT: usize = 2048;
const COMMENT_LIMIT: usize = 255;
const KEY_LIMIT: usize = 255;
const VALUE_LIMIT: usize = 512_000;

/// Written only where something differs, without a new version of the table.
#[derive(Debug, Clone)]
pub(crate) struct Describe {
    pub(crate) relation: RelationName,
    /// `persist_docs.relation`: also when empty.
    pub(crate) description: Option<String>,
    /// With `description`: meta and provenance.
    pub(crate) parameters: IndexMap<String, String>,
    /// `persist_docs.columns`.
    pub(crate) columns: Vec<ColumnSpec>,
    /// Of Hive tables, for Glue's crawlers and Spark.
    pub(crate) classification: Option<String>,
}

impl Describe {
    pub(super) fn parts(&self) -> String {
        let mut parts = Vec::new();
        if let Some(classification) = &self.classification {
            parts.push(format!("classification = {classification}"));
        }
        if self.description.is_some() {
            parts.push("description".to_owned());
        }
        if !self.columns.is_empty() {
            parts.push("column comments".to_owned());
        }
        parts.join(", ")
    }

    pub(crate) async fn execute(&self, warehouse: &Warehouse) -> AdapterResult<()> {
        let name = folded(&self.relation);
        let Some(table) = warehouse.table(&name).await? else { return Ok(()) };
        let mut input = table.input.clone();
        let mut parameters = input.parameters.take().unwrap_or_default();
        if let Some(classification) = &self.classification {
            parameters.insert("classification".to_owned(), classification.clone());
        }
        if let Some(description) = &self.description {
            let text = shortened(&one_line(description), DESCRIPTION_LIMIT);
            parameters.insert("comment".to_owned(), text.clone());
            input.description = Some(text);
            for (key, value) in self.parameters.iter().filter(|(key, _)| is_key(key)) {
                parameters.insert(key.clone(), value.chars().take(VALUE_LIMIT).collect());
            }
        }
        input.parameters = Some(parameters).filter(|parameters| !parameters.is_empty());
        let is_there = |spec: &&ColumnSpec| {
            let keys = input.partition_keys.iter().flatten();
            let columns = input.storage_descriptor.iter().flat_map(|storage| &storage.columns);
            columns.chain(keys).any(|column| column.name.eq_ignore_ascii_case(&spec.name))
        };
        let missing: Vec<&str> =
            self.columns.iter().filter(|spec| !is_there(spec)).map(|spec| spec.name.as_str()).collect();
        if !missing.is_empty() {
            warehouse.warn(
                Diagnostic::warning(format!(
                    "In relation {}: The following columns are specified in the schema but are not present in the database: {}",
                    self.relation,
                    missing.join(", ")
                ))
                .fix("correct their names in the model's YAML, or remove them"),
            );
        }
        for column in input.storage_descriptor.iter_mut().flat_map(|storage| &mut storage.columns) {
            let Some(spec) = self.columns.iter().find(|spec| spec.name.to_lowercase() == column.name.to_lowercase())
            else {
                continue;
            };
            column.comment = Some(shortened(&one_line(&spec.description), COMMENT_LIMIT));
            if !spec.meta.is_empty() {
                let own = column.parameters.get_or_insert_with(Parameters::default);
                own.extend(
                    spec.meta
                        .iter()
                        .filter(|(key, _)| is_key(key))
                        .map(|(key, value)| (key.clone(), python_text(value))),
                );
            }
        }
        // An absent and an empty map or comment are the same to Glue, so that nothing is written for them.
        if input == table.input || (input.parameters == table.input.parameters && same_but_empty(&input, &table.input))
        {
            return Ok(());
        }
        let catalog = warehouse.catalog_id(&name.database).await?;
        let options = UpdateOptions { skip_archive: true, expected_version: table.version_id };
        let updated = warehouse.services.glue.update_table(catalog.as_deref(), &name.schema, input, options).await;
        updated.map_err(|error| errors::of_api(&error, None))
    }
}

fn same_but_empty(one: &athena_api::glue::TableInput, other: &athena_api::glue::TableInput) -> bool {
    let comments = |input: &athena_api::glue::TableInput| -> Vec<(String, Option<Parameters>)> {
        let columns = input.storage_descriptor.iter().flat_map(|storage| &storage.columns);
        columns.map(|column| (column.comment.clone().unwrap_or_default(), column.parameters.clone())).collect()
    };
    one.description.clone().unwrap_or_default() == other.description.clone().unwrap_or_default()
        && comments(one) == comments(other)
}

/// Glue's key rule: printable, at most 255 characters.
fn is_key(key: &str) -> bool {
    !key.is_empty() && key.chars().count() <= KEY_LIMIT && key.chars().all(|c| c == '\t' || c >= ' ')
}

fn one_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.join(" ").trim().to_owned()
}

fn shortened(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let kept: String = text.chars().take(limit - 3).collect();
    format!("{kept}...")
}

/// As Python prints it: `True`, `None`; containers as JSON.
pub(crate) fn python_text(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Bool(true) => "True".to_owned(),
        serde_json::Value::Bool(false) => "False".to_owned(),
        serde_json::Value::Null => "None".to_owned(),
        other => other.to_string(),
    }
}

/// Deletes all but the newest versions, and answers their ids. With `delete_files` also the files of an expired version, unless a kept one reads them too.
pub(crate) async fn expire_versions(
    warehouse: &Warehouse,
    relation: &RelationName,
    keep: usize,
    delete_files: bool,
) -> AdapterResult<Vec<String>> {
    let name = folded(relation);
    let catalog = warehouse.catalog_id(&name.database).await?;
    let glue = &warehouse.services.glue;
    let mut versions: Vec<TableVersion> = Vec::new();
    let mut page = PageRequest::default();
    loop {
        let answer = glue
            .get_table_versions(catalog.as_deref(), &name.schema, &name.identifier, page)
            .await
            .map_err(|error| errors::of_api(&error, None))?;
        versions.extend(answer.items);
        match answer.next_token {
            Some(token) => page = PageRequest { next_token: Some(token), max_results: None },
            None => break,
        }
    }
    versions.sort_by_key(|version| std::cmp::Reverse(version.version_id.parse::<u64>().unwrap_or(0)));
    let location = |version: &TableVersion| version.table.location().and_then(|text| text.parse::<S3Uri>().ok());
    let expired = versions.split_off(versions.len().min(keep.max(1)));
    let current = warehouse.table(&name).await?.and_then(|table| super::tables::location_of(&table));
    let kept: Vec<S3Uri> = versions.iter().filter_map(location).chain(current).collect();
    let mut ids = Vec::new();
    for version in expired {
        let deleted =
            glue.delete_table_version(catalog.as_deref(), &name.schema, &name.identifier, &version.version_id).await;
        match deleted {
            Err(error) if !error.is_not_found() => return Err(errors::of_api(&error, None)),
            _ => ids.push(version.version_id.clone()),
        }
        let Some(old) = location(&version).filter(|_| delete_files) else { continue };
        if !kept.iter().any(|kept| kept.contains(&old) || old.contains(kept)) {
            warehouse.delete_files(&name, &old, None).await?;
        }
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_one_line_and_short() {
        assert_eq!(one_line("a\n  b \nc\n"), "a b c");
        assert_eq!(shortened(&"x".repeat(300), 255).len(), 255);
        assert!(shortened(&"x".repeat(300), 255).ends_with("x..."));
    }
}
