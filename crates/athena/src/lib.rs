//! The embedded Athena: query executions, workgroups, result files, and the lakehouse that holds them together.
//!
//! Start with [`Lakehouse::open`], which wires state database, catalog, objects and query engine of one directory, and answers the
//! [`athena_api::Services`] that the dbt side and the gateway use. [`EmbeddedAthena`] is `trait Athena` over them. The life of a query:
//! `start` checks the request and stores a QUEUED execution, `run` takes it through RUNNING to its end, `result` writes and reads its
//! files, `history` keeps it.

mod data_catalog;
mod error;
mod history;
mod lakehouse;
mod live;
mod metadata;
mod named_query;
mod prepared_statement;
mod registry;
mod result;
mod run;
mod service;
mod start;
mod tags;
mod threads;
mod work_group;

pub use data_catalog::{CreateDataCatalog, DataCatalogSummary, UpdateDataCatalog};
pub use history::ExecutionPage;
pub use lakehouse::{Lakehouse, LakehouseError, LakehouseOptions};
pub use metadata::{DatabaseMetadata, TableMetadata, TableMetadataFilter};
pub use named_query::{CreateNamedQuery, NamedQuery, UpdateNamedQuery};
pub use prepared_statement::{PreparedStatement, PreparedStatementInput, PreparedStatementSummary};
pub use service::EmbeddedAthena;
pub use tags::Tag;
pub use work_group::{CreateWorkGroup, UpdateWorkGroup, WorkGroupSummary};

pub use catalog::Clock;
