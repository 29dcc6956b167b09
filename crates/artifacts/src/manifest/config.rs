//! A node's final config.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::JsonMap;

/// Every key that dbt knows for the type, and the project's own. Nodes whose configs are the same may share them; who changes one gets his own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeConfig(Arc<JsonMap>);

impl NodeConfig {
    /// The mapping, for who keeps it beside the node.
    pub fn shared(&self) -> Arc<JsonMap> {
        Arc::clone(&self.0)
    }
}

impl From<JsonMap> for NodeConfig {
    fn from(map: JsonMap) -> Self {
        Self(Arc::new(map))
    }
}

impl Deref for NodeConfig {
    type Target = JsonMap;

    fn deref(&self) -> &JsonMap {
        &self.0
    }
}

impl DerefMut for NodeConfig {
    fn deref_mut(&mut self) -> &mut JsonMap {
        Arc::make_mut(&mut self.0)
    }
}
