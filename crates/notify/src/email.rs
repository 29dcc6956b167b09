//! E-mail over SMTP.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    message::{Mailbox, MultiPart},
    transport::smtp::{
        authentication::Credentials,
        client::{Tls, TlsParameters},
    },
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Failure, Message, Notifier, digest::Digest};

/// How the connection to the mail server is kept private.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// Begins in the clear and must switch to TLS; port 587.
    #[default]
    Starttls,
    /// TLS from the first byte; port 465.
    Tls,
    /// In the clear; port 25. A password is sent to a server on this machine only.
    None,
}

impl Security {
    /// The port that goes with it.
    pub fn port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// A mail server. `Debug` does not show the password.
#[derive(Clone)]
pub struct Smtp {
    pub host: String,
    pub port: u16,
    pub security: Security,
    /// User and password.
    pub credentials: Option<(String, String)>,
    /// `Owlet <owlet@example.com>`, or the address alone.
    pub from: String,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let user = self.credentials.as_ref().map(|(user, _)| user);
        f.debug_struct("Smtp")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("security", &self.security)
            .field("user", &user)
            .field("from", &self.from)
            .finish()
    }
}

pub(crate) async fn deliver(
    smtp: &Smtp,
    to: &str,
    message: &Message,
    id: &str,
    sent_at: DateTime<Utc>,
) -> Result<(), Failure> {
    let mail = mail(smtp, to, message, id, sent_at)?;
    let transport = transport(smtp)?;
    transport.send(mail).await.map(drop).map_err(|error| sorted(&error, smtp, to))
}

fn transport(smtp: &Smtp) -> Result<AsyncSmtpTransport<Tokio1Executor>, Failure> {
    let is_local = matches!(smtp.host.as_str(), "localhost" | "127.0.0.1" | "::1");
    if smtp.security == Security::None && smtp.credentials.is_some() && !is_local {
        return Err(Failure::never(
            format!("The password for {} would be sent in the clear", smtp.host),
            "set security to starttls or tls, or remove user and password",
        ));
    }
    let parameters = || {
        TlsParameters::new(smtp.host.clone()).map_err(|error| {
            Failure::never(
                format!("TLS to {} cannot be set up: {error}", smtp.host),
                "check the host name and the machine's CA certificates",
            )
        })
    };
    let tls = match smtp.security {
        Security::Starttls => Tls::Required(parameters()?),
        Security::Tls => Tls::Wrapper(parameters()?),
        Security::None => Tls::None,
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.host)
        .port(smtp.port)
        .tls(tls)
        .timeout(Some(Notifier::TIMEOUT / 2));
    if let Some((user, password)) = &smtp.credentials {
        builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
    }
    Ok(builder.build())
}

fn mail(
    smtp: &Smtp,
    to: &str,
    message: &Message,
    id: &str,
    sent_at: DateTime<Utc>,
) -> Result<lettre::Message, Failure> {
    let mailbox = |text: &str, what: &str| {
        text.parse::<Mailbox>().map_err(|error| {
            Failure::never(format!("'{text}' is no mail address: {error}"), format!("correct the {what}"))
        })
    };
    let from = mailbox(&smtp.from, "sender in the notification settings")?;
    let to = mailbox(to, "address in the schedule's notifications")?;
    let domain = from.email.domain().to_owned();
    let digest = Digest::of(message);
    let seconds = u64::try_from(sent_at.timestamp()).unwrap_or_default();
    lettre::Message::builder()
        .from(from)
        .to(to)
        .subject(format!("[{}] {}", message.event.as_str(), digest.title))
        .date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
        // The same for every attempt: servers that drop what they have seen go by it.
        .message_id(Some(format!("<{}@{domain}>", hex_of(id))))
        .multipart(MultiPart::alternative_plain_html(plain(&digest), html(&digest)))
        .map_err(|error| Failure::never(format!("The mail cannot be made: {error}"), "check sender and receiver"))
}

fn hex_of(id: &str) -> String {
    Sha256::digest(id).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn plain(digest: &Digest) -> String {
    format!("{}\n\n{}\n", digest.title, digest.lines().join("\n"))
}

pub(crate) fn html(digest: &Digest) -> String {
    let mut html = String::from("<div style=\"font-family:sans-serif;font-size:14px\">");
    html.push_str(&format!("<h3>{} {}</h3>", digest.sign, escaped(&digest.title)));
    html.push_str("<table cellpadding=\"2\">");
    for (label, value) in &digest.facts {
        html.push_str(&format!("<tr><td><b>{label}</b></td><td>{}</td></tr>", escaped(value)));
    }
    html.push_str("</table>");
    for (label, text) in [("Cause", &digest.cause), ("Fix", &digest.fix)] {
        if let Some(text) = text {
            html.push_str(&format!("<p><b>{label}:</b> {}</p>", escaped(text).replace('\n', "<br>")));
        }
    }
    if !digest.nodes.is_empty() {
        html.push_str("<p><b>Failed:</b></p><ul>");
        for (name, message) in &digest.nodes {
            let message = message.as_deref().map(escaped).unwrap_or_default();
            html.push_str(&format!("<li><code>{}</code> {message}</li>", escaped(name)));
        }
        html.push_str("</ul>");
        html.extend(digest.more().map(|more| format!("<p>{more}</p>")));
    }
    if let Some((label, url)) = &digest.link {
        html.push_str(&format!("<p><a href=\"{}\">{}</a></p>", escaped(url), escaped(label)));
    }
    html.push_str("</div>");
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Permanent answers (5xx) and what the server cannot do are for people; the rest passes.
fn sorted(error: &lettre::transport::smtp::Error, smtp: &Smtp, to: &str) -> Failure {
    let server = format!("{}:{}", smtp.host, smtp.port);
    let reason = format!(
        "The mail server {server} did not take the mail to {to}: {}",
        crate::digest::shortened(&error.to_string(), 300)
    );
    let code = error.status().map(|code| code.to_string()).unwrap_or_default();
    if error.is_permanent() {
        let fix = match code.as_str() {
            "530" | "534" | "535" | "538" => "correct user and password of the mail server",
            "550" | "551" | "553" | "510" | "511" => {
                "correct the receiver's address, or let the server accept mail from this sender"
            }
            "554" => "the server refuses mail from this sender or machine: ask its administrator",
            _ => "see the server's answer",
        };
        return Failure::never(reason, fix);
    }
    if error.is_client() {
        return Failure::never(
            reason,
            "set another security (starttls, tls, none) or port: the server does not offer what was asked for",
        );
    }
    Failure::later(reason)
}
