//! Measures: how and along which time they are aggregated, and how metrics name them.

use std::collections::{HashMap, HashSet};

use artifacts::{
    SemanticManifest,
    semantic_manifest::{AggregationParams, Measure, Metric, NonAdditiveDimension, SemanticModel},
};

use super::{Issues, Kind, models::no_time_dimension, names};

pub(super) fn check(manifest: &SemanticManifest, issues: &mut Issues<'_, '_>) {
    let mut seen: HashMap<&str, &str> = HashMap::new();
    for model in &manifest.semantic_models {
        for measure in &model.measures {
            let of = (Kind::Model, model.name.as_str());
            if let Some(at) = seen.insert(&measure.name, &model.name) {
                let what = format!("Measure '{}' is in semantic model '{at}' and in '{}'", measure.name, model.name);
                issues.error(of, &what, "metrics name measures without their model", "rename one of them");
            }
            aggregation(model, measure, issues);
            time_dimension(model, measure, issues);
        }
    }
    aliases(manifest, issues);
}

fn aggregation(model: &SemanticModel, measure: &Measure, issues: &mut Issues<'_, '_>) {
    let of = (Kind::Model, model.name.as_str());
    let what = format!("Measure '{}'", measure.name);
    if measure.agg == "count" {
        match measure.expr.as_deref() {
            None => {
                let cause = "COUNT needs to know what is counted";
                issues.error(
                    of,
                    &format!("{what} uses a COUNT aggregation, which requires an expr to be provided."),
                    cause,
                    "add `expr: 1` to count all rows",
                );
            }
            Some(expr) if expr.to_lowercase().starts_with("distinct ") => {
                let cause = "counts of distinct values cannot be added up, and MetricFlow would";
                issues.error(
                    of,
                    &format!("{what} counts with a DISTINCT expr: '{expr}'"),
                    cause,
                    "write `agg: count_distinct`",
                );
            }
            Some(_) => {}
        }
    }
    percentile(&what, &measure.agg, measure.agg_params.as_ref(), of, issues);
}

fn percentile(
    what: &str,
    agg: &str,
    params: Option<&AggregationParams>,
    of: super::Of<'_>,
    issues: &mut Issues<'_, '_>,
) {
    let number = params.and_then(|params| params.percentile);
    let discrete = params.is_some_and(|params| params.use_discrete_percentile);
    let approximate = params.is_some_and(|params| params.use_approximate_percentile);
    match agg {
        "percentile" => match number {
            None => {
                let cause = "nothing says which percentile";
                issues.error(
                    of,
                    &format!("{what} uses a PERCENTILE aggregation without `agg_params.percentile`"),
                    cause,
                    "add `agg_params: {percentile: 0.9}`",
                );
            }
            Some(number) if number <= 0.0 || number >= 1.0 => {
                let fix = "write 0.65 for the 65th percentile; for 0 and 1 use `min` and `max`";
                issues.error(
                    of,
                    &format!("{what} has the percentile {number}, which is not between 0 and 1"),
                    "it is a fraction of the rows",
                    fix,
                );
            }
            Some(_) => {}
        },
        "median" => {
            if number.is_some_and(|number| (number - 0.5).abs() > f64::EPSILON) {
                issues.error(
                    of,
                    &format!("{what} is a MEDIAN with another percentile"),
                    "the median is the percentile 0.5",
                    "remove `percentile`",
                );
            }
            if discrete {
                issues.error(
                    of,
                    &format!("{what} is a MEDIAN with `use_discrete_percentile`"),
                    "a median is a continuous one",
                    "remove it",
                );
            }
        }
        _ if number.is_some_and(|number| number != 0.0) || discrete || approximate => {
            let cause = "`agg_params` are for percentiles";
            issues.error(
                of,
                &format!("{what} has a percentile and the aggregation '{agg}'"),
                cause,
                "remove `agg_params`, or write `agg: percentile`",
            );
        }
        _ => {}
    }
}

fn time_dimension(model: &SemanticModel, measure: &Measure, issues: &mut Issues<'_, '_>) {
    let of = (Kind::Model, model.name.as_str());
    let own = measure.agg_time_dimension.as_deref().filter(|name| !name.is_empty());
    let Some(name) = own.or_else(|| model.default_time_dimension()) else {
        let what = format!("Aggregation time dimension for measure {} is not set!", measure.name);
        let cause = "neither the measure nor `defaults` of its semantic model names one";
        issues.error(of, &what, cause, "add `defaults: {agg_time_dimension: …}` to the semantic model");
        return;
    };
    if !model.has_time_dimension(name) {
        let what = format!(
            "In semantic model '{}', measure '{}' has the aggregation time dimension '{name}', which is not a time dimension there",
            model.name, measure.name
        );
        no_time_dimension(model, of, &what, issues);
        return;
    }
    if let Some(over) = &measure.non_additive_dimension {
        non_additive(model, measure, over, name, issues);
    }
}

fn non_additive(
    model: &SemanticModel,
    measure: &Measure,
    over: &NonAdditiveDimension,
    time: &str,
    issues: &mut Issues<'_, '_>,
) {
    let of = (Kind::Model, model.name.as_str());
    let what = format!("The non-additive dimension '{}' of measure '{}'", over.name, measure.name);
    match model.dimension(&over.name) {
        None => {
            let what = format!("{what} is not defined in semantic model '{}'", model.name);
            issues.error(of, &what, "it names one of the model's time dimensions", "correct the name");
        }
        Some(dimension) => {
            if !dimension.is_time() {
                issues.error(
                    of,
                    &format!("{what} is categorical"),
                    "only time dimensions are supported",
                    "name a time dimension",
                );
            }
            let granularity = model.dimension(time).and_then(|time| time.granularity());
            if let (Some(own), Some(granularity)) = (dimension.granularity(), granularity)
                && own != granularity
            {
                let what = format!("{what} has the granularity {own}, and the measure is aggregated by {granularity}");
                issues.error(of, &what, "both must be equal", "name a time dimension of the same granularity");
            }
        }
    }
    if !matches!(over.window_choice.as_str(), "min" | "max") {
        let what = format!("{what} has the window choice '{}'", over.window_choice);
        issues.error(of, &what, "only the first or the last row of a window can be taken", "write `min` or `max`");
    }
    let entities: HashSet<&str> = model.entities.iter().map(|entity| entity.name.as_str()).collect();
    for grouping in over.window_groupings.iter().filter(|grouping| !entities.contains(grouping.as_str())) {
        let what = format!("{what} has the window grouping '{grouping}', which is no entity of the model");
        issues.error(of, &what, "windows are per entity", "name entities of the semantic model");
    }
}

/// What metrics call the measures they are made of.
fn aliases(manifest: &SemanticManifest, issues: &mut Issues<'_, '_>) {
    let measures = manifest.semantic_models.iter().flat_map(|model| &model.measures);
    let measures: HashMap<&str, &Measure> = measures.map(|measure| (measure.name.as_str(), measure)).collect();
    let mut seen: HashMap<&str, &str> = HashMap::new();
    for metric in &manifest.metrics {
        let of = (Kind::Metric, metric.name.as_str());
        same_measure_twice(metric, issues);
        for input in &metric.type_params.input_measures {
            let Some(alias) = input.alias.as_deref() else { continue };
            names::valid(alias, of, issues);
            if measures.contains_key(alias) {
                let what = format!("The alias '{alias}' of measure '{}' is the name of a measure", input.name);
                issues.error(of, &what, "queries could mean either", "choose another alias");
            }
            if let Some(at) = seen.insert(alias, &metric.name) {
                let what = format!(
                    "The alias '{alias}' of measure '{}' is used in metric '{at}' and again in '{}'",
                    input.name, metric.name
                );
                let cause = "aliases are unique; a metric made of another one takes its aliases along";
                issues.error(of, &what, cause, "remove the alias, or choose another");
            }
        }
        expr(metric, &measures, issues);
    }
}

/// One measure with several filters needs aliases to tell them apart.
fn same_measure_twice(metric: &Metric, issues: &mut Issues<'_, '_>) {
    let inputs = &metric.type_params.input_measures;
    let mut told = HashSet::new();
    for input in inputs {
        let same: Vec<_> = inputs.iter().filter(|other| other.name == input.name).collect();
        if same.len() < 2 || !told.insert(&input.name) {
            continue;
        }
        let of = (Kind::Metric, metric.name.as_str());
        if same.iter().any(|other| other.filter.is_some() && other.alias.is_none())
            && same.iter().any(|other| *other != same[0])
        {
            let what = format!("Metric '{}' is made of measure '{}' with different filters", metric.name, input.name);
            issues.error(
                of,
                &what,
                "without aliases nobody can tell them apart",
                "give each that has a filter an `alias`",
            );
        }
    }
}

/// A metric of a measure has the measure's `expr`.
fn expr(metric: &Metric, measures: &HashMap<&str, &Measure>, issues: &mut Issues<'_, '_>) {
    let params = &metric.type_params;
    if metric.kind != "simple" {
        return;
    }
    let (Some(input), Some(expr)) = (&params.measure, &params.expr) else { return };
    let Some(measure) = measures.get(input.name.as_str()) else { return };
    if Some(expr) != measure.expr.as_ref() && *expr != measure.name {
        let what = format!(
            "Metric '{}' should not have an expr set: it is that of its measure '{}'",
            metric.name, measure.name
        );
        issues.warning((Kind::Metric, &metric.name), &what, "remove `expr` from the metric");
    }
}
