//! The adapter's own questions and answers.

use adapter_athena::{AthenaAdapter, AthenaProfile, InvocationOptions, Journal, JournalEntry};
use engine::adapter::{Adapter, StatementOrigin};
use jinja::{CallArgs, Value};
use names::RelationName;
use serde_json::json;

use crate::warehouse::Warehouse;

fn adapter(warehouse: &Warehouse) -> AthenaAdapter {
    adapter_with(warehouse, InvocationOptions::default())
}

fn adapter_with(warehouse: &Warehouse, options: InvocationOptions) -> AthenaAdapter {
    let profile = json!({"type": "athena", "lakehouse": "embedded", "schema": "shop", "poll_interval": 0});
    let profile = AthenaProfile::parse(profile.as_object().unwrap()).unwrap();
    AthenaAdapter::with_options(profile, warehouse.services(), "invocation", options)
}

fn world() -> Warehouse {
    let warehouse = Warehouse::default();
    let mut world = warehouse.world();
    world.columns = vec![("id".into(), "int".into()), ("dt".into(), "string".into())];
    world.partition_values = vec!["d1".into()];
    world.given_table("shop.orders", "hive", "s3://lake/shop/orders/old", &["d1"]);
    drop(world);
    warehouse
}

fn origin(step: &str) -> StatementOrigin {
    StatementOrigin { node: Some("model.shop.orders".into()), step: step.to_owned(), comment: None }
}

fn orders() -> RelationName {
    RelationName::new("AwsDataCatalog", "Shop", "Orders")
}

#[tokio::test]
async fn a_restarted_run_sends_the_same_tokens_and_a_repetition_another() {
    let sent = |count: usize| async move {
        let warehouse = world();
        let adapter = adapter(&warehouse);
        for _ in 0..count {
            adapter.execute("select 1", &origin("main"), None).await.unwrap();
        }
        warehouse.world().tokens.clone()
    };
    let (first, second) = (sent(2).await, sent(2).await);
    assert_eq!(first, second);
    assert_ne!(first[0], first[1]);
}

#[tokio::test]
async fn names_are_found_in_any_case_and_columns_say_their_type() {
    let warehouse = world();
    let adapter = adapter(&warehouse);
    assert!(adapter.is_incremental(&orders(), false).await.unwrap());
    assert!(!adapter.is_incremental(&orders(), true).await.unwrap());
    let columns = adapter.columns(&orders()).await.unwrap();
    let told: Vec<_> =
        columns.iter().map(|column| (column.name.as_str(), column.data_type.as_str(), column.is_partition)).collect();
    assert_eq!(told, [("id", "integer", false), ("dt", "varchar", true)]);
}

#[tokio::test]
async fn prepare_creates_the_missing_schema_once() {
    let warehouse = world();
    let adapter = adapter(&warehouse);
    let schemas = [("awsdatacatalog".to_owned(), "shop".to_owned()), ("awsdatacatalog".to_owned(), "Mart".to_owned())];
    adapter.prepare(&schemas).await.unwrap();
    assert_eq!(warehouse.world().calls, ["CreateDatabase mart"]);
    assert_eq!(adapter.list_relations("awsdatacatalog", "shop").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_drop_deletes_the_glue_table_first_and_refuses_shared_files() {
    let warehouse = world();
    let adapter = adapter(&warehouse);
    warehouse.world().given_table("raw.copy", "hive", "s3://lake/shop/orders/old/dt=d1", &[]);
    let refused = adapter.drop_relation(&orders()).await.unwrap_err();
    assert!(refused.diagnostic.what.starts_with("Refusing to delete the files of"), "{refused}");
    assert!(refused.diagnostic.cause.unwrap().contains("raw.copy"));
    assert!(warehouse.world().calls.is_empty());

    let warehouse = world();
    let adapter = self::adapter(&warehouse);
    adapter.drop_relation(&orders()).await.unwrap();
    let world = warehouse.world();
    assert_eq!(world.calls.len(), 2);
    assert!(world.calls[0].starts_with("DeleteTable shop.orders") && world.calls[1].starts_with("DeleteObjects"));
    assert!(world.files.is_empty());
}

#[tokio::test]
async fn nothing_starts_after_a_cancellation() {
    let warehouse = world();
    let adapter = adapter(&warehouse);
    assert_eq!(adapter.cancel().await.stopped, Vec::<String>::new());
    let error = adapter.execute("select 1", &origin("main"), None).await.unwrap_err();
    assert!(error.cancelled);
}

#[tokio::test]
async fn a_failed_statement_tells_athenas_sentence_first() {
    let warehouse = world();
    let adapter = adapter(&warehouse);
    let error =
        adapter.execute("alter table `shop`.`nope` rename to `shop`.`x`", &origin("main"), None).await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("TABLE_NOT_FOUND: no such table\nquery execution: query-0\n  cause: "), "{text}");
    assert_eq!(error.code.as_deref(), Some("TABLE_NOT_FOUND"));
}

#[tokio::test]
async fn jinja_methods_answer_or_are_unknown() {
    let warehouse = world();
    let adapter = adapter(&warehouse);
    let relation = || Value::dict([("database", "awsdatacatalog"), ("schema", "shop"), ("identifier", "orders")]);
    let call = |name: &'static str, arguments: Vec<Value>| {
        let adapter = adapter.clone();
        async move {
            adapter.call(name, CallArgs::positional(arguments)).await.map(|answer| answer.map(|value| value.repr()))
        }
    };
    assert!(call("no_such_method", Vec::new()).await.is_none());
    assert_eq!(call("murmur3_hash", vec![Value::Int(123), Value::Int(100)]).await.unwrap().unwrap(), "54");
    assert_eq!(
        call("get_glue_table_location", vec![relation()]).await.unwrap().unwrap(),
        "'s3://lake/shop/orders/old'"
    );
    assert_eq!(call("is_work_group_output_location_enforced", Vec::new()).await.unwrap().unwrap(), "False");
    assert_eq!(
        call("format_one_partition_key", vec![Value::str("month(ts)")]).await.unwrap().unwrap(),
        "\"date_trunc('month', ts)\""
    );
    let location = call("generate_s3_location", vec![relation()]).await.unwrap().unwrap();
    assert!(location.starts_with("'s3://owlet/data/shop/orders/"), "{location}");
    assert!(call("delete_from_s3", vec![Value::str("s3://lake/shop/")]).await.unwrap().is_err());
    let columns = call(
        "run_query_with_partitions_limit_catching",
        vec![Value::str("insert into \"c\".\"shop\".\"orders\" (\"id\") (select 1)")],
    )
    .await;
    assert_eq!(columns.unwrap().unwrap(), "'{\"rowcount\":3,\"data_scanned_in_bytes\":10}'");
}

#[test]
fn every_macro_compiles() {
    let warehouse = world();
    for (path, text) in adapter(&warehouse).macros() {
        let kinds = [jinja::BlockKind::Macro, jinja::BlockKind::Materialization];
        let found = jinja::extract_blocks(text, &kinds).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(!found.blocks.is_empty(), "{path}");
        for block in found.blocks {
            jinja::MacroDef::compile(block.full, "macro.dbt_athena.x", path)
                .unwrap_or_else(|error| panic!("{path}: {error}"));
        }
    }
}

#[tokio::test]
async fn a_restarted_plan_keeps_what_it_has_built() {
    let plan_of = |warehouse: &Warehouse| {
        let adapter = adapter(warehouse);
        async move {
            adapter.prepare(&[("awsdatacatalog".to_owned(), "shop".to_owned())]).await.unwrap();
            adapter.plan(table_request()).await.unwrap()
        }
    };
    let warehouse = world();
    let plan = plan_of(&warehouse).await;
    let first = &plan.steps()[0];
    adapter(&warehouse).execute(first.sql.as_ref().unwrap(), &origin("by hand"), None).await.unwrap();
    let actions: Vec<String> = plan_of(&warehouse).await.steps().into_iter().map(|step| step.action).collect();
    assert_eq!(actions[0], "create_table", "nothing is dropped before: {actions:?}");
}

fn table_request() -> engine::adapter::MaterializationRequest {
    engine::adapter::MaterializationRequest {
        node: "model.shop.orders".into(),
        relation: orders(),
        materialization: engine::adapter::Materialization::Table { sql: "select 1".to_owned() },
        config: Default::default(),
        full_refresh: false,
        description: String::new(),
        columns: Vec::new(),
        comment: None,
        provenance: Default::default(),
    }
}

#[tokio::test]
async fn queries_are_noted_before_they_start_when_they_run_and_when_they_are_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let warehouse = world();
    let journal = Some(Journal::open(&path).unwrap());
    let adapter = adapter_with(&warehouse, InvocationOptions { journal, ..InvocationOptions::default() });
    adapter.execute("select 1", &origin("main"), None).await.unwrap();
    adapter.execute("alter table `shop`.`nope` rename to `shop`.`x`", &origin("main"), None).await.unwrap_err();
    let text = fs_err::read_to_string(path).unwrap();
    let entries: Vec<JournalEntry> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(entries.len(), 6, "{text}");
    assert!(matches!(&entries[0], JournalEntry::Starting { node: Some(node), .. } if node == "model.shop.orders"));
    assert!(matches!(&entries[1], JournalEntry::Started { query_execution_id, .. } if query_execution_id == "query-0"));
    assert!(matches!(&entries[2], JournalEntry::Ended { data_scanned_in_bytes: 10, is_ddl: false, .. }), "{text}");
    assert!(matches!(&entries[5], JournalEntry::Ended { is_ddl: true, .. }), "{text}");
}

#[tokio::test]
async fn what_failed_for_an_earlier_attempt_is_asked_anew_once() {
    // The warehouse of these tests says of every query that it was submitted in 1970.
    let resumed = || InvocationOptions {
        resumed_at: Some(chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(1)),
        ..InvocationOptions::default()
    };
    let warehouse = world();
    let rename = "alter table `shop`.`nope` rename to `shop`.`x`";
    adapter_with(&warehouse, resumed()).execute(rename, &origin("main"), None).await.unwrap_err();
    let tokens = warehouse.world().tokens.clone();
    assert!(tokens.len() == 2 && tokens[0] != tokens[1], "{tokens:?}");
    // What succeeded is believed.
    let warehouse = world();
    adapter_with(&warehouse, resumed()).execute("select 1", &origin("main"), None).await.unwrap();
    assert_eq!(warehouse.world().tokens.len(), 1);
}

#[tokio::test]
async fn a_node_that_an_earlier_attempt_finished_is_built_at_another_place() {
    let location = |warehouse: &Warehouse| {
        let adapter = adapter(warehouse);
        async move {
            adapter.prepare(&[("awsdatacatalog".to_owned(), "shop".to_owned())]).await.unwrap();
            let plan = adapter.plan(table_request()).await.unwrap();
            let sql = plan
                .steps()
                .into_iter()
                .find_map(|step| step.sql.filter(|sql| sql.contains("external_location")))
                .unwrap();
            sql.split("external_location='").nth(1).unwrap().split('\'').next().unwrap().to_owned()
        }
    };
    let warehouse = world();
    let first = location(&warehouse).await;
    assert_eq!(location(&warehouse).await, first);
    warehouse.world().given_table("shop.orders", "hive", &first, &[]);
    let second = location(&warehouse).await;
    assert_ne!(second, first);
    warehouse.world().given_table("shop.orders", "hive", &second, &[]);
    assert_ne!(location(&warehouse).await, second);
}
