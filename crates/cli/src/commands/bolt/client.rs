//! The server's API from outside.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value as Json;

use crate::args::server::ServerArgs;

/// A server that runs somewhere.
pub struct Client {
    endpoint: String,
    token: Option<String>,
    http: reqwest::Client,
}

impl Client {
    /// Of the command line.
    pub fn new(args: &ServerArgs) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .build()
            .context("Starting the HTTP client")?;
        Ok(Self { endpoint: args.endpoint.trim_end_matches('/').to_owned(), token: args.token.clone(), http })
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Json> {
        self.json(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Json) -> anyhow::Result<Json> {
        let request = self.request(Method::POST, path).header("content-type", "application/json");
        self.json(request.body(body.to_string())).await
    }

    /// The bytes behind an address that needs no login.
    pub async fn download(&self, url: &str) -> anyhow::Result<Vec<u8>> {
        let response = self.send(self.http.get(url)).await?;
        Ok(checked(response).await?.bytes().await.context("Reading the artifact")?.to_vec())
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.endpoint)).timeout(Duration::from_secs(60));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn json(&self, request: RequestBuilder) -> anyhow::Result<Json> {
        let text = checked(self.send(request).await?).await?.text().await.context("Reading the server's answer")?;
        serde_json::from_str(&text).map_err(|error| {
            anyhow!(
                "{} did not answer as an Owlet server does\n  cause: {error}\n  fix:   see whether --endpoint is right",
                self.endpoint
            )
        })
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        request.send().await.map_err(|error| {
            if error.is_connect() {
                anyhow!(
                    "No server answers at {}\n  cause: {}\n  fix:   start one with `owlet up`, or name another with --endpoint or OWLET_ENDPOINT",
                    self.endpoint,
                    innermost(&error)
                )
            } else if error.is_builder() {
                anyhow!(
                    "'{}' is no address of a server\n  cause: {}\n  fix:   write it whole, as in http://127.0.0.1:8585",
                    self.endpoint,
                    innermost(&error)
                )
            } else {
                anyhow!(
                    "Asking {} failed\n  cause: {}\n  fix:   see whether it is an Owlet that listens there, and ask again",
                    self.endpoint,
                    innermost(&error)
                )
            }
        })
    }
}

/// A word as part of a path.
pub fn part(word: &str) -> String {
    use std::fmt::Write;
    word.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// The answer, or what the server says is wrong.
async fn checked(response: Response) -> anyhow::Result<Response> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let text = response.text().await.unwrap_or_default();
    let Ok(body) = serde_json::from_str::<Json>(&text) else { bail!("The server answered {status}: {text}") };
    let mut message = body["error"].as_str().map_or_else(|| format!("The server answered {status}"), str::to_owned);
    for (label, name) in [("cause: ", "cause"), ("fix:   ", "fix")] {
        if let Some(part) = body[name].as_str() {
            message.push_str(&format!("\n  {label}{part}"));
        }
    }
    bail!(message)
}
