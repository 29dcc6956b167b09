//! `sources:` become source nodes and targets of tests.

use std::sync::Arc;

use artifacts::{
    JsonMap,
    manifest::{Freshness, FreshnessTime, Quoting, ResourceType, Source},
};
use diagnostic::{Diagnostic, Location};
use names::UniqueId;
use project::{
    PropertyFile,
    properties::{self, Setting, SourceProperties, TableProperties},
};
use serde_json::{Value as Json, json};

use super::{
    config::{self, Layers},
    errors,
    nodes::Parser,
    patches::{self, AsWritten},
    tests::directories_below,
};
use crate::context::Relation;

/// A source table and what it is made from.
pub(super) struct ParsedSource<'a> {
    pub source: Arc<Source>,
    pub file: &'a PropertyFile,
    pub table: &'a TableProperties,
    /// What its tests inherit: `tags:` of the source and the table, without those below `config:`.
    pub tags_of_tests: Vec<String>,
    pub diagnostics: Vec<Diagnostic>,
}

impl ParsedSource<'_> {
    pub fn is_enabled(&self) -> bool {
        self.source.config.get("enabled").and_then(Json::as_bool).unwrap_or(true)
    }
}

impl<'a> Parser<'a> {
    /// One table of a source.
    pub fn parse_source(
        &self,
        file: &'a PropertyFile,
        of: &'a SourceProperties,
        table: &'a TableProperties,
    ) -> ParsedSource<'a> {
        let mut diagnostics = Vec::new();
        let package = &file.package;
        let mut fqn = vec![package.clone()];
        fqn.extend(directories_below(file));
        fqn.push(of.name.clone());
        fqn.push(table.name.clone());

        let is_silent = [&of.freshness, &table.freshness].into_iter().all(|set| *set == Setting::Absent)
            && [&of.config, &table.config].into_iter().all(|config| !config.contains_key("freshness"));
        // Nothing said is a freshness without limits; null is none.
        let freshness = of.freshness_of(table).or_else(|| is_silent.then(properties::Freshness::default));
        let freshness = freshness.map(|freshness| freshness_artifact(&freshness));
        let (loaded_at_field, loaded_at_query) = loaded_at(of, table);
        let mut meta = of.meta.clone();
        meta.extend(config::mapping(of.config.get("meta")));
        let source_meta = meta.clone();
        meta.extend(table.meta.clone());
        meta.extend(config::mapping(table.config.get("meta")));
        let mut tags: Vec<String> = of.tags.clone();
        let place = || file.source.location(of.position);
        tags.extend(tags_of(&of.config, &of.name, place, &mut diagnostics));
        tags.extend(table.tags.clone());
        let place = || file.source.location(table.position);
        tags.extend(tags_of(&table.config, &table.name, place, &mut diagnostics));
        tags.sort();
        tags.dedup();

        let mut patch = JsonMap::new();
        for layer in [&of.config, &table.config] {
            for (key, value) in layer.iter().filter(|(key, _)| !matches!(key.as_str(), "meta" | "tags" | "freshness")) {
                patch.insert(key.clone(), value.clone());
            }
        }
        let mut settings = JsonMap::new();
        match &freshness {
            None => {
                settings.insert("freshness".to_owned(), Json::Null);
            }
            // Without a limit the project's config stands.
            Some(freshness) if !freshness.has_threshold() => {}
            Some(freshness) => {
                settings.insert("freshness".to_owned(), serde_json::to_value(freshness).unwrap_or(Json::Null));
            }
        }
        settings.insert("loaded_at_field".to_owned(), loaded_at_field.clone().into());
        settings.insert("loaded_at_query".to_owned(), loaded_at_query.clone().into());
        settings.insert("meta".to_owned(), Json::Object(meta.clone()));
        settings.insert("tags".to_owned(), tags.clone().into());
        patch.extend(settings);
        let layers = Layers { patch: Some(&patch), call: None };
        let config = config::resolve(self.project, ResourceType::Source, package, &fqn, &layers);
        let freshness = config.get("freshness").cloned().and_then(|value| serde_json::from_value(value).ok()).flatten();
        let (loaded_at_field, loaded_at_query) = (text(&config, "loaded_at_field"), text(&config, "loaded_at_query"));
        if freshness.as_ref().is_some_and(Freshness::has_threshold)
            && loaded_at_field.is_none()
            && loaded_at_query.is_none()
        {
            diagnostics.push(unmeasurable(file, of, table));
        }
        let unrendered_config = config::resolve_unrendered(self.project, ResourceType::Source, package, &fqn, &layers);

        // An empty name, such as a variable without a value gives, is none.
        let or = |name: &Option<String>, default: &str| {
            name.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| default.to_owned())
        };
        let database = or(&of.database, self.host.adapter.database());
        let schema = or(&of.schema, &of.name);
        let identifier = or(&table.identifier, &table.name);
        let quoting = quoting(of.quoting, table.quoting);
        let flags = self.scope.quoting.with(&quoting);
        let relation = Relation::new(Some(&database), &schema, &identifier, flags);
        // dbt leaves the descriptions of what is switched off as they are written.
        let is_enabled = config.get("enabled").and_then(Json::as_bool).unwrap_or(true);
        let docs = if is_enabled { self.docs } else { &AsWritten };
        let mut describe = |text: &str, position| match docs.describe(text, package) {
            Ok(described) => described,
            Err(error) => {
                diagnostics.push(errors::in_yaml(file, position, &error));
                (text.to_owned(), Vec::new())
            }
        };
        let (source_description, _) = describe(&of.description, of.position);
        let (description, doc_blocks) = describe(&table.description, table.position);
        let columns = patches::columns(&table.columns, package, docs, &mut |column, error| {
            diagnostics.push(errors::in_yaml(file, column.position, &error));
        });
        let source = Source {
            database: Some(database),
            schema,
            name: table.name.clone(),
            resource_type: "source".to_owned(),
            package_name: package.clone(),
            path: file.source.file.clone(),
            original_file_path: file.source.file.clone(),
            unique_id: UniqueId::new(format!("source.{package}.{}.{}", of.name, table.name)),
            fqn,
            source_name: of.name.clone(),
            source_description,
            loader: of.loader.clone(),
            identifier,
            quoting,
            loaded_at_field,
            loaded_at_query,
            freshness,
            external: table.external.as_ref().map(external),
            description,
            columns,
            meta: config::mapping(config.get("meta")),
            source_meta,
            tags: dedup(config::texts(config.get("tags"))),
            config,
            patch_path: None,
            unrendered_config,
            relation_name: Some(relation.render()),
            created_at: self.created_at,
            unrendered_database: of.unrendered_database.clone(),
            unrendered_schema: of.unrendered_schema.clone(),
            doc_blocks,
        };
        let tags_of_tests = of.tags.iter().chain(&table.tags).cloned().collect();
        ParsedSource { source: Arc::new(source), file, table, tags_of_tests, diagnostics }
    }
}

/// The tags of a `config:`. dbt passes over what is no text, with a warning.
fn tags_of(
    config: &JsonMap,
    name: &str,
    place: impl Fn() -> Location,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<String> {
    let Some(written) = config.get("tags") else { return Vec::new() };
    let tags = written.as_array().map_or_else(|| std::slice::from_ref(written), Vec::as_slice);
    if !tags.iter().all(Json::is_string) {
        let shown = jinja::Value::from(written).repr();
        let what = format!("Field `config.tags`: {shown} is not valid for source ({name})");
        let warning = Diagnostic::warning(what).named("ValidationWarning").at(place());
        diagnostics.push(warning.cause("what is no text is passed over").fix("write each tag as a string"));
    }
    tags.iter().filter_map(Json::as_str).map(str::to_owned).collect()
}

/// What a table's age is read from: its own column or query, else the source's. A column of its own leaves the source's query out.
///
/// Source: dbt Core 1.12, `calculate_loaded_at_field_query_from_raw_target`.
fn loaded_at(of: &SourceProperties, table: &TableProperties) -> (Option<String>, Option<String>) {
    let written = |setting: &Setting<String>| setting.over(None).filter(|text| !text.is_empty());
    let of_source = |setting: &Setting<String>, key| written(setting).or_else(|| text(&of.config, key));
    let of_table = |setting: &Setting<String>, key| written(setting).or_else(|| text(&table.config, key));
    let (field, query) = ("loaded_at_field", "loaded_at_query");
    let has_field = table.loaded_at_field != Setting::Absent || text(&table.config, field).is_some();
    let own_query = of_table(&table.loaded_at_query, query);
    match has_field {
        true => (of_table(&table.loaded_at_field, field), own_query),
        false => (of_source(&of.loaded_at_field, field), own_query.or_else(|| of_source(&of.loaded_at_query, query))),
    }
}

fn unmeasurable(file: &PropertyFile, of: &SourceProperties, table: &TableProperties) -> Diagnostic {
    let what = format!(
        "The configured adapter does not support metadata-based freshness. A loaded_at_field must be specified for source '{}.{}'.",
        of.name, table.name
    );
    Diagnostic::warning(what)
        .named("FreshnessConfigProblem")
        .at(file.source.location(table.position))
        .cause("it has a freshness, and nothing says where to read the age from")
        .fix("add `loaded_at_field: COLUMN` or `loaded_at_query: SELECT …` below its config")
}

/// An external table's properties, with those that dbt names though they are not given.
fn external(written: &JsonMap) -> Json {
    let mut external = JsonMap::new();
    for key in ["location", "file_format", "row_format", "tbl_properties"] {
        external.insert(key.to_owned(), written.get(key).cloned().unwrap_or_default());
    }
    let partitions = written.get("partitions").and_then(Json::as_array).map(|partitions| {
        partitions
            .iter()
            .map(|partition| match partition {
                Json::Object(written) => {
                    let mut partition = JsonMap::new();
                    for (key, default) in
                        [("name", "".into()), ("description", "".into()), ("data_type", "".into()), ("meta", json!({}))]
                    {
                        partition.insert(key.to_owned(), written.get(key).cloned().unwrap_or(default));
                    }
                    partition.extend(written.clone());
                    Json::Object(partition)
                }
                other => other.clone(),
            })
            .collect()
    });
    external.insert("partitions".to_owned(), partitions.map_or(Json::Null, Json::Array));
    external.extend(
        written.iter().filter(|(key, _)| *key != "partitions").map(|(key, value)| (key.clone(), value.clone())),
    );
    Json::Object(external)
}

fn dedup(tags: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    tags.into_iter().filter(|tag| seen.insert(tag.clone())).collect()
}

fn text(config: &JsonMap, key: &str) -> Option<String> {
    config.get(key).and_then(patches::json_text)
}

fn quoting(source: properties::Quoting, table: properties::Quoting) -> Quoting {
    Quoting {
        database: table.database.or(source.database),
        schema: table.schema.or(source.schema),
        identifier: table.identifier.or(source.identifier),
        column: table.column.or(source.column),
    }
}

fn freshness_artifact(freshness: &properties::Freshness) -> Freshness {
    let time = |setting: Setting<properties::FreshnessTime>| match setting {
        Setting::Absent => Some(FreshnessTime::default()),
        Setting::Clear => None,
        Setting::Set(time) => {
            Some(FreshnessTime { count: time.count, period: time.period.map(|period| period.as_str().to_owned()) })
        }
    };
    Freshness {
        warn_after: time(freshness.warn_after),
        error_after: time(freshness.error_after),
        filter: freshness.filter.clone(),
    }
}
