//! graph_summary.json: the graph by numbers, for who looks into its shape.

use indexmap::IndexMap;
use names::UniqueId;
use serde::Serialize;

/// The file.
#[derive(Debug, Serialize)]
pub struct GraphSummary {
    /// Whose graph it is.
    #[serde(rename = "_invocation_id")]
    pub invocation_id: String,
    /// What depends on what.
    pub linked: GraphNodes,
    /// In `build`: that, and what waits for which tests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with_test_edges: Option<GraphNodes>,
}

/// Nodes by their numbers.
pub type GraphNodes = IndexMap<u32, GraphNode>;

/// A node.
#[derive(Debug, Serialize)]
pub struct GraphNode {
    /// Its id.
    pub name: UniqueId,
    /// dbt's word for what it is.
    #[serde(rename = "type")]
    pub resource_type: &'static str,
    /// The numbers of those that follow it.
    #[serde(rename = "succ", skip_serializing_if = "Vec::is_empty")]
    pub successors: Vec<u32>,
}
