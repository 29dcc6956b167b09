//! dbt's artifacts, the files' own shapes: manifest v12, run_results v6, catalog v1, sources v3, semantic_manifest, osi_document,
//! graph_summary.
//!
//! Member names, order and nulls are those dbt Core 1.12 writes. What is read back (state, retry) is read leniently: unknown members
//! are ignored, missing ones take their defaults.

pub mod catalog;
pub mod freshness;
pub mod graph_summary;
pub mod manifest;
mod metadata;
pub mod osi;
pub mod run_results;
pub mod semantic_manifest;

pub use graph_summary::GraphSummary;
pub use manifest::Manifest;
pub use metadata::{Metadata, timestamp};
pub use semantic_manifest::SemanticManifest;

/// A JSON object that keeps its order.
pub type JsonMap = serde_json::Map<String, serde_json::Value>;
