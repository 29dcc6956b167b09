//! Webhooks: JSON, signed as Standard Webhooks has it, so that receivers can use its libraries.
//!
//! Headers: `webhook-id` (the same for every attempt), `webhook-timestamp` (Unix seconds of this attempt), `webhook-signature`
//! (`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`), `idempotency-key` (the id again).
//!
//! Sources: Standard Webhooks 1.0.0; Paradime documentation, developers/webhooks, for what `bolt.run.*` holds.

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use reqwest::Client;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{Body, Delivery, Failure, Run, Schedule, http};

/// What signs. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(Vec<u8>);

impl SigningKey {
    /// `whsec_` and base64 of 24 to 64 bytes.
    ///
    /// # Errors
    /// What is wrong with it, without showing it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let encoded = text.trim().strip_prefix("whsec_").ok_or("it does not begin with whsec_")?;
        let bytes = BASE64_STANDARD.decode(encoded).map_err(|_| "what follows whsec_ is no base64")?;
        if !(24..=64).contains(&bytes.len()) {
            return Err(format!("it has {} bytes; a key has 24 to 64", bytes.len()));
        }
        Ok(Self(bytes))
    }

    /// `webhook-signature` of an attempt.
    pub fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// `bolt.run.started` and `bolt.run.completed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoltEvent {
    /// `bolt.run.started` or `bolt.run.completed`.
    pub r#type: String,
    /// When it happened.
    pub timestamp: DateTime<Utc>,
    /// Where the queries below are answered.
    pub api_url: String,
    pub workspace: String,
    pub schedule: Schedule,
    pub run: Run,
    /// As the API has it: `SUCCESS`, `FAILED`, `RUNNING`, …
    pub state: String,
    /// Those that have begun.
    pub commands: Vec<BoltCommand>,
}

/// One command of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoltCommand {
    pub id: i64,
    pub command: String,
    /// `succeeded`, `failed`, `canceled`, `running`.
    pub status: String,
    pub return_code: Option<i64>,
    /// `YYYY-MM-DD HH:MM:SS.ffffff`, UTC; empty while there is none.
    pub start_dttm: String,
    pub end_dttm: String,
    /// Id and path of each JSON file it left.
    pub resources: Vec<(i64, String)>,
}

impl BoltEvent {
    fn payload(&self, id: &str) -> Value {
        json!({
            "type": self.r#type,
            "id": id,
            "timestamp": self.timestamp,
            "api_url": self.api_url,
            "workspace": self.workspace,
            "schedule": self.schedule,
            "run": self.run,
            "state": self.state,
            "commands": self.commands.iter().map(BoltCommand::payload).collect::<Vec<_>>(),
        })
    }
}

impl BoltCommand {
    fn payload(&self) -> Value {
        let resources: Vec<Value> = self
            .resources
            .iter()
            .map(|(id, path)| {
                let query = format!("query BoltResourceUrl {{\n    boltResourceUrl(resourceId: {id}) {{\n        ok\n        url\n    }}\n}}");
                json!({"id": id, "path": path, "resource_query": query})
            })
            .collect();
        let fields = "command startDttm endDttm stdout stderr returnCode scheduleRunId resources { id path }";
        json!({
            "id": self.id,
            "command": self.command,
            "status": self.status,
            "return_code": self.return_code,
            "start_dttm": self.start_dttm,
            "end_dttm": self.end_dttm,
            "api_query": format!("query BoltCommand {{\n    boltCommand(commandId: {}) {{ {fields} }}\n}}", self.id),
            "json_resources": resources,
        })
    }
}

pub(crate) async fn deliver(
    client: &Client,
    url: &str,
    key: Option<&SigningKey>,
    delivery: Delivery<'_>,
) -> Result<(), Failure> {
    let timestamp = delivery.sent_at.timestamp();
    let body = payload(delivery).to_string();
    let mut request = client
        .post(url)
        .header("content-type", "application/json")
        .header("webhook-id", delivery.id)
        .header("webhook-timestamp", timestamp)
        .header("idempotency-key", delivery.id);
    if let Some(key) = key {
        request = request.header("webhook-signature", key.sign(delivery.id, timestamp, &body));
    }
    let answer = http::send(request.body(body), "The webhook", delivery.sent_at).await?;
    match answer.status.as_u16() {
        200..=299 => Ok(()),
        300..=399 => Err(answer.never("The webhook", "it has moved: set its new address; redirects are not followed")),
        410 => Err(answer.never("The webhook", "its receiver wants no more: remove it from the settings")),
        // Anything else may be a deployment in progress on the other side.
        _ => Err(answer.later("The webhook")),
    }
}

pub(crate) fn payload(delivery: Delivery<'_>) -> Value {
    match delivery.body {
        Body::Bolt(event) => event.payload(delivery.id),
        Body::Message(message) => {
            let mut payload = json!({"type": format!("owlet.{}", message.event.as_str()), "id": delivery.id});
            if let (Some(payload), Ok(Value::Object(members))) =
                (payload.as_object_mut(), serde_json::to_value(message))
            {
                payload.extend(members);
            }
            payload
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: the vector of the Standard Webhooks reference libraries' tests.
    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        let key = SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
        assert_eq!(
            key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn keys_that_are_none_are_refused_unseen() {
        let told = |text: &str| SigningKey::parse(text).expect_err("no key");
        assert_eq!(told("hunter2"), "it does not begin with whsec_");
        assert_eq!(told("whsec_!"), "what follows whsec_ is no base64");
        assert_eq!(told("whsec_aHVudGVyMg=="), "it has 7 bytes; a key has 24 to 64");
    }
}
