//! Settings by API and by page: who may, what is refused and how it is said, what is written down, and what never comes back.

use axum::{body::Body, http::Request};
use serde_json::{Value, json};
use web::{Role, TokenKind};

use crate::server::{Answer, Server};

async fn as_role(server: &Server, role: Role, method: &str, path: &str, body: &Value) -> Answer {
    let (_, secret) = server.token(&format!("{role:?}"), role, TokenKind::Workspace).await;
    let request = Request::builder().method(method).uri(path).header("host", "owlet.example.com");
    let request =
        request.header("authorization", format!("Bearer {secret}")).header("content-type", "application/json");
    server.send(request.body(Body::from(body.to_string())).expect("a request")).await
}

#[tokio::test]
async fn admins_change_developers_look_and_viewers_do_neither() {
    let server = Server::with_login().await;
    let limit = json!({"key": "workspace", "max_active": 3});
    for (role, look, change) in [(Role::Viewer, 403, 403), (Role::Developer, 200, 403), (Role::Admin, 200, 200)] {
        let looked = as_role(&server, role, "GET", "/api/v1/limits", &json!({})).await;
        assert_eq!(looked.status, look, "{role:?}: {}", looked.text);
        let changed = as_role(&server, role, "PUT", "/api/v1/limits", &limit).await;
        assert_eq!(changed.status, change, "{role:?}: {}", changed.text);
        let page = as_role(&server, role, "GET", "/settings", &json!({})).await;
        assert_eq!(page.status, look, "{role:?}");
        assert_eq!(page.text.contains("<form"), change == 200, "{role:?}: {}", page.text);
        let form = as_role(&server, role, "POST", "/settings/limits", &json!({})).await;
        assert_eq!(form.status == 403, change == 403, "{role:?}: {}", form.text);
    }
    let refused = as_role(&server, Role::Developer, "POST", "/settings/limits", &json!({})).await;
    assert!(refused.text.contains("settings:write") && refused.text.starts_with("<!doctype"), "{}", refused.text);
}

#[tokio::test]
async fn a_test_message_arrives_and_the_answer_says_how() {
    let server = Server::new().await;
    let (sender, mut taken) = tokio::sync::mpsc::channel::<String>(1);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let take = move |body: String| {
        let sender = sender.clone();
        async move { sender.send(body).await.expect("the test waits for it") }
    };
    let receiver = axum::Router::new().route("/hook", axum::routing::post(take));
    tokio::spawn(async move { axum::serve(listener, receiver).await });
    let answer =
        server.ask("POST", "/api/v1/settings/receivers/test", &json!({"channel": "webhook", "target": url})).await;
    let answer = answer.json();
    assert_eq!(answer["ok"], true, "{answer}");
    assert_eq!(answer["checks"][0]["found"], "a webhook, not signed");
    assert_eq!(answer["checks"][1]["found"], format!("{url} took it"));
    let body: Value = serde_json::from_str(&taken.recv().await.expect("a message")).expect("JSON");
    assert_eq!(body["headline"], "This is a test: messages of Owlet arrive here");
}

#[tokio::test]
async fn all_that_is_wrong_is_said_at_once_and_nothing_is_changed() {
    let server = Server::new().await;
    let wrong = json!({"definition": {
        "code": {"kind": "git", "url": "https://ada:hush-hush@git.example/shop.git", "credential": "DEPLOY_KEY"},
        "connection": "lake", "target": "a b", "schema": "Shop", "threads": 0, "project_dir": "../x",
        "variables": {"PARADIME_X": "1"},
    }});
    let answer = server.ask("PUT", "/api/v1/environments/Pro-d", &wrong).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert!(!answer.text.contains("hush"), "{}", answer.text);
    let problems: Vec<String> = answer.json()["problems"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|problem| problem["error"].as_str().expect("text").to_owned())
        .collect();
    assert_eq!(problems.len(), 9, "{problems:#?}");
    assert_eq!(server.get("/api/v1/environments").await.json()["items"].as_array().map(Vec::len), Some(1));
    let unknown = server
        .ask(
            "PUT",
            "/api/v1/environments/x",
            &json!({"definition": {"code": {"kind": "local", "path": "/"}, "conection": "x"}}),
        )
        .await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.text.contains("conection"), "{}", unknown.text);
    for (path, body, says) in [
        (
            "/api/v1/budgets",
            json!({"scope": "connection:lak", "period": "day", "action": "stop", "dollars": 1}),
            "no connection 'lak'",
        ),
        (
            "/api/v1/budgets",
            json!({"scope": "workspace", "period": "week", "action": "stop", "dollars": 1}),
            "no period",
        ),
        ("/api/v1/limits", json!({"key": "workgroup:primary", "max_active": 1}), "nothing that runs are counted under"),
        ("/api/v1/variables", json!({"name": "OWLET_X", "value": "1"}), "OWLET_X"),
        ("/api/v1/settings/notifications", json!({"system": {"slack_channels": ["#lake"]}}), "how to reach #lake"),
    ] {
        let answer = server.ask("PUT", path, &body).await;
        assert!(answer.status.is_client_error() && answer.text.contains(says), "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_secret_that_is_sent_back_as_it_is_shown_stays() {
    let server = Server::new().await;
    let mut definition = json!({
        "region_name": "eu-west-1", "schema": "shop", "database": "awsdatacatalog", "s3_staging_dir": "s3://r/",
        "aws_access_key_id": "AKIAX", "aws_secret_access_key": {"secret": true},
    });
    let path = "/api/v1/connections/lake";
    let first = server.ask("PUT", path, &json!({"definition": definition})).await;
    assert!(first.status == 400 && first.text.contains("has no value"), "{}", first.text);
    definition["aws_secret_access_key"] = "hush-hush".into();
    assert_eq!(server.ask("PUT", path, &json!({"definition": definition})).await.status, 200);
    let shown = server.get(path).await.json();
    assert_eq!(shown["definition"]["aws_secret_access_key"], json!({"secret": true}));
    let mut again = shown["definition"].clone();
    again["schema"] = "shop_two".into();
    let changed = server.ask("PUT", path, &json!({"name": "Lake", "definition": again})).await.json();
    assert_eq!((&changed["definition"]["schema"], &changed["name"]), (&json!("shop_two"), &json!("Lake")));
    assert_eq!(changed["definition"]["aws_secret_access_key"], json!({"secret": true}));
    let word = json!({"name": "WORD", "value": "shop", "secret": true});
    assert_eq!(server.ask("PUT", "/api/v1/variables", &word).await.status, 200);
    let listed = server.get("/api/v1/variables").await.json();
    let told = &listed["items"][0]["warnings"][0]["error"];
    assert_eq!(told, "The schema of the connection 'lake' has the secret value of WORD in it", "{listed}");
    let page = server.get("/settings").await.text;
    assert!(page.contains("has the secret value of WORD in it"), "{page}");
    let tested = server.post("/api/v1/connections/lake/test", &json!({})).await.json();
    assert_eq!((&tested["ok"], &tested["checks"][0]["status"]), (&json!(false), &json!("failed")));

    let audit = server.get("/api/v1/audit?limit=50").await.text;
    assert!(audit.contains("connection.set") && !audit.contains("hush"), "{audit}");
}

#[tokio::test]
async fn the_page_keeps_what_was_typed_and_says_what_is_wrong_beside_it() {
    let server = Server::new().await;
    let fields = [("do", "save"), ("slug", "lake"), ("field.region_name", "eu-west-1"), ("field.threads", "many")];
    let secret = [&fields[..], &[("field.aws_secret_access_key", "hush-hush")]].concat();
    let refused = server.form("/settings/connections", &secret).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    let part = refused.text.split("<section").find(|part| part.contains("id=\"connections\"")).expect("the part");
    assert!(part.contains("role=\"alert\"") && part.contains("<details class=\"edit\" open>"), "{part}");
    assert!(part.contains("value=\"many\"") && part.contains("&#39;schema&#39;"), "{part}");
    assert!(!refused.text.contains("hush"), "{}", refused.text);

    let here = std::env::temp_dir().display().to_string();
    let good = [
        ("do", "save"),
        ("slug", "lake"),
        ("field.lakehouse", "embedded"),
        ("field.schema", "shop"),
        ("field.database", ""),
    ];
    let done = server.form("/settings/connections", &good).await;
    assert_eq!(done.status, 303, "{}", done.text);
    assert_eq!(done.headers["location"], "/settings#connections");
    let environment = [
        ("do", "save"),
        ("slug", "ci"),
        ("path", here.as_str()),
        ("connection", "lake"),
        ("target", "ci"),
        ("threads", "4"),
        ("variables", "A=1\r\nB = 2"),
        ("engine", "owlet"),
        ("is_default", "yes"),
    ];
    assert_eq!(server.form("/settings/environments", &environment).await.status, 303);
    let ci = server.get("/api/v1/environments/ci").await.json();
    assert_eq!(ci["definition"]["variables"], json!({"A": "1", "B": "2"}));
    assert_eq!((&ci["is_default"], &ci["definition"]["threads"]), (&json!(true), &json!(4)));
    let page = server.get("/settings?environment=ci").await.text;
    assert!(page.contains("Change ci") && page.contains("value=\"4\""), "{page}");
    let tested = server.form("/settings/connections", &[("do", "test"), ("slug", "lake")]).await;
    assert!(tested.status == 200 && tested.text.contains("security token"), "{}", tested.text);

    for (part, fields) in [
        ("variables", vec![("name", "KEY"), ("value", "hush-hush"), ("secret", "yes"), ("scope", "workspace")]),
        ("notifications", vec![("kind", "slack"), ("name", "#lake"), ("url", "https://hooks.slack.com/hush-hush")]),
        (
            "notifications",
            vec![
                ("kind", "smtp"),
                ("host", "mail.example"),
                ("user", "u"),
                ("password", "hush-hush"),
                ("from", "o@example.com"),
            ],
        ),
        (
            "notifications",
            vec![
                ("kind", "webhook"),
                ("name", "pager"),
                ("url", "https://pager.example/hush-hush"),
                ("events", "failed, sla"),
            ],
        ),
        (
            "notifications",
            vec![
                ("kind", "pagerduty"),
                ("name", "oncall"),
                ("routing_key", "hush-hush-key"),
                ("region", "eu"),
                ("events", "failed"),
            ],
        ),
        // A known one is changed, and keeps its key.
        ("notifications", vec![("kind", "pagerduty"), ("name", "oncall"), ("region", "us"), ("events", "failed, sla")]),
        (
            "notifications",
            vec![("kind", "incident_io"), ("name", "lake"), ("source", "01J"), ("token", "hush-hush-token")],
        ),
        (
            "notifications",
            vec![("kind", "datadog"), ("name", "acme"), ("api_key", "hush-hush-key"), ("site", "datadoghq.eu")],
        ),
        (
            "notifications",
            vec![("kind", "new_relic"), ("name", "prod"), ("license_key", "hush-hush-key"), ("account", "7")],
        ),
        (
            "notifications",
            vec![
                ("kind", "openlineage"),
                ("url", "https://lineage.example"),
                ("api_key", "hush-hush-key"),
                ("namespace", "acme"),
            ],
        ),
        // Its key stays.
        (
            "notifications",
            vec![
                ("kind", "openlineage"),
                ("url", "https://lineage.example"),
                ("api_key", ""),
                ("endpoint", "x/lineage"),
                ("namespace", "acme"),
            ],
        ),
        ("notifications", vec![("kind", "system"), ("slack_channels", "#lake"), ("emails", "ops@example.com")]),
        ("budgets", vec![("scope", "workspace"), ("dollars", "$2.50"), ("period", "month"), ("action", "stop")]),
        ("limits", vec![("key", "connection:lake"), ("max_active", "2")]),
    ] {
        let all = [vec![("do", "save")], fields].concat();
        let done = server.form(&format!("/settings/{part}"), &all).await;
        assert_eq!(done.status, 303, "{part}: {}", done.text);
    }
    let page = server.get("/settings").await.text;
    for shown in [
        "KEY",
        "Slack: #lake",
        "mail.example",
        "pager, not signed, told of failed, sla",
        "PagerDuty: oncall, told of failed, sla",
        "incident.io: lake, told of schedules that name it",
        "Datadog: acme",
        "New Relic: prod",
        "OpenLineage: https://lineage.example, jobs of acme",
        "value=\"x/lineage\"",
        "ops@example.com",
        "2.5",
        "connection:lake",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(!page.contains("hush"), "{page}");
    let wrong =
        [("do", "save"), ("kind", "new_relic"), ("name", "x"), ("license_key", "hush-hush-key"), ("account", "seven")];
    let refused = server.form("/settings/notifications", &wrong).await;
    assert!(refused.status == 422 && refused.text.contains("seven"), "{}", refused.text);
    let removed =
        server.form("/settings/notifications", &[("do", "remove"), ("kind", "datadog"), ("name", "acme")]).await;
    assert_eq!(removed.status, 303, "{}", removed.text);
    let kept = server.get("/api/v1/settings/notifications").await.json();
    let lineage = json!({
        "url": "https://lineage.example", "endpoint": "x/lineage", "api_key": {"secret": true}, "namespace": "acme",
    });
    assert_eq!(kept["openlineage"], lineage);
    let openlineage = |fields: &[(&'static str, &'static str)]| {
        let all = [&[("do", "save"), ("kind", "openlineage")], fields].concat();
        let server = &server;
        async move { server.form("/settings/notifications", &all).await }
    };
    let refused = openlineage(&[("url", "lineage.example:5000"), ("namespace", "typed")]).await;
    assert!(refused.status == 422 && refused.text.contains("is no address (openlineage)"), "{}", refused.text);
    assert!(refused.text.contains("value=\"typed\""), "{}", refused.text);
    assert_eq!(openlineage(&[("url", "")]).await.status, 422);
    assert_eq!(openlineage(&[("url", "https://lineage.example"), ("no_api_key", "yes")]).await.status, 303);
    let without = server.get("/api/v1/settings/notifications").await.json();
    assert_eq!(without["openlineage"], json!({"url": "https://lineage.example"}));
    let removed = server.form("/settings/notifications", &[("do", "remove"), ("kind", "openlineage")]).await;
    assert_eq!(removed.status, 303, "{}", removed.text);
    assert!(server.get("/api/v1/settings/notifications").await.json().get("openlineage").is_none());
    assert_eq!(kept["pagerduty"]["oncall"]["routing_key"], json!({"secret": true}));
    assert!(kept.get("datadog").is_none(), "{kept}");
    // What others need stays.
    let used = server.form("/settings/notifications", &[("do", "remove"), ("kind", "slack"), ("name", "#lake")]).await;
    assert!(used.status == 422 && used.text.contains("how to reach #lake"), "{}", used.text);
    let used = server.form("/settings/connections", &[("do", "remove"), ("slug", "lake")]).await;
    assert!(used.status == 422 && used.text.contains("in use"), "{}", used.text);
    let audit = server.get("/api/v1/audit?limit=100").await;
    for event in ["connection.set", "environment.set", "variable.set", "notifications.set", "budget.set", "limit.set"] {
        assert!(audit.text.contains(event), "{event}: {}", audit.text);
    }
    assert!(!audit.text.contains("hush"));
}
