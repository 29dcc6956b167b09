//! Who may ask.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, StatusCode, request::Builder},
};
use web::{NewToken, Role, Scope, TokenKind};

use crate::server::{Answer, Server};

async fn ask(server: &Server, request: Builder) -> Answer {
    server.send(request.body(Body::empty()).expect("a request")).await
}

fn schedules() -> Builder {
    Request::get("/api/v1/schedules").header("host", "owlet.example.com")
}

#[tokio::test]
async fn loopback_needs_no_login_unless_it_comes_from_elsewhere() {
    let server = Server::new().await;
    assert_eq!(server.get("/api/v1/schedules").await.status, StatusCode::OK);
    assert_eq!(ask(&server, schedules()).await.status, StatusCode::UNAUTHORIZED, "another name that points here");
    let proxied =
        Request::get("/api/v1/schedules").header("host", "localhost:8585").header("x-forwarded-for", "10.0.0.1");
    assert_eq!(ask(&server, proxied).await.status, StatusCode::UNAUTHORIZED, "through a proxy");
    let other_site = Request::post("/api/v1/runs/1/cancel")
        .header("host", "127.0.0.1:8585")
        .header("origin", "https://evil.example");
    assert_eq!(ask(&server, other_site).await.status, StatusCode::FORBIDDEN, "a page of another site");
}

#[tokio::test]
async fn all_three_spellings_of_a_token_work() {
    let server = Server::with_login().await;
    let (_, workspace) = server.token("ci", Role::Viewer, TokenKind::Workspace).await;
    let (key, secret) = server.token("airflow", Role::Viewer, TokenKind::Pair).await;
    let (_, company) = server.token("all", Role::Viewer, TokenKind::Company).await;
    let key = key.expect("a key");
    let bearer = |token: &str| schedules().header("authorization", format!("Bearer {token}"));
    assert_eq!(ask(&server, schedules()).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(&server, bearer(&workspace)).await.status, StatusCode::OK);
    assert_eq!(
        ask(&server, schedules().header("x-api-key", &key).header("x-api-secret", &secret)).await.status,
        StatusCode::OK
    );
    assert_eq!(
        ask(&server, schedules().header("x-api-key", "any").header("x-api-secret", &workspace)).await.status,
        StatusCode::OK
    );
    assert_eq!(ask(&server, bearer(&company)).await.status, StatusCode::FORBIDDEN, "without its workspace");
    let with = |uid: &str| bearer(&company).header("x-paradime-workspace", uid.to_owned());
    assert_eq!(ask(&server, with(&server.workspace)).await.status, StatusCode::OK);
    assert_eq!(ask(&server, with("other")).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_token_ends_when_it_is_revoked_or_expires() {
    let server = Server::with_login().await;
    let new = NewToken {
        name: "short".to_owned(),
        role: Role::Viewer,
        scopes: None,
        email: None,
        expires_at: Some(server.now() + 60_000_000),
        kind: TokenKind::Workspace,
    };
    let short = server.tokens().create(&new, "test", server.now()).await.expect("a token").secret;
    let (_, long) = server.token("long", Role::Viewer, TokenKind::Workspace).await;
    let bearer = |token: &str| schedules().header("authorization", format!("Bearer {token}"));
    assert_eq!(ask(&server, bearer(&short)).await.status, StatusCode::OK);
    server.clock.pass(Duration::from_secs(61));
    assert_eq!(ask(&server, bearer(&short)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(&server, bearer(&long)).await.status, StatusCode::OK);
    let used = server.tokens().list().await.expect("tokens");
    assert_eq!(used[1].last_used_at, Some(server.now()));
    server.tokens().revoke("long", "test", server.now()).await.expect("revoked");
    assert_eq!(ask(&server, bearer(&long)).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn no_secret_is_kept() {
    let server = Server::new().await;
    let (_, secret) = server.token("ci", Role::Admin, TokenKind::Workspace).await;
    let random = secret.rsplit('_').next().expect("a part");
    let answers = [server.get("/api/v1/tokens").await.text, server.get("/api/v1/audit").await.text];
    assert!(answers.iter().all(|answer| answer.contains("ci") && !answer.contains(random)), "{answers:?}");
    let kept: String = store::sqlx::query_scalar("SELECT hash FROM token")
        .fetch_one(server.scheduler.database().readers())
        .await
        .expect("a row");
    assert!(kept.len() == 64 && !kept.contains(random));
}

#[tokio::test]
async fn roles_and_scopes_bound_what_a_token_may_do() {
    let server = Server::with_login().await;
    server.deploy(&["orders"]).await;
    let (_, viewer) = server.token("viewer", Role::Viewer, TokenKind::Workspace).await;
    let cancel = Request::post("/api/v1/runs/1/cancel").header("authorization", format!("Bearer {viewer}"));
    let refused = ask(&server, cancel).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(refused.json()["error"], "the token lacks the scope bolt:write");
    // The same over GraphQL, where the status says it as well.
    let mutation = r#"{"query":"mutation { triggerBoltRun(slug: \"orders\") { runId } }"}"#;
    let trigger = Request::post(format!("/api/v1/{}/graphql", server.workspace))
        .header("authorization", format!("Bearer {viewer}"))
        .header("content-type", "application/json")
        .body(Body::from(mutation))
        .expect("a request");
    assert_eq!(server.send(trigger).await.status, StatusCode::FORBIDDEN);
    let beyond = NewToken {
        name: "beyond".to_owned(),
        role: Role::Viewer,
        scopes: Some(vec![Scope::BoltWrite]),
        email: None,
        expires_at: None,
        kind: TokenKind::Workspace,
    };
    let error = server.tokens().create(&beyond, "test", server.now()).await.expect_err("more than its role");
    assert_eq!(error.to_string(), "the scope bolt:write is more than the role 'viewer' includes");
}

#[tokio::test]
async fn guessing_has_to_wait_and_is_written_down_once() {
    let server = Server::with_login().await;
    let (_, right) = server.token("ci", Role::Viewer, TokenKind::Workspace).await;
    let wrong = || schedules().header("authorization", "Bearer prdm_wsp_0123456789ab_guess");
    for _ in 0..10 {
        assert_eq!(ask(&server, wrong()).await.status, StatusCode::UNAUTHORIZED);
    }
    let limited = ask(&server, wrong()).await;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(limited.headers.contains_key("retry-after"));
    let others = schedules().header("authorization", format!("Bearer {right}"));
    assert_eq!(ask(&server, others).await.status, StatusCode::OK, "a right token of the same address");
    server.clock.pass(Duration::from_secs(61));
    assert_eq!(ask(&server, wrong()).await.status, StatusCode::UNAUTHORIZED);
    let rows: i64 = store::sqlx::query_scalar("SELECT count(*) FROM audit WHERE event_type = 'login.failed'")
        .fetch_one(server.scheduler.database().readers())
        .await
        .expect("a count");
    assert_eq!(rows, 2, "one per minute");
}

#[tokio::test]
async fn people_log_in_with_a_token_and_a_cookie() {
    let server = Server::with_login().await;
    let (_, secret) = server.token("ada", Role::Viewer, TokenKind::Workspace).await;
    let page = ask(&server, Request::get("/bolt/run_id/7").header("host", "owlet.example.com")).await;
    assert_eq!(
        (page.status, &page.headers["location"]),
        (StatusCode::SEE_OTHER, &"/login?then=/bolt/run_id/7".parse().expect("a value"))
    );
    let login = |token: &str| {
        Request::post("/login").body(Body::from(format!("token={token}&then=//evil.example"))).expect("a request")
    };
    assert_eq!(server.send(login("prdm_wsp_0123456789ab_no")).await.status, StatusCode::UNAUTHORIZED);
    let done = server.send(login(&secret)).await;
    assert_eq!(
        (done.status, &done.headers["location"]),
        (StatusCode::SEE_OTHER, &"/".parse().expect("a value")),
        "only to paths of ours"
    );
    let cookie = done.headers["set-cookie"].to_str().expect("text").to_owned();
    assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().expect("a pair");
    let home = Request::get("/").header("host", "owlet.example.com").header("cookie", cookie);
    assert_eq!(ask(&server, home).await.status, StatusCode::OK);
}
