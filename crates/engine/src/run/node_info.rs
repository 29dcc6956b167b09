//! What listeners are told of a node, and the words of its lines.

use std::collections::BTreeMap;

use artifacts::{
    JsonMap,
    manifest::{Exposure, Group, Node, ResourceType, Source, UnitTest},
};
use indexmap::IndexMap;
use names::{RelationName, UniqueId};
use serde_json::{Value as Json, json};

use super::RunResults;
use crate::{Manifest, events::NodeInfo};

/// A model, seed, snapshot, test or hook.
pub(super) fn of_node(manifest: &Manifest, node: &Node) -> NodeInfo {
    let relation = node.is_relational().then(|| node.relation());
    NodeInfo {
        unique_id: Some(node.unique_id.clone()),
        name: node.name.clone(),
        resource_type: node.resource_type.as_str().to_owned(),
        materialized: match node.resource_type {
            ResourceType::Test => "test".to_owned(),
            ResourceType::Seed => "seed".to_owned(),
            ResourceType::Snapshot => "snapshot".to_owned(),
            _ => node.materialized().to_owned(),
        },
        original_file_path: node.original_file_path.clone(),
        path: node.path.clone(),
        label: label(manifest, node, relation.as_ref()),
        relation,
        place: Some(node.relation()),
        relation_name: node.relation_name.clone(),
        checksum: node.checksum.checksum.clone(),
        meta: node.meta.clone().into(),
        attached_node: node.attached_node.clone(),
        ..NodeInfo::default()
    }
}

/// The node's group as dbt's log has it: all that is said of its owner as text.
pub(super) fn group(node: &Node, groups: &IndexMap<UniqueId, Group>) -> Option<Json> {
    let name = node.group.as_ref()?;
    let group = groups.values().rfind(|group| group.name == *name)?;
    let owner = serde_json::to_value(&group.owner).ok()?;
    let said = owner.as_object()?.iter().filter(|(_, value)| !value.is_null());
    let owner: JsonMap = said.map(|(key, value)| (key.clone(), jinja::Value::from(value).to_string().into())).collect();
    Some(json!({"name": group.name, "package_name": group.package_name, "owner": owner}))
}

fn label(manifest: &Manifest, node: &Node, relation: Option<&RelationName>) -> String {
    let place = relation.map(|relation| format!("{}.{}", relation.schema, relation.identifier)).unwrap_or_default();
    match node.resource_type {
        ResourceType::Seed => format!("seed file {place}"),
        ResourceType::Snapshot => format!("snapshot {place}"),
        ResourceType::Test => format!("test {}", node.name),
        ResourceType::Function => format!("function {place}"),
        _ if super::microbatch::is_microbatch(manifest, node) => format!("{} microbatch model {place}", node.language),
        _ => format!("{} {} model {place}", node.language, node.materialized()),
    }
}

/// A project hook; its name counts all hooks of its time: `shop.on-run-start.0`.
pub(super) fn of_hook(manifest: &Manifest, node: &Node, name: &str) -> NodeInfo {
    NodeInfo { label: format!("hook: {name}"), ..of_node(manifest, node) }
}

/// A unit test.
pub(super) fn of_unit_test(test: &UnitTest) -> NodeInfo {
    NodeInfo {
        unique_id: Some(test.unique_id.clone()),
        name: test.name.clone(),
        resource_type: "unit_test".to_owned(),
        materialized: "unit".to_owned(),
        original_file_path: test.original_file_path.clone(),
        path: test.path.clone(),
        checksum: test.checksum.clone().unwrap_or_default(),
        meta: test.config.get("meta").cloned().unwrap_or_default(),
        label: format!("unit_test {}::{}", test.model, test.name),
        ..NodeInfo::default()
    }
}

/// A source whose age is measured.
pub(super) fn of_source(source: &Source) -> NodeInfo {
    NodeInfo {
        unique_id: Some(source.unique_id.clone()),
        name: source.name.clone(),
        resource_type: "source".to_owned(),
        original_file_path: source.original_file_path.clone(),
        path: source.path.clone(),
        relation: Some(source_relation(source)),
        place: Some(source_relation(source)),
        relation_name: source.relation_name.clone(),
        meta: source.meta.clone().into(),
        label: format!("freshness of {}.{}", source.source_name, source.name),
        ..NodeInfo::default()
    }
}

/// Where a source is.
pub(super) fn source_relation(source: &Source) -> RelationName {
    RelationName::new(source.database.clone().unwrap_or_default(), &source.schema, &source.identifier)
}

/// An exposure, which is only listed.
pub(super) fn of_exposure(exposure: &Exposure) -> NodeInfo {
    NodeInfo {
        unique_id: Some(exposure.unique_id.clone()),
        name: exposure.name.clone(),
        resource_type: "exposure".to_owned(),
        original_file_path: exposure.original_file_path.clone(),
        path: exposure.path.clone(),
        meta: exposure.meta.clone().into(),
        label: format!("exposure {}", exposure.name),
        ..NodeInfo::default()
    }
}

/// A saved query as the manifest has it, which is only listed too.
pub(super) fn of_saved_query(query: &Json) -> NodeInfo {
    let text = |key: &str| query.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let name = text("name");
    NodeInfo {
        unique_id: Some(UniqueId::new(text("unique_id"))),
        resource_type: "saved_query".to_owned(),
        original_file_path: text("original_file_path"),
        path: text("path"),
        label: format!("saved query {name}"),
        name,
        ..NodeInfo::default()
    }
}

/// What the last line counts: `2 project hooks, 1 seed, 4 table models`, in dbt's order.
pub(super) fn spoken_counts(results: &RunResults) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (node, _) in &results.results {
        let word = match node.resource_type.as_str() {
            "operation" => "project hook".to_owned(),
            "model" => format!("{} model", node.materialized),
            other => other.to_owned(),
        };
        *counts.entry(word).or_default() += 1;
    }
    counts.into_iter().map(|(word, count)| (word.replace('_', " "), count)).collect()
}
