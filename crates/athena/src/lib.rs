//! The embedded Athena: query executions, workgroups, result files, and the lakehouse that holds them together.
//!
//! Start with [`Lakehouse::open`], which wires state database, catalog, objects and query engine of one directory, and answers the
//! [`athena_api::Services`] that the dbt side and the gateway use. [`EmbeddedAthena`] is `trait Athena` over them.

mod lakehouse;
mod service;

pub use lakehouse::{Clock, Lakehouse, LakehouseError, LakehouseOptions, system_clock};
pub use service::EmbeddedAthena;
