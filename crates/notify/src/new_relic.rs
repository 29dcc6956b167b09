//! New Relic: a custom event `OwletRun` for each message, to be asked for and alerted on in NRQL.
//!
//! Source: New Relic documentation, "Introduction to the Event API": `Api-Key` is a licence key; the body is a list of flat objects, a text has at
//! most 4,096 characters; 200 is taken, 403 is a key of nobody.

use reqwest::Client;
use serde_json::{Map, Value, json};

use crate::{
    Delivery, Failure, Message,
    digest::{Digest, shortened},
    http,
};

pub(crate) async fn deliver(
    client: &Client,
    url: &str,
    license_key: &str,
    message: &Message,
    delivery: Delivery<'_>,
) -> Result<(), Failure> {
    let request = client
        .post(url)
        .header("Api-Key", license_key)
        .header("content-type", "application/json")
        .body(body(message, delivery).to_string());
    let answer = http::send(request, "New Relic", delivery.sent_at).await?;
    match answer.status.as_u16() {
        200..=299 => Ok(()),
        _ if answer.is_passing() => Err(answer.later("New Relic")),
        401 | 403 => {
            Err(answer.never("New Relic", "set a licence key (ingest) of the account, and the account's region"))
        }
        404 => Err(answer.never("New Relic", "set the account's number and region")),
        _ => Err(answer.never("New Relic", "check account, region and licence key")),
    }
}

fn body(message: &Message, delivery: Delivery<'_>) -> Value {
    let digest = Digest::of(message);
    let mut event = Map::new();
    let mut add = |name: &str, value: Value| {
        let value = match value {
            Value::Null => return,
            Value::String(text) => json!(shortened(&text, 4_096)),
            number @ Value::Number(_) => number,
            other => json!(shortened(&other.to_string(), 4_096)),
        };
        event.insert(name.to_owned(), value);
    };
    for (name, value) in &message.details {
        add(&format!("integration.{name}"), value.clone());
    }
    let (schedule, run) = (message.schedule.as_ref(), message.run.as_ref().filter(|run| run.id > 0));
    add("eventType", json!("OwletRun"));
    add("timestamp", json!(delivery.sent_at.timestamp_millis()));
    add("messageId", json!(delivery.id));
    add("event", json!(message.event));
    add("title", json!(digest.title));
    add("workspace", json!(message.workspace));
    add("incident", json!(message.incident));
    add("schedule", json!(schedule.map(|schedule| &schedule.slug)));
    add("scheduleName", json!(schedule.map(|schedule| &schedule.name)));
    add("owner", json!(schedule.and_then(|schedule| schedule.owner.as_ref())));
    add("url", json!(digest.link.as_ref().map(|(_, url)| url)));
    add("cause", json!(digest.cause));
    add("fix", json!(digest.fix));
    add("failingNodes", json!(message.failing_count.max(message.failing_nodes.len() as u64)));
    add("failed", json!(digest.nodes.first().map(|(name, _)| name)));
    if let Some(run) = run {
        add("runId", json!(run.id));
        add("attempt", json!(run.attempt));
        add("trigger", json!(run.trigger));
        add("branch", json!(run.branch));
        add("commit", json!(run.commit));
        add("durationSeconds", json!(run.duration_seconds));
        add("dataScannedInBytes", json!(run.data_scanned_in_bytes));
        add("dollars", json!(run.micro_dollars.map(|micro| micro as f64 / 1e6)));
    }
    json!([event])
}
