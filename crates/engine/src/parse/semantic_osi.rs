//! Semantic models and metrics of the files below `osi-paths`.
//!
//! Source: dbt Core 1.12, `parser/osi.py`.

use std::collections::HashMap;

use artifacts::{
    JsonMap,
    manifest::{Node, ResourceType},
    osi::{Dataset, Metric, SemanticModel},
};
use diagnostic::Diagnostic;
use project::PropertyFile;
use serde_json::{Value as Json, json};

use super::{
    resolve::nearest,
    semantic::{Section, describer, object},
    test_entries::Place,
};
use crate::semantic::osi::{self, Converted, Source, Step};

/// The versions of the format that are read.
const VERSIONS: [&str; 2] = ["0.1.0", "0.1.1"];

impl<'a> Section<'_, 'a> {
    /// Adds what the files say; those of property files are there already.
    pub(super) fn add_osi(&mut self, files: &'a [PropertyFile]) {
        for file in files {
            let models = self.models();
            let Some(document) = self.read(file) else { continue };
            let places = |at: usize, list: &'static str| {
                let path = [Step::Member("semantic_model"), Step::Item(at), Step::Member(list)];
                // Every item has a place, whatever the text looks like.
                let found = osi::items(&file.source.text, &path)
                    .into_iter()
                    .chain(std::iter::repeat(project::yaml::Position::default()));
                found.map(move |position| Place { file, position })
            };
            for (at, of) in document.semantic_model.iter().enumerate() {
                for (dataset, place) in of.datasets.iter().zip(places(at, "datasets")) {
                    self.add_dataset(dataset, of, place, &models);
                }
            }
            for (at, of) in document.semantic_model.iter().enumerate() {
                for (metric, place) in of.metrics.iter().zip(places(at, "metrics")) {
                    self.add_osi_metric(metric, of, place);
                }
            }
        }
    }

    /// The models by table, schema and database.
    fn models(&self) -> HashMap<[String; 3], Model> {
        let models = self.artifact.nodes.values().filter(|node| node.resource_type == ResourceType::Model);
        models.map(|node| (key(node), Model { name: node.name.clone(), source: written(node) })).collect()
    }

    fn read(&mut self, file: &PropertyFile) -> Option<artifacts::osi::Document> {
        let source = &file.source;
        let json: Json = match serde_json::from_str(&source.text) {
            Ok(json) => json,
            Err(error) => {
                let position = project::yaml::Position { line: error.line(), column: error.column().max(1) };
                let what = format!("Parsing Error\n  Failed to parse OSI file '{}': it is no JSON", source.file);
                self.diagnostics.push(source.error(position, what).cause(error.to_string()).fix("correct the JSON"));
                return None;
            }
        };
        let document = match osi::read(&json) {
            Ok(document) => document,
            Err(mistakes) => {
                for mistake in mistakes {
                    let position = osi::position(&source.text, &mistake.path);
                    let at = mistake.place();
                    let at = if at.is_empty() { "the document".to_owned() } else { format!("`{at}`") };
                    let what =
                        format!("Parsing Error\n  Failed to parse OSI file '{}': {at}: {}", source.file, mistake.what);
                    let error = source.error(position, what);
                    self.diagnostics.push(
                        error
                            .cause(
                                "the file is below `osi-paths`, where files are documents of Open Semantic Interchange",
                            )
                            .fix("correct the value, or move the file out of `osi-paths`"),
                    );
                }
                return None;
            }
        };
        if VERSIONS.contains(&document.version.as_str()) {
            return Some(document);
        }
        let position = osi::position(&source.text, &[Step::Member("version")]);
        let what = format!(
            "Parsing Error\n  OSI file '{}' uses unsupported version '{}'. Supported versions: {}",
            source.file,
            document.version,
            VERSIONS.join(", ")
        );
        let error = source.error(position, what).cause("dbt Core 1.12 reads these versions of the format");
        self.diagnostics.push(error.fix("write the document in one of them"));
        None
    }

    fn add_dataset(
        &mut self,
        dataset: &Dataset,
        of: &SemanticModel,
        place: Place<'a>,
        models: &HashMap<[String; 3], Model>,
    ) {
        let source = Source::new(&dataset.source);
        let wanted = [source.table, source.schema, source.database].map(|part| part.to_lowercase());
        let file = &place.file.source;
        let Some(model) = models.get(&wanted) else {
            let what = format!(
                "Parsing Error\n  OSI file '{}' contains dataset '{}' ({}) that does not match any dbt model in this project.",
                file.file, dataset.name, dataset.source
            );
            let known = || models.values().map(|model| model.source.as_str());
            let of_table = models.iter().find(|(key, _)| key[0] == wanted[0]).map(|(_, model)| model.source.as_str());
            let fix = match of_table.or_else(|| nearest(&dataset.source.to_lowercase(), known())) {
                Some(near) => format!("did you mean '{near}'?"),
                None => "write the `source` as database.schema.table of a model".to_owned(),
            };
            let error = file.error(place.position, what);
            let cause = "the `source` of a dataset is the table of a model, with database and schema as in this target";
            self.diagnostics.push(error.cause(cause).fix(fix));
            return;
        };
        let (mut map, id) = self.identity(ResourceType::SemanticModel, &dataset.name, place.file);
        if let Some(earlier) = self.artifact.semantic_models.get(&id) {
            let error = conflict("semantic model", &dataset.name, earlier, place);
            self.diagnostics.push(error);
            return;
        }
        let describe = describer(self.parser, &place.file.package);
        let (mut entities, mut dimensions) = osi::parts(dataset, of);
        for part in [&mut entities, &mut dimensions].into_iter().filter_map(Json::as_array_mut).flatten() {
            if let Some(text) = part["description"].as_str() {
                part["description"] = describe(text).into();
            }
        }
        map.extend(object(json!({
            "model": format!("ref('{}')", model.name), "node_relation": null,
            "description": dataset.description.as_deref().map(describe), "label": null, "defaults": null,
            "entities": entities, "measures": [], "dimensions": dimensions, "metadata": null,
            "depends_on": {"macros": [], "nodes": []}, "refs": [], "created_at": self.parser.created_at,
            "config": config(), "unrendered_config": {}, "primary_entity": null, "group": null,
        })));
        self.places.insert(&map, place.file, place.position);
        self.resolve_model(&mut map, place);
        self.artifact.semantic_models.insert(id, Json::Object(map));
    }

    fn add_osi_metric(&mut self, metric: &Metric, of: &SemanticModel, place: Place<'a>) {
        let converted = match osi::metrics(metric, &of.datasets) {
            Ok(converted) => converted,
            Err(error) => {
                let file = &place.file.source;
                let what = format!("Parsing Error\n  The expression of metric '{}' cannot be read", metric.name);
                let error = file.error(place.position, what).cause(error.to_string());
                self.diagnostics.push(error.fix("close it"));
                return;
            }
        };
        let describe = describer(self.parser, &place.file.package);
        for Converted { name, description, kind, type_params } in converted {
            let (mut map, id) = self.identity(ResourceType::Metric, &name, place.file);
            if let Some(earlier) = self.artifact.metrics.get(&id) {
                let error = conflict("metric", &name, earlier, place);
                self.diagnostics.push(error);
                continue;
            }
            map.extend(object(json!({
                "description": describe(description.as_deref().unwrap_or_default()), "label": name, "type": kind,
                "type_params": type_params, "filter": null, "metadata": null, "time_granularity": null,
                "config": config(), "unrendered_config": {}, "sources": [], "depends_on": {"macros": [], "nodes": []},
                "refs": [], "metrics": [], "created_at": self.parser.created_at, "group": null, "meta": {}, "tags": [],
            })));
            self.places.insert(&map, place.file, place.position);
            self.artifact.metrics.insert(id, Json::Object(map));
        }
    }

    fn identity(&self, kind: ResourceType, name: &str, file: &PropertyFile) -> (JsonMap, String) {
        let (package, path) = (&file.package, &file.source.file);
        let id = format!("{kind}.{package}.{name}");
        let map = object(json!({
            "name": name, "resource_type": kind.as_str(), "package_name": package, "path": path,
            "original_file_path": path, "unique_id": id, "fqn": [package, name],
        }));
        (map, id)
    }
}

/// A model that a dataset may be of.
struct Model {
    name: String,
    /// `database.schema.table`
    source: String,
}

fn key(node: &Node) -> [String; 3] {
    let table = if node.alias.is_empty() { &node.name } else { &node.alias };
    [table.as_str(), node.schema.as_str(), node.database.as_deref().unwrap_or_default()].map(str::to_lowercase)
}

fn written(node: &Node) -> String {
    let [table, schema, database] = key(node);
    format!("{database}.{schema}.{table}")
}

fn config() -> Json {
    json!({"enabled": true, "group": null, "meta": {}})
}

fn conflict(what: &str, name: &str, earlier: &Json, place: Place<'_>) -> Diagnostic {
    let file = &place.file.source;
    let earlier = earlier["original_file_path"].as_str().unwrap_or_default();
    let message = format!(
        "Parsing Error\n  OSI file '{}' defines {what} '{name}' which conflicts with an existing {what} in this project.",
        file.file
    );
    file.error(place.position, message).cause(format!("{earlier} defines it")).fix("rename or remove one of them")
}
