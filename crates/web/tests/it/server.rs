//! A server for one test.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use athena_api::{ApiError, ApiResult, Services};
use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Request, Response, StatusCode},
};
use bytes::Bytes;
use http_body_util::BodyExt;
use scheduler::{
    Options, Scheduler, Server as ServerName,
    clock::SteppedClock,
    model::{Actor, Claimed, Outcome},
    request::{Deploy, Trigger},
    settings::{Connector, Identity, Settings},
};
use schedules::{Schedule, ScheduleCommand};
use serde_json::{Value, json};
use store::{Database, Durability, sqlx};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use vault::{Connection, KeyRing};
use web::{App, AppOptions, ArtifactFiles, NewToken, Role, TokenKind, Tokens};

pub struct Server {
    pub scheduler: Scheduler,
    pub clock: Arc<SteppedClock>,
    pub router: Router,
    pub workspace: String,
    peer: SocketAddr,
    _directory: tempfile::TempDir,
}

/// Every artifact's bytes are its key's.
struct Files;

#[async_trait]
impl ArtifactFiles for Files {
    async fn read(&self, storage_key: &str) -> std::io::Result<Option<Bytes>> {
        Ok((storage_key != "gone").then(|| Bytes::from(format!("{{\"key\":\"{storage_key}\"}}"))))
    }
}

/// No connection leads anywhere.
struct Nowhere;

#[async_trait]
impl Connector for Nowhere {
    async fn identity(&self, _: &Connection) -> ApiResult<Identity> {
        Err(ApiError::new(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.".to_owned(),
        ))
    }

    async fn services(&self, _: &Connection) -> ApiResult<Services> {
        Err(ApiError::new(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.".to_owned(),
        ))
    }
}

/// An answer, read to its end.
pub struct Answer {
    pub status: StatusCode,
    pub headers: axum::http::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

impl Server {
    /// On loopback, where no login is needed.
    pub async fn new() -> Self {
        Self::start(true).await
    }

    /// Where every request needs a token.
    pub async fn with_login() -> Self {
        Self::start(false).await
    }

    /// On loopback, and its requests are noted.
    pub async fn with_traces(traces: web::RequestTraces) -> Self {
        Self::start_with(true, Some(traces)).await
    }

    async fn start(trust_loopback: bool) -> Self {
        Self::start_with(trust_loopback, None).await
    }

    async fn start_with(trust_loopback: bool, request_traces: Option<web::RequestTraces>) -> Self {
        let directory = tempfile::tempdir().expect("a folder");
        let database =
            Database::sqlite(&directory.path().join("scheduler.db"), Durability::Process).await.expect("a database");
        let clock = Arc::new(SteppedClock::at("2026-11-28T09:00:00Z", 7));
        let name = ServerName { host: "test".to_owned(), pid: 1, version: "0".to_owned() };
        let scheduler =
            Scheduler::open(database, Arc::clone(&clock) as _, name, Options::default()).await.expect("a scheduler");
        let mut change = scheduler.database().write().await.expect("a change");
        sqlx::query(
            "INSERT INTO environment (slug, name, is_default, definition, created_at, updated_at) \
             VALUES ('production', 'Production', 1, '{\"code\":{\"kind\":\"local\",\"path\":\"/nowhere\"}}', 0, 0)",
        )
        .execute(&mut *change)
        .await
        .expect("an environment");
        change.commit().await.expect("committed");
        let options = AppOptions {
            scheduler: scheduler.clone(),
            settings: Settings::new(
                scheduler.database().clone(),
                KeyRing::open_or_create(directory.path()).expect("a key"),
                Arc::clone(&clock) as _,
            ),
            connector: Arc::new(Nowhere),
            notifier: notify::Notifier::new().expect("a client"),
            artifacts: Arc::new(Files),
            trust_loopback,
            webhook_secret: Some("hook".to_owned()),
            public_url: "http://127.0.0.1:8585/".to_owned(),
            request_traces,
            stopping: CancellationToken::new(),
        };
        let app = App::open(options).await.expect("an app");
        let workspace = app.workspace().uid.clone();
        let peer = SocketAddr::from(([127, 0, 0, 1], 40_000));
        Self { scheduler, clock, router: web::router(app), workspace, peer, _directory: directory }
    }

    pub fn actor() -> Actor {
        Actor::person("ada", None)
    }

    /// Schedules without a cron, by slug.
    pub async fn deploy(&self, slugs: &[&str]) {
        let schedule = |slug: &&str| {
            let mut schedule =
                Schedule::new(*slug, slug.to_uppercase(), "production", vec![ScheduleCommand::new("dbt build")]);
            schedule.owner_email = Some("ada@shop.example".to_owned());
            schedule
        };
        self.deploy_schedules(slugs.iter().map(schedule).collect()).await;
    }

    pub async fn deploy_schedules(&self, schedules: Vec<Schedule>) {
        let deploy = Deploy { schedules, source: "yaml".to_owned(), actor: Self::actor(), is_dry_run: false };
        self.scheduler.deploy(deploy).await.expect("deployed");
    }

    /// A run that waits.
    pub async fn queued(&self, slug: &str) -> i64 {
        let mut trigger = Trigger::new(slug, Self::actor());
        trigger.idempotency = scheduler::request::Idempotency::None;
        self.scheduler.trigger(trigger).await.expect("triggered").run_id
    }

    /// All that wait are claimed by this server.
    pub async fn claim(&self) -> Vec<Claimed> {
        self.scheduler.claim(100).await.expect("claimed")
    }

    /// A run that has ended so.
    pub async fn ended(&self, slug: &str, outcome: Outcome) -> i64 {
        let id = self.queued(slug).await;
        let claimed = self.claim().await.into_iter().find(|claimed| claimed.run.id == id).expect("the run is claimed");
        self.clock.pass(Duration::from_secs(5));
        self.scheduler.finish(claimed.lease, outcome).await.expect("finished");
        id
    }

    /// A command of a run with some output; its id.
    pub async fn command(&self, run_id: i64, position: i64, kind: &str, text: &str, state: &str, output: &str) -> i64 {
        let mut change = self.scheduler.database().write().await.expect("a change");
        let ended = (state != "RUNNING").then_some(1_800_000_001_000_000_i64);
        let code = match state {
            "RUNNING" => None,
            "SUCCESS" => Some(0_i64),
            _ => Some(1),
        };
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO command (run_id, position, kind, text, state, started_at, ended_at, return_code) \
             VALUES ($1, $2, $3, $4, $5, 1800000000000000, $6, $7) RETURNING id",
        )
        .bind(run_id)
        .bind(position)
        .bind(kind.to_owned())
        .bind(text.to_owned())
        .bind(state.to_owned())
        .bind(ended)
        .bind(code)
        .fetch_one(&mut *change)
        .await
        .expect("a command");
        for (sequence, line) in output.split_inclusive('\n').enumerate() {
            let stream = if line.starts_with('!') { "STDERR" } else { "STDOUT" };
            sqlx::query("INSERT INTO log_chunk (command_id, sequence, stream, text, at) VALUES ($1, $2, $3, $4, 0)")
                .bind(id)
                .bind(i64::try_from(sequence).expect("a number") + 1)
                .bind(stream)
                .bind(line.to_owned())
                .execute(&mut *change)
                .await
                .expect("output");
        }
        change.commit().await.expect("committed");
        id
    }

    pub async fn artifact(&self, run_id: i64, command_id: i64, path: &str) -> i64 {
        let mut change = self.scheduler.database().write().await.expect("a change");
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO artifact (run_id, command_id, path, size_in_bytes, sha256, storage_key, created_at) \
             VALUES ($1, $2, $3, 9, 'abc', $4, 0) RETURNING id",
        )
        .bind(run_id)
        .bind(command_id)
        .bind(path.to_owned())
        .bind(path.rsplit('/').next().expect("a name").to_owned())
        .fetch_one(&mut *change)
        .await
        .expect("an artifact");
        change.commit().await.expect("committed");
        id
    }

    /// A token's secret (and, for a pair, its key).
    pub async fn token(&self, name: &str, role: Role, kind: TokenKind) -> (Option<String>, String) {
        let new = NewToken { name: name.to_owned(), role, scopes: None, email: None, expires_at: None, kind };
        let tokens = Tokens::new(self.scheduler.database().clone());
        let created = tokens.create(&new, "test", self.now()).await.expect("a token");
        (created.key, created.secret)
    }

    pub fn now(&self) -> i64 {
        self.scheduler.clock().now()
    }

    pub fn tokens(&self) -> Tokens {
        Tokens::new(self.scheduler.database().clone())
    }

    pub async fn send(&self, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let response: Response<Body> = self.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).expect("UTF-8") }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).header("host", "127.0.0.1:8585").body(Body::empty()).expect("a request")).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        let request = Request::post(path).header("host", "127.0.0.1:8585").header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).expect("a request")).await
    }

    /// Any method, with a JSON body.
    pub async fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let request = Request::builder().method(method).uri(path).header("host", "127.0.0.1:8585");
        let request = request.header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).expect("a request")).await
    }

    /// A form of a page.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(path).header("host", "127.0.0.1:8585");
        self.send(request.body(Body::from(body)).expect("a request")).await
    }

    /// The whole answer of the GraphQL API.
    pub async fn graphql(&self, query: &str, variables: Value) -> Answer {
        self.post(&format!("/api/v1/{}/graphql", self.workspace), &json!({"query": query, "variables": variables}))
            .await
    }

    /// Its data.
    pub async fn data(&self, query: &str, variables: Value) -> Value {
        let answer = self.graphql(query, variables).await.json();
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"].clone()
    }

    /// The first error's message; the status is 200 all the same.
    pub async fn refusal(&self, query: &str, variables: Value) -> String {
        let answer = self.graphql(query, variables).await;
        assert_eq!(answer.status, StatusCode::OK);
        answer.json()["errors"][0]["message"].as_str().expect("a message").to_owned()
    }
}
