//! What code hosts tell: pushes and pull requests of GitHub, GitLab, Bitbucket and Azure DevOps.
//!
//! Pure: from headers and body to [`Delivery`]. A delivery is believed only with the shared secret: GitHub and Bitbucket sign the body with it
//! (HMAC-SHA256), GitLab and Azure DevOps send it.

mod azure_devops;
mod bitbucket;
mod github;
mod gitlab;
mod signature;

use std::str::FromStr;

use axum::http::HeaderMap;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::auth::to_hex;

pub use signature::sign;

/// Who delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    GitHub,
    GitLab,
    Bitbucket,
    AzureDevOps,
}

impl Provider {
    /// Its name in paths and in the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::Bitbucket => "bitbucket",
            Self::AzureDevOps => "azure-devops",
        }
    }
}

impl FromStr for Provider {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let known = [Self::GitHub, Self::GitLab, Self::Bitbucket, Self::AzureDevOps];
        known.into_iter().find(|provider| provider.as_str() == text).ok_or(())
    }
}

/// A delivery that was believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub provider: Provider,
    /// The same when it is delivered again.
    pub id: String,
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Commits arrived on branches: a merge, too.
    Push(Vec<Push>),
    PullRequest(PullRequest),
    /// Nothing that starts anything; `why` says so.
    Ignored {
        why: String,
    },
}

/// One branch that moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// `owner/name` as the host writes it.
    pub repository: String,
    pub branch: String,
    pub commit: String,
    pub author: Option<String>,
}

/// A pull request that was opened, moved or closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// `owner/name` as the host writes it.
    pub repository: String,
    pub number: i64,
    pub action: Action,
    pub branch: String,
    pub commit: String,
    pub base_branch: String,
    pub author: Option<String>,
    pub url: Option<String>,
}

/// What became of a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Opened,
    Reopened,
    /// New commits.
    Updated,
    Merged,
    /// Closed without a merge.
    Closed,
}

/// Why a delivery is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    #[error("the delivery does not show the secret: it has no header {0}")]
    NoPassword(&'static str),
    #[error("the delivery is not signed: it has no header {0}")]
    Unsigned(&'static str),
    #[error("the signature in {0} does not match: the secrets differ, or the body was changed on its way")]
    WrongSignature(&'static str),
    #[error("the delivery has no header {0}")]
    NoHeader(&'static str),
    #[error("the body is no JSON: {0}")]
    NotJson(String),
    #[error("the event '{event}' has no {field}")]
    Missing { event: String, field: &'static str },
}

impl WebhookError {
    /// What one can do now.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::NoPassword(_) => {
                "enter the secret of OWLET_WEBHOOK_SECRET as the password of basic authentication in the service hook's settings"
            }
            Self::Unsigned(_) | Self::WrongSignature(_) => {
                "enter the same secret in the webhook's settings and in OWLET_WEBHOOK_SECRET of `owlet up`"
            }
            Self::Missing { event, .. } if event.starts_with("git.") => {
                "set the service hook's resource details to send to All, with the newest resource version"
            }
            Self::NoHeader(_) | Self::NotJson(_) | Self::Missing { .. } => {
                "set the webhook's content type to application/json, and its address to /api/v1/webhooks/ and the host's name"
            }
        }
    }
}

/// Checks and reads a delivery.
///
/// # Errors
/// It is not signed with `secret`, or is not what the host's documentation promises.
pub fn receive(provider: Provider, secret: &str, headers: &HeaderMap, body: &[u8]) -> Result<Delivery, WebhookError> {
    match provider {
        Provider::GitHub => signature::hmac_sha256(headers, "x-hub-signature-256", secret, body)?,
        Provider::Bitbucket => signature::hmac_sha256(headers, "x-hub-signature", secret, body)?,
        Provider::GitLab => signature::shared(headers, "x-gitlab-token", secret)?,
        Provider::AzureDevOps => signature::password(headers, secret)?,
    }
    let json: Json = serde_json::from_slice(body).map_err(|error| WebhookError::NotJson(error.to_string()))?;
    let (ids, event): (&[&str], Event) = match provider {
        Provider::GitHub => (&["x-github-delivery"], github::event(required(headers, "x-github-event")?, &json)?),
        Provider::GitLab => {
            (&["idempotency-key", "x-gitlab-event-uuid"], gitlab::event(required(headers, "x-gitlab-event")?, &json)?)
        }
        Provider::Bitbucket => (&["x-request-uuid"], bitbucket::event(required(headers, "x-event-key")?, &json)?),
        Provider::AzureDevOps => (&[], azure_devops::event(&json)?),
    };
    let named = ids.iter().find_map(|name| headers.get(*name)?.to_str().ok()).map(str::to_owned);
    // Azure's stands in the body, and sets each attempt's date beside it.
    let of_body = || json["id"].as_str().filter(|_| provider == Provider::AzureDevOps).map(str::to_owned);
    let id = named.or_else(of_body).unwrap_or_else(|| to_hex(&Sha256::digest(body)));
    Ok(Delivery { provider, id, event })
}

fn required<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, WebhookError> {
    headers.get(name).and_then(|value| value.to_str().ok()).ok_or(WebhookError::NoHeader(name))
}

/// Fields of an event by JSON pointer.
struct Fields<'a> {
    event: &'a str,
    json: &'a Json,
}

impl Fields<'_> {
    fn text(&self, pointer: &'static str) -> Result<String, WebhookError> {
        self.optional(pointer).ok_or_else(|| self.missing(pointer))
    }

    fn optional(&self, pointer: &str) -> Option<String> {
        self.json.pointer(pointer)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    }

    fn number(&self, pointer: &'static str) -> Result<i64, WebhookError> {
        self.json.pointer(pointer).and_then(Json::as_i64).ok_or_else(|| self.missing(pointer))
    }

    fn truth(&self, pointer: &str) -> bool {
        self.json.pointer(pointer).and_then(Json::as_bool).unwrap_or(false)
    }

    fn missing(&self, field: &'static str) -> WebhookError {
        WebhookError::Missing { event: self.event.to_owned(), field }
    }

    fn ignored(&self) -> Event {
        Event::Ignored { why: format!("nothing starts on '{}'", self.event) }
    }
}
