//! Keys that are a slip of the pen away from one that means something.

/// The key that `written` was most likely meant to be: one letter off, or two in a long word.
pub(crate) fn meant<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = written.chars().count();
    let allowed = match length {
        0..=2 => return None,
        3..=6 => 1,
        _ => 2,
    };
    known
        .into_iter()
        .filter(|key| *key != written && key.len().abs_diff(written.len()) <= 2 * allowed)
        .map(|key| (strsim::osa_distance(&folded(written), &folded(key)), key))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, key)| key)
}

/// The config that `written` was most likely meant to be; `None` when it is one, or is a word of its own.
pub fn misspelt_config(written: &str) -> Option<&'static str> {
    if CONFIGS.contains(&written) { None } else { meant(written, CONFIGS.iter().copied()) }
}

/// Case and the choice between `-` and `_` are no distance.
fn folded(key: &str) -> String {
    key.to_lowercase().replace('-', "_")
}

/// Configs of models, seeds, snapshots and tests that dbt or dbt-athena reads.
pub(crate) const CONFIGS: &[&str] = &[
    "enabled",
    "alias",
    "schema",
    "database",
    "tags",
    "meta",
    "group",
    "static_analysis",
    "materialized",
    "incremental_strategy",
    "batch_size",
    "lookback",
    "begin",
    "persist_docs",
    "post-hook",
    "pre-hook",
    "post_hook",
    "pre_hook",
    "quoting",
    "column_types",
    "full_refresh",
    "unique_key",
    "on_schema_change",
    "on_configuration_change",
    "grants",
    "packages",
    "docs",
    "contract",
    "event_time",
    "concurrent_batches",
    "access",
    "freshness",
    "delimiter",
    "quote_columns",
    "strategy",
    "updated_at",
    "check_cols",
    "target_schema",
    "target_database",
    "snapshot_meta_column_names",
    "dbt_valid_to_current",
    "hard_deletes",
    "invalidate_hard_deletes",
    "severity",
    "store_failures",
    "store_failures_as",
    "sql_header",
    "where",
    "limit",
    "fail_calc",
    "warn_if",
    "error_if",
    "name",
    "description",
    "incremental_predicates",
    "merge_update_columns",
    "merge_exclude_columns",
    "file_format",
    // dbt-athena
    "table_type",
    "format",
    "external_location",
    "s3_data_dir",
    "s3_data_naming",
    "s3_tmp_table_dir",
    "partitioned_by",
    "bucketed_by",
    "bucket_count",
    "field_delimiter",
    "table_properties",
    "write_compression",
    "native_drop",
    "seed_by_insert",
    "force_batch",
    "unique_tmp_table_suffix",
    "temp_schema",
    "lf_tags_config",
    "lf_grants",
    "lf_tags",
    "partitions_limit",
    "update_condition",
    "insert_condition",
    "delete_condition",
    "versions_to_keep",
    "ha",
    "work_group",
    "spark_encryption",
    "spark_cross_account_catalog",
    "spark_requester_pays",
    "timeout",
    "polling_interval",
    // Of other adapters, near to one of these; packages for many warehouses have them.
    "partition_by",
    "clustered_by",
    "table_format",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_words_of_their_own_left_alone() {
        let known = ["columns", "data_tests", "description", "tests", "meta", "docs"];
        for (written, wanted) in [
            ("colums", Some("columns")),
            ("data_test", Some("data_tests")),
            ("data-tests", Some("data_tests")),
            ("descripton", Some("description")),
            ("Description", Some("description")),
            ("test", Some("tests")),
            ("doc", Some("docs")),
            ("owner", None),
            ("policy_tags", None),
            ("columns", None),
            ("x", None),
        ] {
            assert_eq!(meant(written, known), wanted, "{written}");
        }
        assert_eq!(meant("materialised", CONFIGS.iter().copied()), Some("materialized"));
        for own in ["owner", "contains_pii", "dag_id", "table_types_of_ours", "priority", "team", "partition_by"] {
            assert_eq!(misspelt_config(own), None, "{own}");
        }
    }
}
