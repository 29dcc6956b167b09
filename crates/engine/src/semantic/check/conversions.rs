//! Conversion metrics: that both events are counted, and have something in common.

use artifacts::{
    SemanticManifest,
    semantic_manifest::{ConversionTypeParams, InputMeasure, InputMetric, Metric, SemanticModel},
};

use super::{Granularities, Issues, Kind, Of, metrics::granularity_of};

pub(super) fn check(manifest: &SemanticManifest, known: &Granularities, issues: &mut Issues<'_, '_>) {
    for metric in manifest.metrics.iter().filter(|metric| metric.kind == "conversion") {
        let Some(params) = &metric.type_params.conversion_type_params else { continue };
        conversion(manifest, metric, params, known, issues);
    }
}

fn conversion(
    manifest: &SemanticManifest,
    metric: &Metric,
    params: &ConversionTypeParams,
    known: &Granularities,
    issues: &mut Issues<'_, '_>,
) {
    let of = (Kind::Metric, metric.name.as_str());
    let base = input(manifest, of, "base", params.base_measure.as_ref(), params.base_metric.as_ref(), issues);
    let then = input(
        manifest,
        of,
        "conversion",
        params.conversion_measure.as_ref(),
        params.conversion_metric.as_ref(),
        issues,
    );
    let (Some(base), Some(then)) = (base, then) else { return };
    for (word, model) in [("base", base), ("conversion", then)] {
        if model.entities.iter().all(|entity| entity.name != params.entity) {
            let what = format!(
                "Entity '{}' of metric '{}' is not in the {word} semantic model '{}'",
                params.entity, metric.name, model.name
            );
            issues.error(of, &what, "both events are joined by it", "name an entity that both semantic models have");
        }
    }
    let filter = params.conversion_measure.as_ref().map(|input| &input.filter);
    let filter = filter.or(params.conversion_metric.as_ref().map(|input| &input.filter));
    if filter.is_some_and(Option::is_some) {
        let what = format!("The conversion input of metric '{}' has a filter", metric.name);
        issues.warning(of, &what, "filters of conversions are not fully supported: filter the metric itself");
    }
    if let Some(window) = &params.window {
        granularity_of(window, of, known, false, issues);
    }
    for property in params.constant_properties.iter().flatten() {
        for (name, model) in [(&property.base_property, base), (&property.conversion_property, then)] {
            let mut entities = model.entities.iter().map(|entity| &entity.name);
            let mut dimensions = model.dimensions.iter().map(|dimension| &dimension.name);
            if !entities.any(|known| known == name) && !dimensions.any(|known| known == name) {
                let what = format!(
                    "The constant property '{name}' of metric '{}' is not in semantic model {}",
                    metric.name, model.name
                );
                issues.error(of, &what, "it is an entity or a dimension of the model", "correct the name");
            }
        }
    }
}

/// The semantic model of one of both inputs, which must count.
fn input<'m>(
    manifest: &'m SemanticManifest,
    of: Of<'_>,
    word: &str,
    measure: Option<&InputMeasure>,
    metric: Option<&InputMetric>,
    issues: &mut Issues<'_, '_>,
) -> Option<&'m SemanticModel> {
    let counts = |agg: &str, expr: Option<&str>| {
        matches!(agg, "count" | "count_distinct") || (agg == "sum" && expr == Some("1"))
    };
    let mut must_count = |kind: &str, name: &str, agg: &str| {
        let what = format!("The {word} {kind} '{name}' of conversion metric '{}' is aggregated by {agg}", of.1);
        issues.error(of, &what, "events are counted", "use `count`, `count_distinct` or `sum` of 1");
    };
    if let Some(input) = measure {
        let models = manifest.semantic_models.iter();
        let (model, measure) = models
            .flat_map(|model| model.measures.iter().map(move |measure| (model, measure)))
            .find(|(_, measure)| measure.name == input.name)?;
        if !counts(&measure.agg, measure.expr.as_deref()) {
            must_count("measure", &measure.name, &measure.agg);
        }
        return Some(model);
    }
    let found = manifest.metrics.iter().find(|other| Some(&other.name) == metric.map(|input| &input.name))?;
    let params = &found.type_params;
    let Some(aggregation) = &params.metric_aggregation_params else {
        let what =
            format!("The {word} metric '{}' of conversion metric '{}' belongs to no semantic model", found.name, of.1);
        issues.error(of, &what, "both are simple metrics that are written below a model", "name such a metric");
        return None;
    };
    if !counts(&aggregation.agg, params.expr.as_deref()) {
        must_count("metric", &found.name, &aggregation.agg);
    }
    let model = manifest.semantic_models.iter().find(|model| model.name == aggregation.semantic_model);
    if model.is_none() {
        let what = format!(
            "The {word} metric '{}' of conversion metric '{}' is linked to no semantic model",
            found.name, of.1
        );
        issues.error(of, &what, "its semantic model is switched off or not there", "enable it");
    }
    model
}
