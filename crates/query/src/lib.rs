//! Plans and runs a `Statement`: Trino's semantics on DataFusion.
//!
//! The main flow is [`QueryEngine::execute`]: a statement is analyzed (names, types and coercions as Trino has them)
//! into a DataFusion plan in which nothing is left for DataFusion to guess, then optimized and run by DataFusion, and
//! its rows are printed as Athena prints them. DDL works on the catalog; CTAS, INSERT, MERGE, UPDATE and DELETE write
//! through the lake.
//!
//! No DataFusion type leaves this crate.

mod analyze;
mod cast;
mod context;
mod ddl;
mod engine;
mod error;
mod functions;
mod output;
mod parse_value;
mod run;
mod scalar;
mod tables;
mod text;
mod types;
mod value;
mod view;
mod write;
mod zone;

pub use context::QueryContext;
pub use engine::{EngineOptions, QueryEngine};
pub use error::{ErrorCategory, QueryError};
pub use output::{Column, QueryOutput, Row, RowStream, Statistics};
