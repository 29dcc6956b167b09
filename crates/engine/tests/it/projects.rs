//! Parses and compiles `tests/projects/*` and leaves their manifests in the test directory, where
//! `conformance/dbt-parity/compare_manifest.py` compares them with dbt Core's.

use std::path::{Path, PathBuf};

use diagnostic::Severity;
use engine::Compiler;
use testkit::{FakeAdapter, Invocation};

fn output(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("manifests");
    fs_err::create_dir_all(&directory).expect("a directory");
    directory.join(format!("{name}.json"))
}

/// Parses a project, compiles what can be compiled, and writes its manifest.
fn manifest_of(root: &Path, name: &str, adapter: FakeAdapter) -> artifacts::Manifest {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let _guard = runtime.enter();
    let mut invocation = Invocation::new(root);
    invocation.adapter = adapter;
    let (manifest, diagnostics) = invocation.parse();
    let errors: Vec<String> =
        diagnostics.iter().filter(|d| d.severity == Severity::Error).map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    let manifest = manifest.expect("a manifest");
    let compiler = Compiler::new(manifest.clone(), invocation.host());
    for (id, node) in &manifest.artifact().nodes {
        if id.as_str().starts_with("operation.") {
            compiler.project_hook(id, Vec::new()).unwrap_or_else(|diagnostic| panic!("{diagnostic}"));
        } else if !id.as_str().starts_with("seed.") {
            compiler.compile(&node.unique_id).unwrap_or_else(|diagnostic| panic!("{diagnostic}"));
        }
    }
    let artifact = manifest.with_compiled(&compiler.compiled());
    let text = serde_json::to_string(&artifact).expect("JSON");
    let read: artifacts::Manifest = serde_json::from_str(&text).expect("what we write can be read");
    assert_eq!(serde_json::to_string(&read).expect("JSON"), text, "reading and writing changes nothing");
    fs_err::write(output(name), serde_json::to_vec_pretty(&artifact).expect("JSON")).expect("written");
    artifact
}

#[test]
fn shop_is_what_dbt_makes_of_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/projects/shop");
    let artifact = manifest_of(&root, "shop", FakeAdapter::new("shop_parity", "main"));
    // The ids, their hashes included, are those that dbt Core 1.12 gives.
    for id in [
        "model.shop.dim.v2",
        "test.shop.relationships_stg_orders__customer_id___id__ref_customers_.b6faafc776",
        "test.shop.my_status_check.b721ce2958",
        "test.shop.helpers_source_row_count_raw_orders_0.a2a6f7685f",
        "test.shop.accepted_values_stg_orders_status__False__1__2__3__4__5__6__7__8__9__10__11__12__13__14__15__16.938b7624d1",
        "snapshot.shop.orders_yaml_snap",
        "operation.helpers.helpers-on-run-start-0",
        "analysis.shop.explore",
    ] {
        assert!(artifact.nodes.contains_key(id), "{id} is missing");
    }
    assert_eq!(artifact.nodes.len(), 30);
}

#[test]
fn flights_parses_and_compiles() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/flights");
    let artifact = manifest_of(&root, "flights", FakeAdapter::new("flights_parity", "main"));
    assert!(artifact.nodes.keys().filter(|id| id.as_str().starts_with("model.")).count() > 5);
}
