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

/// Behaviour flags that are off unless a project says otherwise.
///
/// Source: dbt Core 1.12, "Behavior changes".
const OFF_BY_DEFAULT: [&str; 12] = [
    "state_modified_compare_vars",
    "require_unique_project_resource_names",
    "require_ref_searches_node_package_before_root",
    "require_valid_schema_from_generate_schema_name",
    "allow_jinja_file_extensions",
    "require_sql_header_in_test_configs",
    "support_custom_ref_kwargs",
    "require_corrected_analysis_fqns",
    "require_source_and_semantic_model_names_without_spaces",
    "enable_grouped_warn_error_parser_logs",
    "use_catalogs_v2",
    "latest_version_pointer_enabled_by_default",
];

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

    /// All behaviour flags with what holds for the project.
    pub fn behaviours(&self) -> impl Iterator<Item = (&'static str, bool)> + '_ {
        ON_BY_DEFAULT.into_iter().chain(OFF_BY_DEFAULT).map(|name| (name, self.behaviour(name)))
    }

    /// A global flag, if the project sets it.
    pub fn global(&self, name: &str) -> Option<&Json> {
        self.values.get(name)
    }
}
