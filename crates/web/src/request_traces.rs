//! Requests as spans for a trace server. They are gathered and sent every few seconds; what the server does not take while the buffer is full, or while
//! this one stops, is lost, as is usual for them. What runs did goes through the outbox instead, and is not.
//!
//! Source: OpenTelemetry semantic conventions, "HTTP server span"; W3C Trace Context, `traceparent`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::http::{HeaderMap, Method, StatusCode};
use notify::{Attribute, Failure, Notifier, Span, SpanKind, SpanOutcome, TraceServer};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Spans that wait to be sent.
const MOST_WAITING: usize = 2_048;
/// Spans of one request.
const MOST_AT_ONCE: usize = 512;
const INTERVAL: Duration = Duration::from_secs(5);

/// Takes spans; cheap to clone.
#[derive(Debug, Clone)]
pub struct RequestTraces {
    spans: Sender<Span>,
    lost: Arc<AtomicU64>,
}

/// Sends them.
pub struct RequestTraceExport {
    spans: Receiver<Span>,
    lost: Arc<AtomicU64>,
    server: TraceServer,
    resource: Vec<(String, String)>,
    notifier: Notifier,
}

/// A request that was answered. Times are in µs since 1970, UTC.
#[derive(Debug)]
pub struct Answered<'a> {
    pub method: &'a Method,
    /// With `{name}` for parameters.
    pub route: &'static str,
    /// Without its query, which may hold a signature.
    pub path: &'a str,
    pub status: StatusCode,
    pub started_at: i64,
    pub took: Duration,
    pub parent: Option<Parent>,
}

/// The span of the client that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    is_sampled: bool,
}

impl Parent {
    /// From `traceparent`; none where it is not as the standard has it.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get("traceparent")?.to_str().ok()?;
        let parts: Vec<&str> = text.trim().split('-').collect();
        let [version, trace_id, span_id, flags, rest @ ..] = parts.as_slice() else { return None };
        // Later versions may have more behind; ff is none.
        let is_known = version.len() == 2 && *version != "ff" && (*version != "00" || rest.is_empty());
        let (trace_id, span_id) = (bytes::<16>(trace_id)?, bytes::<8>(span_id)?);
        let [flags] = bytes::<1>(flags)?;
        let is_valid = is_known && trace_id != [0; 16] && span_id != [0; 8];
        is_valid.then_some(Self { trace_id, span_id, is_sampled: flags & 1 == 1 })
    }
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let is_hex = text.len() == 2 * N && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = is_hex.then(|| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok())??;
    }
    Some(bytes)
}

/// What gathers, and what sends.
pub fn request_traces(
    server: TraceServer,
    resource: Vec<(String, String)>,
    notifier: Notifier,
) -> (RequestTraces, RequestTraceExport) {
    let (sender, receiver) = channel(MOST_WAITING);
    let lost = Arc::new(AtomicU64::new(0));
    let export = RequestTraceExport { spans: receiver, lost: Arc::clone(&lost), server, resource, notifier };
    (RequestTraces { spans: sender, lost }, export)
}

impl RequestTraces {
    /// Notes a request, unless its client wants it not to be, or it is one of those that machines send all the time.
    pub fn note(&self, answered: &Answered<'_>) {
        let is_watching = matches!(answered.route, "/healthz" | "/readyz" | "/metrics" | "/assets/owlet.css");
        if is_watching || answered.parent.is_some_and(|parent| !parent.is_sampled) {
            return;
        }
        if self.spans.try_send(span(answered)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn span(answered: &Answered<'_>) -> Span {
    let (own, status) = (Uuid::new_v4().into_bytes(), answered.status.as_u16());
    let is_error = answered.status.is_server_error();
    let mut attributes = vec![
        ("http.request.method", Attribute::from(answered.method.as_str())),
        ("http.route", answered.route.into()),
        ("url.path", answered.path.into()),
        ("http.response.status_code", i64::from(status).into()),
    ];
    if is_error {
        attributes.push(("error.type", status.to_string().as_str().into()));
    }
    Span {
        trace_id: answered.parent.map_or_else(|| Uuid::new_v4().into_bytes(), |parent| parent.trace_id),
        span_id: std::array::from_fn(|at| own[at]),
        parent_id: answered.parent.map(|parent| parent.span_id),
        name: format!("{} {}", answered.method, answered.route),
        kind: SpanKind::Server,
        started_at: answered.started_at,
        ended_at: answered.started_at + i64::try_from(answered.took.as_micros()).unwrap_or_default(),
        attributes,
        // What a client asked wrongly is no failure of the server.
        outcome: if is_error { SpanOutcome::Failed(answered.status.to_string()) } else { SpanOutcome::Unset },
    }
}

impl RequestTraceExport {
    /// Sends what is gathered until `stop`, and then once more.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut waiting = Vec::new();
        let mut is_away = false;
        loop {
            let is_last = tokio::select! {
                () = stop.cancelled() => true,
                () = tokio::time::sleep(INTERVAL) => false,
            };
            is_away = self.send(&mut waiting, is_away).await;
            if is_last {
                return;
            }
        }
    }

    /// Whether the server took them not.
    async fn send(&mut self, waiting: &mut Vec<Span>, was_away: bool) -> bool {
        loop {
            while waiting.len() < MOST_AT_ONCE {
                let Ok(span) = self.spans.try_recv() else { break };
                waiting.push(span);
            }
            if waiting.is_empty() {
                return false;
            }
            match self.notifier.tell_traces(&self.server, &self.resource, waiting).await {
                Ok(()) => {
                    let lost = self.lost.swap(0, Ordering::Relaxed);
                    if lost > 0 {
                        tracing::warn!(lost, "spans of requests were not sent: more came than could be kept");
                    }
                    waiting.clear();
                }
                Err(failure) => {
                    // Once per absence.
                    if !was_away {
                        tracing::warn!(reason = %failure, "spans of requests could not be sent");
                    }
                    if matches!(failure, Failure::Never { .. }) {
                        waiting.clear();
                    }
                    return true;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_are_read_as_the_standard_has_them() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", text.parse().expect("a value"));
            Parent::of(&headers)
        };
        let (trace, span) = ("ab".repeat(16), "01".repeat(8));
        let parent = of(&format!("00-{trace}-{span}-01")).expect("read");
        assert_eq!((parent.trace_id, parent.span_id, parent.is_sampled), ([0xab; 16], [1; 8], true));
        assert!(!of(&format!("00-{trace}-{span}-00")).expect("read").is_sampled);
        assert!(of(&format!("01-{trace}-{span}-01-more")).is_some(), "a later version");
        for wrong in [
            format!("00-{trace}-{span}"),
            format!("00-{trace}-{span}-01-more"),
            format!("ff-{trace}-{span}-01"),
            format!("00-{}-{span}-01", "00".repeat(16)),
            format!("00-{trace}-{}-01", "00".repeat(8)),
            format!("00-{}-{span}-01", trace.to_uppercase()),
            "é".to_owned(),
            String::new(),
        ] {
            assert_eq!(of(&wrong), None, "{wrong}");
        }
        assert_eq!(Parent::of(&HeaderMap::new()), None);
    }
}
