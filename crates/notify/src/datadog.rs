//! Datadog: the event stream. Events of one incident have one `aggregation_key`.
//!
//! Source: Datadog API reference, "Events", "Post an event" (v1): `DD-API-KEY`; a key has at most 100 characters, a text 4,000; 202 is taken.

use reqwest::Client;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    Delivery, Event, Failure, Message,
    digest::{Digest, shortened},
    http,
};

pub(crate) async fn deliver(
    client: &Client,
    url: &str,
    api_key: &str,
    message: &Message,
    delivery: Delivery<'_>,
) -> Result<(), Failure> {
    let request = client
        .post(url)
        .header("DD-API-KEY", api_key)
        .header("content-type", "application/json")
        .body(body(message, delivery).to_string());
    let answer = http::send(request, "Datadog", delivery.sent_at).await?;
    match answer.status.as_u16() {
        200..=299 => Ok(()),
        _ if answer.is_passing() => Err(answer.later("Datadog")),
        401 | 403 => Err(answer.never("Datadog", "set an API key of this site: a key of another site is not known")),
        404 => Err(answer.never("Datadog", "set the site, as in datadoghq.eu")),
        _ => Err(answer.never("Datadog", "check site and API key")),
    }
}

fn body(message: &Message, delivery: Delivery<'_>) -> Value {
    let digest = Digest::of(message);
    let mut tags = vec![format!("workspace:{}", message.workspace), format!("event:{}", message.event.as_str())];
    if let Some(schedule) = &message.schedule {
        tags.push(format!("schedule:{}", schedule.slug));
    }
    // The interface takes no id by which it would drop what it has; who counts events counts these.
    tags.push(shortened(&format!("message_id:{}", delivery.id), 200));
    for (name, value) in &message.details {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        tags.push(shortened(&format!("{name}:{value}"), 200));
    }
    let mut text = digest.lines();
    text.push(format!("Message: {}", delivery.id));
    json!({
        "title": digest.title,
        "text": shortened(&text.join("\n"), 4_000),
        "alert_type": match message.event {
            Event::Passed => "success",
            Event::Failed => "error",
            Event::Sla | Event::Skipped | Event::System => "warning",
        },
        "priority": "normal",
        "aggregation_key": aggregation_key(message.incident.as_deref().unwrap_or(delivery.id)),
        "date_happened": delivery.sent_at.timestamp(),
        "source_type_name": "owlet",
        "tags": tags,
    })
}

/// A long one as its hash: cut ones could be the same.
fn aggregation_key(key: &str) -> String {
    if key.chars().count() <= 100 {
        return key.to_owned();
    }
    Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect()
}
