//! Final configs of nodes, each made once: most nodes of a project have one of a few.

use std::{collections::HashMap, sync::Mutex};

use artifacts::manifest::{NodeConfig, ResourceType};
use project::Project;

use super::config::{FileLayers, Layers};

/// Those of one parse, by what they come from.
#[derive(Debug, Default)]
pub(super) struct SharedConfigs(Mutex<HashMap<Origin, NodeConfig>>);

/// Everything that a config comes from.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Origin {
    kind: ResourceType,
    /// [`FileLayers::addresses`]
    files: [Vec<usize>; 2],
    /// What the node's own entry and code say, as JSON.
    own: String,
}

impl SharedConfigs {
    /// As `config::resolve`.
    pub fn resolve(
        &self,
        project: &Project,
        kind: ResourceType,
        package: &str,
        fqn: &[String],
        layers: &Layers<'_>,
    ) -> NodeConfig {
        let files = FileLayers::new(project, kind, package, fqn);
        let origin = Origin { kind, files: files.addresses(), own: text(layers) };
        let lock = || self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(known) = lock().get(&origin) {
            return known.clone();
        }
        let config = NodeConfig::from(files.resolve(kind, layers));
        lock().entry(origin).or_insert(config).clone()
    }
}

fn text(layers: &Layers<'_>) -> String {
    let mut text = String::new();
    for layer in [layers.patch, layers.call] {
        if let Some(layer) = layer.filter(|layer| !layer.is_empty()) {
            text.push_str(&serde_json::to_string(layer).unwrap_or_default());
        }
        text.push('\n');
    }
    text
}
