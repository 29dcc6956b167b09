//! Metrics.

use serde::{Deserialize, Serialize};

use super::{AggregationParams, ElementConfig, NonAdditiveDimension, WhereFilters};

/// A number that is asked for by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metric {
    pub name: String,
    pub description: Option<String>,
    /// `simple`, `ratio`, `cumulative`, `derived` or `conversion`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Always null.
    pub datatype: (),
    pub type_params: MetricTypeParams,
    pub filter: Option<WhereFilters>,
    /// Always null.
    pub metadata: (),
    pub label: Option<String>,
    pub config: Option<ElementConfig>,
    pub time_granularity: Option<String>,
}

impl Metric {
    /// Granularities in lower case, as MetricFlow wants them.
    #[must_use]
    pub fn lowercase_granularities(mut self) -> Self {
        if let Some(cumulative) = &mut self.type_params.cumulative_type_params {
            cumulative.grain_to_date = cumulative.grain_to_date.take().map(|grain| grain.to_lowercase());
        }
        for input in self.type_params.metrics.iter_mut().flatten() {
            input.offset_to_grain = input.offset_to_grain.take().map(|grain| grain.to_lowercase());
        }
        self
    }
}

/// What a metric is made of; which members are set depends on its type.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MetricTypeParams {
    pub measure: Option<InputMeasure>,
    pub numerator: Option<InputMetric>,
    pub denominator: Option<InputMetric>,
    pub expr: Option<String>,
    /// The older place of `cumulative_type_params.window`.
    pub window: Option<TimeWindow>,
    /// The older place of `cumulative_type_params.grain_to_date`.
    pub grain_to_date: Option<String>,
    pub metrics: Option<Vec<InputMetric>>,
    pub conversion_type_params: Option<ConversionTypeParams>,
    pub cumulative_type_params: Option<CumulativeTypeParams>,
    pub input_measures: Vec<InputMeasure>,
    pub metric_aggregation_params: Option<MetricAggregation>,
    pub join_to_timespine: bool,
    pub fill_nulls_with: Option<i64>,
    pub is_private: Option<bool>,
}

/// A measure that a metric is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InputMeasure {
    pub name: String,
    pub filter: Option<WhereFilters>,
    pub alias: Option<String>,
    pub join_to_timespine: bool,
    pub fill_nulls_with: Option<i64>,
}

/// A metric that a metric is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InputMetric {
    pub name: String,
    pub filter: Option<WhereFilters>,
    pub alias: Option<String>,
    pub offset_window: Option<TimeWindow>,
    pub offset_to_grain: Option<String>,
}

/// `28 days`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TimeWindow {
    pub count: i64,
    pub granularity: String,
}

/// How often one event is followed by another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConversionTypeParams {
    pub base_measure: Option<InputMeasure>,
    pub base_metric: Option<InputMetric>,
    pub conversion_measure: Option<InputMeasure>,
    pub conversion_metric: Option<InputMetric>,
    pub entity: String,
    /// `conversions` or `conversion_rate`.
    pub calculation: String,
    pub window: Option<TimeWindow>,
    pub constant_properties: Option<Vec<ConstantProperty>>,
}

/// What must be equal in both events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConstantProperty {
    pub base_property: String,
    pub conversion_property: String,
}

/// Over which time a metric is added up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CumulativeTypeParams {
    pub window: Option<TimeWindow>,
    pub grain_to_date: Option<String>,
    /// `first`, `last` or `average`.
    pub period_agg: String,
    pub metric: Option<InputMetric>,
}

/// How a simple metric without a measure is aggregated.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MetricAggregation {
    pub semantic_model: String,
    pub agg: String,
    pub agg_params: Option<AggregationParams>,
    pub agg_time_dimension: Option<String>,
    pub non_additive_dimension: Option<NonAdditiveDimension>,
}
