//! Semantic models and what they are made of.

use serde::{Deserialize, Serialize};

use super::ElementConfig;

/// A model, seen as entities, dimensions and measures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SemanticModel {
    pub name: String,
    pub defaults: Option<Defaults>,
    pub description: Option<String>,
    pub node_relation: NodeRelation,
    pub primary_entity: Option<String>,
    pub entities: Vec<Entity>,
    pub measures: Vec<Measure>,
    pub dimensions: Vec<Dimension>,
    pub label: Option<String>,
    /// Always null.
    pub metadata: (),
    pub config: Option<ElementConfig>,
}

impl SemanticModel {
    /// The time dimension along which measures that name none are aggregated.
    pub fn default_time_dimension(&self) -> Option<&str> {
        self.defaults.as_ref().and_then(|defaults| defaults.agg_time_dimension.as_deref())
    }

    /// A dimension by name.
    pub fn dimension(&self, name: &str) -> Option<&Dimension> {
        self.dimensions.iter().find(|dimension| dimension.name == name)
    }

    /// The names of its time dimensions.
    pub fn time_dimensions(&self) -> impl Iterator<Item = &str> {
        self.dimensions.iter().filter(|dimension| dimension.is_time()).map(|dimension| dimension.name.as_str())
    }

    /// Whether there is a time dimension of this name.
    pub fn has_time_dimension(&self, name: &str) -> bool {
        self.time_dimensions().any(|known| known == name)
    }
}

/// What holds for all measures of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Defaults {
    pub agg_time_dimension: Option<String>,
}

/// The relation of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeRelation {
    pub alias: String,
    pub schema_name: String,
    pub database: Option<String>,
    pub relation_name: Option<String>,
}

impl NodeRelation {
    /// With a name that is made of the parts, where a model (an ephemeral one) has none.
    #[must_use]
    pub fn named(mut self) -> Self {
        if self.relation_name.as_deref().unwrap_or_default().is_empty() {
            let database = self.database.as_ref().map(|database| format!("{database}.")).unwrap_or_default();
            self.relation_name = Some(format!("{database}{}.{}", self.schema_name, self.alias));
        }
        self
    }
}

/// What rows are about, and are joined by.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Entity {
    pub name: String,
    pub description: Option<String>,
    /// `primary`, `unique`, `foreign` or `natural`.
    #[serde(rename = "type")]
    pub kind: String,
    pub role: Option<String>,
    pub expr: Option<String>,
    /// Always null.
    pub metadata: (),
    pub label: Option<String>,
    pub config: Option<ElementConfig>,
}

/// What is aggregated, and how.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measure {
    pub name: String,
    /// `sum`, `count_distinct`, `percentile`, …
    pub agg: String,
    pub description: Option<String>,
    pub create_metric: Option<bool>,
    pub expr: Option<String>,
    pub agg_params: Option<AggregationParams>,
    /// Always null.
    pub metadata: (),
    pub non_additive_dimension: Option<NonAdditiveDimension>,
    pub agg_time_dimension: Option<String>,
    pub label: Option<String>,
    pub config: Option<ElementConfig>,
}

/// Which percentile.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AggregationParams {
    pub percentile: Option<f64>,
    pub use_discrete_percentile: bool,
    pub use_approximate_percentile: bool,
}

/// A time dimension over which a measure must not be added up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NonAdditiveDimension {
    pub name: String,
    /// `min` or `max`.
    pub window_choice: String,
    pub window_groupings: Vec<String>,
}

/// What rows are grouped by.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dimension {
    pub name: String,
    pub description: Option<String>,
    /// `categorical` or `time`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Always null.
    pub datatype: (),
    pub is_partition: bool,
    pub type_params: Option<DimensionTypeParams>,
    pub expr: Option<String>,
    /// Always null.
    pub metadata: (),
    pub label: Option<String>,
    pub config: Option<ElementConfig>,
}

impl Dimension {
    /// Whether it is one of time.
    pub fn is_time(&self) -> bool {
        self.kind == "time"
    }

    /// Whether it begins or ends the time in which a row is valid.
    pub fn validity(&self) -> Option<&ValidityParams> {
        self.type_params.as_ref().and_then(|params| params.validity_params.as_ref())
    }

    /// Of a time dimension.
    pub fn granularity(&self) -> Option<&str> {
        self.type_params.as_ref().map(|params| params.time_granularity.as_str())
    }
}

/// What a time dimension has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DimensionTypeParams {
    pub time_granularity: String,
    pub validity_params: Option<ValidityParams>,
}

/// Of a slowly changing dimension: whether this is the start or the end of a row's time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ValidityParams {
    pub is_start: bool,
    pub is_end: bool,
}
