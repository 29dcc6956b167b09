//! Events for lineage and trace servers, posted as they are.
//!
//! Sources: OpenLineage, `spec/OpenLineage.yml` and the HTTP transport of its Python client (`Authorization: Bearer`); OTLP specification, "OTLP/HTTP
//! Response": 429, 502, 503 and 504 may be taken later.

use chrono::Utc;
use reqwest::{Client, RequestBuilder};
use serde_json::Value;

use crate::{
    Failure, http,
    otlp::{self, Span, TraceEncoding},
};

/// Where OpenLineage events go. `Debug` does not show the key.
#[derive(Clone, PartialEq, Eq)]
pub struct LineageServer {
    /// The whole address: `http://localhost:5000/api/v1/lineage`.
    pub url: String,
    pub api_key: Option<String>,
}

impl std::fmt::Debug for LineageServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LineageServer").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Where traces go. `Debug` does not show the headers.
#[derive(Clone, PartialEq, Eq)]
pub struct TraceServer {
    /// The whole address: `http://localhost:4318/v1/traces`.
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub encoding: TraceEncoding,
}

impl std::fmt::Debug for TraceServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TraceServer").field("url", &self.url).finish_non_exhaustive()
    }
}

pub(crate) async fn lineage(client: &Client, server: &LineageServer, event: &Value) -> Result<(), Failure> {
    let mut request = client.post(&server.url);
    if let Some(key) = &server.api_key {
        request = request.bearer_auth(key);
    }
    let request = request.header("content-type", "application/json").body(event.to_string());
    post(request, "The lineage server", "check OPENLINEAGE_URL and the API key").await
}

pub(crate) async fn traces(
    client: &Client,
    server: &TraceServer,
    resource: &[(String, String)],
    spans: &[Span],
) -> Result<(), Failure> {
    let (content_type, body) = otlp::request(server.encoding, resource, spans);
    let request =
        server.headers.iter().fold(client.post(&server.url), |request, (name, value)| request.header(name, value));
    let request = request.header("content-type", content_type).body(body);
    post(request, "The trace server", "check OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_HEADERS").await
}

async fn post(request: RequestBuilder, whom: &str, fix: &str) -> Result<(), Failure> {
    let answer = http::send(request, whom, Utc::now()).await?;
    match answer.status.as_u16() {
        200..=299 => Ok(()),
        _ if answer.is_passing() => Err(answer.later(whom)),
        _ => Err(answer.never(whom, fix)),
    }
}
