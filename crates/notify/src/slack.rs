//! Slack: an incoming webhook, or a bot's `chat.postMessage`.
//!
//! Source: Slack API, "Sending messages using incoming webhooks", "chat.postMessage", "Rate limits", Block Kit's limits.

use chrono::Utc;
use reqwest::Client;
use serde_json::{Value, json};

use crate::{
    Failure, Message,
    digest::{Digest, shortened},
    http::{self, Answer},
};

/// Where bots post.
pub const SLACK_API: &str = "https://slack.com/api";

/// Longest text of a section block is 3,000 characters, after escaping.
const LONGEST_SECTION: usize = 2_900;

pub(crate) async fn by_webhook(client: &Client, url: &str, message: &Message) -> Result<(), Failure> {
    let answer = post(client.post(url), &body(message)).await?;
    match answer.status.as_u16() {
        200..=299 => Ok(()),
        _ if answer.is_passing() => Err(answer.later("Slack")),
        // no_service, no_team, channel_is_archived, channel_not_found, action_prohibited, invalid_token
        403 | 404 | 410 => Err(answer.never(
            "Slack",
            "make a new incoming webhook for a channel that exists, and set it in the notification settings",
        )),
        _ => Err(answer.never("Slack", "check the webhook's address in the notification settings")),
    }
}

pub(crate) async fn by_bot(
    client: &Client,
    api: &str,
    token: &str,
    channel: &str,
    message: &Message,
) -> Result<(), Failure> {
    let mut body = body(message);
    body["channel"] = channel.into();
    let request = client.post(format!("{}/chat.postMessage", api.trim_end_matches('/'))).bearer_auth(token);
    let answer = post(request, &body).await?;
    if !answer.status.is_success() {
        return Err(match answer.is_passing() {
            true => answer.later("Slack"),
            false => answer.never("Slack", "check the bot token in the notification settings"),
        });
    }
    // Slack answers errors with status 200.
    let said: Value = serde_json::from_str(&answer.text).unwrap_or_default();
    if said["ok"] == true {
        return Ok(());
    }
    Err(refused(said["error"].as_str().unwrap_or_default(), channel, &answer))
}

async fn post(request: reqwest::RequestBuilder, body: &Value) -> Result<Answer, Failure> {
    let request = request.header("content-type", "application/json; charset=utf-8").body(body.to_string());
    http::send(request, "Slack", Utc::now()).await
}

fn refused(code: &str, channel: &str, answer: &Answer) -> Failure {
    let reason = format!("Slack refused the message to {channel}: {code}");
    let fix = match code {
        "ratelimited"
        | "rate_limited"
        | "internal_error"
        | "fatal_error"
        | "service_unavailable"
        | "request_timeout"
        | "team_added_to_org" => return Failure::Later { reason, retry_after: answer.retry_after },
        "" => return Failure::later(format!("Slack gave an answer that is not its own: {}", answer.said())),
        "channel_not_found" | "not_in_channel" => "correct the channel's name, or invite the bot to it: /invite @owlet",
        "is_archived" => "unarchive the channel, or name another one",
        "missing_scope" | "restricted_action" | "not_allowed_token_type" => {
            "give the bot the scope chat:write and install it again"
        }
        "invalid_auth" | "not_authed" | "account_inactive" | "token_revoked" | "token_expired" | "no_permission" => {
            "install the bot again and set its token (xoxb-…) in the notification settings"
        }
        _ => "see Slack's documentation of chat.postMessage for this code",
    };
    Failure::never(reason, fix)
}

/// Blocks for those who look, a line of text for notifications and screen readers.
pub(crate) fn body(message: &Message) -> Value {
    let digest = Digest::of(message);
    let mut blocks = vec![json!({
        "type": "header",
        "text": {"type": "plain_text", "emoji": true, "text": shortened(&format!("{} {}", digest.sign, digest.title), 150)},
    })];
    let facts: Vec<String> =
        digest.facts.iter().map(|(label, value)| format!("*{label}:* {}", escaped(value))).collect();
    blocks.push(section(&facts.join("\n")));
    if let Some(cause) = &digest.cause {
        blocks.push(section(&format!("*Cause:* {}", escaped(cause))));
    }
    if let Some(fix) = &digest.fix {
        blocks.push(section(&format!("*Fix:* {}", escaped(fix))));
    }
    if !digest.nodes.is_empty() {
        let mut lines = vec!["*Failed:*".to_owned()];
        lines.extend(digest.nodes.iter().map(|(name, message)| match message {
            Some(message) => format!("• `{}` {}", code(name), escaped(message)),
            None => format!("• `{}`", code(name)),
        }));
        lines.extend(digest.more());
        blocks.push(section(&lines.join("\n")));
    }
    if let Some((label, url)) = &digest.link {
        blocks.push(json!({
            "type": "actions",
            "elements": [{"type": "button", "text": {"type": "plain_text", "text": label}, "url": url}],
        }));
    }
    let text = match &digest.link {
        Some((label, url)) => format!("{} {} <{}|{label}>", digest.sign, escaped(&digest.title), escaped(url)),
        None => format!("{} {}", digest.sign, escaped(&digest.title)),
    };
    json!({"text": text, "blocks": blocks, "unfurl_links": false, "unfurl_media": false})
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": shortened(text, LONGEST_SECTION)}})
}

/// Slack's three control characters. Source: Slack API, "Formatting text for app surfaces".
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn code(text: &str) -> String {
    escaped(&text.replace('`', "'"))
}
