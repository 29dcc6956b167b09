//! incident.io: alert events of an HTTP source. What fails fires, the next success resolves, under one `deduplication_key`.
//!
//! Source: incident.io API reference, "Alert Events V2", "Create HTTP": the source's id is in the address, its token a bearer token.

use reqwest::Client;
use serde_json::{Value, json};

use crate::{Delivery, Event, Failure, Message, digest::Digest, http, pagerduty::details};

pub(crate) async fn deliver(
    client: &Client,
    url: &str,
    token: &str,
    message: &Message,
    delivery: Delivery<'_>,
) -> Result<(), Failure> {
    let request = client
        .post(url)
        .bearer_auth(token)
        .header("content-type", "application/json")
        .body(body(message, delivery).to_string());
    let answer = http::send(request, "incident.io", delivery.sent_at).await?;
    match answer.status.as_u16() {
        200..=299 => Ok(()),
        _ if answer.is_passing() => Err(answer.later("incident.io")),
        401 | 403 => Err(answer.never("incident.io", "set the token that the HTTP alert source shows")),
        404 => Err(answer.never("incident.io", "set the id of the HTTP alert source: it is the end of its address")),
        _ => Err(answer.never("incident.io", "check that the alert source is an HTTP source of the default kind")),
    }
}

fn body(message: &Message, delivery: Delivery<'_>) -> Value {
    let digest = Digest::of(message);
    let mut metadata = details(message, &digest);
    metadata.insert("event".to_owned(), json!(message.event));
    metadata.insert("source".to_owned(), json!(message.source()));
    let mut body = json!({
        "title": digest.title,
        "status": if message.event == Event::Passed { "resolved" } else { "firing" },
        "deduplication_key": message.incident.as_deref().unwrap_or(delivery.id),
        "description": digest.lines().join("\n\n"),
        "metadata": metadata,
    });
    if let Some((_, url)) = &digest.link {
        body["source_url"] = json!(url);
    }
    body
}
