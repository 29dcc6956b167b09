//! Posting JSON, and what the answers mean.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::{Client, RequestBuilder, Response, StatusCode, header, redirect::Policy};

use crate::{Failure, digest::shortened};

/// A redirected POST would become a GET, or send what is meant for one host to another: it is an answer like others.
pub(crate) fn client(timeout: Duration) -> Result<Client, reqwest::Error> {
    Client::builder()
        .timeout(timeout)
        .connect_timeout(Duration::from_secs(10))
        .redirect(Policy::none())
        .user_agent(concat!("Owlet/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// An answer, read.
pub(crate) struct Answer {
    pub status: StatusCode,
    pub retry_after: Option<Duration>,
    pub text: String,
}

/// Sends. `whom` is a name for messages: addresses may hold secrets.
pub(crate) async fn send(request: RequestBuilder, whom: &str, now: DateTime<Utc>) -> Result<Answer, Failure> {
    let response = request.send().await.map_err(|error| unanswered(error, whom))?;
    let (status, retry_after) = (response.status(), retry_after(&response, now));
    // What the receiver says about it is worth a line; that it stops saying it is not a failure.
    let text = response.text().await.unwrap_or_default();
    Ok(Answer { status, retry_after, text })
}

fn unanswered(error: reqwest::Error, whom: &str) -> Failure {
    // The address is in the error's text, and for Slack and Teams it is the secret.
    let error = error.without_url();
    if error.is_builder() {
        return Failure::never(
            format!("The address of {whom} is not usable: {}", chain(&error)),
            "correct it in the notification settings: it begins with https:// and has no spaces",
        );
    }
    let what = if error.is_timeout() { "did not answer in time" } else { "could not be reached" };
    Failure::later(format!("{whom} {what}: {}", chain(&error)))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    shortened(&text, 300)
}

impl Answer {
    /// As it is shown: the first line of what was said.
    pub fn said(&self) -> String {
        let line = self.text.trim().lines().next().unwrap_or_default();
        if line.is_empty() { self.status.to_string() } else { format!("{} {}", self.status, shortened(line, 200)) }
    }

    /// Later, as long as the receiver asks.
    pub fn later(&self, whom: &str) -> Failure {
        Failure::Later { reason: format!("{whom} answered {}", self.said()), retry_after: self.retry_after }
    }

    /// Somebody must change something.
    pub fn never(&self, whom: &str, fix: &str) -> Failure {
        Failure::never(format!("{whom} answered {}", self.said()), fix)
    }

    /// The receiver is busy or broken, by the status alone.
    pub fn is_passing(&self) -> bool {
        let status = self.status.as_u16();
        matches!(status, 408 | 425 | 429) || (self.status.is_server_error() && !matches!(status, 501 | 505))
    }
}

/// Seconds, or a date.
fn retry_after(response: &Response, now: DateTime<Utc>) -> Option<Duration> {
    let text = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(text).ok()?;
    (date.with_timezone(&Utc) - now).to_std().ok()
}
