//! Microsoft Teams: a workflow ("Post to a channel when a webhook request is received") that posts an Adaptive Card.
//!
//! Source: Microsoft Teams documentation, "Create incoming webhooks with Workflows"; Adaptive Cards 1.4; a message has at most 28 KB.

use chrono::Utc;
use reqwest::Client;
use serde_json::{Value, json};

use crate::{Event, Failure, Message, digest::Digest, http};

pub(crate) async fn deliver(client: &Client, url: &str, message: &Message) -> Result<(), Failure> {
    let request = client.post(url).header("content-type", "application/json").body(body(message).to_string());
    let answer = http::send(request, "Teams", Utc::now()).await?;
    match answer.status.as_u16() {
        200..=299 => Ok(()),
        _ if answer.is_passing() => Err(answer.later("Teams")),
        401 | 403 => Err(answer.never(
            "Teams",
            "let the workflow's trigger be used by anyone, or copy its address again: the signature in it may have changed",
        )),
        404 | 410 => Err(answer.never("Teams", "the workflow is gone or off: make it again and set its address")),
        _ => Err(answer.never("Teams", "check that the workflow begins with 'When a Teams webhook request is received'")),
    }
}

pub(crate) fn body(message: &Message) -> Value {
    let digest = Digest::of(message);
    let color = match message.event {
        Event::Passed => "Good",
        Event::Failed => "Attention",
        Event::Sla | Event::Skipped | Event::System => "Warning",
    };
    let mut items = vec![
        json!({
            "type": "TextBlock", "size": "Medium", "weight": "Bolder", "wrap": true, "color": color,
            "text": escaped(&format!("{} {}", digest.sign, digest.title)),
        }),
        json!({
            "type": "FactSet",
            "facts": digest.facts.iter()
                .map(|(label, value)| json!({"title": label, "value": escaped(value)}))
                .collect::<Vec<_>>(),
        }),
    ];
    let mut paragraph = |label: &str, text: &str| {
        items.push(json!({"type": "TextBlock", "wrap": true, "text": format!("**{label}:** {}", escaped(text))}));
    };
    if let Some(cause) = &digest.cause {
        paragraph("Cause", cause);
    }
    if let Some(fix) = &digest.fix {
        paragraph("Fix", fix);
    }
    if !digest.nodes.is_empty() {
        let lines = digest.nodes.iter().map(|(name, message)| match message {
            Some(message) => format!("- **{}** {}", escaped(name), escaped(message)),
            None => format!("- **{}**", escaped(name)),
        });
        let lines: Vec<String> = lines.chain(digest.more().map(|more| format!("- {more}"))).collect();
        items.push(json!({"type": "TextBlock", "wrap": true, "text": lines.join("\n")}));
    }
    let actions: Vec<Value> =
        digest.link.iter().map(|(label, url)| json!({"type": "Action.OpenUrl", "title": label, "url": url})).collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "msteams": {"width": "Full"},
                "body": items,
                "actions": actions,
            },
        }],
    })
}

/// What Adaptive Cards take for Markdown.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\\' | '*' | '_' | '[' | ']' | '`' | '<' | '>' | '~') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
