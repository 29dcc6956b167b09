//! Macros of the project that would replace a part of dbt's materializations, which are plans here: told, instead of passed over.
//!
//! Names, refs, columns, tests, time and types are macros here as well, and a project's own take effect.

use artifacts::manifest::Node;
use diagnostic::{Diagnostic, Location};

use crate::{Manifest, adapter::Materialization};

const TABLE: [&str; 4] =
    ["create_table_as", "athena__create_table_as", "safe_create_table_as", "create_table_as_with_partitions"];
const VIEW: [&str; 3] = ["create_or_replace_view", "create_view_as", "athena__create_view_as"];
const INCREMENTAL: [&str; 8] = [
    "incremental_insert",
    "batch_incremental_insert",
    "iceberg_merge",
    "batch_iceberg_merge",
    "delete_overlapping_partitions",
    "validate_get_incremental_strategy",
    "get_merge_update_columns",
    "get_update_statement",
];
const SEED: [&str; 6] = [
    "create_csv_table",
    "athena__create_csv_table",
    "create_csv_table_insert",
    "create_csv_table_upload",
    "load_csv_rows",
    "athena__load_csv_rows",
];
const SNAPSHOT: [&str; 7] = [
    "build_snapshot_table",
    "snapshot_staging_table",
    "snapshot_hash_arguments",
    "athena__snapshot_hash_arguments",
    "hive_create_new_snapshot_table",
    "hive_snapshot_merge_sql",
    "iceberg_snapshot_merge_sql",
];

/// The macros that dbt-athena's materialization calls.
///
/// Source: dbt-athena 1.11, its materializations and their macros.
fn called(materialization: &Materialization) -> Vec<&'static str> {
    match materialization {
        Materialization::View { .. } => VIEW.to_vec(),
        Materialization::Table { .. } => TABLE.to_vec(),
        Materialization::Incremental { .. } => [&TABLE[..], &INCREMENTAL].concat(),
        Materialization::Seed { .. } => SEED.to_vec(),
        Materialization::Snapshot { .. } => [&TABLE[..], &SNAPSHOT].concat(),
    }
}

/// An error when the project has a macro that dbt would call to build the node, and we would not.
pub(super) fn check(
    manifest: &Manifest,
    node: &Node,
    materialization: &Materialization,
) -> Result<(), Box<Diagnostic>> {
    let root = manifest.root_package();
    let mut overridden = called(materialization)
        .into_iter()
        .filter_map(|name| manifest.artifact().macros.get(format!("macro.{root}.{name}").as_str()));
    let Some(found) = overridden.next() else { return Ok(()) };
    let place = format!("{} {} ({})", node.resource_type, node.name, node.original_file_path);
    Err(Box::new(
        Diagnostic::error(format!(
            "Compilation Error in {place}\n  The project's macro '{}' would have no effect on how this is built",
            found.name
        ))
        .at(Location::file(&found.original_file_path))
        .cause("dbt's materialization calls it; here the materialization is a plan of steps, which calls no macros")
        .fix("write what it does as a materialization of your own, `{% materialization name, adapter='athena' %}`, or remove it"),
    ))
}
