//! Requests as spans.

use axum::{body::Body, http::Request};
use notify::{Notifier, TraceEncoding, TraceServer};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::server::Server;

#[tokio::test]
async fn requests_are_told_but_not_those_of_probes_nor_what_a_client_left_out() {
    let (sender, mut taken) = tokio::sync::mpsc::channel::<(String, String)>(9);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/v1/traces", listener.local_addr().expect("an address"));
    let take = move |headers: axum::http::HeaderMap, body: String| {
        let sender = sender.clone();
        let team = headers["x-team"].to_str().expect("text").to_owned();
        async move { sender.send((team, body)).await.expect("the test waits for it") }
    };
    let receiver = axum::Router::new().route("/v1/traces", axum::routing::post(take));
    tokio::spawn(async move { axum::serve(listener, receiver).await });
    let headers = vec![("x-team".to_owned(), "lake".to_owned())];
    let to = TraceServer { url, headers, encoding: TraceEncoding::Json };
    let resource = vec![("service.name".to_owned(), "owlet".to_owned())];
    let (traces, export) = web::request_traces(to, resource, Notifier::new().expect("a client"));
    let server = Server::with_traces(traces).await;

    let (trace, parent) = ("ab".repeat(16), "01".repeat(8));
    let ask = async |path: &str, flags: &str| {
        let request = Request::get(path)
            .header("host", "127.0.0.1:8585")
            .header("traceparent", format!("00-{trace}-{parent}-{flags}"))
            .body(Body::empty());
        server.send(request.expect("a request")).await.status
    };
    assert_eq!(ask("/api/v1/runs/77?signature=hush", "01").await, 404);
    assert_eq!(ask("/api/v1/schedules", "00").await, 200, "its client does not want it noted");
    server.get("/healthz").await;
    server.get("/metrics").await;
    server.get("/api/v1/schedules").await;
    let stop = CancellationToken::new();
    stop.cancel();
    export.run(stop).await;

    let (team, body) = taken.recv().await.expect("one request");
    assert_eq!(team, "lake");
    assert!(!body.contains("hush"), "{body}");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().expect("spans");
    let names: Vec<&str> = spans.iter().filter_map(|span| span["name"].as_str()).collect();
    assert_eq!(names, ["GET /api/v1/runs/{run_id}", "GET /api/v1/schedules"]);
    assert_eq!((&spans[0]["traceId"], &spans[0]["parentSpanId"]), (&json!(trace), &json!(parent)));
    assert_eq!((&spans[0]["kind"], &spans[0]["status"]), (&json!(2), &json!({})));
    let attribute = |name: &str| {
        let mut all = spans[0]["attributes"].as_array().expect("attributes").iter();
        all.find(|pair| pair["key"] == name).map(|pair| pair["value"].clone())
    };
    assert_eq!(attribute("url.path"), Some(json!({"stringValue": "/api/v1/runs/77"})));
    assert_eq!(attribute("http.response.status_code"), Some(json!({"intValue": "404"})));
    assert!(spans[1].get("parentSpanId").is_none() && spans[1]["traceId"] != json!(trace));
}
