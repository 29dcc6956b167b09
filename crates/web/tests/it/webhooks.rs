//! Deliveries of code hosts.

use axum::{body::Body, http::Request};
use hmac::{Hmac, Mac};
use schedules::{Deferral, DeferralTarget, Schedule, ScheduleCommand};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::server::{Answer, Server};

fn signature(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(body.as_bytes());
    format!("sha256={}", mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

async fn server() -> Server {
    let server = Server::new().await;
    let mut ship = Schedule::new("ship", "Ship", "production", vec![ScheduleCommand::new("dbt build")]);
    ship.trigger_on_merge = true;
    ship.git_branch = Some("main".to_owned());
    let mut check = Schedule::new("check", "Check", "production", vec![ScheduleCommand::new("dbt build")]);
    check.turbo_ci = Some(Deferral {
        enabled: true,
        target: DeferralTarget::Schedule("ship".to_owned()),
        successful_runs_only: true,
    });
    server.deploy_schedules(vec![ship, check]).await;
    server
}

async fn github(server: &Server, event: &str, delivery: &str, secret: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let request = Request::post("/api/v1/webhooks/github")
        .header("host", "owlet.example.com")
        .header("x-github-event", event)
        .header("x-github-delivery", delivery)
        .header("x-hub-signature-256", signature(secret, &body));
    server.send(request.body(Body::from(body)).expect("a request")).await
}

fn push(branch: &str) -> Value {
    json!({"ref": format!("refs/heads/{branch}"), "after": "c0ffee", "deleted": false,
           "repository": {"full_name": "shop/dbt"}, "pusher": {"name": "ada"}})
}

#[tokio::test]
async fn a_merge_starts_its_schedules_once() {
    let server = server().await;
    let first = github(&server, "push", "d1", "hook", &push("main")).await;
    assert_eq!(first.status, 200, "{}", first.text);
    let runs = first.json()["run_ids"].clone();
    assert_eq!(runs.as_array().map(Vec::len), Some(1));
    let again = github(&server, "push", "d1", "hook", &push("main")).await.json();
    assert_eq!(again["run_ids"], runs, "delivered again");
    let other = github(&server, "push", "d2", "hook", &push("feature")).await.json();
    assert_eq!((&other["run_ids"], &other["ignored"]), (&json!([]), &json!("no schedule waits for this")));
    let run = server.get(&format!("/api/v1/runs/{}", runs[0])).await.json()["run"].clone();
    assert_eq!(
        (&run["cause"], &run["schedule"], &run["actor"]),
        (&json!("merge"), &json!("ship"), &json!("github:ada"))
    );
}

#[tokio::test]
async fn only_signed_deliveries_are_believed() {
    let server = server().await;
    let wrong = github(&server, "push", "d1", "guess", &push("main")).await;
    assert_eq!(wrong.status, 401);
    let unsigned = Request::post("/api/v1/webhooks/github")
        .header("x-github-event", "push")
        .body(Body::from("{}"))
        .expect("a request");
    assert_eq!(
        server.send(unsigned).await.json()["error"],
        "the delivery is not signed: it has no header x-hub-signature-256"
    );
    let gitlab = |token: &str| {
        let body = json!({"ref": "refs/heads/main", "after": "c0ffee", "project": {"path_with_namespace": "shop/dbt"}});
        Request::post("/api/v1/webhooks/gitlab")
            .header("x-gitlab-event", "Push Hook")
            .header("x-gitlab-token", token)
            .header("x-gitlab-event-uuid", "u1")
            .body(Body::from(body.to_string()))
            .expect("a request")
    };
    assert_eq!(server.send(gitlab("guess")).await.status, 401);
    assert_eq!(server.send(gitlab("hook")).await.json()["run_ids"].as_array().map(Vec::len), Some(1));
    assert_eq!(server.get("/api/v1/runs").await.json()["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn service_hooks_of_azure_devops_show_the_secret_as_password() {
    let server = server().await;
    let deliver = async |authorization: Option<&str>, body: &Value| {
        let mut request = Request::post("/api/v1/webhooks/azure-devops").header("host", "owlet.example.com");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        server.send(request.body(Body::from(body.to_string())).expect("a request")).await
    };
    let push = json!({"id": "e1", "eventType": "git.push", "resource": {
        "refUpdates": [{"name": "refs/heads/main", "oldObjectId": "aaa", "newObjectId": "c0ffee"}],
        "repository": {"remoteUrl": "https://dev.azure.com/acme/Shop/_git/dbt"}, "pushedBy": {"uniqueName": "ada@acme.example"}}});
    // owlet:guess, owlet:hook, hook
    for wrong in [None, Some("Basic b3dsZXQ6Z3Vlc3M="), Some("Bearer hook"), Some("Basic aG9vaw=="), Some("Basic ?")] {
        let answer = deliver(wrong, &push).await;
        assert_eq!(answer.status, 401, "{wrong:?}: {}", answer.text);
    }
    let unsigned = deliver(None, &push).await.json();
    assert!(unsigned["fix"].as_str().expect("a fix").contains("basic authentication"), "{unsigned}");
    let known = Some("Basic b3dsZXQ6aG9vaw==");
    let first = deliver(known, &push).await.json();
    assert_eq!(first["run_ids"].as_array().map(Vec::len), Some(1), "{first}");
    assert_eq!(deliver(known, &push).await.json()["run_ids"], first["run_ids"], "delivered again");
    let pull_request = |id: &str, event: &str, status: &str| {
        json!({"id": id, "eventType": event, "resource": {
            "repository": {"remoteUrl": "https://dev.azure.com/acme/Shop/_git/dbt"}, "pullRequestId": 7, "status": status,
            "sourceRefName": "refs/heads/feature", "targetRefName": "refs/heads/main",
            "lastMergeSourceCommit": {"commitId": "53d54ac9"}, "createdBy": {"uniqueName": "ada@acme.example"}}})
    };
    let opened = deliver(known, &pull_request("e2", "git.pullrequest.created", "active")).await.json();
    let run = server.get(&format!("/api/v1/runs/{}", opened["run_ids"][0])).await.json()["run"].clone();
    assert_eq!(
        (&run["pull_request"], &run["schedule"], &run["actor"]),
        (&json!("7"), &json!("check"), &json!("azure-devops:ada@acme.example"))
    );
    let voted = deliver(known, &pull_request("e3", "git.pullrequest.updated", "active")).await.json();
    assert_eq!(voted["run_ids"], opened["run_ids"], "a vote builds nothing");
    let completed = deliver(known, &pull_request("e4", "git.pullrequest.updated", "completed")).await.json();
    assert!(completed["ignored"].as_str().expect("why").contains("will be dropped"), "{completed}");
}

#[tokio::test]
async fn a_pull_request_starts_turbo_ci() {
    let server = server().await;
    let event = |action: &str, commit: &str| {
        json!({"action": action, "repository": {"full_name": "shop/dbt"}, "pull_request": {
            "number": 42, "head": {"ref": "feature", "sha": commit}, "base": {"ref": "main"}, "user": {"login": "ada"}, "merged": false,
            "html_url": "https://github.com/shop/dbt/pull/42"}})
    };
    let opened = github(&server, "pull_request", "p1", "hook", &event("opened", "aaa")).await.json();
    let run = server.get(&format!("/api/v1/runs/{}", opened["run_ids"][0])).await.json()["run"].clone();
    assert_eq!(
        (&run["cause"], &run["schedule"], &run["pull_request"]),
        (&json!("pull_request"), &json!("check"), &json!("42"))
    );
    let closed = github(&server, "pull_request", "p2", "hook", &event("closed", "aaa")).await.json();
    assert_eq!(closed["run_ids"], json!([]));
    let labeled = github(&server, "pull_request", "p3", "hook", &event("labeled", "aaa")).await.json();
    assert_eq!(labeled["ignored"], "nothing starts on a pull request that was labeled");
    let bitbucket = json!({"repository": {"full_name": "shop/dbt"}, "actor": {"nickname": "ada"}, "push": {"changes": [
        {"new": {"type": "branch", "name": "main", "target": {"hash": "c0ffee"}}}, {"new": null}]}})
    .to_string();
    let request = Request::post("/api/v1/webhooks/bitbucket")
        .header("x-event-key", "repo:push")
        .header("x-request-uuid", "b1")
        .header("x-hub-signature", signature("hook", &bitbucket))
        .body(Body::from(bitbucket))
        .expect("a request");
    assert_eq!(server.send(request).await.json()["run_ids"].as_array().map(Vec::len), Some(1));
}
