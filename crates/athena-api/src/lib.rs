//! The words of Athena, the Glue Data Catalog, Lake Formation and S3: requests, answers, error codes, and the traits that speak them.
//!
//! The traits are the seam of the whole program. The dbt side calls them; the embedded lakehouse (crates `athena`, `catalog`, `lake`)
//! implements them in process, `athena-client` implements them over HTTP, and `gateway` puts the in-process ones on the wire.
//! Shapes are the wire's own: serde names are the members' names in the AWS models.

pub mod athena;
pub mod error;
pub mod glue;
pub mod lake_formation;
pub mod s3;
pub mod spark;
mod timestamp;

use std::sync::Arc;

pub use athena::Athena;
pub use error::{ApiError, ApiResult};
pub use glue::Glue;
pub use lake_formation::LakeFormation;
pub use s3::S3;
pub use spark::Spark;
pub use timestamp::Timestamp;

/// The services of one account and region, as the dbt side sees them.
#[derive(Clone)]
pub struct Services {
    /// Query executions and workgroups.
    pub athena: Arc<dyn Athena>,
    /// Sessions and calculations of Python models.
    pub spark: Arc<dyn Spark>,
    /// Databases, tables, partitions.
    pub glue: Arc<dyn Glue>,
    /// LF-tags, filters of data cells, permissions.
    pub lake_formation: Arc<dyn LakeFormation>,
    /// Objects.
    pub s3: Arc<dyn S3>,
    /// The 12-digit account id, the default Glue catalog id. Source: STS GetCallerIdentity.
    pub account_id: String,
    /// `eu-west-1`.
    pub region: String,
}
