//! Names and labels: which are valid, and which must be unlike each other.

use std::collections::{HashMap, HashSet};

use artifacts::{SemanticManifest, semantic_manifest::SemanticModel};

use super::{Issues, Kind, Of, STANDARD};

/// Words of SQL that all warehouses reserve.
const RESERVED: [&str; 26] = [
    "AND", "AS", "CREATE", "DISTINCT", "FOR", "FROM", "FULL", "HAVING", "IN", "INNER", "INTO", "IS", "JOIN", "LEFT",
    "LIKE", "NATURAL", "NOT", "NULL", "ON", "OR", "RIGHT", "SELECT", "UNION", "USING", "WHERE", "WITH",
];

pub(super) fn check(manifest: &SemanticManifest, issues: &mut Issues<'_, '_>) {
    let models = manifest.semantic_models.iter().map(|model| (Kind::Model, model.name.as_str()));
    let metrics = manifest.metrics.iter().map(|metric| (Kind::Metric, metric.name.as_str()));
    let queries = manifest.saved_queries.iter().map(|query| (Kind::Query, query.name.as_str()));
    let mut seen = HashSet::new();
    for of in models.chain(metrics).chain(queries) {
        valid(of.1, of, issues);
        if !seen.insert(of) {
            let what = format!("The name '{}' is used for another {} already", of.1, kind(of.0));
            issues.error(of, &what, "names are unique in the whole project, packages included", "rename one of them");
        }
    }
    for model in &manifest.semantic_models {
        elements(model, issues);
        relation(model, issues);
    }
    one_kind_per_name(manifest, issues);
    custom_granularities(manifest, issues);
    labels(manifest, issues);
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Model => "semantic model",
        Kind::Metric => "metric",
        Kind::Query => "saved query",
    }
}

/// Reports a name that MetricFlow does not take.
pub(super) fn valid(name: &str, of: Of<'_>, issues: &mut Issues<'_, '_>) {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let is_valid = name.len() >= 2
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(inner)
        && !name.ends_with('_')
        && !name.contains("__");
    if !is_valid {
        let what = format!("Invalid name `{name}`");
        let cause = "names are of at least two lower case letters, digits and single underscores; they begin with a letter and do not end with an underscore";
        issues.error(of, &what, cause, "rename it; `expr` may say another column, `label` any text");
    }
    if STANDARD.contains(&name.to_lowercase().as_str()) {
        let what = format!("Invalid name `{name}`");
        issues.error(of, &what, "it is a granularity of time", "rename it");
    }
    if matches!(name.to_lowercase().as_str(), "metric_time" | "mf_internal_uuid") {
        let what = format!("Invalid name `{name}`");
        issues.error(of, &what, "MetricFlow has a column of this name itself", "rename it");
    }
}

/// Entities, dimensions and measures of one model.
fn elements(model: &SemanticModel, issues: &mut Issues<'_, '_>) {
    let of = (Kind::Model, model.name.as_str());
    let mut seen: HashMap<&str, &str> = HashMap::new();
    for (name, kind) in named(model) {
        if let Some(other) = seen.get(name) {
            let what = format!("In semantic model `{}`, '{name}' is the name of a {other} and of a {kind}", model.name);
            issues.error(
                of,
                &what,
                "entities, dimensions and measures of a model share one space of names",
                "rename one of them",
            );
        } else {
            seen.insert(name, kind);
        }
        valid(name, of, issues);
        if RESERVED.contains(&name.to_uppercase().as_str()) {
            let what = format!("'{name}' is an SQL reserved keyword, and thus cannot be used as the name of a {kind}");
            issues.error(of, &what, "it becomes the name of a column", "rename it, and say the column in `expr`");
        }
    }
}

fn named(model: &SemanticModel) -> impl Iterator<Item = (&str, &'static str)> {
    let measures = model.measures.iter().map(|measure| (measure.name.as_str(), "measure"));
    let entities = model.entities.iter().map(|entity| (entity.name.as_str(), "entity"));
    let dimensions = model.dimensions.iter().map(|dimension| (dimension.name.as_str(), "dimension"));
    measures.chain(entities).chain(dimensions)
}

fn relation(model: &SemanticModel, issues: &mut Issues<'_, '_>) {
    let name = model.node_relation.relation_name.as_deref().unwrap_or_default();
    if let Some(word) = name.split('.').find(|part| RESERVED.contains(&part.to_uppercase().as_str())) {
        let what =
            format!("The relation {name} of semantic model '{}' is named by an SQL reserved keyword", model.name);
        issues.error((Kind::Model, &model.name), &what, &format!("'{word}' is one"), "give the model another `alias`");
    }
}

/// A name is an entity, a dimension or a measure, wherever it stands.
fn one_kind_per_name(manifest: &SemanticManifest, issues: &mut Issues<'_, '_>) {
    let mut seen: HashMap<&str, (&str, &str)> = HashMap::new();
    for model in &manifest.semantic_models {
        for (name, kind) in named(model) {
            match seen.get(name) {
                Some((other, of)) if *other != kind && *of != model.name => {
                    let what =
                        format!("'{name}' is a {kind} in semantic model '{}' and a {other} in '{of}'", model.name);
                    let cause = "MetricFlow joins models by name: one name is one kind of thing";
                    issues.error((Kind::Model, &model.name), &what, cause, "rename one of them");
                }
                Some(_) => {}
                None => {
                    seen.insert(name, (kind, &model.name));
                }
            }
        }
    }
}

fn custom_granularities(manifest: &SemanticManifest, issues: &mut Issues<'_, '_>) {
    let Some(first) = manifest.semantic_models.first() else { return };
    let of = (Kind::Model, first.name.as_str());
    let mut taken: HashSet<&str> = HashSet::new();
    for model in &manifest.semantic_models {
        taken.insert(&model.name);
        taken.extend(named(model).map(|(name, _)| name));
    }
    taken.extend(manifest.metrics.iter().map(|metric| metric.name.as_str()));
    let mut seen = HashSet::new();
    for spine in &manifest.project_configuration.time_spines {
        for granularity in &spine.custom_granularities {
            let name = granularity.name.as_str();
            valid(name, of, issues);
            if taken.contains(name) || !seen.insert(name) {
                let what = format!(
                    "The custom granularity '{name}' of time spine '{}' has a name that is taken",
                    spine.node_relation.alias
                );
                let cause = "a metric, a semantic model, one of its elements or another granularity has it";
                issues.error(of, &what, cause, "rename the granularity");
            }
        }
    }
}

fn labels(manifest: &SemanticManifest, issues: &mut Issues<'_, '_>) {
    let metrics = manifest.metrics.iter().map(|metric| ((Kind::Metric, metric.name.as_str()), metric.label.as_deref()));
    let models =
        manifest.semantic_models.iter().map(|model| ((Kind::Model, model.name.as_str()), model.label.as_deref()));
    let mut seen: HashMap<(Kind, &str), &str> = HashMap::new();
    for (of, label) in metrics.chain(models) {
        let Some(label) = label else { continue };
        if let Some(other) = seen.get(&(of.0, label)) {
            let what = format!("The label '{label}' of {} '{}' is that of '{other}' too", kind(of.0), of.1);
            issues.error(of, &what, "people could not tell them apart", "change one of the labels");
        } else {
            seen.insert((of.0, label), of.1);
        }
    }
    let mut of_entities: HashMap<&str, (&str, &str)> = HashMap::new();
    for model in &manifest.semantic_models {
        let of = (Kind::Model, model.name.as_str());
        let sections: [(&str, Vec<&str>); 3] = [
            ("dimensions", model.dimensions.iter().filter_map(|dimension| dimension.label.as_deref()).collect()),
            ("entities", model.entities.iter().filter_map(|entity| entity.label.as_deref()).collect()),
            ("measures", model.measures.iter().filter_map(|measure| measure.label.as_deref()).collect()),
        ];
        for (what, labels) in sections {
            let mut seen = HashSet::new();
            for label in labels.into_iter().filter(|label| !seen.insert(*label)) {
                let what = format!("Two {what} of semantic model '{}' have the label '{label}'", model.name);
                issues.error(of, &what, "people could not tell them apart", "change one of the labels");
            }
        }
        for entity in &model.entities {
            let Some(label) = entity.label.as_deref() else { continue };
            match of_entities.get(entity.name.as_str()) {
                Some((other, at)) if *other != label => {
                    let what = format!(
                        "Entity '{}' has the label '{label}' in semantic model '{}' and '{other}' in '{at}'",
                        entity.name, model.name
                    );
                    issues.error(
                        of,
                        &what,
                        "entities of one name are one entity",
                        "write one label, or leave it out in one model",
                    );
                }
                Some(_) => {}
                None => {
                    of_entities.insert(&entity.name, (label, &model.name));
                }
            }
        }
    }
}
