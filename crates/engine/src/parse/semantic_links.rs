//! What metrics are made of: the semantic models of their measures, and other metrics.

use std::{collections::HashMap, sync::Arc};

use artifacts::{JsonMap, Manifest as Artifact};
use diagnostic::{Diagnostic, Location};
use names::UniqueId;
use serde_json::{Value as Json, json};

use super::{node_places::NodePlaces, resolve::nearest, semantic::Places, test_entries::Place};

/// Fills in `depends_on` and `input_measures` of all metrics; gives their ids by name. `measures` are semantic models by measure.
pub(super) fn link(
    artifact: &mut Artifact,
    measures: &HashMap<String, String>,
    places: &Places<'_>,
    root: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> HashMap<String, String> {
    let metrics: HashMap<String, String> = artifact
        .metrics
        .iter()
        .filter_map(|(id, metric)| Some((metric.get("name")?.as_str()?.to_owned(), id.clone())))
        .collect();
    let known = Known { metrics: &metrics, measures, semantic_models: &artifact.semantic_models, root };
    let before = artifact.metrics.clone();
    for (id, metric) in &mut artifact.metrics {
        let mut inputs = Vec::new();
        input_measures(metric, &before, &metrics, &mut Vec::new(), &mut inputs);
        let (parents, missing) = known.parents(metric);
        if let Some(place) = places.get(id) {
            let name = metric["name"].as_str().unwrap_or_default();
            diagnostics.extend(missing.iter().map(|missing| missing.diagnostic(place, name, &known)));
        }
        let parents: Vec<&String> = parents.iter().filter(|parent| *parent != id).collect();
        metric["type_params"]["input_measures"] = Json::Array(inputs);
        metric["depends_on"] = json!({"macros": [], "nodes": parents});
    }
    metrics
}

/// The metrics that nodes and exposures name with `metric('…')`.
pub(super) fn of_nodes(
    artifact: &mut Artifact,
    metrics: &HashMap<String, String>,
    node_places: &NodePlaces<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let disabled: Vec<String> =
        artifact.disabled.keys().filter(|id| id.as_str().starts_with("metric.")).map(ToString::to_string).collect();
    let mut resolve = |kind: &str, id: &str, path: &str, asked: &[Vec<String>], at: &dyn Fn(&str) -> Location| {
        let mut found = Vec::new();
        for parts in asked {
            let Some((name, package)) = parts.split_last() else { continue };
            let of_package = |id: &&String| package.first().is_none_or(|package| id.split('.').nth(1) == Some(package));
            if let Some(metric) = metrics.get(name).filter(of_package) {
                found.push(UniqueId::from(metric.as_str()));
                continue;
            }
            let is_disabled = disabled.iter().any(|id| id.rsplit('.').next() == Some(name));
            let state = if is_disabled { "is disabled" } else { "was not found" };
            let what =
                format!("Compilation Error\n  {kind} '{id}' ({path}) depends on a metric named '{name}' which {state}");
            let error = Diagnostic::error(what).at(at(name));
            diagnostics.push(match (is_disabled, nearest(name, metrics.keys().map(String::as_str))) {
                (true, _) => {
                    error.cause(format!("'{name}' has `enabled: false`")).fix("enable it, or do not refer to it")
                }
                (false, near) => error.cause("no property file defines it below `metrics:`").fix(near.map_or_else(
                    || "define it, or correct the name".to_owned(),
                    |near| format!("did you mean '{near}'?"),
                )),
            });
        }
        found
    };
    for node in artifact.nodes.values_mut().filter(|node| !node.metrics.is_empty()) {
        let kind = node.resource_type.as_str();
        let kind = kind[..1].to_uppercase() + &kind[1..];
        let found = resolve(&kind, node.unique_id.as_str(), &node.original_file_path, &node.metrics, &|name| {
            node_places.call(node, "metric", &[name])
        });
        extend(&mut Arc::make_mut(node).depends_on.nodes, found);
    }
    for exposure in artifact.exposures.values_mut().filter(|exposure| !exposure.metrics.is_empty()) {
        let path = &exposure.original_file_path;
        let found = resolve("Exposure", exposure.unique_id.as_str(), path, &exposure.metrics, &|_| {
            let entry = node_places.entries.get(&exposure.unique_id);
            entry.map_or_else(|| Location::file(path), Place::location)
        });
        extend(&mut Arc::make_mut(exposure).depends_on.nodes, found);
    }
}

fn extend(ids: &mut Vec<UniqueId>, found: Vec<UniqueId>) {
    for id in found {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
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
    measures_of(params).into_iter().for_each(&mut add);
    for input in computed_from(params) {
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

fn measures_of(params: &Json) -> [&Json; 3] {
    let conversion = &params["conversion_type_params"];
    [&params["measure"], &conversion["base_measure"], &conversion["conversion_measure"]]
}

/// The metrics that a ratio or a derived metric is computed from.
fn computed_from(params: &Json) -> impl Iterator<Item = &Json> {
    let operands = [&params["numerator"], &params["denominator"]];
    let operands = operands.into_iter().filter(|operand| !operand.is_null());
    operands.chain(params["metrics"].as_array().into_iter().flatten())
}

/// The metrics of which a cumulative or a conversion metric of the newer form is.
fn made_of(params: &Json) -> impl Iterator<Item = &Json> {
    let conversion = &params["conversion_type_params"];
    let inputs =
        [&params["cumulative_type_params"]["metric"], &conversion["base_metric"], &conversion["conversion_metric"]];
    inputs.into_iter().filter(|input| !input.is_null())
}

/// What metrics may name.
struct Known<'a> {
    metrics: &'a HashMap<String, String>,
    measures: &'a HashMap<String, String>,
    semantic_models: &'a JsonMap,
    root: &'a str,
}

impl Known<'_> {
    /// The semantic models of a metric's measures, or the metrics it is made of; and what of these is not there.
    fn parents(&self, metric: &Json) -> (Vec<String>, Vec<Missing>) {
        let params = &metric["type_params"];
        let (mut parents, mut missing) = (Vec::new(), Vec::new());
        let mut add = |id: String| {
            if !parents.contains(&id) {
                parents.push(id);
            }
        };
        let mut not_there = |what: Missing| {
            if !missing.contains(&what) {
                missing.push(what);
            }
        };
        if let Some(model) = params["metric_aggregation_params"]["semantic_model"].as_str() {
            // dbt looks for it in the root project, whosever metric it is.
            add(format!("semantic_model.{}.{model}", self.root));
        }
        for name in measures_of(params).into_iter().filter_map(|input| input["name"].as_str()) {
            match self.measures.get(name) {
                Some(id) if self.semantic_models.contains_key(id) => add(id.clone()),
                Some(_) => not_there(Missing::Disabled(name.to_owned())),
                None => not_there(Missing::Measure(name.to_owned())),
            }
        }
        for name in computed_from(params).chain(made_of(params)).filter_map(|input| input["name"].as_str()) {
            match self.metrics.get(name) {
                Some(id) => add(id.clone()),
                None => not_there(Missing::Metric(name.to_owned())),
            }
        }
        (parents, missing)
    }
}

/// A metric or a measure that a metric names and nobody defines.
#[derive(PartialEq)]
enum Missing {
    Metric(String),
    Measure(String),
    /// A measure of a semantic model that is switched off.
    Disabled(String),
}

impl Missing {
    fn diagnostic(&self, place: Place<'_>, of: &str, known: &Known<'_>) -> Diagnostic {
        let (what, near) = match self {
            Self::Metric(name) => (
                format!("The metric `{name}` does not exist but was referenced."),
                nearest(name, known.metrics.keys().map(String::as_str)),
            ),
            Self::Measure(name) => (
                format!("A semantic model having a measure `{name}` does not exist but was referenced."),
                nearest(name, known.measures.keys().map(String::as_str)),
            ),
            Self::Disabled(name) => {
                let what = format!("The measure `{name}` is referenced on a disabled semantic model.");
                let error = place.file.source.error(place.position, format!("Parsing Error\n  {what}"));
                let cause = format!("metric '{of}' is made of it, and its semantic model has `enabled: false`");
                return error.cause(cause).fix("enable the semantic model, or disable the metric too");
            }
        };
        let fix = near.map_or_else(|| "correct the name".to_owned(), |near| format!("did you mean '{near}'?"));
        let error = place.file.source.error(place.position, format!("Parsing Error\n  {what}"));
        error.cause(format!("metric '{of}' is made of it")).fix(fix)
    }
}

/// A saved query's metric that is not there.
pub(super) fn missing_metric(place: Place<'_>, of: &str, name: &str, known: &HashMap<String, String>) -> Diagnostic {
    let near = nearest(name, known.keys().map(String::as_str));
    let what = format!("Parsing Error\n  Saved query '{of}' depends on a metric named '{name}' which was not found");
    let error = place.file.source.error(place.position, what);
    error
        .cause("no property file defines it below `metrics:`")
        .fix(near.map_or_else(|| "correct the name".to_owned(), |near| format!("did you mean '{near}'?")))
}
