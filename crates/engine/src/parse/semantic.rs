//! Metrics, semantic models and saved queries, with who depends on whom.
//!
//! Nothing here is computed: the engine lists them, draws their lineage, and passes them on in the manifest.

use std::collections::{BTreeSet, HashMap};

use artifacts::{
    JsonMap, Manifest as Artifact,
    manifest::{Disabled, Node, ResourceType},
};
use diagnostic::Diagnostic;
use names::UniqueId;
use project::{PropertyFile, properties::RawProperties};
use serde_json::{Value as Json, json};

use super::{
    config::{self, Layers},
    nodes::Parser,
    others::{Named, path_below, read_reference},
    resolve::nearest,
    semantic_shapes as shapes,
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
    let mut places: HashMap<String, (&PropertyFile, &RawProperties)> = HashMap::new();
    for file in properties {
        for of in &file.semantic_models {
            let model = semantic_model(parser, file, of, artifact, lookup, root, diagnostics);
            let id = text(&model, "unique_id");
            let written = Json::Object(written(of));
            for measure in written["measures"].as_array().into_iter().flatten() {
                if let Some(name) = measure["name"].as_str() {
                    measures.insert(name.to_owned(), id.clone());
                    if measure["create_metric"] == true {
                        let created = metric_of_measure(measure, name, &model);
                        put(artifact, ResourceType::Metric, metric(parser, file, name, &created, of));
                    }
                }
            }
            put(artifact, ResourceType::SemanticModel, model);
        }
        for of in &file.metrics {
            let metric = metric(parser, file, &of.name, &Json::Object(written(of)), of);
            places.insert(text(&metric, "unique_id"), (file, of));
            put(artifact, ResourceType::Metric, metric);
        }
    }
    let metrics: HashMap<String, String> = artifact
        .metrics
        .iter()
        .filter_map(|(id, metric)| Some((metric.get("name")?.as_str()?.to_owned(), id.clone())))
        .collect();
    let before = artifact.metrics.clone();
    for (id, metric) in &mut artifact.metrics {
        let mut inputs = Vec::new();
        input_measures(metric, &before, &metrics, &mut Vec::new(), &mut inputs);
        let (parents, missing) = metric_parents(metric, &metrics, &measures);
        if let Some((file, of)) = places.get(id) {
            diagnostics.extend(missing.iter().map(|missing| missing.diagnostic(file, of, &metrics, &measures)));
        }
        let parents: Vec<&String> = parents.iter().filter(|parent| *parent != id).collect();
        metric["type_params"]["input_measures"] = Json::Array(inputs);
        metric["depends_on"] = json!({"macros": [], "nodes": parents});
    }
    for file in properties {
        for of in &file.saved_queries {
            let mut query = saved_query(parser, file, of);
            let mut parents = Vec::new();
            let asked = query.get("query_params").and_then(|params| params.get("metrics")).and_then(Json::as_array);
            for name in asked.into_iter().flatten().filter_map(Json::as_str) {
                match metrics.get(name) {
                    Some(id) => parents.push(id.clone()),
                    None => diagnostics.push(missing_metric(file, of, name, &metrics)),
                }
            }
            query.insert("depends_on".to_owned(), json!({"macros": [], "nodes": parents}));
            put(artifact, ResourceType::SavedQuery, query);
        }
    }
}

fn put(artifact: &mut Artifact, kind: ResourceType, resource: JsonMap) {
    let id = text(&resource, "unique_id");
    if resource.get("config").and_then(|config| config.get("enabled")) == Some(&Json::Bool(false)) {
        let entry = artifact.disabled.entry(UniqueId::new(id)).or_default();
        entry.push(Disabled::Other(Json::Object(resource)));
        return;
    }
    let section = match kind {
        ResourceType::Metric => &mut artifact.metrics,
        ResourceType::SemanticModel => &mut artifact.semantic_models,
        _ => &mut artifact.saved_queries,
    };
    section.insert(id, Json::Object(resource));
}

/// The entry as it is written.
fn written(of: &RawProperties) -> JsonMap {
    of.value.value.as_map().map(project::yaml::Map::to_json).unwrap_or_default()
}

/// What the three kinds have in common: who they are, and their config.
struct Common {
    identity: JsonMap,
    config: JsonMap,
    unrendered_config: JsonMap,
}

fn common(parser: &Parser<'_>, file: &PropertyFile, name: &str, config: &JsonMap, kind: ResourceType) -> Common {
    let package = &file.package;
    let mut fqn = vec![package.clone()];
    fqn.extend(directories(&file.source.file));
    fqn.push(name.to_owned());
    let layers = Layers { patch: Some(config), call: None };
    let identity = object(json!({
        "name": name, "resource_type": kind.as_str(), "package_name": package, "path": path_below(&file.source.file),
        "original_file_path": file.source.file, "unique_id": format!("{kind}.{package}.{name}"), "fqn": fqn,
    }));
    Common {
        identity,
        config: config::resolve(parser.project, kind, package, &fqn, &layers),
        unrendered_config: config::resolve_unrendered(parser.project, kind, package, &fqn, &layers),
    }
}

fn object(value: Json) -> JsonMap {
    match value {
        Json::Object(map) => map,
        _ => JsonMap::new(),
    }
}

fn describer<'a>(parser: &'a Parser<'_>, package: &'a str) -> impl Fn(&str) -> String + 'a {
    move |text| parser.docs.describe(text, package).map_or_else(|_| text.to_owned(), |(text, _)| text)
}

/// What `create_metric: true` makes of a measure.
fn metric_of_measure(measure: &Json, name: &str, model: &JsonMap) -> Json {
    let or_name = |key: &str| measure.get(key).filter(|value| !value.is_null()).cloned().unwrap_or_else(|| name.into());
    let description = measure["description"].as_str().filter(|text| !text.is_empty());
    json!({
        "name": name, "label": or_name("label"), "type": "simple",
        "type_params": {"measure": name, "expr": or_name("expr")},
        "description": description.map_or_else(|| format!("Metric created from measure {name}"), str::to_owned),
        "config": {"enabled": model["config"]["enabled"], "meta": model["config"]["meta"]},
    })
}

fn metric(parser: &Parser<'_>, file: &PropertyFile, name: &str, written: &Json, of: &RawProperties) -> JsonMap {
    let own = if name == of.name { of.config.clone() } else { config::mapping(written.get("config")) };
    let Common { identity, config, unrendered_config } = common(parser, file, name, &own, ResourceType::Metric);
    let describe = describer(parser, &file.package);
    let kind = written["type"].as_str().unwrap_or_default().to_lowercase();
    let meta = config::mapping(config.get("meta"));
    let meta = if meta.is_empty() { config::mapping(written.get("meta")) } else { meta };
    let label = written.get("label").filter(|label| !label.is_null()).cloned().unwrap_or_else(|| name.into());
    let mut map = identity;
    map.extend(object(json!({
        "description": describe(written["description"].as_str().unwrap_or_default()),
        "label": label, "type": kind, "type_params": shapes::type_params(&written["type_params"], &kind),
        "filter": shapes::filter(written.get("filter")), "metadata": null, "time_granularity": written["time_granularity"],
        "config": config, "unrendered_config": unrendered_config, "sources": [], "depends_on": {"macros": [], "nodes": []},
        "refs": [], "metrics": [], "created_at": parser.created_at, "group": config["group"], "meta": meta,
        "tags": config::texts(written.get("tags")),
    })));
    map
}

fn saved_query(parser: &Parser<'_>, file: &PropertyFile, of: &RawProperties) -> JsonMap {
    let written = Json::Object(written(of));
    let Common { identity, config, unrendered_config } =
        common(parser, file, &of.name, &of.config, ResourceType::SavedQuery);
    let describe = describer(parser, &file.package);
    let tags: BTreeSet<String> =
        config::texts(written.get("tags")).into_iter().chain(config::texts(config.get("tags"))).collect();
    let place = (parser.host.adapter.database(), parser.host.adapter.schema());
    let mut map = identity;
    map.extend(object(json!({
        "query_params": shapes::query_params(&written), "exports": shapes::exports(&written, &config, place),
        "description": written["description"].as_str().map(describe), "label": written["label"], "metadata": null,
        "config": config, "unrendered_config": unrendered_config, "group": config["group"],
        "depends_on": {"macros": [], "nodes": []}, "created_at": parser.created_at, "refs": [], "tags": tags,
    })));
    map
}

fn text(map: &JsonMap, key: &str) -> String {
    map.get(key).and_then(Json::as_str).unwrap_or_default().to_owned()
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
    let properties = Json::Object(written(of));
    let Common { identity, config, unrendered_config } =
        common(parser, file, &of.name, &of.config, ResourceType::SemanticModel);
    let describe = describer(parser, &file.package);
    let meta = config::mapping(config.get("meta"));
    let mut map = identity;
    map.extend(object(json!({
        "model": properties["model"], "node_relation": null, "description": properties["description"].as_str().map(&describe),
        "label": properties["label"], "defaults": shapes::defaults(&properties),
        "entities": shapes::entities(&properties, &meta, &describe),
        "measures": shapes::measures(&properties, &meta, &describe),
        "dimensions": shapes::dimensions(&properties, &meta, &describe), "metadata": null,
        "depends_on": {"macros": [], "nodes": []}, "refs": [], "created_at": parser.created_at, "config": config,
        "unrendered_config": unrendered_config, "primary_entity": properties["primary_entity"], "group": config["group"],
    })));
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

/// The measures below a metric, its own or those of the metrics it is made of.
fn input_measures(
    metric: &Json,
    all: &JsonMap,
    ids: &HashMap<String, String>,
    above: &mut Vec<String>,
    found: &mut Vec<Json>,
) {
    let mut add = |measure: &Json| {
        if !measure.is_null() && !found.contains(measure) {
            found.push(measure.clone());
        }
    };
    let params = &metric["type_params"];
    add(&params["measure"]);
    add(&params["conversion_type_params"]["base_measure"]);
    add(&params["conversion_type_params"]["conversion_measure"]);
    for input in input_metrics(params) {
        let Some(name) = input["name"].as_str().filter(|name| !above.iter().any(|other| other == name)) else {
            continue;
        };
        if let Some(metric) = ids.get(name).and_then(|id| all.get(id)) {
            above.push(name.to_owned());
            input_measures(metric, all, ids, above, found);
            above.pop();
        }
    }
}

/// The metrics a metric is made of.
fn input_metrics(params: &Json) -> impl Iterator<Item = &Json> {
    let operands = [&params["numerator"], &params["denominator"]];
    let operands = operands.into_iter().filter(|operand| !operand.is_null());
    operands.chain(params["metrics"].as_array().into_iter().flatten())
}

/// A metric or a measure that a metric names and nobody defines.
enum Missing {
    Metric(String),
    Measure(String),
}

impl Missing {
    fn diagnostic(
        &self,
        file: &PropertyFile,
        of: &RawProperties,
        metrics: &HashMap<String, String>,
        measures: &HashMap<String, String>,
    ) -> Diagnostic {
        let (what, name, known) = match self {
            Self::Metric(name) => (format!("The metric `{name}` does not exist but was referenced."), name, metrics),
            Self::Measure(name) => (
                format!("A semantic model having a measure `{name}` does not exist but was referenced."),
                name,
                measures,
            ),
        };
        let near = nearest(name, known.keys().map(String::as_str));
        file.source
            .error(of.position, format!("Parsing Error\n  {what}"))
            .cause(format!("metric '{}' is made of it", of.name))
            .fix(near.map_or_else(|| "correct the name".to_owned(), |near| format!("did you mean '{near}'?")))
    }
}

/// The semantic models of a metric's measures, or the metrics it is made of; and what of these is not there.
fn metric_parents(
    metric: &Json,
    metrics: &HashMap<String, String>,
    measures: &HashMap<String, String>,
) -> (Vec<String>, Vec<Missing>) {
    let params = &metric["type_params"];
    let conversion = &params["conversion_type_params"];
    let (mut parents, mut missing) = (Vec::new(), Vec::new());
    for input in [&params["measure"], &conversion["base_measure"], &conversion["conversion_measure"]] {
        let Some(name) = input["name"].as_str() else { continue };
        match measures.get(name) {
            Some(id) if parents.contains(id) => {}
            Some(id) => parents.push(id.clone()),
            None => missing.push(Missing::Measure(name.to_owned())),
        }
    }
    for input in input_metrics(params) {
        let Some(name) = input["name"].as_str() else { continue };
        match metrics.get(name) {
            Some(id) if parents.contains(id) => {}
            Some(id) => parents.push(id.clone()),
            None => missing.push(Missing::Metric(name.to_owned())),
        }
    }
    (parents, missing)
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
