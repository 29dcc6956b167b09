//! A semantic layer in which every number comes from a simple metric that says itself what is aggregated and how.
//!
//! Measures are the older way: metrics name them. Here such metrics take over what their measures say, cumulative metrics get a simple
//! metric in place of a measure (a private one, where no metric is the measure alone), and kinds of aggregation that are others in
//! disguise are written as those.
//!
//! Source: `PydanticSemanticManifestTransformRuleSet` of MetricFlow.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use artifacts::{
    SemanticManifest,
    semantic_manifest::{
        AggregationParams, InputMeasure, InputMetric, Measure, Metric, MetricAggregation, MetricTypeParams,
        SemanticModel, WhereFilters,
    },
};

use super::Unwritable;

/// Rewrites all metrics. What conversion metrics are made of stays, as they are never written.
///
/// # Errors
/// An aggregation contradicts itself.
pub(super) fn simplify(mut manifest: SemanticManifest) -> Result<SemanticManifest, Unwritable> {
    for model in &mut manifest.semantic_models {
        lowercase(model);
        for measure in &mut model.measures {
            let Measure { name, agg, agg_params, expr, .. } = measure;
            if agg == "sum_boolean" {
                rewrite_boolean(name, agg, expr);
            }
            rewrite(name, agg, agg_params, expr)?;
        }
    }
    let mut layer = Layer::new(&manifest.semantic_models);
    layer.add_metrics_of_measures(&mut manifest.metrics)?;
    for metric in manifest.metrics.iter_mut().filter(|metric| metric.kind == "simple") {
        let Some(input) = metric.type_params.measure.clone() else { continue };
        if let Some(measure) = layer.measures.get(input.name.as_str()) {
            measure.describe(metric, input.fill_nulls_with, input.join_to_timespine, input.filter);
        }
    }
    layer.replace_measures(&mut manifest.metrics);
    for metric in manifest.metrics.iter_mut().filter(|metric| metric.kind == "simple") {
        let measure = metric.type_params.measure.as_ref().and_then(|input| layer.measures.get(input.name.as_str()));
        if let Some(measure) = measure {
            metric.type_params.expr = Some(measure.expression());
        }
        let MetricTypeParams { expr, metric_aggregation_params, .. } = &mut metric.type_params;
        let Some(MetricAggregation { agg, agg_params, .. }) = metric_aggregation_params else { continue };
        rewrite(&metric.name, agg, agg_params, expr)?;
        if agg == "sum_boolean" {
            rewrite_boolean(&metric.name, agg, expr);
        }
    }
    Ok(manifest)
}

fn lowercase(model: &mut SemanticModel) {
    model.name = model.name.to_lowercase();
    let names = model.measures.iter_mut().map(|measure| &mut measure.name);
    let names = names.chain(model.entities.iter_mut().map(|entity| &mut entity.name));
    for name in names.chain(model.dimensions.iter_mut().map(|dimension| &mut dimension.name)) {
        *name = name.to_lowercase();
    }
}

/// Counts are sums of ones, and a median is a percentile.
fn rewrite(
    name: &str,
    agg: &mut String,
    params: &mut Option<AggregationParams>,
    expr: &mut Option<String>,
) -> Result<(), Unwritable> {
    match agg.as_str() {
        "count" => {
            let Some(counted) = expr.take() else { return Err(Unwritable::Count { name: name.to_owned() }) };
            let is_all = counted == "1";
            *expr = Some(if is_all { counted } else { format!("CASE WHEN {counted} IS NOT NULL THEN 1 ELSE 0 END") });
            "sum".clone_into(agg);
        }
        "median" => {
            let params = params.get_or_insert_default();
            if params.use_discrete_percentile || params.percentile.is_some_and(|percentile| percentile != 0.5) {
                return Err(Unwritable::Median { name: name.to_owned() });
            }
            params.percentile = Some(0.5);
            "percentile".clone_into(agg);
        }
        _ => {}
    }
    Ok(())
}

fn rewrite_boolean(name: &str, agg: &mut String, expr: &mut Option<String>) {
    let condition = expr.take().filter(|expr| !expr.is_empty()).unwrap_or_else(|| name.to_owned());
    *expr = Some(format!("CASE WHEN {condition} THEN 1 ELSE 0 END"));
    "sum".clone_into(agg);
}

/// A measure and the name of its semantic model.
struct Known<'a> {
    model: &'a str,
    measure: &'a Measure,
}

impl Known<'_> {
    fn expression(&self) -> String {
        let expr = self.measure.expr.as_ref().filter(|expr| !expr.is_empty());
        expr.unwrap_or(&self.measure.name).clone()
    }

    /// Gives a simple metric what this measure says, unless it says it itself.
    fn describe(&self, metric: &mut Metric, fill_nulls_with: Option<i64>, join: bool, filter: Option<WhereFilters>) {
        let params = &mut metric.type_params;
        if params.metric_aggregation_params.is_some() {
            return;
        }
        params.fill_nulls_with = fill_nulls_with.or(params.fill_nulls_with);
        params.join_to_timespine |= join;
        params.metric_aggregation_params = Some(MetricAggregation {
            semantic_model: self.model.to_owned(),
            agg: self.measure.agg.clone(),
            agg_params: self.measure.agg_params.clone(),
            agg_time_dimension: self.measure.agg_time_dimension.clone(),
            non_additive_dimension: self.measure.non_additive_dimension.clone(),
        });
        params.expr.get_or_insert_with(|| self.expression());
        let own = metric.filter.take();
        let where_filters: Vec<_> =
            filter.iter().chain(&own).flat_map(|filters| filters.where_filters.iter().cloned()).collect();
        metric.filter = if where_filters.is_empty() { own } else { Some(WhereFilters { where_filters }) };
        params.measure = Some(InputMeasure { name: self.measure.name.clone(), filter, ..InputMeasure::default() });
    }

    /// The metric that is this measure.
    fn metric(&self, fill_nulls_with: Option<i64>, join_to_timespine: bool, is_private: bool) -> Metric {
        let mut metric = Metric {
            name: self.measure.name.clone(),
            description: self.measure.description.clone(),
            kind: "simple".to_owned(),
            type_params: MetricTypeParams { is_private: Some(is_private), ..MetricTypeParams::default() },
            label: self.measure.label.clone(),
            ..Metric::default()
        };
        self.describe(&mut metric, fill_nulls_with, join_to_timespine, None);
        metric
    }
}

/// The measures, and which metric stands for one: by name, what fills its gaps, and whether it is joined to the time spine.
struct Layer<'a> {
    models: &'a [SemanticModel],
    measures: HashMap<&'a str, Known<'a>>,
    metrics: HashMap<(&'a str, Option<i64>, bool), String>,
}

impl<'a> Layer<'a> {
    fn new(models: &'a [SemanticModel]) -> Self {
        let of_model = |model: &'a SemanticModel| {
            model.measures.iter().map(|measure| (measure.name.as_str(), Known { model: &model.name, measure }))
        };
        Self { models, measures: models.iter().flat_map(of_model).collect(), metrics: HashMap::new() }
    }

    /// The metrics of `create_metric: true` that are not there yet.
    fn add_metrics_of_measures(&self, metrics: &mut Vec<Metric>) -> Result<(), Unwritable> {
        for model in self.models {
            for measure in model.measures.iter().filter(|measure| measure.create_metric == Some(true)) {
                match metrics.iter().find(|metric| metric.name == measure.name) {
                    None => metrics.push(Known { model: &model.name, measure }.metric(None, false, false)),
                    Some(metric) if metric.kind == "simple" => {}
                    Some(_) => return Err(Unwritable::NotOfMeasure { name: measure.name.clone() }),
                }
            }
        }
        Ok(())
    }

    /// Puts simple metrics in the place of the measures of cumulative and conversion metrics.
    fn replace_measures(&mut self, metrics: &mut Vec<Metric>) {
        let mut names: HashSet<String> = metrics.iter().map(|metric| metric.name.clone()).collect();
        for index in 0..metrics.len() {
            match metrics[index].kind.as_str() {
                "cumulative" => {
                    let params = &metrics[index].type_params;
                    let has_metric =
                        params.cumulative_type_params.as_ref().is_some_and(|params| params.metric.is_some());
                    let measure = params.measure.clone().filter(|_| !has_metric);
                    let Some(input) = measure.and_then(|measure| self.input(metrics, &mut names, measure)) else {
                        continue;
                    };
                    metrics[index].type_params.cumulative_type_params.get_or_insert_default().metric = Some(input);
                }
                "conversion" => {
                    let Some(params) = metrics[index].type_params.conversion_type_params.clone() else { continue };
                    let sides = [
                        params.base_measure.filter(|_| params.base_metric.is_none()),
                        params.conversion_measure.filter(|_| params.conversion_metric.is_none()),
                    ];
                    // They are not written; a private metric that is made for one is found by others, and told of.
                    for measure in sides.into_iter().flatten() {
                        self.input(metrics, &mut names, measure);
                    }
                }
                _ => {}
            }
        }
    }

    fn input(
        &mut self,
        metrics: &mut Vec<Metric>,
        names: &mut HashSet<String>,
        measure: InputMeasure,
    ) -> Option<InputMetric> {
        let known = self.measures.get(measure.name.as_str())?;
        let key = (known.measure.name.as_str(), measure.fill_nulls_with, measure.join_to_timespine);
        let name = match self.metrics.entry(key) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(free) => {
                let mut metric = known.metric(measure.fill_nulls_with, measure.join_to_timespine, true);
                let name = match metrics.iter().find(|other| is_same(&metric, other)) {
                    Some(other) => other.name.clone(),
                    None => {
                        metric.name = free_name(key, names);
                        names.insert(metric.name.clone());
                        metrics.push(metric.clone());
                        metric.name
                    }
                };
                free.insert(name).clone()
            }
        };
        Some(InputMetric { name, filter: measure.filter, alias: measure.alias, ..InputMetric::default() })
    }
}

/// Whether a metric is the measure that `wanted` was made of, and no more.
fn is_same(wanted: &Metric, metric: &Metric) -> bool {
    let (params, of) = (&wanted.type_params, &metric.type_params);
    wanted.kind == metric.kind
        && params.window == of.window
        && params.grain_to_date == of.grain_to_date
        && params.metric_aggregation_params == of.metric_aggregation_params
        && params.join_to_timespine == of.join_to_timespine
        && params.fill_nulls_with == of.fill_nulls_with
        && params.expr == of.expr
        && wanted.filter == metric.filter
        && wanted.time_granularity == metric.time_granularity
        && (of.measure.is_none() || params.measure == of.measure)
}

fn free_name(
    (measure, fill_nulls_with, join_to_timespine): (&str, Option<i64>, bool),
    taken: &HashSet<String>,
) -> String {
    let filled = fill_nulls_with.map(|value| {
        let sign = if value < 0 { "neg_" } else { "" };
        format!("_fill_nulls_with_{sign}{}", value.unsigned_abs())
    });
    let joined = if join_to_timespine { "_join_to_timespine" } else { "" };
    let base = format!("{measure}{}{joined}", filled.unwrap_or_default());
    let mut name = base.clone();
    let mut count = 0_u32;
    while taken.contains(&name) {
        count += 1;
        name = format!("{base}_{count}");
    }
    name
}
