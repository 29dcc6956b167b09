//! Entries that are kept as they are: metrics, semantic models, saved queries.

use super::{node::singular, semantic};
use crate::config::Config;
use crate::fields::Fields;
use crate::yaml::{Node, Position};

/// An entry of `metrics:`, `semantic_models:` or `saved_queries:`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RawProperties {
    /// Where the entry starts.
    pub position: Position,
    /// Its name.
    pub name: String,
    /// `config:`, rendered.
    pub config: Config,
    /// The whole entry, rendered except for filters.
    pub value: Node,
}

/// Reads an entry of `metrics:`, `semantic_models:` or `saved_queries:`, which must have the shape dbt wants.
pub(super) fn read_raw(entry: &Node, section: &'static str, fields: &mut Fields<'_>) -> Option<RawProperties> {
    let shape = match section {
        "metrics" if entry.value.as_map().is_some_and(|map| map.get("type_params").is_none()) => semantic::FLAT_METRIC,
        "metrics" => semantic::METRIC,
        "semantic_models" => semantic::SEMANTIC_MODEL,
        _ => semantic::SAVED_QUERY,
    };
    let mut entry_fields = fields.nested(entry, format!("an entry of {section}"))?;
    let name = entry_fields.name(section)?;
    let config = entry_fields.json("config");
    shape.check(entry, &format!("{} '{name}'", singular(section)), fields);
    Some(RawProperties { position: entry.position, name, config, value: entry.clone() })
}

/// Reads a metric below a model.
pub(super) fn read_flat_metric(entry: &Node, fields: &mut Fields<'_>) -> Option<RawProperties> {
    let mut entry_fields = fields.nested(entry, format!("a metric of {}", fields.of))?;
    let name = entry_fields.name("metrics")?;
    let config = entry_fields.json("config");
    semantic::FLAT_METRIC.check(entry, &format!("metric '{name}'"), fields);
    Some(RawProperties { position: entry.position, name, config, value: entry.clone() })
}
