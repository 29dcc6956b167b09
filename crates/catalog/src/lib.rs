//! The Glue Data Catalog's truth: databases, tables, their versions and partitions, in the state database.
//!
//! [`Catalog`] implements [`athena_api::Glue`], and [`athena_api::LakeFormation`] beside it, with the service's semantics. A table changes by one compare-and-swap of its version: that is the
//! commit rule of the whole lakehouse, Iceberg included.

mod database;
mod expression;
mod glue;
mod input;
mod lake_formation;
mod paging;
mod partition;
mod table;
mod version;

use std::sync::Arc;

use athena_api::{ApiError, ApiResult, Timestamp};
use chrono::{DateTime, Utc};
use sqlx::{Sqlite, Transaction};
use store::{Migration, Migrations, Store, StoreError};

pub use expression::PartitionExpression;

/// Tells the time; made by whoever starts the program, so that tests have their own.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

const MIGRATIONS: Migrations = Migrations {
    part: "catalog",
    steps: &[
        Migration { version: 1, sql: include_str!("../migrations/0001_glue.sql") },
        Migration { version: 2, sql: include_str!("../migrations/0002_lake_formation.sql") },
    ],
};

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
        store.migrate(&MIGRATIONS).await?;
        Ok(Self { store, account_id: account_id.into(), clock })
    }

    /// The account whose catalog this is.
    pub fn account_id(&self) -> &str {
        &self.account_id
    }

    /// Glue's catalog id defaults to the account; any other is not here.
    fn check_catalog(&self, catalog: Option<&str>) -> ApiResult<()> {
        match catalog {
            Some(id) if id != &*self.account_id => Err(ApiError::entity_not_found(format!("Catalog {id} not found."))),
            _ => Ok(()),
        }
    }

    fn now_ms(&self) -> i64 {
        (self.clock)().timestamp_millis()
    }

    async fn change(&self) -> ApiResult<Transaction<'static, Sqlite>> {
        self.store.write().await.map_err(|error| internal(&error))
    }

    async fn commit(&self, change: Transaction<'static, Sqlite>) -> ApiResult<()> {
        change.commit().await.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: sqlx::Error) -> ApiError {
        internal(&self.store.error("using", source))
    }
}

/// The service's own failure, with what to do about it.
fn internal(error: &StoreError) -> ApiError {
    ApiError::internal("InternalServiceException", format!("{error}\nfix: {}", error.fix()))
}

fn invalid_input(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidInputException", message)
}

fn timestamp(milliseconds: i64) -> Option<Timestamp> {
    DateTime::from_timestamp_millis(milliseconds).map(Timestamp)
}

fn to_json<T: serde::Serialize>(document: &T) -> ApiResult<String> {
    serde_json::to_string(document).map_err(|error| ApiError::internal("InternalServiceException", error.to_string()))
}

fn from_json<T: serde::de::DeserializeOwned>(document: &str) -> ApiResult<T> {
    serde_json::from_str(document).map_err(|error| {
        ApiError::internal("InternalServiceException", format!("a document in the catalog cannot be read: {error}"))
    })
}
