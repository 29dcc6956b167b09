//! `flags`: the invocation's flags in upper case.

use std::sync::Arc;

use artifacts::JsonMap;
use jinja::{Object, Value};

/// The flags that templates see; all others are undefined, as in dbt.
///
/// Source: dbt Core 1.12, `get_flag_obj`.
const KNOWN: [&str; 30] = [
    "CACHE_SELECTED_ONLY",
    "DEBUG",
    "EMPTY",
    "FAIL_FAST",
    "FULL_REFRESH",
    "HINTS_ENABLED",
    "INDIRECT_SELECTION",
    "INTROSPECT",
    "INVOCATION_COMMAND",
    "LOG_CACHE_EVENTS",
    "LOG_FORMAT",
    "LOG_PATH",
    "MAXIMUM_SEED_SIZE_MIB",
    "NO_PRINT",
    "PARTIAL_PARSE",
    "PRINTER_WIDTH",
    "PROFILES_DIR",
    "QUIET",
    "REQUIRE_SQL_HEADER_IN_TEST_CONFIGS",
    "SEND_ANONYMOUS_USAGE_STATS",
    "STATIC_PARSER",
    "STORE_FAILURES",
    "TARGET_PATH",
    "USE_COLORS",
    "USE_EXPERIMENTAL_PARSER",
    "VERSION_CHECK",
    "WARN_ERROR",
    "WARN_ERROR_OPTIONS",
    "WHICH",
    "WRITE_JSON",
];

/// `flags`.
#[derive(Debug)]
pub(crate) struct Flags(pub Arc<JsonMap>);

impl Object for Flags {
    fn type_name(&self) -> &str {
        "Namespace"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        KNOWN.binary_search(&name).ok()?;
        Some(self.0.get(name.to_ascii_lowercase().as_str()).map_or(Value::None, Value::from))
    }

    fn get_item(&self, key: &Value) -> Option<Value> {
        self.get_attr(key.as_str()?)
    }

    fn is_true(&self) -> bool {
        true
    }
}
