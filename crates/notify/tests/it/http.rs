//! Slack, Teams, webhooks and incident tools.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::IntoResponse,
};
use chrono::{DateTime, Utc};
use notify::{Body, Channel, Delivery, Failure, Notifier, SigningKey};

/// One request as it came.
struct Request {
    path: String,
    headers: HeaderMap,
    body: String,
}

type Answers = VecDeque<(u16, Vec<(&'static str, String)>, &'static str)>;

/// Status, headers, body.
type Answer<'a> = (u16, &'a [(&'static str, &'a str)], &'static str);

#[derive(Clone, Default)]
struct Server {
    answers: Arc<Mutex<Answers>>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    async fn start(answers: &[Answer<'_>]) -> (Self, String) {
        let server = Self::default();
        for (status, headers, body) in answers {
            let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            server.answers.lock().expect("answers").push_back((*status, headers, body));
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (server, url)
    }

    fn request(&self) -> Request {
        self.requests.lock().expect("requests").pop().expect("a request came")
    }
}

async fn answer(State(server): State<Server>, uri: Uri, headers: HeaderMap, body: String) -> impl IntoResponse {
    server.requests.lock().expect("requests").push(Request { path: uri.path().to_owned(), headers, body });
    let (status, headers, body) = server.answers.lock().expect("answers").pop_front().expect("an answer is left");
    let mut answer = HeaderMap::new();
    for (name, value) in headers {
        answer.insert(name, value.parse().expect("a header"));
    }
    (StatusCode::from_u16(status).expect("a status"), answer, body)
}

fn at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_242_558, 0).expect("a time")
}

async fn deliver(channel: &Channel) -> Result<(), Failure> {
    let body = Body::Message(super::message());
    let notifier = Notifier::new().expect("a client");
    notifier.deliver(channel, Delivery { id: "msg_1", body: &body, sent_at: at() }).await
}

fn reason(result: Result<(), Failure>) -> String {
    match result.expect_err("refused") {
        Failure::Later { reason, retry_after } => format!("later {retry_after:?}: {reason}"),
        Failure::Never { reason, fix } => format!("never: {reason} | {fix}"),
    }
}

#[tokio::test]
async fn slack_webhook() {
    let (server, url) = Server::start(&[
        (200, &[], "ok"),
        (429, &[("retry-after", "30")], "rate_limited"),
        (500, &[], ""),
        (404, &[], "no_service"),
        (400, &[], "invalid_blocks"),
    ])
    .await;
    let channel = Channel::SlackWebhook { url: format!("{url}/services/T0/B0/hush") };
    deliver(&channel).await.expect("taken");
    let request = server.request();
    assert_eq!(request.path, "/services/T0/B0/hush");
    let body: serde_json::Value = serde_json::from_str(&request.body).expect("JSON");
    assert_eq!(body["text"], "❌ Orders failed");
    assert_eq!(reason(deliver(&channel).await), "later Some(30s): Slack answered 429 Too Many Requests rate_limited");
    assert_eq!(reason(deliver(&channel).await), "later None: Slack answered 500 Internal Server Error");
    let gone = reason(deliver(&channel).await);
    assert!(gone.starts_with("never: Slack answered 404 Not Found no_service | make a new incoming webhook"), "{gone}");
    assert!(reason(deliver(&channel).await).starts_with("never: Slack answered 400 Bad Request invalid_blocks"));
    assert!(!format!("{channel:?}").contains("hush"));
}

#[tokio::test]
async fn slack_bot() {
    let (server, url) = Server::start(&[
        (200, &[], r#"{"ok":true,"ts":"1.2"}"#),
        (200, &[("retry-after", "7")], r#"{"ok":false,"error":"ratelimited"}"#),
        (200, &[], r#"{"ok":false,"error":"not_in_channel"}"#),
        (200, &[], r#"{"ok":false,"error":"invalid_auth"}"#),
        (200, &[], "<html>captive portal</html>"),
        (503, &[], ""),
    ])
    .await;
    let channel = Channel::SlackBot { api: url, token: "xoxb-hush".to_owned(), channel: "#lake-alerts".to_owned() };
    deliver(&channel).await.expect("taken");
    let request = server.request();
    assert_eq!(request.path, "/chat.postMessage");
    assert_eq!(request.headers["authorization"], "Bearer xoxb-hush");
    let body: serde_json::Value = serde_json::from_str(&request.body).expect("JSON");
    assert_eq!(body["channel"], "#lake-alerts");
    assert_eq!(
        reason(deliver(&channel).await),
        "later Some(7s): Slack refused the message to #lake-alerts: ratelimited"
    );
    assert_eq!(
        reason(deliver(&channel).await),
        "never: Slack refused the message to #lake-alerts: not_in_channel | correct the channel's name, or invite the bot to it: /invite @owlet"
    );
    assert!(reason(deliver(&channel).await).contains("install the bot again"));
    assert!(reason(deliver(&channel).await).starts_with("later None: Slack gave an answer that is not its own"));
    assert!(reason(deliver(&channel).await).starts_with("later None: Slack answered 503"));
    assert!(!format!("{channel:?}").contains("hush"));
}

#[tokio::test]
async fn teams_workflow() {
    let (server, url) = Server::start(&[
        (202, &[], ""),
        (429, &[("retry-after", "1")], ""),
        (401, &[], "DirectApiAuthorizationRequired"),
        (302, &[("location", "http://x/")], ""),
    ])
    .await;
    let channel = Channel::Teams { url };
    deliver(&channel).await.expect("taken");
    let body: serde_json::Value = serde_json::from_str(&server.request().body).expect("JSON");
    assert_eq!(body["attachments"][0]["contentType"], "application/vnd.microsoft.card.adaptive");
    assert!(reason(deliver(&channel).await).starts_with("later Some(1s): Teams answered 429"));
    assert!(reason(deliver(&channel).await).contains("let the workflow's trigger be used by anyone"));
    // Never followed: the card could go to somebody else.
    assert!(reason(deliver(&channel).await).starts_with("never: Teams answered 302"));
}

#[tokio::test]
async fn webhook_with_signature() {
    let in_a_minute = (at() + Duration::from_secs(60)).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let (server, url) = Server::start(&[
        (204, &[], ""),
        (503, &[("retry-after", &in_a_minute)], "deploying"),
        (404, &[], ""),
        (410, &[], ""),
        (307, &[("location", "http://elsewhere/")], ""),
    ])
    .await;
    let key = SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
    let channel = Channel::Webhook { url, key: Some(key.clone()) };
    deliver(&channel).await.expect("taken");
    let request = server.request();
    assert_eq!(request.headers["webhook-id"], "msg_1");
    assert_eq!(request.headers["idempotency-key"], "msg_1");
    assert_eq!(request.headers["webhook-timestamp"], "1767242558");
    assert_eq!(request.headers["webhook-signature"], key.sign("msg_1", 1_767_242_558, &request.body));
    let body: serde_json::Value = serde_json::from_str(&request.body).expect("JSON");
    assert_eq!((body["type"].as_str(), body["id"].as_str()), (Some("owlet.failed"), Some("msg_1")));
    assert_eq!(
        reason(deliver(&channel).await),
        "later Some(60s): The webhook answered 503 Service Unavailable deploying"
    );
    assert!(reason(deliver(&channel).await).starts_with("later None: The webhook answered 404"));
    assert!(reason(deliver(&channel).await).starts_with("never: The webhook answered 410"));
    assert!(reason(deliver(&channel).await).starts_with("never: The webhook answered 307"));
}

#[tokio::test]
async fn nobody_there_and_no_address() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hush", listener.local_addr().expect("an address"));
    drop(listener);
    let told = reason(deliver(&Channel::Teams { url }).await);
    assert!(told.starts_with("later None: Teams could not be reached: "), "{told}");
    assert!(!told.contains("hush"), "{told}");
    let told = reason(deliver(&Channel::Teams { url: "hooks.example/hush".to_owned() }).await);
    assert!(told.starts_with("never: The address of Teams is not usable"), "{told}");
    assert!(!told.contains("hush"), "{told}");
}

async fn tell(channel: &Channel, message: notify::Message) -> Result<(), Failure> {
    let notifier = Notifier::new().expect("a client");
    notifier.deliver(channel, Delivery { id: "msg_1", body: &Body::Message(message), sent_at: at() }).await
}

/// Of a schedule's run that failed, with what the schedule says about the tool.
fn incident() -> notify::Message {
    let details = serde_json::json!({"urgency": "high", "customer_impacted": true});
    notify::Message {
        incident: Some("owlet:acme:orders".to_owned()),
        details: details.as_object().expect("an object").clone(),
        headline: None,
        schedule: Some(notify::Schedule {
            slug: "orders".to_owned(),
            name: "Orders".to_owned(),
            owner: Some("ann@acme.example".to_owned()),
            sla_minutes: None,
        }),
        run: Some(notify::Run {
            id: 42,
            url: Some("https://owlet.example/bolt/run_id/42".to_owned()),
            attempt: 2,
            duration_seconds: Some(7.5),
            micro_dollars: Some(1_250_000),
            ..notify::Run::default()
        }),
        failing_nodes: vec![notify::FailingNode {
            name: "model.shop.orders".to_owned(),
            message: Some("TABLE_NOT_FOUND: line 1:15".to_owned()),
            duration_seconds: None,
            data_scanned_in_bytes: None,
        }],
        failing_count: 1,
        ..super::message()
    }
}

fn over() -> notify::Message {
    notify::Message {
        event: notify::Event::Passed,
        cause: None,
        failing_nodes: Vec::new(),
        failing_count: 0,
        ..incident()
    }
}

fn json(request: &Request) -> serde_json::Value {
    serde_json::from_str(&request.body).expect("JSON")
}

#[tokio::test]
async fn pagerduty_triggers_and_resolves_under_one_key() {
    let taken = r#"{"status":"success","message":"Event processed","dedup_key":"k"}"#;
    let invalid =
        r#"{"status":"invalid event","errors":["Length of 'routing_key' is incorrect (should be 32 characters)"]}"#;
    let (server, url) = Server::start(&[
        (202, &[], taken),
        (202, &[], taken),
        (400, &[], invalid),
        (429, &[("retry-after", "9")], ""),
        (500, &[], ""),
    ])
    .await;
    let channel = Channel::PagerDuty { url: format!("{url}/v2/enqueue"), routing_key: "hush".repeat(8) };
    tell(&channel, incident()).await.expect("taken");
    let request = server.request();
    assert_eq!(request.path, "/v2/enqueue");
    insta::assert_json_snapshot!("pagerduty_trigger", json(&request));
    tell(&channel, over()).await.expect("taken");
    assert_eq!(
        json(&server.request()),
        serde_json::json!({"routing_key": "hush".repeat(8), "event_action": "resolve", "dedup_key": "owlet:acme:orders"})
    );
    let told = reason(tell(&channel, incident()).await);
    assert!(told.starts_with("never: PagerDuty answered 400") && told.contains("should be 32 characters"), "{told}");
    assert!(reason(tell(&channel, incident()).await).starts_with("later Some(9s): PagerDuty answered 429"));
    assert!(reason(tell(&channel, incident()).await).starts_with("later None: PagerDuty answered 500"));
    assert!(!format!("{channel:?} {channel}").contains("hush"));
}

#[tokio::test]
async fn incident_io_fires_and_resolves_under_one_key() {
    let taken = r#"{"deduplication_key":"k","message":"Event accepted for processing","status":"success"}"#;
    let (server, url) = Server::start(&[(202, &[], taken), (202, &[], taken), (401, &[], ""), (503, &[], "")]).await;
    let channel = Channel::IncidentIo { url: format!("{url}/v2/alert_events/http/01J"), token: "hush".to_owned() };
    tell(&channel, incident()).await.expect("taken");
    let request = server.request();
    assert_eq!(request.path, "/v2/alert_events/http/01J");
    assert_eq!(request.headers["authorization"], "Bearer hush");
    insta::assert_json_snapshot!("incident_io_firing", json(&request));
    tell(&channel, over()).await.expect("taken");
    let body = json(&server.request());
    assert_eq!((&body["status"], &body["deduplication_key"]), (&"resolved".into(), &"owlet:acme:orders".into()));
    assert!(reason(tell(&channel, incident()).await).starts_with("never: incident.io answered 401"));
    assert!(reason(tell(&channel, incident()).await).starts_with("later None: incident.io answered 503"));
    assert!(!format!("{channel:?} {channel}").contains("hush"));
}

#[tokio::test]
async fn datadog_events_of_one_incident_are_one_aggregation() {
    let (server, url) =
        Server::start(&[(202, &[], r#"{"status":"ok"}"#), (202, &[], "{}"), (403, &[], "Forbidden")]).await;
    let channel = Channel::Datadog { url: format!("{url}/api/v1/events"), api_key: "hush".to_owned() };
    tell(&channel, incident()).await.expect("taken");
    let request = server.request();
    assert_eq!(
        (request.path.as_str(), &request.headers["dd-api-key"]),
        ("/api/v1/events", &"hush".parse().expect("a header"))
    );
    insta::assert_json_snapshot!("datadog_error", json(&request));
    let long = notify::Message { incident: Some("x".repeat(200)), ..over() };
    tell(&channel, long).await.expect("taken");
    let body = json(&server.request());
    assert_eq!(body["alert_type"], "success");
    assert_eq!(body["aggregation_key"].as_str().expect("text").len(), 64);
    assert!(reason(tell(&channel, incident()).await).starts_with("never: Datadog answered 403"));
    assert!(!format!("{channel:?} {channel}").contains("hush"));
}

#[tokio::test]
async fn new_relic_gets_flat_events() {
    let (server, url) =
        Server::start(&[(200, &[], r#"{"success":true,"uuid":"1"}"#), (403, &[], "{}"), (429, &[], "")]).await;
    let channel = Channel::NewRelic { url: format!("{url}/v1/accounts/7/events"), license_key: "hush".to_owned() };
    tell(&channel, incident()).await.expect("taken");
    let request = server.request();
    assert_eq!(
        (request.path.as_str(), &request.headers["api-key"]),
        ("/v1/accounts/7/events", &"hush".parse().expect("a header"))
    );
    let body = json(&request);
    assert!(body[0].as_object().expect("an object").values().all(|value| value.is_string() || value.is_number()));
    insta::assert_json_snapshot!("new_relic_event", body);
    assert!(reason(tell(&channel, incident()).await).starts_with("never: New Relic answered 403"));
    assert!(reason(tell(&channel, incident()).await).starts_with("later None: New Relic answered 429"));
    assert!(!format!("{channel:?} {channel}").contains("hush"));
}
