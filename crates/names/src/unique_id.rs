//! dbt's `unique_id`: `model.shop.orders`.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// The id of a node, `<resource type>.<package>.<name>…`. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UniqueId(Arc<str>);

impl UniqueId {
    /// Takes the id as it is.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `model`, `test`, `source`, …
    pub fn resource_type(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }

    /// The package the node belongs to.
    pub fn package(&self) -> &str {
        self.0.split('.').nth(1).unwrap_or_default()
    }
}

impl fmt::Display for UniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for UniqueId {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

impl From<String> for UniqueId {
    fn from(id: String) -> Self {
        Self::new(id)
    }
}

impl std::borrow::Borrow<str> for UniqueId {
    fn borrow(&self) -> &str {
        &self.0
    }
}
