//! What a node is, in dbt's words.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// dbt's resource types, as far as they are nodes of the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceType {
    /// A model.
    #[default]
    Model,
    /// A query that is only compiled.
    Analysis,
    /// A data test, generic or singular.
    Test,
    /// A snapshot.
    Snapshot,
    /// An on-run hook.
    Operation,
    /// A seed.
    Seed,
    /// An inline query.
    #[serde(rename = "sql operation")]
    SqlOperation,
    /// A table that somebody else loads.
    Source,
    /// A use of the data downstream.
    Exposure,
    /// A metric.
    Metric,
    /// A saved query.
    SavedQuery,
    /// A semantic model.
    SemanticModel,
    /// A unit test.
    UnitTest,
    /// A user-defined function.
    Function,
}

impl ResourceType {
    /// Every type.
    pub const ALL: [Self; 14] = [
        Self::Model,
        Self::Analysis,
        Self::Test,
        Self::Snapshot,
        Self::Operation,
        Self::Seed,
        Self::SqlOperation,
        Self::Source,
        Self::Exposure,
        Self::Metric,
        Self::SavedQuery,
        Self::SemanticModel,
        Self::UnitTest,
        Self::Function,
    ];

    /// What `run` builds.
    pub const OF_RUN: &'static [Self] = &[Self::Model];
    /// What `test` runs.
    pub const OF_TEST: &'static [Self] = &[Self::Test, Self::UnitTest];
    /// What `seed` loads.
    pub const OF_SEED: &'static [Self] = &[Self::Seed];
    /// What `snapshot` takes.
    pub const OF_SNAPSHOT: &'static [Self] = &[Self::Snapshot];
    /// What `build` builds.
    pub const OF_BUILD: &'static [Self] = &[
        Self::Model,
        Self::Snapshot,
        Self::Seed,
        Self::Test,
        Self::UnitTest,
        Self::SavedQuery,
        Self::Exposure,
        Self::Function,
    ];
    /// What `compile` and `docs generate` compile.
    pub const OF_COMPILE: &'static [Self] = &[
        Self::Model,
        Self::Snapshot,
        Self::Seed,
        Self::Test,
        Self::UnitTest,
        Self::Analysis,
        Self::SavedQuery,
        Self::Exposure,
        Self::Function,
    ];
    /// What `clone` clones.
    pub const OF_CLONE: &'static [Self] = &[Self::Model, Self::Seed, Self::Snapshot];
    /// What `source freshness` looks at.
    pub const OF_FRESHNESS: &'static [Self] = &[Self::Source];
    /// What `ls` lists unless told otherwise.
    pub const OF_LS: &'static [Self] = &[
        Self::Model,
        Self::Snapshot,
        Self::Seed,
        Self::Test,
        Self::Source,
        Self::Exposure,
        Self::Metric,
        Self::SavedQuery,
        Self::SemanticModel,
        Self::UnitTest,
        Self::Function,
    ];

    /// dbt's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Analysis => "analysis",
            Self::Test => "test",
            Self::Snapshot => "snapshot",
            Self::Operation => "operation",
            Self::Seed => "seed",
            Self::SqlOperation => "sql operation",
            Self::Source => "source",
            Self::Exposure => "exposure",
            Self::Metric => "metric",
            Self::SavedQuery => "saved_query",
            Self::SemanticModel => "semantic_model",
            Self::UnitTest => "unit_test",
            Self::Function => "function",
        }
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ResourceType {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|known| known.as_str() == text).ok_or(())
    }
}
