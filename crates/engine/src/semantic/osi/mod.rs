//! Open Semantic Interchange: a project's semantic layer as one document, and documents as a part of a project's.
//!
//! - A semantic manifest becomes a [`document`]: [`simple_metrics`] makes measures metrics, [`filters`] renders conditions.
//! - A file below `osi-paths` is [`read()`], and becomes [`resources`]: [`aggregations`] says what a metric's expression is, by [`sql`].
//!
//! Source: MetricFlow 0.213, `metricflow.converters`, which dbt Core 1.12 calls.

mod document;
mod filters;
mod simple_metrics;

mod aggregations;
mod position;
mod read;
mod resources;
mod sql;

pub use document::{Document, Loss, Unwritable, document};
pub(crate) use position::{items, position};
pub(crate) use read::{Step, read};
pub(crate) use resources::{Converted, Source, metrics, parts};
