//! `ls`: the selected nodes, one a line.

use engine::{
    Manifest,
    events::{Answer, Event},
};
use graph::ResourceType;
use names::UniqueId;
use serde_json::{Map, Value};

use super::Outcome;
use crate::{
    args::{ListArgs, ListOutput},
    selection::{self, EmptyNodes},
    session::Session,
};

/// What `--output json` shows unless `--output-keys` says otherwise.
const KEYS: [&str; 11] = [
    "name",
    "resource_type",
    "package_name",
    "original_file_path",
    "unique_id",
    "alias",
    "config",
    "tags",
    "depends_on",
    "source_name",
    "direct_parents",
];

/// Lists nodes.
pub async fn run(session: &Session, args: &ListArgs) -> anyhow::Result<Outcome> {
    let mut known = ResourceType::OF_LS.to_vec();
    if !args.types.resource_type.is_empty() {
        known.push(ResourceType::Analysis);
    }
    // `ls --models` lists models alone.
    let types = match super::selects_by_models() {
        true => vec![ResourceType::Model],
        false => selection::resource_types(&args.types, &known)?,
    };
    let manifest = session.parse().await?;
    let mut ids = selection::select(session, &manifest, &args.selection, &types, EmptyNodes::Keep)?;
    ids.sort();
    if ids.is_empty() {
        session.no_nodes_selected()?;
    }
    for id in &ids {
        session.events.emit(Event::Answer(Answer::Listed(line(&manifest, id, args)?)));
    }
    Ok(Outcome::Success)
}

fn line(manifest: &Manifest, id: &UniqueId, args: &ListArgs) -> anyhow::Result<String> {
    let all = as_json(manifest, id)?;
    let text = |key: &str| all.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(match args.output {
        ListOutput::Path => text("original_file_path"),
        ListOutput::Json => {
            let asked: Vec<&str> = match args.output_keys.as_slice() {
                [] => KEYS.to_vec(),
                keys => keys.iter().flat_map(|key| key.split([' ', ','])).collect(),
            };
            let entries = asked.into_iter().filter_map(|key| Some((key.to_owned(), nested(&all, key)?.clone())));
            // Python's JSON has blanks after its separators, and ASCII alone.
            let shown = Value::Object(entries.collect::<Map<_, _>>());
            jinja::modules::dump_json(&jinja::Value::from(&shown), false, None)?
        }
        ListOutput::Name => match id.resource_type() {
            "source" => format!("{}.{}", text("source_name"), text("name")),
            _ => match all.get("version").filter(|version| !version.is_null()) {
                Some(version) => {
                    format!("{}.v{}", text("name"), version.as_str().map_or_else(|| version.to_string(), str::to_owned))
                }
                None => text("name"),
            },
        },
        ListOutput::Selector => {
            let package = text("package_name");
            match id.resource_type() {
                "source" => format!("source:{package}.{}.{}", text("source_name"), text("name")),
                kind @ ("exposure" | "unit_test" | "metric" | "semantic_model" | "saved_query") => {
                    format!("{kind}:{package}.{}", text("name"))
                }
                _ => {
                    let fqn = all.get("fqn").and_then(Value::as_array).into_iter().flatten();
                    fqn.filter_map(Value::as_str).collect::<Vec<_>>().join(".")
                }
            }
        }
    })
}

/// `config.materialized` of nested objects.
fn nested<'a>(all: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    if let Some(value) = all.get(key) {
        return Some(value);
    }
    let (first, rest) = key.split_once('.')?;
    nested(all.get(first)?.as_object()?, rest)
}

fn as_json(manifest: &Manifest, id: &UniqueId) -> anyhow::Result<Map<String, Value>> {
    let artifact = manifest.artifact();
    let value = if let Some(node) = manifest.node(id.as_str()) {
        serde_json::to_value(&**node)?
    } else if let Some(source) = manifest.source(id.as_str()) {
        serde_json::to_value(&**source)?
    } else if let Some(test) = manifest.unit_test(id.as_str()) {
        serde_json::to_value(&**test)?
    } else if let Some(exposure) = artifact.exposures.get(id) {
        serde_json::to_value(&**exposure)?
    } else {
        let sections = [&artifact.metrics, &artifact.semantic_models, &artifact.saved_queries];
        sections.into_iter().find_map(|section| section.get(id.as_str())).cloned().unwrap_or_default()
    };
    let mut value = value.as_object().cloned().unwrap_or_default();
    // Of models dbt also lists this, which is not in the manifest; it differs for models of other projects alone.
    if id.resource_type() == "model" {
        value.insert("direct_parents".to_owned(), value["depends_on"]["nodes"].clone());
    }
    Ok(value)
}
