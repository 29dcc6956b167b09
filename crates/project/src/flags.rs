//! `flags:` of the root project: global flags and behaviour flags.

use serde_json::{Map as JsonMap, Value as Json};

/// Behaviour flags that are on unless a project says otherwise; all others are off.
///
/// Source: dbt Core 1.12, "Behavior changes".
const ON_BY_DEFAULT: [&str; 11] = [
    "require_batched_execution_for_custom_microbatch_strategy",
    "require_explicit_package_overrides_for_builtin_materializations",
    "require_resource_names_without_spaces",
    "source_freshness_run_project_hooks",
    "skip_nodes_if_on_run_start_fails",
    "state_modified_compare_more_unrendered_values",
    "require_yaml_configuration_for_mf_time_spines",
    "require_nested_cumulative_type_params",
    "validate_macro_args",
    "require_all_warnings_handled_by_warn_error",
    "require_generic_test_arguments_property",
];

/// Behaviour flags that change nothing here, and something with dbt.
pub(crate) const WITHOUT_EFFECT: [&str; 1] = ["require_batched_execution_for_custom_microbatch_strategy"];

/// The flags of a project file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProjectFlags {
    /// As written; keys in snake case.
    pub values: JsonMap<String, Json>,
}

impl ProjectFlags {
    /// Whether a behaviour flag is on: as written, else dbt's default.
    pub fn behaviour(&self, name: &str) -> bool {
        self.values.get(name).and_then(Json::as_bool).unwrap_or_else(|| ON_BY_DEFAULT.contains(&name))
    }

    /// Whether the project asks for something else than dbt's default.
    pub(crate) fn is_changed(&self, name: &str) -> bool {
        self.values.get(name).and_then(Json::as_bool).is_some_and(|on| on != ON_BY_DEFAULT.contains(&name))
    }

    /// A global flag, if the project sets it.
    pub fn global(&self, name: &str) -> Option<&Json> {
        self.values.get(name)
    }
}
