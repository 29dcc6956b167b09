//! Slack, Teams and webhooks.

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
