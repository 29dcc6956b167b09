//! semantic_manifest.json: semantic models, metrics, saved queries and time spines, as MetricFlow reads them.
//!
//! The members are those of the manifest, in MetricFlow's order and without dbt's own. Words such as `type` and `agg` stay
//! texts here: the engine has checked them.

mod metric;
mod model;
mod query;

use serde::{Deserialize, Serialize};

use crate::JsonMap;

pub use metric::{
    ConstantProperty, ConversionTypeParams, CumulativeTypeParams, InputMeasure, InputMetric, Metric, MetricAggregation,
    MetricTypeParams, TimeWindow,
};
pub use model::{
    AggregationParams, Defaults, Dimension, DimensionTypeParams, Entity, Measure, NodeRelation, NonAdditiveDimension,
    SemanticModel, ValidityParams,
};
pub use query::{Export, ExportConfig, QueryParams, SavedQuery};

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SemanticManifest {
    pub semantic_models: Vec<SemanticModel>,
    pub metrics: Vec<Metric>,
    pub project_configuration: ProjectConfiguration,
    pub saved_queries: Vec<SavedQuery>,
}

/// Time spines, and whose format this is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProjectConfiguration {
    /// The model `metricflow_time_spine`, when it says nothing of itself.
    pub time_spine_table_configurations: Vec<TimeSpineTable>,
    /// Always null.
    pub metadata: (),
    pub dsi_package_version: FormatVersion,
    pub time_spines: Vec<TimeSpine>,
}

/// A version, its parts as texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormatVersion {
    pub major_version: String,
    pub minor_version: String,
    pub patch_version: Option<String>,
}

impl Default for FormatVersion {
    /// The MetricFlow that comes with dbt Core 1.12.0.
    fn default() -> Self {
        Self { major_version: "0".to_owned(), minor_version: "213".to_owned(), patch_version: Some("0".to_owned()) }
    }
}

/// A time spine that is known by its name alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TimeSpineTable {
    pub location: Option<String>,
    pub column_name: String,
    pub grain: String,
}

/// A model with `time_spine:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TimeSpine {
    pub node_relation: NodeRelation,
    pub primary_column: PrimaryColumn,
    pub custom_granularities: Vec<CustomGranularity>,
}

/// The column of a time spine that counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PrimaryColumn {
    pub name: String,
    pub time_granularity: String,
}

/// A granularity of the project's own: a fiscal quarter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CustomGranularity {
    pub name: String,
    pub column_name: Option<String>,
}

/// What an element's `config` has here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ElementConfig {
    pub meta: JsonMap,
}

/// Conditions that all must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WhereFilters {
    pub where_filters: Vec<WhereFilter>,
}

/// One condition: SQL with `{{ Dimension('…') }}` in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WhereFilter {
    pub where_sql_template: String,
}
