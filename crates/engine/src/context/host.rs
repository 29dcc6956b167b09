//! What the outside gives to rendering: the warehouse, the clock, the environment, the flags.

use std::{fmt, sync::Arc};

use artifacts::JsonMap;
use chrono::{DateTime, Utc};
use jinja::modules::Clock;

use crate::Adapter;

/// Looks an environment variable up.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What templates say to the outside while they render.
pub trait RenderEvents: Send + Sync {
    /// `{{ log(message, info) }}`.
    fn log(&self, message: &str, info: bool);
    /// `{{ print(message) }}`.
    fn print(&self, message: &str);
    /// `{{ exceptions.warn(message) }}`.
    ///
    /// # Errors
    /// The message, where warnings are errors.
    fn warn(&self, message: &str) -> Result<(), String>;
    /// Something worth knowing, by the name of its event.
    fn note(&self, _name: &'static str, _message: &str) {}
    /// Something that dbt will not accept for ever, by the name of its event.
    ///
    /// # Errors
    /// The message, where warnings are errors.
    fn deprecated(&self, name: &str, message: &str) -> Result<(), String>;
}

/// Says nothing: for tests and look-ups.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl RenderEvents for Silent {
    fn log(&self, _: &str, _: bool) {}
    fn print(&self, _: &str) {}
    fn warn(&self, _: &str) -> Result<(), String> {
        Ok(())
    }
    fn deprecated(&self, _: &str, _: &str) -> Result<(), String> {
        Ok(())
    }
}

/// The invocation, as templates see it. Cheap to clone.
#[derive(Clone)]
pub struct Host {
    /// The warehouse.
    pub adapter: Arc<dyn Adapter>,
    /// Where the adapter's futures run. Templates render on blocking threads (`spawn_blocking`) and wait for them.
    /// `None` when nothing may be asked (parse).
    pub runtime: Option<tokio::runtime::Handle>,
    /// Who hears `log()` and `print()`.
    pub events: Arc<dyn RenderEvents>,
    /// The environment.
    pub environment: Environment,
    /// `run_started_at`.
    pub started_at: DateTime<Utc>,
    /// What `modules.datetime.datetime.now()` reads.
    pub clock: Clock,
    /// `invocation_id`.
    pub invocation_id: String,
    /// The target's name: `dev`.
    pub target_name: String,
    /// The profile's name.
    pub profile_name: String,
    /// `--threads`.
    pub threads: usize,
    /// The flags by lower-case name (`full_refresh`, `which`, `store_failures`, `empty`, …): `flags.FULL_REFRESH`.
    pub flags: Arc<JsonMap>,
    /// `invocation_args_dict`, and `args` of run_results.json.
    pub args: Arc<JsonMap>,
    /// `selected_resources`.
    pub selected: Arc<Vec<names::UniqueId>>,
    /// Environment variables `DBT_ENV_CUSTOM_ENV_*`, without the prefix.
    pub metadata_env: Arc<indexmap::IndexMap<String, String>>,
    /// Directory for `target/compiled` and `target/run`, relative to the project: `target`.
    pub target_path: String,
}

impl Host {
    /// A flag of the invocation.
    pub fn flag(&self, name: &str) -> bool {
        self.flags.get(name).and_then(serde_json::Value::as_bool).unwrap_or(false)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("target_name", &self.target_name)
            .field("invocation_id", &self.invocation_id)
            .finish_non_exhaustive()
    }
}
