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
use project::{
    PropertyFile,
    properties::{NodeProperties, RawProperties},
    yaml::Position,
};
use serde_json::{Value as Json, json};

use super::{
    config::{self, Layers},
    node_places::NodePlaces,
    nodes::Parser,
    others::{Named, read_reference},
    semantic_columns as columns, semantic_links as links, semantic_problems as problems,
    semantic_problems::check_time_spines,
    semantic_shapes as shapes,
    test_entries::Place,
    tests::directories_below,
};
use crate::manifest::{Found, Lookup};

/// Adds what all property files say to the manifest, and checks it.
pub(super) fn add(
    parser: &Parser<'_>,
    artifact: &mut Artifact,
    lookup: &Lookup,
    node_places: &NodePlaces<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let properties = parser.properties;
    check_time_spines(properties, diagnostics);
    let says_something = |file: &PropertyFile| {
        let entries = [&file.semantic_models, &file.metrics, &file.saved_queries];
        entries.iter().any(|entries| !entries.is_empty()) || file.models.iter().any(|model| model.semantics.is_some())
    };
    let root = &parser.project.root;
    let (osi_files, found) = project::osi_files(root);
    diagnostics.extend(found);
    let asks = artifact.nodes.values().any(|node| !node.metrics.is_empty())
        || artifact.exposures.values().any(|exposure| !exposure.metrics.is_empty());
    if osi_files.is_empty() && !asks && !properties.iter().any(says_something) {
        return;
    }
    let osi_files: Vec<PropertyFile> = osi_files
        .into_iter()
        .map(|source| PropertyFile { package: root.name.clone(), source, ..PropertyFile::default() })
        .collect();
    let mut section =
        Section { parser, lookup, artifact, places: Places::default(), measures: HashMap::new(), diagnostics };
    for file in properties {
        for model in &file.models {
            section.add_of_model(file, model);
        }
        for of in &file.semantic_models {
            section.add_semantic_model(file, of);
        }
        for of in &file.metrics {
            section.add_metric(file, of, &Json::Object(written(of)), None);
        }
    }
    section.add_osi(&osi_files);
    let Section { artifact, mut places, measures, diagnostics, .. } = section;
    let metrics = links::link(artifact, &measures, &places, &parser.project.root.name, diagnostics);
    links::of_nodes(artifact, &metrics, node_places, diagnostics);
    for file in properties {
        for of in &file.saved_queries {
            let mut query = saved_query(parser, file, of, diagnostics);
            let place = places.insert(&query, file, of.position);
            if is_enabled(&query) {
                let mut parents = Vec::new();
                let asked = query.get("query_params").and_then(|params| params.get("metrics")).and_then(Json::as_array);
                for name in asked.into_iter().flatten().filter_map(Json::as_str) {
                    match metrics.get(name) {
                        Some(id) => parents.push(id.clone()),
                        None => diagnostics.push(links::missing_metric(place, &of.name, name, &metrics)),
                    }
                }
                query.insert("depends_on".to_owned(), json!({"macros": [], "nodes": parents}));
            }
            put(artifact, ResourceType::SavedQuery, query, place, diagnostics);
        }
    }
    check_groups(artifact, &places, diagnostics);
    crate::semantic::check(artifact, &parser.project.root.project_flags(), &places, diagnostics);
}

/// Their groups exist.
fn check_groups(artifact: &Artifact, places: &Places<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let sections = [&artifact.metrics, &artifact.semantic_models, &artifact.saved_queries];
    for (id, resource) in sections.into_iter().flatten() {
        let Some(group) = resource["group"].as_str().filter(|group| !group.is_empty()) else { continue };
        let Some(place) = places.get(id).filter(|_| artifact.groups.values().all(|known| known.name != group)) else {
            continue;
        };
        let known: Vec<&str> = artifact.groups.values().map(|group| group.name.as_str()).collect();
        let what = format!("Parsing Error\n  Invalid group '{group}', expected one of [{}]", known.join(", "));
        let error = place.file.source.error(place.position, what);
        diagnostics.push(
            error
                .cause(format!("'{id}' is in a group that no property file defines"))
                .fix("define it below `groups:`, or correct the name"),
        );
    }
}

/// Where semantic models, metrics and saved queries are written, by unique id.
#[derive(Debug, Default)]
pub(crate) struct Places<'a>(HashMap<String, Place<'a>>);

impl<'a> Places<'a> {
    pub(super) fn insert(&mut self, resource: &JsonMap, file: &'a PropertyFile, position: Position) -> Place<'a> {
        let place = Place { file, position };
        self.0.insert(text(resource, "unique_id"), place);
        place
    }

    /// Of one of them.
    pub(crate) fn get(&self, id: &str) -> Option<Place<'a>> {
        self.0.get(id).copied()
    }
}

/// What is added to, and what is known of it.
pub(super) struct Section<'s, 'a> {
    pub(super) parser: &'s Parser<'s>,
    lookup: &'s Lookup,
    pub(super) artifact: &'s mut Artifact,
    pub(super) places: Places<'a>,
    /// The semantic model of each measure.
    measures: HashMap<String, String>,
    pub(super) diagnostics: &'s mut Vec<Diagnostic>,
}

impl<'a> Section<'_, 'a> {
    /// The semantic model and the metrics that a model describes in its own entry.
    fn add_of_model(&mut self, file: &'a PropertyFile, model: &'a NodeProperties) {
        let semantics = model.semantics.as_ref().filter(|semantics| semantics.is_enabled());
        // Of a versioned model dbt looks at none of it.
        let Some(semantics) = semantics.filter(|_| model.versions.is_empty()) else { return };
        let own = &semantics.semantic_model;
        let name = own["name"].as_str().unwrap_or(&model.name);
        let mut config = JsonMap::new();
        // dbt reads `enabled` and `group` only beside a `config`.
        if !own["config"].is_null() {
            for (key, value) in
                [("meta", &own["config"]["meta"]), ("enabled", &own["enabled"]), ("group", &own["group"])]
            {
                if !value.is_null() {
                    config.insert(key.to_owned(), value.clone());
                }
            }
        }
        let common = common(self.parser, file, name, &config, ResourceType::SemanticModel);
        let meta = config::mapping(common.config.get("meta"));
        let describe = describer(self.parser, &file.package);
        let parts = json!({
            "model": format!("ref('{}')", model.name), "node_relation": null,
            "description": describe(&model.description), "label": null,
            "defaults": {"agg_time_dimension": semantics.agg_time_dimension},
            "entities": columns::entities(&model.columns, &semantics.derived, &meta, &describe), "measures": [],
            "dimensions": columns::dimensions(&model.columns, &semantics.derived, &meta, &describe),
        });
        self.put_semantic_model(file, model.position, common, parts, semantics.primary_entity.clone().into());
        for of in &semantics.metrics {
            let metric = Json::Object(written(of));
            let is_simple = metric_type(&metric) == "simple";
            let time = semantics.agg_time_dimension.as_deref();
            self.add_metric(file, of, &metric, is_simple.then_some((name, time)));
        }
    }

    fn add_semantic_model(&mut self, file: &'a PropertyFile, of: &'a RawProperties) {
        let properties = Json::Object(written(of));
        let common = common(self.parser, file, &of.name, &of.config, ResourceType::SemanticModel);
        let describe = describer(self.parser, &file.package);
        let meta = config::mapping(common.config.get("meta"));
        let (enabled, model_meta) = (common.config.get("enabled").cloned(), common.config.get("meta").cloned());
        let id = text(&common.identity, "unique_id");
        let parts = json!({
            "model": properties["model"], "node_relation": null,
            "description": properties["description"].as_str().map(&describe), "label": properties["label"],
            "defaults": shapes::defaults(&properties), "entities": shapes::entities(&properties, &meta, &describe),
            "measures": shapes::measures(&properties, &meta, &describe),
            "dimensions": shapes::dimensions(&properties, &meta, &describe),
        });
        self.put_semantic_model(file, of.position, common, parts, properties["primary_entity"].clone());
        for measure in properties["measures"].as_array().into_iter().flatten() {
            let Some(name) = measure["name"].as_str() else { continue };
            self.measures.insert(name.to_owned(), id.clone());
            if measure["create_metric"] == true {
                let created = metric_of_measure(measure, name, enabled.as_ref(), model_meta.as_ref());
                let own = config::mapping(created.get("config"));
                let of =
                    RawProperties { name: name.to_owned(), config: own, position: of.position, ..Default::default() };
                self.add_metric(file, &of, &created, None);
            }
        }
    }

    fn put_semantic_model(
        &mut self,
        file: &'a PropertyFile,
        position: Position,
        common: Common,
        parts: Json,
        primary_entity: Json,
    ) {
        let mut map = common.identity;
        map.extend(object(parts));
        map.extend(object(json!({
            "metadata": null, "depends_on": {"macros": [], "nodes": []}, "refs": [],
            "created_at": self.parser.created_at, "config": common.config,
            "unrendered_config": common.unrendered_config, "primary_entity": primary_entity,
            "group": common.config["group"],
        })));
        let place = self.places.insert(&map, file, position);
        self.resolve_model(&mut map, place);
        put(self.artifact, ResourceType::SemanticModel, map, place, self.diagnostics);
    }

    /// Finds the model that a semantic model is of.
    pub(super) fn resolve_model(&mut self, map: &mut JsonMap, place: Place<'_>) {
        let written = text(map, "model");
        let mut named = Named::default();
        let expression = written.trim().trim_start_matches("{{").trim_end_matches("}}").trim();
        let reference = read_reference(expression, &mut named).then(|| named.refs.first().cloned()).flatten();
        if !is_enabled(map) {
            map.insert("refs".to_owned(), json!(reference.into_iter().collect::<Vec<_>>()));
            return;
        }
        let package = &place.file.package;
        let found = reference.as_ref().and_then(|of| {
            let root = self.parser.project.root.name.as_str();
            match self.lookup.find_ref(&of.name, of.package.as_deref(), of.version.as_ref(), package, root) {
                Found::One(id) => self.artifact.nodes.get(&id),
                _ => None,
            }
        });
        let Some(node) = found else {
            let what = format!(
                "Parsing Error\n  Semantic model '{}' depends on a model that was not found: {written}",
                text(map, "name")
            );
            let error = place.file.source.error(place.position, what);
            self.diagnostics.push(error.cause("`model:` is `ref('…')` of an enabled model").fix("correct the name"));
            return;
        };
        map.insert("node_relation".to_owned(), node_relation(node));
        map.insert("depends_on".to_owned(), json!({"macros": [], "nodes": [node.unique_id]}));
        map.insert("refs".to_owned(), json!(reference.into_iter().collect::<Vec<_>>()));
    }

    /// `model` is the semantic model of a simple metric that is written below it, and its time dimension.
    fn add_metric(
        &mut self,
        file: &'a PropertyFile,
        of: &RawProperties,
        written: &Json,
        model: Option<(&str, Option<&str>)>,
    ) {
        let metric = metric(self.parser, file, of, written, model);
        let place = self.places.insert(&metric, file, of.position);
        self.diagnostics.extend(problems::of_metric(place, &of.name, written, &metric, model.is_some()));
        put(self.artifact, ResourceType::Metric, metric, place, self.diagnostics);
    }
}

fn is_enabled(resource: &JsonMap) -> bool {
    resource.get("config").and_then(|config| config.get("enabled")) != Some(&Json::Bool(false))
}

fn put(
    artifact: &mut Artifact,
    kind: ResourceType,
    resource: JsonMap,
    place: Place<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let id = text(&resource, "unique_id");
    if !is_enabled(&resource) {
        let entry = artifact.disabled.entry(UniqueId::new(id)).or_default();
        entry.push(Disabled::Other(Json::Object(resource)));
        return;
    }
    let section = match kind {
        ResourceType::Metric => &mut artifact.metrics,
        ResourceType::SemanticModel => &mut artifact.semantic_models,
        _ => &mut artifact.saved_queries,
    };
    if let Some(earlier) = section.get(&id) {
        let what = match kind {
            ResourceType::Metric => "metric",
            ResourceType::SemanticModel => "semantic model",
            _ => "saved query",
        };
        let error = place.file.source.error(
            place.position,
            format!(
                "Compilation Error\n  dbt found two resources with the name \"{}\": {what}s",
                text(&resource, "name")
            ),
        );
        let earlier = earlier["original_file_path"].as_str().unwrap_or_default();
        diagnostics
            .push(error.cause(format!("{id} is defined in {earlier} already")).fix("rename or remove one of them"));
        return;
    }
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
    fqn.extend(directories_below(file));
    fqn.push(name.to_owned());
    let layers = Layers { patch: Some(config), call: None };
    let identity = object(json!({
        "name": name, "resource_type": kind.as_str(), "package_name": package, "path": file.path_in_search_path(),
        "original_file_path": file.source.file, "unique_id": format!("{kind}.{package}.{name}"), "fqn": fqn,
    }));
    Common {
        identity,
        config: config::resolve(parser.project, kind, package, &fqn, &layers),
        unrendered_config: config::resolve_unrendered(parser.project, kind, package, &fqn, &layers),
    }
}

pub(super) fn object(value: Json) -> JsonMap {
    match value {
        Json::Object(map) => map,
        _ => JsonMap::new(),
    }
}

pub(super) fn describer<'a>(parser: &'a Parser<'_>, package: &'a str) -> impl Fn(&str) -> String + 'a {
    move |text| parser.docs.describe(text, package).map_or_else(|_| text.to_owned(), |(text, _)| text)
}

/// What `create_metric: true` makes of a measure.
fn metric_of_measure(measure: &Json, name: &str, enabled: Option<&Json>, meta: Option<&Json>) -> Json {
    let or_name = |key: &str| measure.get(key).filter(|value| !value.is_null()).cloned().unwrap_or_else(|| name.into());
    let description = measure["description"].as_str().filter(|text| !text.is_empty());
    json!({
        "name": name, "label": or_name("label"), "type": "simple",
        "type_params": {"measure": name, "expr": or_name("expr")},
        "description": description.map_or_else(|| format!("Metric created from measure {name}"), str::to_owned),
        "config": {"enabled": enabled, "meta": meta},
    })
}

/// `type:` in lower case; a metric that says none is simple.
fn metric_type(written: &Json) -> String {
    written["type"].as_str().unwrap_or("simple").to_lowercase()
}

fn metric(
    parser: &Parser<'_>,
    file: &PropertyFile,
    of: &RawProperties,
    written: &Json,
    model: Option<(&str, Option<&str>)>,
) -> JsonMap {
    let Common { identity, config, unrendered_config } =
        common(parser, file, &of.name, &of.config, ResourceType::Metric);
    let describe = describer(parser, &file.package);
    let kind = metric_type(written);
    let meta = config::mapping(config.get("meta"));
    let is_flat = written.get("type_params").is_none();
    let (type_params, meta) = match (is_flat, meta.is_empty()) {
        // Those of the newer form have their meta in the config only.
        (true, _) => (shapes::flat_type_params(written, &kind, model), JsonMap::new()),
        (false, true) => (shapes::type_params(&written["type_params"], &kind), config::mapping(written.get("meta"))),
        (false, false) => (shapes::type_params(&written["type_params"], &kind), meta),
    };
    let label = written.get("label").filter(|label| !label.is_null() && *label != "");
    let label = label.cloned().unwrap_or_else(|| of.name.as_str().into());
    let mut map = identity;
    map.extend(object(json!({
        "description": describe(written["description"].as_str().unwrap_or_default()),
        "label": label, "type": kind, "type_params": type_params,
        "filter": shapes::filter(written.get("filter")), "metadata": null, "time_granularity": written["time_granularity"],
        "config": config, "unrendered_config": unrendered_config, "sources": [], "depends_on": {"macros": [], "nodes": []},
        "refs": [], "metrics": [], "created_at": parser.created_at, "group": config["group"], "meta": meta,
        "tags": config::texts(written.get("tags")),
    })));
    map
}

fn saved_query(
    parser: &Parser<'_>,
    file: &PropertyFile,
    of: &RawProperties,
    diagnostics: &mut Vec<Diagnostic>,
) -> JsonMap {
    let written = Json::Object(written(of));
    let Common { identity, config, unrendered_config } =
        common(parser, file, &of.name, &of.config, ResourceType::SavedQuery);
    let describe = describer(parser, &file.package);
    let tags: BTreeSet<String> =
        config::texts(written.get("tags")).into_iter().chain(config::texts(config.get("tags"))).collect();
    diagnostics.extend(problems::of_exports(Place { file, position: of.position }, &of.name, &written, &config));
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

fn node_relation(node: &Node) -> Json {
    json!({
        "alias": node.alias, "schema_name": node.schema, "database": node.database, "relation_name": node.relation_name,
    })
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
