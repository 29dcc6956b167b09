//! What every template sees of the invocation, in SQL and in YAML.

use std::{fmt, sync::Arc};

use artifacts::JsonMap;
use chrono::{DateTime, Utc};
use jinja::{Value, modules::Clock};

use super::{Host, RenderEvents, builtins, flags::Flags, secrets::mask_placeholders};

/// The invocation's names in `dbt_project.yml`, `profiles.yml`, `packages.yml` and property files.
///
/// Source: dbt Core 1.12, `BaseContext`.
#[derive(Clone)]
pub struct InvocationNames {
    /// `invocation_id`
    pub invocation_id: String,
    /// `run_started_at`
    pub started_at: DateTime<Utc>,
    /// What `modules.datetime.datetime.now()` reads.
    pub clock: Clock,
    /// `flags`, by lower-case name.
    pub flags: Arc<JsonMap>,
    /// Who hears `log()` and `print()`.
    pub events: Arc<dyn RenderEvents>,
}

impl fmt::Debug for InvocationNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvocationNames").field("invocation_id", &self.invocation_id).finish_non_exhaustive()
    }
}

impl InvocationNames {
    pub(super) fn of_host(host: &Host) -> Self {
        Self {
            invocation_id: host.invocation_id.clone(),
            started_at: host.started_at,
            clock: Arc::clone(&host.clock),
            flags: Arc::clone(&host.flags),
            events: Arc::clone(&host.events),
        }
    }

    pub(super) fn lookup(&self, name: &str) -> Option<Value> {
        let events = Arc::clone(&self.events);
        Some(match name {
            "log" => Value::function("log", move |_, args| {
                builtins::told(args, |message, info| events.log(&mask_placeholders(message), info))
            }),
            "print" => Value::function("print", move |_, args| {
                builtins::printed(args, |message| events.print(&mask_placeholders(message)))
            }),
            "invocation_id" => self.invocation_id.clone().into(),
            "run_started_at" => self.started_at.into(),
            "thread_id" => thread_id(),
            "modules" => modules(Arc::clone(&self.clock), events),
            "flags" => Value::object(Flags(Arc::clone(&self.flags))),
            _ => return None,
        })
    }
}

/// `thread_id`
pub(super) fn thread_id() -> Value {
    std::thread::current().name().unwrap_or("MainThread").into()
}

/// `modules`
pub(super) fn modules(clock: Clock, events: Arc<dyn RenderEvents>) -> Value {
    let itertools = move || {
        let what = "Usage of itertools modules is deprecated. Please use the built-in functions instead.";
        events.deprecated("ModulesItertoolsUsageDeprecation", what)
    };
    jinja::modules::modules(clock, Arc::new(itertools))
}
