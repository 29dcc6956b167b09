//! PagerDuty: alerts by the Events API v2. What fails triggers, the next success resolves, under one `dedup_key`.
//!
//! Source: PagerDuty, "Events API v2" and its OpenAPI document (`PagerDuty/api-schema`, `reference/events-v2`): a key has 255 characters, a
//! summary 1,024; 202 is taken, 400 never will be, 429 and 5xx may be later.

use reqwest::Client;
use serde_json::{Map, Value, json};

use crate::{
    Delivery, Event, Failure, Message,
    digest::{Digest, shortened},
    http,
};

pub(crate) async fn deliver(
    client: &Client,
    url: &str,
    routing_key: &str,
    message: &Message,
    delivery: Delivery<'_>,
) -> Result<(), Failure> {
    let body = body(routing_key, message, delivery).to_string();
    let request = client.post(url).header("content-type", "application/json").body(body);
    let answer = http::send(request, "PagerDuty", delivery.sent_at).await?;
    match answer.status.as_u16() {
        200..=299 => Ok(()),
        _ if answer.is_passing() => Err(answer.later("PagerDuty")),
        _ => Err(answer.never(
            "PagerDuty",
            "set the integration key of an Events API v2 integration of the service: it has 32 characters",
        )),
    }
}

fn body(routing_key: &str, message: &Message, delivery: Delivery<'_>) -> Value {
    let key = message.incident.as_deref().unwrap_or(delivery.id);
    let key = shortened(key, 255);
    if message.event == Event::Passed {
        return json!({"routing_key": routing_key, "event_action": "resolve", "dedup_key": key});
    }
    let digest = Digest::of(message);
    let mut event = json!({
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": key,
        "client": "Owlet",
        "payload": {
            "summary": shortened(&digest.title, 1_024),
            "source": message.source(),
            "severity": severity(message),
            "timestamp": delivery.sent_at,
            "group": message.workspace,
            "class": message.event.as_str(),
            "custom_details": details(message, &digest),
        },
    });
    if let Some(schedule) = &message.schedule {
        event["payload"]["component"] = json!(schedule.name);
    }
    if let Some((label, url)) = &digest.link {
        event["client_url"] = json!(url);
        event["links"] = json!([{"href": url, "text": label}]);
    }
    event
}

/// As the schedule says it (`severity`, or `urgency`, as PagerDuty's incidents have it); else by what happened.
fn severity(message: &Message) -> &str {
    let said = |name: &str| message.details.get(name).and_then(Value::as_str).unwrap_or_default();
    match (said("severity"), said("urgency")) {
        (word @ ("critical" | "error" | "warning" | "info"), _) => word,
        (_, "high") => "critical",
        (_, "low") => "warning",
        _ => match message.event {
            Event::Failed | Event::System => "error",
            Event::Sla | Event::Skipped => "warning",
            Event::Passed => "info",
        },
    }
}

/// The message's facts, and what the schedule says about the tool.
pub(crate) fn details(message: &Message, digest: &Digest) -> Map<String, Value> {
    let mut details = message.details.clone();
    let mut add = |name: &str, value: Value| drop(details.insert(name.to_owned(), value));
    for (label, value) in &digest.facts {
        add(&label.to_lowercase(), json!(value));
    }
    if let Some(cause) = &digest.cause {
        add("cause", json!(cause));
    }
    if let Some(fix) = &digest.fix {
        add("fix", json!(fix));
    }
    if !digest.nodes.is_empty() {
        let nodes = digest.nodes.iter().map(|(name, said)| match said {
            Some(said) => format!("{name}: {said}"),
            None => name.clone(),
        });
        add("failed", nodes.chain(digest.more()).collect());
    }
    details
}
