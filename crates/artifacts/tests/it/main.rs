//! Reading what other versions of dbt wrote, and writing what they read.

use artifacts::{
    Manifest,
    manifest::{Disabled, Node, ResourceType},
    run_results::RunResults,
};
use serde_json::{Value as Json, json};

/// As dbt Core 1.5 wrote it: members that came later are missing, members we do not know are there.
fn older() -> Json {
    json!({
        "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v9.json", "dbt_version": "1.5.0", "adapter_type": "athena"},
        "nodes": {
            "model.shop.orders": {
                "resource_type": "model", "name": "orders", "package_name": "shop", "unique_id": "model.shop.orders",
                "database": "awsdatacatalog", "schema": "dev", "alias": "orders", "fqn": ["shop", "orders"],
                "path": "orders.sql", "original_file_path": "models/orders.sql",
                "checksum": {"name": "sha256", "checksum": "00"},
                "config": {"materialized": "table", "custom": [1, 2]},
                "columns": {"id": {"name": "id", "data_type": "bigint", "tags": [], "meta": {}, "pii": true}},
                "depends_on": {"macros": [], "nodes": ["source.shop.raw.orders"]},
                "raw_code": "select 1", "compiled": true, "compiled_code": "select 1", "extra_ctes": [],
                "some_day_a_member": {"of": "another version"}
            },
            "test.shop.unique_orders_id.1": {
                "resource_type": "test", "name": "unique_orders_id", "unique_id": "test.shop.unique_orders_id.1",
                "test_metadata": {"name": "unique", "kwargs": {"column_name": "id"}, "namespace": null}
            }
        },
        "disabled": {"model.shop.off": [{"resource_type": "model", "name": "off", "unique_id": "model.shop.off"}]},
        "parent_map": {"model.shop.orders": ["source.shop.raw.orders"]}
    })
}

#[test]
fn older_manifests_are_read() {
    let manifest: Manifest = serde_json::from_value(older()).expect("readable");
    let orders = &manifest.nodes["model.shop.orders"];
    assert_eq!(orders.resource_type, ResourceType::Model);
    assert_eq!(orders.materialized(), "table");
    assert_eq!(orders.compiled.as_ref().map(|compiled| &*compiled.compiled_code), Some("select 1"));
    assert_eq!(orders.columns["id"].extra["pii"], json!(true));
    assert!(manifest.nodes["test.shop.unique_orders_id.1"].is_generic_test());
    assert!(matches!(&manifest.disabled["model.shop.off"][0], Disabled::Node(node) if node.name == "off"));
}

#[test]
fn each_type_has_its_own_members() {
    let members = |kind: ResourceType| -> Vec<String> {
        let node = Node { resource_type: kind, ..Node::default() };
        let json = serde_json::to_value(&node).expect("JSON");
        json.as_object().expect("an object").keys().skip(25).cloned().collect()
    };
    assert_eq!(members(ResourceType::Seed), ["root_path", "depends_on"]);
    let compiled = ["language", "refs", "sources", "metrics", "functions", "depends_on", "compiled_path", "contract"];
    assert_eq!(members(ResourceType::Snapshot), compiled);
    assert_eq!(members(ResourceType::Test), compiled);
    let model = ["access", "constraints", "version", "latest_version", "deprecation_date", "primary_key", "time_spine"];
    assert_eq!(members(ResourceType::Model), [compiled.as_slice(), &model].concat());
    assert_eq!(members(ResourceType::Operation), [compiled.as_slice(), &["index"]].concat());
}

#[test]
fn run_results_are_read_for_retry() {
    let text = r#"{"metadata": {"invocation_id": "i"}, "results": [{"status": "error", "unique_id": "model.a.b", "timing": [],
        "thread_id": "Thread-1", "execution_time": 0.5, "adapter_response": {}, "message": "no", "failures": null}],
        "elapsed_time": 1.0, "args": {"which": "build", "select": ["a"]}}"#;
    let results: RunResults = serde_json::from_str(text).expect("readable");
    assert_eq!(results.results[0].status, "error");
    assert_eq!(results.args["which"], json!("build"));
}
