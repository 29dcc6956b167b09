//! What commands print.

use std::convert::Infallible;

use axum::{
    Json,
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::Stream;
use scheduler::read::{LogChunk, LogPage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    extract::{Parameters, Path, after, limit},
    runs::pause,
};
use crate::{app::App, auth::Scope, error::ApiError, routes::Operation, time::rfc3339};

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/api/v1/commands/{command_id}/logs", "getLogs", "Output of a command, page by page", page)
            .needs(Scope::BoltRead)
            .query::<LogQuery>()
            .answers::<Logs>(),
        Operation::get(
            "/api/v1/commands/{command_id}/logs/events",
            "followLogs",
            "Server-sent events `logs` (the same pages as they come) until the command has ended; the event id is the cursor",
            follow,
        )
        .needs(Scope::BoltRead)
        .query::<LogQuery>()
        .answers_as("text/event-stream"),
    ]
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LogQuery {
    /// The `next` of the page before.
    after: Option<String>,
    /// 1 to 1000 chunks of lines; 200 if absent.
    limit: Option<i64>,
}

/// Some output.
#[derive(Debug, Serialize, JsonSchema)]
struct Logs {
    chunks: Vec<Chunk>,
    /// Where to go on, now or later.
    next: String,
    /// Nothing follows, now or later.
    finished: bool,
}

/// A page, or an event, is not much longer, however much a command prints: a server has many readers.
const MOST_BYTES: usize = 1 << 20;

/// Whole lines of one stream.
#[derive(Debug, Serialize, JsonSchema)]
struct Chunk {
    /// STDOUT or STDERR.
    stream: String,
    text: String,
    at: String,
}

impl Logs {
    fn of(page: LogPage) -> Self {
        let chunk = |chunk: LogChunk| Chunk { stream: chunk.stream, text: chunk.text, at: rfc3339(chunk.at) };
        Self {
            next: page.last_sequence.to_string(),
            finished: page.finished,
            chunks: page.chunks.into_iter().map(chunk).collect(),
        }
    }
}

async fn read(app: &App, command_id: i64, after: i64, limit: i64) -> Result<Logs, ApiError> {
    let page = app.parts.reader.logs(command_id, after, limit, MOST_BYTES).await?;
    page.map(Logs::of).ok_or_else(|| ApiError::not_found("command", &command_id.to_string()))
}

async fn page(
    State(app): State<App>,
    Path(id): Path<i64>,
    Parameters(query): Parameters<LogQuery>,
) -> Result<Json<Logs>, ApiError> {
    let after = after::<i64>(query.after.as_deref())?.unwrap_or(-1);
    read(&app, id, after, limit(query.limit, 200, 1000)?).await.map(Json)
}

async fn follow(
    State(app): State<App>,
    Path(id): Path<i64>,
    headers: axum::http::HeaderMap,
    Parameters(query): Parameters<LogQuery>,
) -> Result<Response, ApiError> {
    // Browsers that connect again say what they saw last.
    let seen = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let after = after::<i64>(seen.or(query.after.as_deref()))?.unwrap_or(-1);
    let limit = limit(query.limit, 200, 1000)?;
    read(&app, id, after, 1).await?;
    Ok(Sse::new(pages(app, id, after, limit)).keep_alive(KeepAlive::default()).into_response())
}

fn pages(app: App, id: i64, after: i64, limit: i64) -> impl Stream<Item = Result<Event, Infallible>> {
    futures::stream::unfold(Some((app, after)), move |state| async move {
        let (app, after) = state?;
        loop {
            if app.parts.stopping.is_cancelled() {
                return None;
            }
            let logs = read(&app, id, after, limit).await.ok()?;
            if !logs.chunks.is_empty() || logs.finished {
                let event = Event::default().event("logs").id(&logs.next).json_data(&logs).ok()?;
                let rest = if logs.finished { None } else { Some((app, logs.next.parse().unwrap_or(after))) };
                return Some((Ok(event), rest));
            }
            pause(&app).await;
        }
    })
}
