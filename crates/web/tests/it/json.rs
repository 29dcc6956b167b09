//! Our own API: every answer has the shape that the OpenAPI document promises.

use std::collections::BTreeSet;

use scheduler::model::{ErrorClass, Outcome};
use schedules::{Schedule, ScheduleCommand};
use serde_json::{Value, json};

use crate::server::{Answer, Server};

/// Checks `value` against `schema` of `document`; says where it differs.
fn check(document: &Value, schema: &Value, value: &Value, place: &str) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target =
            document.pointer(reference.trim_start_matches('#')).ok_or_else(|| format!("{reference} is nowhere"))?;
        return check(document, target, value, place);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let mistakes: Vec<String> =
            choices.iter().filter_map(|choice| check(document, choice, value, place).err()).collect();
        return if mistakes.len() < choices.len() { Ok(()) } else { Err(mistakes.join("; ")) };
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
    };
    let allowed: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return Ok(()),
    };
    let is_allowed = allowed.contains(&kind) || kind == "integer" && allowed.contains(&"number");
    if !is_allowed {
        return Err(format!("{place} is {kind}, not {}", allowed.join(" or ")));
    }
    if let (Some(items), Some(item)) = (value.as_array(), schema.get("items")) {
        for (index, value) in items.iter().enumerate() {
            check(document, item, value, &format!("{place}[{index}]"))?;
        }
    }
    if let (Some(object), Some(properties)) = (value.as_object(), schema["properties"].as_object()) {
        for (name, value) in object {
            let property = properties.get(name).ok_or_else(|| format!("{place}.{name} is not in the document"))?;
            check(document, property, value, &format!("{place}.{name}"))?;
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !object.contains_key(name) {
                return Err(format!("{place}.{name} is missing"));
            }
        }
    }
    Ok(())
}

/// The answers that were checked, by method and path of the document.
struct Checker {
    document: Value,
    seen: BTreeSet<(String, String)>,
}

impl Checker {
    fn new() -> Self {
        Self { document: web::openapi_document(), seen: BTreeSet::new() }
    }

    /// The answer to `method` `path` (as the document writes it).
    fn check(&mut self, method: &str, path: &str, answer: &Answer) -> Value {
        let operation = &self.document["paths"][path][method];
        assert!(operation.is_object(), "{method} {path} is not in the document");
        let responses = operation["responses"].as_object().expect("responses");
        let response = responses.get(answer.status.as_str()).unwrap_or(&responses["default"]);
        let content = response["content"].as_object().expect("content");
        let kind = answer.headers["content-type"].to_str().expect("text").split(';').next().expect("a type").to_owned();
        let (name, entry) = content.iter().next().expect("one type");
        assert_eq!(name.split(';').next(), Some(kind.as_str()), "{method} {path}: {}", answer.text);
        if answer.status.is_success() {
            self.seen.insert((method.to_owned(), path.to_owned()));
        }
        if kind != "application/json" {
            return Value::Null;
        }
        let value = answer.json();
        if let Err(mistake) = check(&self.document, &entry["schema"], &value, "answer") {
            panic!("{method} {path}: {mistake}\n{value:#}");
        }
        value
    }
}

#[tokio::test]
async fn every_answer_is_as_the_document_says() {
    let server = Server::new().await;
    let mut checker = Checker::new();
    let mut hourly = Schedule::new("hourly", "Hourly", "production", vec![ScheduleCommand::new("dbt build")]);
    hourly.cron = Some("0 * * * *".parse().expect("a cron"));
    let orders = Schedule::new("orders", "Orders", "production", vec![ScheduleCommand::new("dbt build")]);
    let body = json!({"schedules": [hourly, orders], "source": "yaml", "dry_run": false});
    let deployed = checker.check("post", "/api/v1/deployments", &server.post("/api/v1/deployments", &body).await);
    assert_eq!(deployed["changes"].as_array().map(Vec::len), Some(2));
    let failed = server.ended("orders", Outcome::failed(ErrorClass::Command, "a test failed")).await;
    let command = server.command(failed, 0, "command", "dbt build", "FAILED", "one\n").await;
    let artifact = server.artifact(failed, command, "target/manifest.json").await;
    query(&server, failed, command).await;

    let gets = [
        ("/api/v1/schedules", "/api/v1/schedules?search=ORD&limit=1".to_owned()),
        ("/api/v1/schedules/{slug}", "/api/v1/schedules/hourly".to_owned()),
        ("/api/v1/upcoming", "/api/v1/upcoming?limit=3".to_owned()),
        ("/api/v1/runs", "/api/v1/runs?schedule=orders&state=failed,success".to_owned()),
        ("/api/v1/runs/{run_id}", format!("/api/v1/runs/{failed}")),
        ("/api/v1/runs/{run_id}/queries", format!("/api/v1/runs/{failed}/queries")),
        ("/api/v1/runs/{run_id}/artifacts", format!("/api/v1/runs/{failed}/artifacts")),
        ("/api/v1/runs/{run_id}/events", format!("/api/v1/runs/{failed}/events")),
        ("/api/v1/commands/{command_id}/logs", format!("/api/v1/commands/{command}/logs")),
        ("/api/v1/commands/{command_id}/logs/events", format!("/api/v1/commands/{command}/logs/events")),
        ("/api/v1/artifacts/{artifact_id}", format!("/api/v1/artifacts/{artifact}")),
        ("/api/v1/slots", "/api/v1/slots?schedule=hourly".to_owned()),
        ("/api/v1/audit", "/api/v1/audit?limit=2".to_owned()),
        ("/api/v1/costs", "/api/v1/costs?by=node&since=2026-11-01".to_owned()),
        ("/api/v1/workspace", "/api/v1/workspace".to_owned()),
        ("/api/v1/environments", "/api/v1/environments".to_owned()),
        ("/api/v1/servers", "/api/v1/servers".to_owned()),
        ("/api/v1/tokens", "/api/v1/tokens".to_owned()),
        ("/api/openapi.json", "/api/openapi.json".to_owned()),
        ("/healthz", "/healthz".to_owned()),
        ("/readyz", "/readyz".to_owned()),
        ("/metrics", "/metrics".to_owned()),
        ("/", "/".to_owned()),
        ("/bolt/schedules/{slug}", "/bolt/schedules/orders".to_owned()),
        ("/bolt/run_id/{run_id}", format!("/bolt/run_id/{failed}")),
        ("/login", "/login".to_owned()),
        ("/assets/owlet.css", "/assets/owlet.css".to_owned()),
    ];
    for (path, address) in gets {
        let answer = server.get(&address).await;
        assert_eq!(answer.status, 200, "{address}: {}", answer.text);
        checker.check("get", path, &answer);
    }
    let url =
        server.get(&format!("/api/v1/artifacts/{artifact}")).await.json()["url"].as_str().expect("a URL").to_owned();
    assert_eq!(server.get(url.trim_start_matches("http://127.0.0.1:8585")).await.status, 200);

    let token = json!({"name": "ci", "role": "viewer", "scopes": ["bolt:read"], "expires_at": "2027-01-01"});
    let token = checker.check("post", "/api/v1/tokens", &server.post("/api/v1/tokens", &token).await);
    assert!(token["secret"].as_str().expect("a secret").starts_with("prdm_wsp_"));
    let posts = [
        ("/api/v1/schedules/{slug}/retry", "/api/v1/schedules/orders/retry".to_owned(), json!({})),
        (
            "/api/v1/schedules/{slug}/suspend",
            "/api/v1/schedules/hourly/suspend".to_owned(),
            json!({"reason": "holidays"}),
        ),
        ("/api/v1/schedules/{slug}/resume", "/api/v1/schedules/hourly/resume".to_owned(), json!({})),
        (
            "/api/v1/schedules/{slug}/runs",
            "/api/v1/schedules/hourly/runs".to_owned(),
            json!({"commands": [{"command": "dbt run"}]}),
        ),
        (
            "/api/v1/schedules/{slug}/backfills",
            "/api/v1/schedules/hourly/backfills".to_owned(),
            json!({"from": "2026-11-27T00:00:00Z", "until": "2026-11-27T03:00:00Z"}),
        ),
        ("/api/v1/backfills/{backfill_id}/cancel", "/api/v1/backfills/1/cancel".to_owned(), json!({})),
    ];
    for (path, address, body) in posts {
        let answer = server.post(&address, &body).await;
        assert!(answer.status.is_success(), "{address}: {}", answer.text);
        checker.check("post", path, &answer);
    }
    let waiting = server.get("/api/v1/runs?state=queued").await.json()["items"].as_array().cloned().unwrap_or_default();
    assert!(!waiting.is_empty());
    for run in waiting {
        let path = format!("/api/v1/runs/{}/cancel", run["id"]);
        let canceled = server.post(&path, &json!({"reason": "not now"})).await;
        assert_eq!(checker.check("post", "/api/v1/runs/{run_id}/cancel", &canceled)["done"], "at_once");
    }
    let retried = server.post(&format!("/api/v1/runs/{failed}/retry"), &json!({"all": true})).await;
    checker.check("post", "/api/v1/runs/{run_id}/retry", &retried);
    let query = json!({"query": "{ __typename }", "variables": null});
    let graphql = server.post(&format!("/api/v1/{}/graphql", server.workspace), &query).await;
    checker.check("post", "/api/v1/{workspace}/graphql", &graphql);

    settings(&server, &mut checker).await;

    // Routes whose success other tests show: downloads, login, deletion, webhooks.
    let elsewhere = [
        ("get", "/api/v1/artifacts/{artifact_id}/content"),
        ("post", "/login"),
        ("post", "/logout"),
        ("post", "/settings/{part}"),
        ("delete", "/api/v1/schedules/{slug}"),
        ("delete", "/api/v1/tokens/{prefix}"),
        ("post", "/api/v1/webhooks/{provider}"),
    ];
    let all: BTreeSet<(String, String)> = checker.document["paths"]
        .as_object()
        .expect("paths")
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().expect("methods").keys().map(|method| (method.clone(), path.clone()))
        })
        .collect();
    let known: BTreeSet<_> =
        elsewhere.iter().map(|(method, path)| ((*method).to_owned(), (*path).to_owned())).collect();
    let unchecked: Vec<_> = all.difference(&checker.seen).filter(|route| !known.contains(*route)).collect();
    assert!(unchecked.is_empty(), "no answer of {unchecked:?} was checked");
}

/// Each is set, shown, tried and removed.
async fn settings(server: &Server, checker: &mut Checker) {
    let here = std::env::temp_dir().display().to_string();
    let connection = json!({"definition": {
        "region_name": "eu-west-1", "database": "awsdatacatalog", "schema": "shop", "s3_staging_dir": "s3://r/",
        "aws_access_key_id": "AKIAX", "aws_secret_access_key": "hush-hush",
    }});
    let environment = json!({"name": "CI", "definition": {
        "code": {"kind": "local", "path": here}, "connection": "lake", "target": "ci", "threads": 8, "engine": "dbt-core",
        "variables": {"A": "1"},
        "commit_status": {"host": "gitlab", "token": "STATUS_TOKEN", "repository": "acme/shop", "api": "https://git.example/api/v4"},
    }});
    let notifications =
        json!({"smtp": {"host": "127.0.0.1", "port": 1, "security": "none", "from": "owlet@example.com"}});
    let calls = [
        ("put", "/api/v1/connections/{slug}", "/api/v1/connections/lake", connection),
        ("get", "/api/v1/connections", "/api/v1/connections", Value::Null),
        ("get", "/api/v1/connections/{slug}", "/api/v1/connections/lake", Value::Null),
        ("post", "/api/v1/connections/{slug}/test", "/api/v1/connections/lake/test", json!({})),
        (
            "put",
            "/api/v1/variables",
            "/api/v1/variables",
            json!({"name": "STATUS_TOKEN", "value": "hush-hush", "secret": true}),
        ),
        ("put", "/api/v1/variables", "/api/v1/variables", json!({"name": "B", "value": "2", "schedule": "orders"})),
        ("get", "/api/v1/variables", "/api/v1/variables", Value::Null),
        ("put", "/api/v1/environments/{slug}", "/api/v1/environments/ci", environment),
        ("get", "/api/v1/environments/{slug}", "/api/v1/environments/ci", Value::Null),
        ("put", "/api/v1/settings/notifications", "/api/v1/settings/notifications", notifications),
        ("get", "/api/v1/settings/notifications", "/api/v1/settings/notifications", Value::Null),
        ("get", "/api/v1/settings/receivers", "/api/v1/settings/receivers", Value::Null),
        (
            "post",
            "/api/v1/settings/receivers/test",
            "/api/v1/settings/receivers/test",
            json!({"channel": "email", "target": "ada@example.com"}),
        ),
        (
            "put",
            "/api/v1/budgets",
            "/api/v1/budgets",
            json!({"scope": "connection:lake", "period": "day", "action": "stop", "dollars": 2.5}),
        ),
        ("get", "/api/v1/budgets", "/api/v1/budgets", Value::Null),
        ("put", "/api/v1/limits", "/api/v1/limits", json!({"key": "connection:lake", "max_active": 3})),
        ("get", "/api/v1/limits", "/api/v1/limits", Value::Null),
        ("get", "/settings", "/settings?environment=ci&connection=lake", Value::Null),
        ("delete", "/api/v1/environments/{slug}", "/api/v1/environments/ci", json!({})),
        ("delete", "/api/v1/connections/{slug}", "/api/v1/connections/lake", json!({})),
        ("delete", "/api/v1/variables", "/api/v1/variables?name=B&schedule=orders", json!({})),
        ("delete", "/api/v1/budgets", "/api/v1/budgets?scope=connection:lake&period=day&action=stop", json!({})),
        ("delete", "/api/v1/limits", "/api/v1/limits?key=connection:lake", json!({})),
    ];
    for (method, path, address, body) in calls {
        let answer = if method == "get" {
            server.get(address).await
        } else {
            server.ask(&method.to_uppercase(), address, &body).await
        };
        assert_eq!(answer.status, 200, "{method} {address}: {}", answer.text);
        assert!(!answer.text.contains("hush"), "{method} {address}: {}", answer.text);
        checker.check(method, path, &answer);
    }
}

async fn query(server: &Server, run_id: i64, command_id: i64) {
    let mut change = server.scheduler.database().write().await.expect("a change");
    store::sqlx::query(
        "INSERT INTO query_execution (run_id, query_execution_id, command_id, node, work_group, region, state, started_at, \
         data_scanned_in_bytes, queue_ms, engine_ms, micro_dollars) \
         VALUES ($1, 'q1', $2, 'model.shop.orders', 'primary', 'eu-west-1', 'SUCCEEDED', $3, 1000, 5, 40, 7)",
    )
    .bind(run_id)
    .bind(command_id)
    .bind(server.now())
    .execute(&mut *change)
    .await
    .expect("a query");
    change.commit().await.expect("committed");
}

#[tokio::test]
async fn lists_go_from_page_to_page_without_gaps_or_doubles() {
    let server = Server::new().await;
    server.deploy(&["a", "b", "c"]).await;
    for _ in 0..3 {
        server.ended("a", Outcome::success()).await;
        server.ended("b", Outcome::failed(ErrorClass::Command, "no")).await;
    }
    for (path, total) in [
        ("/api/v1/schedules?limit=2", 3),
        ("/api/v1/runs?limit=2", 6),
        ("/api/v1/runs?limit=1&schedule=b", 3),
        ("/api/v1/runs?limit=2&state=SUCCESS,FAILED", 6),
        ("/api/v1/runs?limit=2&since=2026-11-28T00:00:00Z&until=2026-11-29", 6),
        ("/api/v1/runs?limit=2&since=2026-11-29", 0),
        ("/api/v1/audit?limit=2&source=run", 0),
    ] {
        let mut seen = Vec::new();
        let mut next = String::new();
        loop {
            let page = server.get(&format!("{path}&after={next}")).await.json();
            seen.extend(
                page["items"]
                    .as_array()
                    .unwrap_or_else(|| panic!("{page}"))
                    .iter()
                    .map(|item| item["id"].as_i64().expect("an id")),
            );
            match page["next"].as_str() {
                Some(cursor) => cursor.clone_into(&mut next),
                None => break,
            }
        }
        let unique: BTreeSet<i64> = seen.iter().copied().collect();
        assert_eq!(seen.len(), unique.len(), "{path}: {seen:?}");
        if !path.contains("audit") {
            assert_eq!(seen.len(), total, "{path}: {seen:?}");
        }
        if path.contains("runs") {
            assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "{path}: newest first: {seen:?}");
        }
    }
}

#[tokio::test]
async fn a_page_of_a_long_log_is_short() {
    let server = Server::new().await;
    server.deploy(&["orders"]).await;
    let run = server.queued("orders").await;
    let line = format!("{}\n", "x".repeat(60_000));
    let command = server.command(run, 0, "command", "dbt build", "SUCCESS", &line.repeat(50)).await;
    let (mut next, mut pages) = ("-1".to_owned(), Vec::new());
    loop {
        let page = server.get(&format!("/api/v1/commands/{command}/logs?limit=1000&after={next}")).await.json();
        pages.push(page["chunks"].as_array().expect("chunks").len());
        next = page["next"].as_str().expect("a cursor").to_owned();
        if page["finished"] == true {
            break;
        }
    }
    assert_eq!(pages, [32, 18], "chunks of 60 kB");
}

#[tokio::test]
async fn what_is_no_id_is_answered_as_all_mistakes_are() {
    let server = Server::new().await;
    for path in ["/api/v1/runs/abc", "/api/v1/commands/-/logs", "/api/v1/artifacts/99999999999999999999"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, 404, "{}", answer.text);
        assert_eq!(answer.json()["error"], format!("there is nothing at {path}"));
    }
}

#[tokio::test]
async fn mistakes_in_requests_say_what_to_do() {
    let server = Server::new().await;
    for (path, error) in [
        ("/api/v1/runs?limit=0", "limit is 0"),
        ("/api/v1/runs?state=done", "'DONE' is no state of a run"),
        ("/api/v1/runs?since=yesterday", "since is 'yesterday', which is no time"),
        ("/api/v1/runs?after=x", "after is 'x', which is no place in this list"),
        ("/api/v1/runs?color=red", "a parameter cannot be read"),
        ("/api/v1/runs/7", "there is no run '7'"),
        ("/api/v1/nothing", "there is nothing at /api/v1/nothing"),
    ] {
        let answer = server.get(path).await;
        assert!(answer.status.is_client_error(), "{path}");
        assert_eq!(answer.json()["error"], error, "{path}");
        assert!(answer.json()["fix"].is_string(), "{path}");
    }
    let unknown = server.post("/api/v1/schedules/x/runs", &json!({"colour": 1})).await;
    assert_eq!(unknown.json()["error"], "the body cannot be read");
    let page = server.get("/bolt/run_id/7").await;
    assert_eq!(page.status, 404);
    assert!(page.text.contains("there is no run &#39;7&#39;"), "{}", page.text);
}

#[tokio::test]
async fn pages_escape_what_commands_print() {
    let server = Server::new().await;
    server.deploy(&["orders"]).await;
    let run_id = server.queued("orders").await;
    server.command(run_id, 0, "command", "echo '<b>'", "FAILED", "<script>alert(1)</script>\n").await;
    let page = server.get(&format!("/bolt/run_id/{run_id}")).await;
    assert!(page.text.contains("&lt;script&gt;alert(1)") && !page.text.contains("<script"), "{}", page.text);
    assert!(page.text.contains("http-equiv=\"refresh\""), "a live run loads itself again");
    assert!(page.headers["content-security-policy"].to_str().expect("text").starts_with("default-src 'none'"));
}

#[tokio::test]
async fn what_comes_from_files_is_not_deleted_here() {
    let server = Server::new().await;
    server.deploy(&["orders"]).await;
    let delete = |path: &str| {
        let request = axum::http::Request::delete(path).header("host", "127.0.0.1:8585");
        request.body(axum::body::Body::empty()).expect("a request")
    };
    assert_eq!(server.send(delete("/api/v1/schedules/orders")).await.status, 409);
    let mut checker = Checker::new();
    let (_, _secret) = server.token("old", web::Role::Viewer, web::TokenKind::Workspace).await;
    let revoked = server.send(delete("/api/v1/tokens/old")).await;
    checker.check("delete", "/api/v1/tokens/{prefix}", &revoked);
    assert_eq!(revoked.status, 200);
}

#[tokio::test]
async fn a_server_whose_database_takes_no_changes_is_not_ready() {
    let server = Server::new().await;
    server.scheduler.beat().await.expect("a sign of life");
    server.clock.pass(std::time::Duration::from_secs(30));
    assert_eq!(server.get("/readyz").await.status, 200);
    server.clock.pass(std::time::Duration::from_secs(5));
    let answer = server.get("/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["error"], "the database has taken no change of this server for 35 seconds");
    assert_eq!(server.get("/healthz").await.status, 200, "it lives");
    server.scheduler.beat().await.expect("a sign of life");
    assert_eq!(server.get("/readyz").await.status, 200);
}
