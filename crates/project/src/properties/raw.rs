//! Entries that are kept as they are: metrics, semantic models, saved queries.

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

pub(super) fn read_raw(entry: &Node, section: &'static str, fields: &mut Fields<'_>) -> Option<RawProperties> {
    let mut entry_fields = fields.nested(entry, format!("an entry of {section}"))?;
    let name = entry_fields.name(section)?;
    Some(RawProperties { position: entry.position, name, config: entry_fields.json("config"), value: entry.clone() })
}
