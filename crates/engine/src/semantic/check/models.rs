//! Semantic models: entities, dimensions, and the time in which rows are valid.

use std::collections::HashMap;

use artifacts::{SemanticManifest, semantic_manifest::SemanticModel};

use super::{Issues, Kind, Of};

pub(super) fn check(manifest: &SemanticManifest, issues: &mut Issues<'_, '_>) {
    for model in &manifest.semantic_models {
        primary_entity(model, issues);
        natural_entity(model, issues);
        validity(model, issues);
        time_dimensions(model, issues);
    }
    consistent_dimensions(manifest, issues);
    primary_pairs(manifest, issues);
}

fn of_type<'m>(model: &'m SemanticModel, kind: &'static str) -> impl Iterator<Item = &'m str> {
    model.entities.iter().filter(move |entity| entity.kind == kind).map(|entity| entity.name.as_str())
}

fn primary_entity(model: &SemanticModel, issues: &mut Issues<'_, '_>) {
    let of = (Kind::Model, model.name.as_str());
    let primary: Vec<&str> = of_type(model, "primary").collect();
    match (primary.as_slice(), &model.primary_entity) {
        ([_, _, ..], _) => {
            let what = format!(
                "Semantic model `{}` has {} primary entities: {}",
                model.name,
                primary.len(),
                primary.join(", ")
            );
            issues.error(of, &what, "each row is one of the primary entity", "make all but one `unique` or `foreign`");
        }
        ([entity], Some(named)) => {
            let what = format!(
                "Semantic model `{}` has the primary entity '{entity}' and `primary_entity: {named}`",
                model.name
            );
            issues.error(
                of,
                &what,
                "they say the same thing twice",
                "remove `primary_entity`, or change the entity's type",
            );
        }
        ([], None) if !model.dimensions.is_empty() => {
            let what = format!(
                "The semantic model {} contains dimensions, but it does not define a primary entity.",
                model.name
            );
            let cause = "a dimension is asked for as <primary entity>__<dimension>";
            issues.error(of, &what, cause, "add an entity of `type: primary`, or `primary_entity: …`");
        }
        _ => {}
    }
}

fn natural_entity(model: &SemanticModel, issues: &mut Issues<'_, '_>) {
    let of = (Kind::Model, model.name.as_str());
    let mut natural: Vec<&str> = of_type(model, "natural").collect();
    natural.sort_unstable();
    natural.dedup();
    if natural.len() > 1 {
        let what =
            format!("Semantic model `{}` has {} natural entities: {}", model.name, natural.len(), natural.join(", "));
        issues.error(of, &what, "at most one can be the key of a validity window", "change the type of all but one");
    }
    if !natural.is_empty() && model.dimensions.iter().all(|dimension| dimension.validity().is_none()) {
        let what = format!("Semantic model `{}` has a natural entity and no validity window", model.name);
        let cause = "a natural entity is a key only at one moment: two time dimensions must say from when to when";
        issues.error(of, &what, cause, "add `validity_params` to two time dimensions, or change the entity's type");
    }
}

fn validity(model: &SemanticModel, issues: &mut Issues<'_, '_>) {
    let windows: Vec<_> =
        model.dimensions.iter().filter_map(|dimension| Some((dimension, dimension.validity()?))).collect();
    if windows.is_empty() {
        return;
    }
    let of = (Kind::Model, model.name.as_str());
    let names: Vec<&str> = windows.iter().map(|(dimension, _)| dimension.name.as_str()).collect();
    let starts = windows.iter().filter(|(_, validity)| validity.is_start).count();
    let ends = windows.iter().filter(|(_, validity)| validity.is_end).count();
    if windows.len() != 2 || starts != 1 || ends != 1 {
        let what = format!(
            "The validity window of semantic model `{}` has no start and end: {}",
            model.name,
            names.join(", ")
        );
        let cause = "a window is two time dimensions, one with `is_start: true` and one with `is_end: true`";
        issues.error(of, &what, cause, "mark exactly these two");
    }
    if of_type(model, "natural").next().is_none() {
        let what = format!("Semantic model `{}` has a validity window and no natural entity", model.name);
        issues.error(of, &what, "rows are found by a natural entity and a time", "give an entity `type: natural`");
    }
    if model.entities.iter().any(|entity| matches!(entity.kind.as_str(), "primary" | "unique")) {
        let what = format!("Semantic model `{}` has a validity window and a primary or unique entity", model.name);
        issues.error(
            of,
            &what,
            "MetricFlow does not join such models by them",
            "use `primary_entity: …`, or another type",
        );
    }
    if !model.measures.is_empty() {
        let what = format!("Semantic model `{}` has a validity window and measures", model.name);
        issues.error(
            of,
            &what,
            "MetricFlow does not support measures there",
            "move the measures to another semantic model",
        );
    }
}

fn time_dimensions(model: &SemanticModel, issues: &mut Issues<'_, '_>) {
    let of = (Kind::Model, model.name.as_str());
    for dimension in
        model.dimensions.iter().filter(|dimension| dimension.is_time() && dimension.granularity().is_none())
    {
        let what = format!(
            "In semantic model `{}`, time dimension `{}` must have a time granularity set.",
            model.name, dimension.name
        );
        let name = "TimeDimensionsRequireGranularityDeprecation";
        issues.deprecation(name, of, &what, "add `type_params: {time_granularity: day}`");
    }
    if let Some(name) = model.default_time_dimension().filter(|name| !model.has_time_dimension(name)) {
        let what = format!(
            "The default aggregation time dimension '{name}' is no time dimension of semantic model '{}'",
            model.name
        );
        no_time_dimension(model, of, &what, issues);
    }
}

/// `what` names a time dimension that the model lacks.
pub(super) fn no_time_dimension(model: &SemanticModel, of: Of<'_>, what: &str, issues: &mut Issues<'_, '_>) {
    let known: Vec<&str> = model.time_dimensions().collect();
    if known.is_empty() {
        issues.error(of, what, "it has no time dimension", "add a dimension of `type: time`");
    } else {
        issues.error(of, what, &format!("its time dimensions are: {}", known.join(", ")), "name one of them");
    }
}

/// Dimensions of one name are alike in all models.
fn consistent_dimensions(manifest: &SemanticManifest, issues: &mut Issues<'_, '_>) {
    let mut seen: HashMap<&str, (&str, bool, &str)> = HashMap::new();
    for model in &manifest.semantic_models {
        for dimension in &model.dimensions {
            let (kind, partition, at) =
                *seen.entry(&dimension.name).or_insert((&dimension.kind, dimension.is_partition, &model.name));
            let of = (Kind::Model, model.name.as_str());
            let where_ = format!("Dimension '{}' of semantic model '{}'", dimension.name, model.name);
            if kind != dimension.kind {
                let what = format!("{where_} is of type {}, and of type {kind} in '{at}'", dimension.kind);
                issues.error(
                    of,
                    &what,
                    "dimensions of one name are one dimension",
                    "rename one of them, or make them alike",
                );
            }
            if partition != dimension.is_partition {
                let what = format!("{where_} is a partition in only one of '{}' and '{at}'", model.name);
                issues.error(
                    of,
                    &what,
                    "dimensions of one name are one dimension",
                    "set `is_partition` in both or in none",
                );
            }
        }
    }
}

/// `<primary entity>__<dimension>` means one thing.
fn primary_pairs(manifest: &SemanticManifest, issues: &mut Issues<'_, '_>) {
    let mut seen: HashMap<(&str, &str), &str> = HashMap::new();
    for model in &manifest.semantic_models {
        let Some(entity) = model.primary_entity.as_deref().or_else(|| of_type(model, "primary").next()) else {
            continue;
        };
        // Of one model the later of two dimensions of a name counts; that is an error elsewhere.
        let before = seen.clone();
        for dimension in &model.dimensions {
            match before.get(&(entity, dimension.name.as_str())) {
                Some(at) => {
                    let what = format!(
                        "`{entity}__{}` is a dimension of semantic model '{}' and of '{at}'",
                        dimension.name, model.name
                    );
                    let cause = "both models have this primary entity, so that nobody knows which is meant";
                    issues.error((Kind::Model, &model.name), &what, cause, "rename one of the dimensions");
                }
                None => {
                    seen.insert((entity, &dimension.name), &model.name);
                }
            }
        }
    }
}
