//! What all plans and look-ups stand on: the services of one invocation, its statements, its view of the catalog, its deletions.

mod deletion;
mod query;
mod relations;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use athena_api::Services;
use engine::adapter::AdapterResult;
use names::UniqueId;
use tokio::sync::OnceCell;
use uuid::Uuid;

use deletion::Occupied;
pub(crate) use deletion::target_of_build;
pub(crate) use query::{Outcome, RawResult};
pub(crate) use relations::{columns_of, folded, table_type, to_relation};

use crate::{Catalogs, InvocationOptions, errors, profile::AthenaProfile, spark::SparkSessions};

/// One invocation's access to Athena, Glue and S3.
pub(crate) struct Warehouse {
    pub(crate) profile: AthenaProfile,
    pub(crate) services: Services,
    pub(crate) spark: SparkSessions,
    invocation_id: String,
    options: InvocationOptions,
    cancelled: AtomicBool,
    /// Executions that have been started and have not ended.
    running: Mutex<HashSet<String>>,
    /// How often a statement of the same origin and text was sent, so that a repetition is a new one.
    repetitions: Mutex<HashMap<String, u32>>,
    relations: relations::RelationCache,
    work_group_enforces_location: OnceCell<bool>,
    catalog_ids: Mutex<HashMap<String, Option<String>>>,
    locations: OnceCell<Vec<Occupied>>,
}

impl fmt::Debug for Warehouse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Warehouse").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// A lock that a panicking thread cannot spoil for the others.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Warehouse {
    pub(crate) fn new(
        profile: AthenaProfile,
        services: Services,
        invocation_id: String,
        options: InvocationOptions,
    ) -> Self {
        Self {
            profile,
            services,
            spark: SparkSessions::default(),
            invocation_id,
            options,
            cancelled: AtomicBool::new(false),
            running: Mutex::default(),
            repetitions: Mutex::default(),
            relations: relations::RelationCache::default(),
            work_group_enforces_location: OnceCell::new(),
            catalog_ids: Mutex::default(),
            locations: OnceCell::new(),
        }
    }

    pub(crate) fn catalogs(&self) -> &Catalogs {
        &self.options.catalogs
    }

    pub(crate) fn invocation_id(&self) -> &str {
        &self.invocation_id
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// How often this was asked before with the same key.
    pub(crate) fn repetition(&self, key: String) -> u32 {
        let mut repetitions = lock(&self.repetitions);
        let count = repetitions.entry(key).or_default();
        *count += 1;
        *count - 1
    }

    /// An id that a restarted run makes again, so that it finds its own tables and queries.
    pub(crate) fn unique_id(&self, node: &UniqueId, purpose: &str) -> Uuid {
        let invocation = Uuid::new_v5(&Uuid::NAMESPACE_OID, self.invocation_id.as_bytes());
        Uuid::new_v5(&invocation, format!("{node}\n{purpose}").as_bytes())
    }

    /// Whether the workgroup puts results, and with them Hive tables, where it wants. Asked once.
    pub(crate) async fn work_group_enforces_location(&self) -> AdapterResult<bool> {
        let Some(name) = self.profile.work_group.as_deref().filter(|_| !self.profile.skip_workgroup_check) else {
            return Ok(false);
        };
        let ask = || async {
            let group =
                self.services.athena.get_work_group(name).await.map_err(|error| errors::of_api(&error, None))?;
            let configuration = group.configuration.unwrap_or_default();
            let has_location = configuration.result_configuration.and_then(|results| results.output_location).is_some();
            Ok(has_location && configuration.enforce_work_group_configuration == Some(true))
        };
        self.work_group_enforces_location.get_or_try_init(ask).await.copied()
    }

    /// The Glue catalog id of a data catalog; `None` is the caller's account.
    ///
    /// # Errors
    /// The data catalog is not kept in Glue.
    pub(crate) async fn catalog_id(&self, database: &str) -> AdapterResult<Option<String>> {
        let database = database.to_lowercase();
        if database.is_empty() || database == "awsdatacatalog" {
            return Ok(None);
        }
        if database.starts_with("s3tablescatalog/") {
            return Ok(Some(format!("{}:{database}", self.services.account_id)));
        }
        if let Some(known) = lock(&self.catalog_ids).get(&database) {
            return Ok(known.clone());
        }
        let catalog =
            self.services.athena.get_data_catalog(&database).await.map_err(|error| errors::of_api(&error, None))?;
        if !catalog.r#type.eq_ignore_ascii_case("GLUE") {
            return Err(errors::mistake(
                format!("the data catalog '{database}' is of type {}", catalog.r#type),
                "tables are looked up, created and dropped in Glue data catalogs only",
                "use a data catalog of type GLUE as `database`; other catalogs can be read through sources",
            ));
        }
        let id = catalog.parameters.and_then(|parameters| parameters.get("catalog-id").cloned());
        lock(&self.catalog_ids).insert(database, id.clone());
        Ok(id)
    }
}

/// Whether a data catalog is a bucket of S3 Tables, where tables have no location of their own.
pub(crate) fn is_s3_tables(database: &str) -> bool {
    database.to_lowercase().starts_with("s3tablescatalog/")
}
