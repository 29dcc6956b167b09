//! The semantic layer: the file that MetricFlow reads, and what it demands of a project.
//!
//! Source: dbt Core, `contracts/graph/semantic_manifest.py`; MetricFlow's `metricflow_semantic_interfaces`.

mod check;
mod document;
pub mod osi;

pub(crate) use check::check;
pub use document::{Unreadable, semantic_manifest};
