//! The Glue Data Catalog's truth: databases, tables, their versions and partitions, in the state database.
//!
//! [`Catalog`] implements [`athena_api::Glue`] with the service's semantics. A table changes by one compare-and-swap of its version: that is the
//! commit rule of the whole lakehouse, Iceberg included.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use store::{Store, StoreError};

/// Tells the time; made by whoever starts the program, so that tests have their own.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The embedded Glue Data Catalog. Cheap to clone.
#[derive(Clone)]
pub struct Catalog {
    store: Store,
    account_id: Arc<str>,
    clock: Clock,
}

impl Catalog {
    /// Makes or upgrades the catalog's tables in the state database. `account_id` is the one catalog id that is known.
    ///
    /// # Errors
    /// See [`Store::migrate`].
    pub async fn open(store: Store, account_id: &str, clock: Clock) -> Result<Self, StoreError> {
        Ok(Self { store, account_id: account_id.into(), clock })
    }
}
