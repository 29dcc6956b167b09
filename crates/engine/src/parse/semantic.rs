//! Metrics, semantic models and saved queries: kept as they are written, with who depends on whom.
//!
//! Nothing here is computed: the engine lists them, draws their lineage, and passes them on in the manifest.

use std::collections::HashMap;

use artifacts::{
    JsonMap, Manifest as Artifact,
    manifest::{Node, ResourceType},
};
use diagnostic::Diagnostic;
use names::UniqueId;
use project::{PropertyFile, properties::RawProperties};
use serde_json::{Value as Json, json};

use super::{
    config,
    nodes::Parser,
    others::{Named, path_below, read_reference},
    resolve::nearest,
    tests::directories,
};
use crate::manifest::{Found, Lookup};

/// Adds what all property files say to the manifest.
pub(super) fn add(
    parser: &Parser<'_>,
    properties: &[PropertyFile],
    artifact: &mut Artifact,
    lookup: &Lookup,
    root: &str,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut measures: HashMap<String, String> = HashMap::new();
    for file in properties {
        for of in &file.semantic_models {
            let model = semantic_model(parser, file, of, artifact, lookup, root, diagnostics);
            let id = text(&model, "unique_id");
            for measure in model.get("measures").and_then(Json::as_array).into_iter().flatten() {
                if let Some(name) = measure.get("name").and_then(Json::as_str) {
                    measures.insert(name.to_owned(), id.clone());
                }
            }
            artifact.semantic_models.insert(id, Json::Object(model));
        }
        for of in &file.metrics {
            let metric = entry(parser, file, of, ResourceType::Metric);
            artifact.metrics.insert(text(&metric, "unique_id"), Json::Object(metric));
        }
    }
    let metrics: HashMap<String, String> = artifact
        .metrics
        .iter()
        .filter_map(|(id, metric)| Some((metric.get("name")?.as_str()?.to_owned(), id.clone())))
        .collect();
    for (id, metric) in &mut artifact.metrics {
        let parents = metric_parents(metric, &metrics, &measures);
        let parents: Vec<&String> = parents.iter().filter(|parent| *parent != id).collect();
        metric["depends_on"] = json!({"macros": [], "nodes": parents});
    }
    for file in properties {
        for of in &file.saved_queries {
            let mut query = entry(parser, file, of, ResourceType::SavedQuery);
            let mut parents = Vec::new();
            let asked = query.get("query_params").and_then(|params| params.get("metrics")).and_then(Json::as_array);
            for name in asked.into_iter().flatten().filter_map(Json::as_str) {
                match metrics.get(name) {
                    Some(id) => parents.push(id.clone()),
                    None => diagnostics.push(missing_metric(file, of, name, &metrics)),
                }
            }
            query.insert("depends_on".to_owned(), json!({"macros": [], "nodes": parents}));
            artifact.saved_queries.insert(text(&query, "unique_id"), Json::Object(query));
        }
    }
}

fn text(map: &JsonMap, key: &str) -> String {
    map.get(key).and_then(Json::as_str).unwrap_or_default().to_owned()
}

/// What they have in common, with the entry's own members.
fn entry(parser: &Parser<'_>, file: &PropertyFile, of: &RawProperties, kind: ResourceType) -> JsonMap {
    let package = &file.package;
    let mut fqn = vec![package.clone()];
    fqn.extend(directories(&file.source.file));
    fqn.push(of.name.clone());
    let mut map = JsonMap::new();
    let mut put = |key: &str, value: Json| {
        map.insert(key.to_owned(), value);
    };
    put("name", of.name.clone().into());
    put("resource_type", kind.as_str().into());
    put("package_name", package.clone().into());
    put("path", path_below(&file.source.file).into());
    put("original_file_path", file.source.file.clone().into());
    put("unique_id", format!("{kind}.{package}.{}", of.name).into());
    put("fqn", fqn.into());
    let written = of.value.value.as_map().map(project::yaml::Map::to_json).unwrap_or_default();
    for (key, value) in &written {
        if !matches!(key.as_str(), "name" | "config") {
            put(key, value.clone());
        }
    }
    if let Some(Ok((description, _))) =
        written.get("description").and_then(Json::as_str).map(|text| parser.docs.describe(text, package))
    {
        put("description", description.into());
    }
    let mut config = JsonMap::from_iter([
        ("enabled".to_owned(), Json::Bool(true)),
        ("group".to_owned(), Json::Null),
        ("meta".to_owned(), json!({})),
    ]);
    project::merge_config(&mut config, &of.config);
    put("group", config.get("group").cloned().unwrap_or_default());
    put("meta", Json::Object(config::mapping(config.get("meta"))));
    put("tags", config::texts(config.get("tags")).into());
    put("config", Json::Object(config));
    put("unrendered_config", json!({}));
    put("depends_on", json!({"macros": [], "nodes": []}));
    put("refs", json!([]));
    put("created_at", json!(parser.created_at));
    map
}

fn semantic_model(
    parser: &Parser<'_>,
    file: &PropertyFile,
    of: &RawProperties,
    artifact: &Artifact,
    lookup: &Lookup,
    root: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> JsonMap {
    let mut map = entry(parser, file, of, ResourceType::SemanticModel);
    let written = text(&map, "model");
    let mut named = Named::default();
    let expression = written.trim().trim_start_matches("{{").trim_end_matches("}}").trim();
    let reference = read_reference(expression, &mut named).then(|| named.refs.first().cloned()).flatten();
    let found = reference.as_ref().and_then(|of| {
        match lookup.find_ref(&of.name, of.package.as_deref(), of.version.as_ref(), &file.package, root) {
            Found::One(id) => artifact.nodes.get(&id),
            _ => None,
        }
    });
    let Some(node) = found else {
        diagnostics.push(
            file.source
                .error(
                    of.position,
                    format!(
                        "Parsing Error\n  Semantic model '{}' depends on a model that was not found: {written}",
                        of.name
                    ),
                )
                .cause("`model:` is `ref('…')` of an enabled model")
                .fix("correct the name"),
        );
        return map;
    };
    map.insert("node_relation".to_owned(), node_relation(node));
    map.insert("depends_on".to_owned(), json!({"macros": [], "nodes": [node.unique_id]}));
    map.insert("refs".to_owned(), json!(reference.into_iter().collect::<Vec<_>>()));
    map
}

fn node_relation(node: &Node) -> Json {
    json!({
        "alias": node.alias, "schema_name": node.schema, "database": node.database, "relation_name": node.relation_name,
    })
}

/// The semantic models of a metric's measures, or the metrics it is made of.
fn metric_parents(metric: &Json, metrics: &HashMap<String, String>, measures: &HashMap<String, String>) -> Vec<String> {
    let Some(params) = metric.get("type_params") else { return Vec::new() };
    let name = |value: &Json| value.as_str().or_else(|| value.get("name")?.as_str()).map(str::to_owned);
    let mut parents: Vec<String> = Vec::new();
    let mut add = |found: Option<&String>| {
        if let Some(id) = found.filter(|id| !parents.contains(id)) {
            parents.push(id.clone());
        }
    };
    for value in params.get("metrics").and_then(Json::as_array).into_iter().flatten() {
        add(name(value).and_then(|name| metrics.get(&name)));
    }
    for key in ["numerator", "denominator"] {
        add(params.get(key).and_then(name).and_then(|name| metrics.get(&name)));
    }
    add(params.get("measure").and_then(name).and_then(|name| measures.get(&name)));
    let conversion = params.get("conversion_type_params");
    for key in ["base_measure", "conversion_measure"] {
        add(conversion.and_then(|params| params.get(key)).and_then(name).and_then(|name| measures.get(&name)));
    }
    parents
}

fn missing_metric(file: &PropertyFile, of: &RawProperties, name: &str, known: &HashMap<String, String>) -> Diagnostic {
    let near = nearest(name, known.keys().map(String::as_str));
    file.source
        .error(
            of.position,
            format!(
                "Parsing Error\n  Saved query '{}' depends on a metric named '{name}' which was not found",
                of.name
            ),
        )
        .cause("no property file defines it below `metrics:`")
        .fix(near.map_or_else(|| "correct the name".to_owned(), |near| format!("did you mean '{near}'?")))
}

/// Id and parents of each of them, for the maps of the manifest.
pub(super) fn parents(artifact: &Artifact) -> Vec<(UniqueId, Vec<UniqueId>)> {
    let sections = [&artifact.metrics, &artifact.semantic_models, &artifact.saved_queries];
    sections
        .into_iter()
        .flatten()
        .map(|(id, resource)| (UniqueId::new(id.as_str()), crate::manifest::json_parents(resource)))
        .collect()
}
