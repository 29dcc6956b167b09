//! Tells people and programs what happened: Slack, Microsoft Teams, e-mail, signed webhooks, incident tools. One message, one delivery attempt; when to try
//! again is the outbox's business in `scheduler`.
//!
//! Reading order: [`Message`] (what happened), `digest` (the same as a few lines, for every channel), one module per channel,
//! [`Failure`] (whether another attempt can help).

mod commit_status;
mod datadog;
mod digest;
mod email;
mod failure;
mod http;
mod incident_io;
mod message;
mod new_relic;
mod observability;
mod otlp;
mod pagerduty;
mod slack;
mod teams;
mod webhook;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use commit_status::{CommitState, CommitStatus, StatusHost};
pub use email::{Security, Smtp};
pub use failure::Failure;
pub use message::{Event, FailingNode, Message, Run, Schedule};
pub use observability::{LineageServer, TraceServer};
pub use otlp::{Attribute, Span, SpanKind, SpanOutcome, TraceEncoding};
pub use slack::SLACK_API;
pub use webhook::{BoltCommand, BoltEvent, SigningKey};

/// Where a message goes, with the credentials. `Debug` shows none of them.
#[derive(Clone)]
pub enum Channel {
    /// An incoming webhook, which belongs to one Slack channel.
    SlackWebhook {
        url: String,
    },
    /// A bot that posts to any channel it is in. `api` is [`SLACK_API`].
    SlackBot {
        api: String,
        token: String,
        channel: String,
    },
    /// A Teams workflow that posts what it gets.
    Teams {
        url: String,
    },
    Email {
        smtp: Smtp,
        to: String,
    },
    Webhook {
        url: String,
        key: Option<SigningKey>,
    },
    /// A service of PagerDuty, by the key of its Events API v2 integration. `url` is the whole address.
    PagerDuty {
        url: String,
        routing_key: String,
    },
    /// An HTTP alert source of incident.io. `url` is the source's whole address.
    IncidentIo {
        url: String,
        token: String,
    },
    /// The event stream of Datadog. `url` is the whole address.
    Datadog {
        url: String,
        api_key: String,
    },
    /// Custom events of New Relic. `url` is the account's whole address.
    NewRelic {
        url: String,
        license_key: String,
    },
}

/// What is delivered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Body {
    /// For people; a webhook gets it as JSON.
    Message(Message),
    /// Bolt's own events, for webhooks only.
    Bolt(BoltEvent),
}

/// One attempt.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// The same for every attempt to deliver the same: receivers that keep it drop what they have seen.
    pub id: &'a str,
    pub body: &'a Body,
    /// Goes into signatures and the date of mails.
    pub sent_at: DateTime<Utc>,
}

/// Delivers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Notifier {
    http: reqwest::Client,
}

impl Notifier {
    /// Every attempt ends within this time.
    pub const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

    /// # Errors
    /// The system has no usable TLS roots.
    pub fn new() -> Result<Self, reqwest::Error> {
        Ok(Self { http: http::client(Self::TIMEOUT)? })
    }

    /// Tells the host of a repository what came of a commit; tries once.
    ///
    /// # Errors
    /// As [`Notifier::deliver`].
    pub async fn report(&self, status: &CommitStatus) -> Result<(), Failure> {
        commit_status::deliver(&self.http, status).await
    }

    /// Tells an OpenLineage event; tries once.
    ///
    /// # Errors
    /// As [`Notifier::deliver`].
    pub async fn tell_lineage(&self, server: &LineageServer, event: &serde_json::Value) -> Result<(), Failure> {
        observability::lineage(&self.http, server, event).await
    }

    /// Exports spans in one request; tries once. `resource` has `service.name` and more.
    ///
    /// # Errors
    /// As [`Notifier::deliver`].
    pub async fn tell_traces(
        &self,
        server: &TraceServer,
        resource: &[(String, String)],
        spans: &[Span],
    ) -> Result<(), Failure> {
        observability::traces(&self.http, server, resource, spans).await
    }

    /// Tries once.
    ///
    /// # Errors
    /// The receiver did not take it; the failure says whether to try again.
    pub async fn deliver(&self, channel: &Channel, delivery: Delivery<'_>) -> Result<(), Failure> {
        match (channel, delivery.body) {
            (Channel::Webhook { url, key }, _) => webhook::deliver(&self.http, url, key.as_ref(), delivery).await,
            (_, Body::Bolt(_)) => Err(Failure::never("A Bolt event is for webhooks", "name a webhook as its target")),
            (Channel::SlackWebhook { url }, Body::Message(message)) => {
                slack::by_webhook(&self.http, url, message).await
            }
            (Channel::SlackBot { api, token, channel }, Body::Message(message)) => {
                slack::by_bot(&self.http, api, token, channel, message).await
            }
            (Channel::Teams { url }, Body::Message(message)) => teams::deliver(&self.http, url, message).await,
            (Channel::PagerDuty { url, routing_key }, Body::Message(message)) => {
                pagerduty::deliver(&self.http, url, routing_key, message, delivery).await
            }
            (Channel::IncidentIo { url, token }, Body::Message(message)) => {
                incident_io::deliver(&self.http, url, token, message, delivery).await
            }
            (Channel::Datadog { url, api_key }, Body::Message(message)) => {
                datadog::deliver(&self.http, url, api_key, message, delivery).await
            }
            (Channel::NewRelic { url, license_key }, Body::Message(message)) => {
                new_relic::deliver(&self.http, url, license_key, message, delivery).await
            }
            (Channel::Email { smtp, to }, Body::Message(message)) => {
                email::deliver(smtp, to, message, delivery.id, delivery.sent_at).await
            }
        }
    }
}

/// What a person calls it; no secrets.
impl std::fmt::Display for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SlackWebhook { .. } => f.write_str("an incoming webhook of Slack"),
            Self::SlackBot { channel, .. } => write!(f, "Slack's bot, in {channel}"),
            Self::Teams { .. } => f.write_str("a webhook of Microsoft Teams"),
            Self::Email { to, .. } => write!(f, "mail to {to}"),
            Self::Webhook { key: Some(_), .. } => f.write_str("a webhook, signed"),
            Self::Webhook { key: None, .. } => f.write_str("a webhook, not signed"),
            Self::PagerDuty { .. } => f.write_str("a service of PagerDuty"),
            Self::IncidentIo { .. } => f.write_str("an alert source of incident.io"),
            Self::Datadog { url, .. } => write!(f, "events of Datadog at {url}"),
            Self::NewRelic { url, .. } => write!(f, "events of New Relic at {url}"),
        }
    }
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SlackWebhook { .. } => f.write_str("SlackWebhook(…)"),
            Self::SlackBot { channel, .. } => {
                f.debug_struct("SlackBot").field("channel", channel).finish_non_exhaustive()
            }
            Self::Teams { .. } => f.write_str("Teams(…)"),
            Self::Email { smtp, to } => f.debug_struct("Email").field("smtp", smtp).field("to", to).finish(),
            Self::Webhook { key, .. } => {
                f.debug_struct("Webhook").field("is_signed", &key.is_some()).finish_non_exhaustive()
            }
            Self::PagerDuty { url, .. } => f.debug_struct("PagerDuty").field("url", url).finish_non_exhaustive(),
            Self::IncidentIo { url, .. } => f.debug_struct("IncidentIo").field("url", url).finish_non_exhaustive(),
            Self::Datadog { url, .. } => f.debug_struct("Datadog").field("url", url).finish_non_exhaustive(),
            Self::NewRelic { url, .. } => f.debug_struct("NewRelic").field("url", url).finish_non_exhaustive(),
        }
    }
}

#[cfg(test)]
mod rendering;
