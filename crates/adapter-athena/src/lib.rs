//! The Athena adapter: dbt's materializations as plans of typed steps, written against the service traits of `athena-api`.
//!
//! Whether Athena is AWS's or the embedded one makes no difference here. Start with [`AthenaAdapter`]; a materialization becomes a plan
//! in `plan`, a step does its work in `step`, and `warehouse` is what all of them stand on: statements, look-ups, deletions.

mod adapter;
mod batches;
mod catalog;
mod catalog_integrations;
mod config;
mod errors;
mod jinja_methods;
mod journal;
mod lake_formation;
mod literals;
mod location;
mod macros;
mod plan;
mod profile;
mod spark;
mod statement;
mod step;
mod types;
mod upload_args;
mod values;
mod warehouse;

pub use adapter::{AthenaAdapter, InvocationOptions};
pub use catalog_integrations::Catalogs;
pub use journal::{Journal, JournalEntry};
pub use profile::{AssumeRole, AthenaProfile, Credentials, DataNaming, Endpoint};
