//! What a run did, as lineage and trace servers are told it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::{Router, extract::State, http::StatusCode};
use notify::{FailingNode, LineageServer, Notifier, TraceEncoding, TraceServer};
use scheduler::{
    Options,
    clock::Clock,
    model::{ErrorClass, Outcome},
    outbox::{Details, Lineage, Observed, Outbox, OutboxOptions, ResultFile, Traces},
    settings::Settings,
};
use serde_json::{Value, json};
use vault::KeyRing;

use crate::world::{MINUTE, World, schedule, worlds_with};

/// Bodies in the order in which they came, and what is answered.
#[derive(Clone)]
struct Receiver {
    seen: Arc<Mutex<Vec<Value>>>,
    status: Arc<Mutex<u16>>,
}

impl Receiver {
    async fn start() -> (Self, String) {
        let receiver = Self { seen: Arc::default(), status: Arc::new(Mutex::new(200)) };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, url)
    }

    fn answers(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }

    fn take(&self) -> Vec<Value> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

async fn answer(State(receiver): State<Receiver>, body: String) -> StatusCode {
    let status = *receiver.status.lock().unwrap();
    if status == 200 {
        receiver.seen.lock().unwrap().push(serde_json::from_str(&body).unwrap());
    }
    StatusCode::from_u16(status).unwrap()
}

/// The files of the first command: a source, a table of it, a failing test of that and a view that was skipped.
struct Files;

#[async_trait]
impl Details for Files {
    async fn failing_nodes(&self, _: i64) -> Vec<FailingNode> {
        Vec::new()
    }

    async fn results(&self, _: i64) -> Result<Vec<ResultFile>, String> {
        let node = |schema: &str, alias: &str, parents: Value| {
            json!({"resource_type": "model", "database": "awsdatacatalog", "schema": schema, "alias": alias,
                   "config": {"materialized": "table"}, "depends_on": {"nodes": parents}, "columns": {},
                   "compiled_code": "select 1 as id"})
        };
        let mut hidden = node("shop", "hidden", json!(["source.shop.raw.orders"]));
        hidden["config"]["materialized"] = json!("ephemeral");
        let mut test = node("audit", "not_null_orders_id", json!(["model.shop.orders"]));
        test["resource_type"] = json!("test");
        test["column_name"] = json!("id");
        test["test_metadata"] = json!({"name": "not_null"});
        let mut orders = node("shop", "orders", json!(["model.shop.hidden"]));
        orders["columns"] = json!({"id": {"name": "id", "data_type": "bigint", "description": "the order"}});
        let manifest = json!({
            "nodes": {"model.shop.orders": orders, "model.shop.hidden": hidden, "test.shop.not_null": test,
                      "model.shop.later": node("shop", "later", json!(["model.shop.orders"]))},
            "sources": {"source.shop.raw.orders": {"database": "awsdatacatalog", "schema": "raw", "identifier": "orders", "columns": {}}},
        });
        let timing = |from: &str, until: &str| json!([{"name": "execute", "started_at": from, "completed_at": until}]);
        let results = json!({"results": [
            {"unique_id": "model.shop.orders", "status": "success", "timing": timing("2026-03-02T12:00:01Z", "2026-03-02T12:00:04Z"),
             "adapter_response": {"query_id": "q-1", "data_scanned_in_bytes": 77}},
            {"unique_id": "test.shop.not_null", "status": "fail", "message": "Got 3 results",
             "timing": timing("2026-03-02T12:00:05Z", "2026-03-02T12:00:06Z"), "adapter_response": {}},
            {"unique_id": "model.shop.later", "status": "skipped", "timing": []},
        ]});
        let bytes = |json: &Value| json.to_string().into();
        Ok(vec![
            (1, "target/manifest.json".to_owned(), bytes(&manifest)),
            (1, "target/run_results.json".to_owned(), bytes(&results)),
        ])
    }
}

async fn world_and_outbox(url: &str) -> Vec<(World, Outbox)> {
    let options = Options { observed: Observed { lineage: true, traces: true }, ..Options::default() };
    let mut ready = Vec::new();
    for world in worlds_with(options).await {
        let clock = Arc::clone(&world.clock) as Arc<dyn Clock>;
        let keys = KeyRing::from_text(&"11".repeat(32), "a test").unwrap();
        let settings = Settings::new(world.one.database().clone(), keys, Arc::clone(&clock));
        let lineage = LineageServer { url: format!("{url}/api/v1/lineage"), api_key: None };
        let traces =
            TraceServer { url: format!("{url}/v1/traces"), headers: Vec::new(), encoding: TraceEncoding::Json };
        let options = OutboxOptions {
            lineage: Some(Lineage { server: lineage, namespace: "acme".to_owned() }),
            traces: Some(Traces { server: traces, resource: vec![("service.name".to_owned(), "owlet".to_owned())] }),
            ..OutboxOptions::default()
        };
        let outbox = Outbox::new(settings, clock, "one", Notifier::new().unwrap(), Arc::new(Files), options);
        ready.push((world, outbox));
    }
    ready
}

/// A run whose one command ended with exit code 1.
async fn fail_a_run(world: &World) -> i64 {
    let mut orders = schedule("orders", "OFF");
    orders.owner_email = Some("ann@acme.example".to_owned());
    orders.notifications = schedules::Notifications::default();
    world.deploy(&[orders]).await;
    world.trigger("orders").await.unwrap();
    let claim = world.claim_one().await;
    assert!(world.one.running(claim.lease, Some("0123abcd")).await.unwrap());
    let (run, now) = (claim.lease.run_id, world.now());
    world
        .change(&format!(
            "INSERT INTO command (run_id, position, kind, text, state, started_at, ended_at, return_code) \
             VALUES ({run}, 1, 'dbt', 'dbt build', 'FAILED', {now}, {}, 1)",
            now + 7_000_000
        ))
        .await;
    world
        .change(&format!(
            "INSERT INTO query_execution (run_id, query_execution_id, command_id, node, work_group, region, state, started_at) \
             VALUES ({run}, 'q-2', 1, 'test.shop.not_null', 'primary', 'eu-central-1', 'SUCCEEDED', {now})"
        ))
        .await;
    world.pass(std::time::Duration::from_secs(8));
    world.one.finish(claim.lease, Outcome::failed(ErrorClass::Command, "dbt build failed")).await.unwrap();
    run
}

/// `TYPE job [inputs] -> [outputs]`
fn line(event: &Value) -> String {
    let names = |key: &str| {
        let names = event[key].as_array().unwrap().iter().map(|dataset| dataset["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>().join(",")
    };
    let (kind, job) = (event["eventType"].as_str().unwrap(), event["job"]["name"].as_str().unwrap());
    format!("{kind} {job} [{}] -> [{}]", names("inputs"), names("outputs"))
}

#[tokio::test]
async fn lineage_and_traces_say_what_a_run_did() {
    let (receiver, url) = Receiver::start().await;
    for (world, outbox) in world_and_outbox(&url).await {
        let run = fail_a_run(&world).await;
        while outbox.round().await.unwrap().delivered > 0 {}
        let (traces, events): (Vec<Value>, Vec<Value>) =
            receiver.take().into_iter().partition(|body| body.get("resourceSpans").is_some());
        let lines: Vec<String> = events.iter().map(line).collect();
        let mut sorted = lines[1..].to_vec();
        sorted.sort();
        assert_eq!(lines[0], "START orders [] -> []", "the begin is told before everything else");
        assert_eq!(
            sorted,
            [
                "COMPLETE model.shop.orders [awsdatacatalog.raw.orders] -> [awsdatacatalog.shop.orders]",
                "COMPLETE test.shop.not_null [awsdatacatalog.shop.orders] -> []",
                "FAIL orders [] -> []",
                "FAIL orders.command_1 [] -> []",
                "START model.shop.orders [awsdatacatalog.raw.orders] -> [awsdatacatalog.shop.orders]",
                "START orders.command_1 [] -> []",
                "START test.shop.not_null [awsdatacatalog.shop.orders] -> []",
            ]
        );
        let of = |job: &str, kind: &str| {
            let is_it = |event: &&Value| event["job"]["name"] == job && event["eventType"] == kind;
            events.iter().find(is_it).unwrap().clone()
        };
        let made = of("model.shop.orders", "COMPLETE");
        assert_eq!(made["eventTime"], "2026-03-02T12:00:04.000000Z");
        assert_eq!(made["outputs"][0]["namespace"], "awsathena://athena.eu-central-1.amazonaws.com");
        assert_eq!(
            made["outputs"][0]["facets"]["schema"]["fields"],
            json!([{"name": "id", "type": "bigint", "description": "the order"}])
        );
        assert_eq!(made["job"]["facets"]["sql"]["query"], "select 1 as id");
        assert_eq!(made["run"]["facets"]["externalQuery"]["externalQueryId"], "q-1");
        let (command, whole) = (of("orders.command_1", "FAIL"), of("orders", "FAIL"));
        assert_eq!(made["run"]["facets"]["parent"]["run"]["runId"], command["run"]["runId"]);
        assert_eq!(command["run"]["facets"]["parent"]["run"]["runId"], whole["run"]["runId"]);
        assert_eq!(whole["run"]["facets"]["errorMessage"]["message"], "dbt build failed");
        assert_eq!(
            whole["run"]["runId"].as_str().unwrap(),
            world.one_text(&format!("SELECT uuid FROM run WHERE id = {run}")).await
        );
        let checked = &of("test.shop.not_null", "COMPLETE")["inputs"][0]["inputFacets"]["dataQualityAssertions"];
        assert_eq!(checked["assertions"], json!([{"assertion": "not_null", "success": false, "column": "id"}]));

        assert_eq!(traces.len(), 1);
        let resource = &traces[0]["resourceSpans"][0];
        assert_eq!(
            resource["resource"]["attributes"][0],
            json!({"key": "service.name", "value": {"stringValue": "owlet"}})
        );
        let spans = resource["scopeSpans"][0]["spans"].as_array().unwrap();
        let tree: Vec<(String, String)> = spans
            .iter()
            .map(|span| {
                let parent = spans.iter().find(|other| other["spanId"] == span["parentSpanId"]);
                let name = |span: &Value| span["name"].as_str().unwrap().to_owned();
                (parent.map(name).unwrap_or_default(), name(span))
            })
            .collect();
        let pair = |parent: &str, name: &str| (parent.to_owned(), name.to_owned());
        assert_eq!(
            tree,
            [
                pair("", "run orders"),
                pair("run orders", "dbt build"),
                pair("dbt build", "model.shop.orders"),
                pair("dbt build", "test.shop.not_null"),
            ]
        );
        assert!(spans.iter().all(|span| span["traceId"] == spans[0]["traceId"]));
        assert_eq!(spans[0]["traceId"].as_str().unwrap().len(), 32);
        let attribute = |span: &Value, key: &str| {
            let found =
                span["attributes"].as_array().unwrap().iter().find(|attribute| attribute["key"] == key).cloned();
            found.unwrap_or_default()["value"].clone()
        };
        assert_eq!(attribute(&spans[2], "aws.athena.query_execution_id"), json!({"stringValue": "q-1"}));
        assert_eq!(attribute(&spans[2], "aws.athena.data_scanned_in_bytes"), json!({"intValue": "77"}));
        assert_eq!(attribute(&spans[3], "aws.athena.query_execution_id"), json!({"stringValue": "q-2"}));
        assert_eq!(spans[0]["status"], json!({"code": 2, "message": "dbt build failed"}));
        assert_eq!(spans[2]["status"], json!({"code": 1}));
        assert_eq!(spans[2]["startTimeUnixNano"], "1772452801000000000");
    }
}

#[tokio::test]
async fn a_lineage_server_that_refuses_is_told_and_fails_no_run() {
    let (receiver, url) = Receiver::start().await;
    for (world, outbox) in world_and_outbox(&url).await {
        world.change("INSERT INTO setting (name, value, updated_at) VALUES ('notifications', '{\"settings\":{},\"sealed\":{}}', 0)").await;
        // Away: it waits, the end behind the begin, and is a problem after some attempts.
        receiver.answers(503);
        let run = fail_a_run(&world).await;
        let told = "SELECT dedupe_key FROM outbox WHERE event = 'system' ORDER BY dedupe_key";
        outbox.round().await.unwrap();
        assert_eq!(world.texts(told).await, [""; 0]);
        for _ in 0..5 {
            world.pass(MINUTE * 3);
            outbox.round().await.unwrap();
        }
        assert_eq!(world.texts(told).await, ["system:openlineage:2026-03-02:system", "system:otlp:2026-03-02:system"]);
        receiver.answers(200);
        world.pass(MINUTE * 30);
        while outbox.round().await.unwrap().delivered > 0 {}
        assert_eq!(receiver.take().len(), 1 + 7 + 1, "nothing is lost");
        // It refuses: given up, with the reason, and the run is as it is.
        receiver.answers(401);
        fail_a_run(&world).await;
        outbox.round().await.unwrap();
        let dead = world.texts("SELECT last_error FROM outbox WHERE state = 'DEAD' AND channel = 'openlineage'").await;
        assert!(dead[0].starts_with("The lineage server answered 401 Unauthorized; check OPENLINEAGE_URL"), "{dead:?}");
        assert_eq!(world.one_text(&format!("SELECT state FROM run WHERE id = {run}")).await, "FAILED");
        receiver.take();
    }
}
