//! Variables of dbt's engine: each has a name with `DBT_ENGINE_` and, where it is older than that prefix, one with `DBT_` alone. Both then say the same.

use std::collections::HashMap;

use diagnostic::Diagnostic;

const PREFIX: &str = "DBT_ENGINE_";

/// What stands behind the prefix of variables that have both names.
///
/// Source: dbt Core 1.12, `KNOWN_ENGINE_ENV_VARS`.
const OLDER: [&str; 65] = [
    "ARTIFACT_STATE_PATH",
    "CACHE_SELECTED_ONLY",
    "CLEAN_PROJECT_FILES_ONLY",
    "DEBUG",
    "DEFER",
    "DEFER_STATE",
    "DEFER_TO_STATE",
    "DOWNLOAD_DIR",
    "EMPTY",
    "EVENT_TIME_END",
    "EVENT_TIME_START",
    "EXCLUDE_RESOURCE_TYPES",
    "EXPORT_SAVED_QUERIES",
    "FAIL_FAST",
    "FAVOR_STATE",
    "FAVOR_STATE_MODE",
    "FULL_REFRESH",
    "HOST",
    "INCLUDE_SAVED_QUERY",
    "INDIRECT_SELECTION",
    "INTROSPECT",
    "INVOCATION_ENV",
    "LOG_CACHE_EVENTS",
    "LOG_FILE_MAX_BYTES",
    "LOG_FORMAT",
    "LOG_FORMAT_FILE",
    "LOG_LEVEL",
    "LOG_LEVEL_FILE",
    "LOG_PATH",
    "MACRO_DEBUGGING",
    "NO_PRINT",
    "PACKAGE_HUB_URL",
    "PARTIAL_PARSE",
    "PARTIAL_PARSE_FILE_DIFF",
    "PARTIAL_PARSE_FILE_PATH",
    "POPULATE_CACHE",
    "PP_FILE_DIFF_TEST",
    "PP_TEST",
    "PRINT",
    "PRINTER_WIDTH",
    "PROFILE",
    "PROFILES_DIR",
    "PROJECT_DIR",
    "QUIET",
    "RECORDED_FILE_PATH",
    "RESOURCE_TYPES",
    "SAMPLE",
    "SEND_ANONYMOUS_USAGE_STATS",
    "SHOW_RESOURCE_REPORT",
    "SINGLE_THREADED",
    "STATE",
    "STATIC_PARSER",
    "STORE_FAILURES",
    "TARGET",
    "TARGET_PATH",
    "TEST_STATE_MODIFIED",
    "UPLOAD_TO_ARTIFACTS_INGEST_API",
    "USE_COLORS",
    "USE_COLORS_FILE",
    "USE_EXPERIMENTAL_PARSER",
    "USE_FAST_TEST_EDGES",
    "VERSION_CHECK",
    "WARN_ERROR",
    "WARN_ERROR_OPTIONS",
    "WRITE_JSON",
];

/// Variables that only have the newer name, and settings that only we take from the environment.
const NEWER: [&str; 8] = [
    "HINTS_ENABLED",
    "MAXIMUM_SEED_SIZE_MIB",
    "SHOW_ALL_DEPRECATIONS",
    "SQLPARSE",
    "THREADS",
    "USE_V2_PARSER",
    "V2_PARSER",
    "VARS",
];

/// Variables that were renamed, and what they are called now.
const RENAMED: [(&str, &str); 4] = [
    ("DEFER_TO_STATE", "DEFER"),
    ("FAVOR_STATE_MODE", "FAVOR_STATE"),
    ("NO_PRINT", "PRINT"),
    ("ARTIFACT_STATE_PATH", "STATE"),
];

/// Gives each variable both of its names; the newer counts where both are set.
pub(super) fn share(variables: &mut HashMap<String, String>) {
    for name in OLDER {
        let (older, newer) = (format!("DBT_{name}"), format!("{PREFIX}{name}"));
        if let Some(value) = variables.get(&newer) {
            variables.insert(older, value.clone());
        } else if let Some(value) = variables.get(&older) {
            variables.insert(newer, value.clone());
        }
    }
}

/// What dbt says of renamed variables, and of such as have the engine's prefix and are none of its own.
pub(super) fn deprecations(variables: &HashMap<String, String>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (old, new) in RENAMED {
        let (old, new) = (format!("DBT_{old}"), format!("{PREFIX}{new}"));
        if variables.contains_key(&old) {
            let what = format!(
                "The environment variable `{old}` has been renamed as `{new}`.\n\
                 If `{old}` is currently set, its value will be used instead of `{new}`."
            );
            let fix = format!("set `{new}` and unset `{old}`");
            let warning = Diagnostic::warning(what).named("EnvironmentVariableRenamed");
            found.push(warning.with("old_name", old).with("new_name", new).fix(fix));
        }
    }
    let is_known = |name: &str| OLDER.contains(&name) || NEWER.contains(&name);
    let mut unknown: Vec<&String> =
        variables.keys().filter(|name| name.strip_prefix(PREFIX).is_some_and(|rest| !is_known(rest))).collect();
    unknown.sort();
    found.extend(unknown.into_iter().map(|name| {
        let what = format!(
            "Found custom environment variable `{name}` in the environment. The prefix `{PREFIX}` is reserved for dbt engine \
             environment variables. Custom environment variables with the prefix `{PREFIX}` may cause collisions and runtime errors."
        );
        Diagnostic::warning(what)
            .named("EnvironmentVariableNamespaceDeprecation")
            .with("env_var", name)
            .with("reserved_prefix", PREFIX)
            .fix("give it another name")
    }));
    found
}
