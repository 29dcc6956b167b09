//! Config trees and merging.

use project::config::{Config, ConfigKind, merge_config};
use project::{DbtProject, SourceText, Verbatim};
use serde_json::json;

fn project(text: &str) -> DbtProject {
    let (project, diagnostics) =
        DbtProject::parse(std::path::Path::new("/p"), SourceText::new("dbt_project.yml", text), &Verbatim);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    project.unwrap()
}

fn fqn(text: &str) -> Vec<String> {
    text.split('.').map(str::to_owned).collect()
}

fn merged(project: &DbtProject, kind: ConfigKind, node: &str) -> Config {
    let mut config = Config::new();
    for layer in project.configs.resolve(kind, &fqn(node)) {
        merge_config(&mut config, layer);
    }
    config
}

const TREE: &str = "
name: shop
models:
  +tags: base
  materialized: view
  +pre_hook: select 1
  shop:
    +meta: {a: 1, b: 1}
    staging:
      +materialized: table
      +tags: [staging, base]
      +meta: {b: 2}
      +pre-hook: [select 2]
      +grants: {select: [reader], +insert: writer}
      orders:
        +enabled: false
        +grants: {+select: other, insert: boss}
  other:
    +persist_docs: {relation: true}
seeds:
  shop: {+quote_columns: true}
";

#[test]
fn a_tree_is_walked_down_the_fqn_and_merged_by_key() {
    let project = project(TREE);
    assert_eq!(
        json!(merged(&project, ConfigKind::Models, "shop.staging.orders")),
        json!({
            "tags": ["base", "staging", "base"],
            "materialized": "table",
            "pre-hook": ["select 1", "select 2"],
            "meta": {"a": 1, "b": 2},
            "grants": {"select": ["reader", "other"], "insert": ["boss"]},
            "enabled": false,
        })
    );
    assert_eq!(
        json!(merged(&project, ConfigKind::Models, "shop.marts.x")),
        json!({"tags": ["base"], "materialized": "view", "pre-hook": ["select 1"], "meta": {"a": 1, "b": 1}})
    );
    assert_eq!(json!(merged(&project, ConfigKind::Seeds, "shop.raw")), json!({"quote_columns": true}));
    assert_eq!(json!(merged(&project, ConfigKind::Snapshots, "shop.raw")), json!({}));
}

#[test]
fn a_mapping_without_plus_is_a_path_and_not_a_config() {
    let project = project("name: shop\nmodels:\n  shop:\n    meta: {owner: me}\n    +docs: {show: false}\n");
    assert_eq!(json!(merged(&project, ConfigKind::Models, "shop.x")), json!({"docs": {"show": false}}));
    assert_eq!(
        json!(merged(&project, ConfigKind::Models, "shop.meta.x")),
        json!({"docs": {"show": false}, "owner": "me"})
    );
}

#[test]
fn unused_paths_are_named() {
    let project = project(TREE);
    let used = fqn("shop.staging.customers");
    let unused = project.configs.unused_paths(&|kind, path| {
        kind == ConfigKind::Models && path.len() <= used.len() && path.iter().zip(&used).all(|(a, b)| a == b)
    });
    assert_eq!(unused, ["models.shop.staging.orders", "models.other", "seeds.shop"]);
}

#[test]
fn an_append_config_takes_scalars_and_nulls() {
    let mut config: Config = serde_json::from_value(json!({"meta": {"a": 1}, "tags": ["x"]})).unwrap();
    for layer in [json!({"tags": "y", "post_hook": "z"}), json!({"meta": null, "tags": null})] {
        merge_config(&mut config, &serde_json::from_value(layer).unwrap());
    }
    assert_eq!(json!(config), json!({"meta": null, "tags": ["x", "y", null], "post-hook": ["z"]}));
}
