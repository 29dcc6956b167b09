//! `macros:`.

use serde_json::{Map as JsonMap, Value as Json};

use super::node::{check_docs, take_config};
use super::types;
use crate::config::Config;
use crate::fields::Fields;
use crate::yaml::{Node, Position};

/// An entry of `macros:`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MacroProperties {
    /// Where the entry starts.
    pub position: Position,
    /// The macro's name.
    pub name: String,
    /// Unrendered.
    pub description: String,
    /// The documented arguments.
    pub arguments: Vec<MacroArgument>,
    /// `config:` with the top-level `meta` and `docs` moved in.
    pub config: Config,
    /// Every other key.
    pub extra: JsonMap<String, Json>,
}

/// An entry of `arguments:`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MacroArgument {
    /// The argument's name.
    pub name: String,
    /// Its type, if given.
    pub data_type: Option<String>,
    /// Unrendered.
    pub description: String,
}

pub(super) fn read_macro(entry: &Node, fields: &mut Fields<'_>) -> Option<MacroProperties> {
    let mut entry_fields = fields.nested(entry, "an entry of macros")?;
    let name = entry_fields.name("macros")?;
    entry_fields.of = format!("macro '{name}'");
    types::check(&mut entry_fields, types::MACRO);
    let nodes = entry_fields.list("arguments");
    let arguments = nodes.iter().filter_map(|node| read_argument(&mut entry_fields, node)).collect();
    let read = MacroProperties {
        position: entry.position,
        description: entry_fields.text("description").unwrap_or_default(),
        arguments,
        config: take_macro_config(&mut entry_fields),
        extra: JsonMap::new(),
        name,
    };
    entry_fields.report_slips(&["name", "description", "arguments", "config", "meta", "docs"]);
    Some(MacroProperties { extra: entry_fields.extra(), ..read })
}

/// `meta` and `docs` may stand in both places: `config:` counts more, and adds to what `meta:` says.
fn take_macro_config(fields: &mut Fields<'_>) -> Config {
    check_docs(fields);
    let (meta, docs) = (fields.json("meta"), fields.json("docs"));
    let mut config = take_config(fields);
    let inner = config.get("meta").and_then(|meta| meta.as_object()).cloned().unwrap_or_default();
    let meta: Config = meta.into_iter().chain(inner).collect();
    if !meta.is_empty() {
        config.insert("meta".to_owned(), meta.into());
    }
    if !docs.is_empty() {
        config.entry("docs".to_owned()).or_insert(docs.into());
    }
    config
}

fn read_argument(fields: &mut Fields<'_>, node: &Node) -> Option<MacroArgument> {
    let of = format!("an argument of {}", fields.of);
    let mut entry = fields.nested(node, of)?;
    types::check(&mut entry, types::MACRO_ARGUMENT);
    let read = MacroArgument {
        name: entry.name("arguments")?,
        data_type: entry.text("type"),
        description: entry.text("description").unwrap_or_default(),
    };
    entry.refuse_rest("macros", &["name", "type", "description"]);
    Some(read)
}
