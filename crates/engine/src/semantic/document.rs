//! semantic_manifest.json out of a manifest.

use artifacts::{
    JsonMap, Manifest as Artifact, SemanticManifest,
    manifest::{Node, ResourceType},
    semantic_manifest::{
        CustomGranularity, NodeRelation, PrimaryColumn, ProjectConfiguration, SavedQuery, SemanticModel, TimeSpine,
        TimeSpineTable,
    },
};
use serde::Deserialize;
use serde_json::Value as Json;

/// The model that is a time spine of days without saying so.
pub(crate) const LEGACY_TIME_SPINE: &str = "metricflow_time_spine";

/// A resource of the manifest that is not as MetricFlow wants it.
#[derive(Debug, thiserror::Error)]
#[error("{id} is not as MetricFlow reads it")]
pub struct Unreadable {
    /// Its unique id.
    pub id: String,
    /// Which member is wrong.
    #[source]
    pub source: serde_json::Error,
}

/// What MetricFlow reads of a manifest. Disabled resources are not in it.
///
/// # Errors
/// A resource is malformed.
pub fn semantic_manifest(artifact: &Artifact) -> Result<SemanticManifest, Unreadable> {
    let semantic_models = read(&artifact.semantic_models)?.into_iter();
    let semantic_models = semantic_models
        .map(|model: SemanticModel| SemanticModel { node_relation: model.node_relation.named(), ..model })
        .collect();
    let metrics = read(&artifact.metrics)?.into_iter();
    Ok(SemanticManifest {
        semantic_models,
        metrics: metrics.map(artifacts::semantic_manifest::Metric::lowercase_granularities).collect(),
        project_configuration: ProjectConfiguration {
            time_spine_table_configurations: legacy_table(artifact).into_iter().collect(),
            time_spines: artifact.nodes.values().filter_map(|node| time_spine(node)).collect(),
            ..ProjectConfiguration::default()
        },
        saved_queries: read::<SavedQuery>(&artifact.saved_queries)?
            .into_iter()
            .map(|mut query| {
                query.tags.sort();
                query
            })
            .collect(),
    })
}

fn read<'a, T: Deserialize<'a>>(section: &'a JsonMap) -> Result<Vec<T>, Unreadable> {
    let read = |(id, resource): (&String, &'a Json)| {
        T::deserialize(resource).map_err(|source| Unreadable { id: id.clone(), source })
    };
    section.iter().map(read).collect()
}

fn time_spine(node: &Node) -> Option<TimeSpine> {
    let spine = node.time_spine.as_ref()?;
    let name = spine["standard_granularity_column"].as_str()?;
    let granularity = node.columns.get(name)?.granularity.clone()?;
    let custom = spine["custom_granularities"].as_array().into_iter().flatten();
    Some(TimeSpine {
        node_relation: relation(node),
        primary_column: PrimaryColumn { name: name.to_owned(), time_granularity: granularity },
        custom_granularities: custom
            .map(|custom| CustomGranularity {
                name: custom["name"].as_str().unwrap_or_default().to_owned(),
                column_name: custom["column_name"].as_str().map(str::to_owned),
            })
            .collect(),
    })
}

fn relation(node: &Node) -> NodeRelation {
    let relation = NodeRelation {
        alias: node.alias.clone(),
        schema_name: node.schema.clone(),
        database: node.database.clone(),
        relation_name: node.relation_name.clone(),
    };
    relation.named()
}

/// The legacy time spine, where there are semantic models: that of the root project first.
pub(crate) fn legacy_time_spine(artifact: &Artifact) -> Option<&Node> {
    if artifact.semantic_models.is_empty() {
        return None;
    }
    let root = artifact.metadata.project_name.as_deref();
    let named = || artifact.nodes.values().filter(|node| node.name == LEGACY_TIME_SPINE);
    let mut models = named().filter(|node| node.resource_type == ResourceType::Model);
    let of_root = models.clone().find(|node| Some(node.package_name.as_str()) == root);
    of_root.or_else(|| models.next()).map(|node| &**node)
}

fn legacy_table(artifact: &Artifact) -> Option<TimeSpineTable> {
    let node = legacy_time_spine(artifact).filter(|node| node.time_spine.is_none())?;
    Some(TimeSpineTable {
        location: node.relation_name.clone(),
        column_name: "date_day".to_owned(),
        grain: "day".to_owned(),
    })
}
