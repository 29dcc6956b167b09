//! A small project on the embedded lakehouse, built from outside.

use std::path::Path;

use super::{owlet, settings};

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = folder.join(path);
        fs_err::create_dir_all(path.parent().expect("a parent")).expect("created");
        fs_err::write(path, text).expect("written");
    }
}

fn shop() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(
        folder.path(),
        &[
            ("dbt_project.yml", "name: shop\nversion: '1.0'\nprofile: shop\n"),
            ("seeds/raw_orders.csv", "id,amount\n1,10\n2,20\n"),
            ("models/stg_orders.sql", "select id, amount\nfrom {{ ref('raw_orders') }}\n"),
            (
                "models/orders.sql",
                "{{ config(materialized='table') }}\nselect id, amount * 2 as doubled\nfrom {{ ref('stg_orders') }}\n",
            ),
            (
                "models/schema.yml",
                "models:\n  - name: orders\n    columns:\n      - name: id\n        data_tests: [unique, not_null]\n",
            ),
        ],
    );
    folder
}

#[test]
fn a_build_reads_like_dbts() {
    let folder = shop();
    let done = owlet(folder.path(), &["build", "--threads", "1"]);
    settings().bind(|| insta::assert_snapshot!("build", done.shown(folder.path())));
    let results = fs_err::read_to_string(folder.path().join("target/run_results.json")).expect("written");
    let results: serde_json::Value = serde_json::from_str(&results).expect("JSON");
    let statuses: Vec<&str> =
        results["results"].as_array().expect("a list").iter().filter_map(|result| result["status"].as_str()).collect();
    assert_eq!(statuses, ["success", "success", "success", "pass", "pass"]);

    let done = owlet(
        folder.path(),
        &["sql", "select id, doubled, cast(null as varchar) as nothing from dev.orders order by id"],
    );
    settings().bind(|| insta::assert_snapshot!("sql_table", done.shown(folder.path())));
    let done =
        owlet(folder.path(), &["sql", "--format", "csv", "select sum(doubled) as total from {{ ref('orders') }}"]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "total\n60\n"), "{}", done.stderr);
}

/// In dbt's order.
#[test]
fn the_semantic_layer_is_counted() {
    let folder = shop();
    let layer = "models:
  - name: days
    time_spine: {standard_granularity_column: day}
    columns: [{name: day, granularity: day}]
semantic_models:
  - name: sales
    model: ref('orders')
    defaults: {agg_time_dimension: sold_at}
    entities: [{name: id, type: primary}]
    dimensions: [{name: sold_at, type: time, type_params: {time_granularity: day}}]
    measures: [{name: sold, agg: sum, expr: doubled}]
metrics:
  - {name: sales_total, label: Sales, type: simple, type_params: {measure: sold}}
saved_queries:
  - {name: weekly, query_params: {metrics: [sales_total]}}
groups:
  - {name: finance, owner: {name: Finance}}
";
    write(folder.path(), &[("models/layer.yml", layer), ("models/days.sql", "select date '2026-01-01' as day\n")]);
    let done = owlet(folder.path(), &["parse"]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    let found = done.stdout.lines().find_map(|line| line.split_once("Found ")).expect("a line").1;
    let words: Vec<&str> = found.split(", ").filter(|count| !count.ends_with("macros")).collect();
    assert_eq!(
        words,
        ["3 models", "1 seed", "2 data tests", "1 metric", "1 group", "1 semantic model", "1 saved query"],
        "{found}"
    );
}

#[test]
fn a_failing_model_skips_what_depends_on_it_and_exits_with_1() {
    let folder = shop();
    write(folder.path(), &[("models/stg_orders.sql", "select id,\n    nope\nfrom {{ ref('raw_orders') }}\n")]);
    let done = owlet(folder.path(), &["build", "--threads", "1"]);
    assert_eq!(done.code, Some(1));
    settings().bind(|| insta::assert_snapshot!("failing_model", done.shown(folder.path())));

    write(folder.path(), &[("models/stg_orders.sql", "select id, amount\nfrom {{ ref('raw_orders') }}\n")]);
    let done = owlet(folder.path(), &["retry", "--threads", "1"]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("PASS=4 WARN=0 ERROR=0 SKIP=0"), "{}", done.stdout);
}

#[test]
fn ls_is_data_on_stdout() {
    let folder = shop();
    let done = owlet(folder.path(), &["ls"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(
        done.stdout,
        "shop.orders\nshop.stg_orders\nshop.raw_orders\nshop.not_null_orders_id\nshop.unique_orders_id\n"
    );
    let done = owlet(
        folder.path(),
        &["ls", "-s", "+orders", "--resource-type", "model", "--output", "json", "--output-keys", "name"],
    );
    assert_eq!(done.stdout, "{\"name\": \"orders\"}\n{\"name\": \"stg_orders\"}\n");
}

#[test]
fn a_plan_changes_nothing() {
    let folder = shop();
    let done = owlet(folder.path(), &["plan", "-s", "stg_orders", "--format", "json"]);
    let plan: serde_json::Value =
        serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {}{}", done.stdout, done.stderr));
    assert_eq!(plan["create_schemas"], serde_json::json!(["dev"]));
    assert!(!plan["nodes"][0]["steps"].as_array().expect("steps").is_empty(), "{plan}");
    let done = owlet(
        folder.path(),
        &["sql", "--format", "csv", "select 1 from information_schema.schemata where schema_name = 'dev'"],
    );
    assert_eq!(done.stdout.lines().count(), 1, "{}{}", done.stdout, done.stderr);
}

/// dbt writes the manifest and what goes with it before and after the work, and tells each time.
#[test]
fn what_is_written_is_told() {
    let folder = shop();
    let done = owlet(folder.path(), &["build", "--log-format-file", "json"]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    let told = || -> Vec<String> {
        let path = folder.path().join("logs/dbt.log");
        let log = fs_err::read_to_string(&path).expect("written");
        fs_err::remove_file(path).expect("removed");
        let events = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
        let written = events.filter(|event| event["info"]["name"] == "ArtifactWritten");
        written.map(|event| event["data"]["artifact_type"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let manifests = ["WritableManifest", "SemanticManifest", "OsiDocument"];
    assert_eq!(told(), [manifests.as_slice(), &manifests, &["RunExecutionResult"]].concat());

    let read = |name: &str| -> serde_json::Value {
        let text = fs_err::read_to_string(folder.path().join("target").join(name)).expect("written");
        serde_json::from_str(&text).expect("JSON")
    };
    assert_eq!(
        read("run_results.json")["args"]["use_colors"],
        true,
        "dbt's default, although nobody sees colours here"
    );
}

#[test]
fn the_graphs_shape_is_written() {
    let folder = shop();
    write(folder.path(), &[("models/last.sql", "select * from {{ ref('orders') }}\n")]);
    let summary = || -> serde_json::Value {
        let text = fs_err::read_to_string(folder.path().join("target/graph_summary.json")).expect("written");
        serde_json::from_str(&text).expect("JSON")
    };
    // Names of what follows a node.
    let followers = |nodes: &serde_json::Value, name: &str| -> Vec<String> {
        let nodes = nodes.as_object().expect("nodes");
        let node = nodes.values().find(|node| node["name"].as_str().is_some_and(|id| id.starts_with(name)));
        let numbers = node.expect("the node")["succ"].as_array().cloned().unwrap_or_default();
        numbers
            .iter()
            .map(|number| nodes[&number.to_string()]["name"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let done = owlet(folder.path(), &["ls"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let listed = summary();
    assert_eq!(followers(&listed["linked"], "seed.shop.raw_orders"), ["model.shop.stg_orders"]);
    assert!(listed["with_test_edges"].is_null(), "only builds wait for tests");

    let done = owlet(folder.path(), &["build"]);
    assert_eq!(done.code, Some(0), "{}", done.stdout);
    let built = summary();
    assert!(followers(&built["linked"], "test.shop.not_null_orders_id").is_empty());
    assert_eq!(followers(&built["with_test_edges"], "test.shop.not_null_orders_id"), ["model.shop.last"]);
}

/// dbt's `debug` tells what is wrong with project and profile as a failed check; what it cannot read at all ends it.
#[test]
fn debug_ends_with_2_where_it_could_not_run() {
    let folder = shop();
    let code = |more: &str, arguments: &[&str]| {
        let project = format!("name: shop\nversion: '1.0'\nprofile: shop\n{more}\n");
        write(folder.path(), &[("dbt_project.yml", &project)]);
        owlet(folder.path(), &[&["debug"], arguments].concat()).code
    };
    assert_eq!(code("", &[]), Some(0));
    assert_eq!(code("modells: {}", &[]), Some(1));
    assert_eq!(code("models: {shop: {+materialized: \"{{ var('missing') }}\"}}", &[]), Some(2));
    assert_eq!(code("models: {", &[]), Some(2));
    assert_eq!(code("data-paths: [data]", &[]), Some(0));
    assert_eq!(code("data-paths: [data]", &["--warn-error"]), Some(2));
}

/// The data of a warning in the JSON log has dbt's members.
#[test]
fn a_warning_has_the_members_of_dbts_event() {
    let folder = shop();
    write(
        folder.path(),
        &[
            ("models/old.yml", "models:\n  - {name: stg_orders, deprecation_date: 2020-01-01 00:00:00+00:00}\n"),
            ("models/nobody.yml", "models:\n  - name: nobody\n"),
        ],
    );
    let done = owlet(folder.path(), &["parse", "--log-format", "json"]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    let events: Vec<serde_json::Value> =
        done.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let data = |name: &str| events.iter().find(|event| event["info"]["name"] == name).expect("told")["data"].clone();
    assert_eq!(data("DeprecatedModel")["model_name"], "stg_orders");
    let reference = data("DeprecatedReference");
    assert_eq!((&reference["model_name"], &reference["ref_model_name"]), (&"orders".into(), &"stg_orders".into()));
    assert_eq!(reference["ref_model_package"], "shop");
    assert_eq!(data("NoNodeForYamlKey")["patch_name"], "nobody");
}
