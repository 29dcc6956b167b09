//! `exposures:` and `groups:`.

use serde_json::{Map as JsonMap, Value as Json};

use super::types;
use crate::config::Config;
use crate::fields::Fields;
use crate::yaml::{Map, Node, Position};

/// An entry of `exposures:`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExposureProperties {
    /// Where the entry starts.
    pub position: Position,
    /// The exposure's name.
    pub name: String,
    /// `dashboard`, `notebook`, `analysis`, `ml` or `application`.
    pub exposure_type: String,
    /// `name` and `email`, with whatever else was written.
    pub owner: JsonMap<String, Json>,
    /// A name for people.
    pub label: Option<String>,
    /// Unrendered.
    pub description: String,
    /// `low`, `medium` or `high`.
    pub maturity: Option<String>,
    /// Where it is.
    pub url: Option<String>,
    /// `ref(…)`, `source(…)`, `metric(…)` as written, without braces.
    pub depends_on: Vec<String>,
    /// `tags` of the exposure itself.
    pub tags: Vec<String>,
    /// `meta` of the exposure itself.
    pub meta: JsonMap<String, Json>,
    /// `config:`, rendered.
    pub config: Config,
    /// Every other key.
    pub extra: JsonMap<String, Json>,
}

/// An entry of `groups:`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GroupProperties {
    /// Where the entry starts.
    pub position: Position,
    /// The group's name.
    pub name: String,
    /// `name` and `email`, with whatever else was written.
    pub owner: JsonMap<String, Json>,
    /// Text for people.
    pub description: Option<String>,
    /// `config:`.
    pub config: Config,
    /// Every other key.
    pub extra: JsonMap<String, Json>,
}

pub(super) fn read_exposure(entry: &Node, fields: &mut Fields<'_>) -> Option<ExposureProperties> {
    let mut exposure = fields.nested(entry, "an entry of exposures")?;
    let name = exposure.name("exposures")?;
    exposure.of = format!("exposure '{name}'");
    types::check(&mut exposure, types::EXPOSURE);
    let exposure_type = one_of(&mut exposure, "type", &["dashboard", "notebook", "analysis", "ml", "application"]);
    if exposure_type.is_none() && exposure.peek("type").is_none() {
        let what = format!(
            "Parsing Error\n  Invalid exposures config given in {}: 'type' is required for {}",
            exposure.source.file, exposure.of
        );
        exposure.report(entry.position, what, None, "add `type: dashboard` (or notebook, analysis, ml, application)");
    }
    let owner = take_owner(&mut exposure);
    let depends_on = exposure.texts("depends_on");
    let read = ExposureProperties {
        position: entry.position,
        exposure_type: exposure_type.unwrap_or_default(),
        owner,
        label: exposure.text("label"),
        description: exposure.text("description").unwrap_or_default(),
        maturity: one_of(&mut exposure, "maturity", &["low", "medium", "high"]),
        url: exposure.text("url"),
        depends_on,
        tags: exposure.texts("tags"),
        meta: exposure.json("meta"),
        config: exposure.json("config"),
        extra: JsonMap::new(),
        name,
    };
    exposure.refuse_rest("exposures", EXPOSURE_KEYS);
    Some(ExposureProperties { extra: exposure.extra(), ..read })
}

/// Keys of an exposure; dbt refuses any other.
const EXPOSURE_KEYS: &[&str] =
    &["name", "type", "owner", "description", "label", "maturity", "meta", "tags", "url", "depends_on", "config"];

pub(super) fn read_group(entry: &Node, fields: &mut Fields<'_>) -> Option<GroupProperties> {
    let mut group = fields.nested(entry, "an entry of groups")?;
    let name = group.name("groups")?;
    group.of = format!("group '{name}'");
    types::check(&mut group, types::GROUP);
    let read = GroupProperties {
        position: entry.position,
        owner: take_owner(&mut group),
        description: group.text("description"),
        config: group.json("config"),
        extra: JsonMap::new(),
        name,
    };
    group.refuse_rest("groups", &["name", "owner", "description", "config"]);
    Some(GroupProperties { extra: group.extra(), ..read })
}

fn take_owner(fields: &mut Fields<'_>) -> JsonMap<String, Json> {
    let owner = match fields.take_some("owner") {
        Some(node) => {
            let of = format!("owner of {}", fields.of);
            if let Some(mut owner) = fields.nested(&node, of) {
                types::check(&mut owner, types::OWNER);
            }
            node.value.as_map().map(Map::to_json).unwrap_or_default()
        }
        None => JsonMap::new(),
    };
    if !owner.contains_key("name") && !owner.contains_key("email") {
        let what =
            format!("Parsing Error\n  {} owner must have at least one of 'name' or 'email'.", capitalized(&fields.of));
        let position = fields.position;
        fields.report(position, what, None, "add `owner: {name: …}` or `owner: {email: …}`");
    }
    owner
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn one_of(fields: &mut Fields<'_>, key: &str, known: &[&str]) -> Option<String> {
    let node = fields.take_some(key)?;
    match node.value.as_str() {
        Some(text) if known.contains(&text) => Some(text.to_owned()),
        found => {
            let what = format!(
                "Parsing Error\n  '{}' is not one of the values for {key} of {}",
                found.map_or_else(|| node.value.kind().to_owned(), str::to_owned),
                fields.of
            );
            fields.report(node.position, what, None, &format!("use one of {}", known.join(", ")));
            // An invalid value is not a missing one.
            Some(String::new())
        }
    }
}
