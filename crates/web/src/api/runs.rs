//! Runs: look, cancel, retry, follow.

use std::{convert::Infallible, time::Duration};

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::Stream;
use scheduler::{
    read::{Cursor, RunFilter, RunRow},
    request::{Canceled, RetryMode},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    extract::{Body, Caller, Parameters, Path, after, instant, limit},
    schedules::{Reason, Triggered, find as find_schedule},
    shape::{Attempt, Command, Page, Query, QueryTotals, Run, RunDetail},
};
use crate::{app::App, auth::Scope, error::ApiError, routes::Operation};

/// How often a stream looks for something new.
const LOOK: Duration = Duration::from_millis(500);

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/api/v1/runs", "listRuns", "Runs, newest first", list)
            .needs(Scope::BoltRead)
            .query::<ListQuery>()
            .answers::<Page<Run>>(),
        Operation::get("/api/v1/runs/{run_id}", "getRun", "A run with its commands and attempts", detail)
            .needs(Scope::BoltRead)
            .answers::<RunDetail>(),
        Operation::get("/api/v1/runs/{run_id}/queries", "listQueries", "The Athena queries of a run", queries)
            .needs(Scope::BoltRead)
            .answers::<Page<Query>>(),
        Operation::get(
            "/api/v1/runs/{run_id}/events",
            "followRun",
            "Server-sent events `run` (the run with its commands, whenever it changes) until it ends",
            events,
        )
        .needs(Scope::BoltRead)
        .answers_as("text/event-stream"),
        Operation::post("/api/v1/runs/{run_id}/cancel", "cancelRun", "Stop a run and its queries", cancel)
            .needs(Scope::BoltWrite)
            .body::<Reason>()
            .answers::<CancelAnswer>(),
        Operation::post("/api/v1/runs/{run_id}/retry", "retryRun", "Do a run again: a new run", retry)
            .needs(Scope::BoltWrite)
            .body::<RetryBody>()
            .status(StatusCode::CREATED)
            .answers::<Triggered>(),
    ]
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Slug of a schedule.
    schedule: Option<String>,
    /// One or more, separated by commas: QUEUED,RUNNING.
    state: Option<String>,
    cause: Option<String>,
    branch: Option<String>,
    actor: Option<String>,
    /// Made at this time or later.
    since: Option<String>,
    /// Made before this time.
    until: Option<String>,
    after: Option<String>,
    /// 1 to 1000; 50 if absent.
    limit: Option<i64>,
}

async fn list(State(app): State<App>, Parameters(query): Parameters<ListQuery>) -> Result<Json<Page<Run>>, ApiError> {
    let limit = limit(query.limit, 50, 1000)?;
    let states = query.state.as_deref().unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty());
    let mut filter = RunFilter {
        schedule_id: match &query.schedule {
            Some(slug) => Some(find_schedule(&app, slug).await?.id),
            None => None,
        },
        states: states.map(known_state).collect::<Result<_, _>>()?,
        cause: query.cause,
        branch: query.branch,
        actor: query.actor,
        since: instant("since", query.since.as_deref())?,
        until: instant("until", query.until.as_deref())?,
        after: after::<Cursor>(query.after.as_deref())?,
        offset: 0,
        limit: limit + 1,
    };
    filter.states.sort();
    filter.states.dedup();
    let rows = app.parts.reader.runs(&filter).await?;
    let now = app.parts.clock.now();
    let cursor = |row: &RunRow| Cursor { at: row.created_at, id: row.id }.to_string();
    Ok(Json(Page::of(rows, limit, cursor, |row| Run::of(row, now, &app.parts.public_url))))
}

fn known_state(word: &str) -> Result<String, ApiError> {
    let word = word.to_ascii_uppercase();
    let all = scheduler::model::RunState::ALL.iter().map(|state| state.as_str()).collect::<Vec<_>>();
    if all.contains(&word.as_str()) {
        return Ok(word);
    }
    Err(ApiError::bad_request(format!("'{word}' is no state of a run")).fix(format!("use {}", all.join(", "))))
}

/// The run, or 404.
pub async fn find(app: &App, id: i64) -> Result<RunRow, ApiError> {
    let found = app.parts.reader.run(id).await?;
    found.ok_or_else(|| ApiError::not_found("run", &id.to_string()).fix("list the runs: `owlet bolt runs`"))
}

async fn detail_of(app: &App, id: i64) -> Result<RunDetail, ApiError> {
    let run = find(app, id).await?;
    let attempts = app.parts.reader.attempts(run.family_id).await?;
    let attempt = |run: RunRow| Attempt { run_id: run.id, attempt: run.attempt, state: run.state };
    Ok(RunDetail {
        commands: app.parts.reader.commands(id).await?.into_iter().map(Command::of).collect(),
        attempts: attempts.into_iter().map(attempt).collect(),
        queries: QueryTotals::of(&app.parts.reader.queries(id).await?),
        run: Run::of(run, app.parts.clock.now(), &app.parts.public_url),
    })
}

async fn detail(State(app): State<App>, Path(id): Path<i64>) -> Result<Json<RunDetail>, ApiError> {
    detail_of(&app, id).await.map(Json)
}

async fn queries(State(app): State<App>, Path(id): Path<i64>) -> Result<Json<Page<Query>>, ApiError> {
    find(&app, id).await?;
    let queries = app.parts.reader.queries(id).await?;
    Ok(Json(Page { items: queries.into_iter().map(Query::of).collect(), next: None }))
}

async fn events(State(app): State<App>, Path(id): Path<i64>) -> Result<Response, ApiError> {
    find(&app, id).await?;
    Ok(Sse::new(changes(app, id)).keep_alive(KeepAlive::default()).into_response())
}

/// The run as JSON, at once and whenever it differs from what was sent last, until it has ended.
fn changes(app: App, id: i64) -> impl Stream<Item = Result<Event, Infallible>> {
    struct Following {
        app: App,
        sent: String,
        is_over: bool,
    }
    let start = Following { app, sent: String::new(), is_over: false };
    futures::stream::unfold(start, move |mut following| async move {
        loop {
            if following.is_over || following.app.parts.stopping.is_cancelled() {
                return None;
            }
            // An answer that fails ends the stream; the client asks again.
            let detail = detail_of(&following.app, id).await.ok()?;
            let is_over = scheduler::read::is_final(&detail.run.state);
            // What only counts the time is no change.
            let essence = serde_json::to_string(&(
                &detail.run.state,
                &detail.run.state_reason,
                &detail.commands,
                &detail.attempts,
            ));
            let essence = essence.unwrap_or_default();
            if essence != following.sent {
                let event = Event::default().event("run").json_data(&detail).ok()?;
                following.sent = essence;
                following.is_over = is_over;
                return Some((Ok(event), following));
            }
            pause(&following.app).await;
        }
    })
}

/// Until the next look, or until the server stops.
pub async fn pause(app: &App) {
    tokio::select! {
        () = tokio::time::sleep(LOOK) => {}
        () = app.parts.stopping.cancelled() => {}
    }
}

/// What a cancellation did.
#[derive(Debug, Serialize, JsonSchema)]
struct CancelAnswer {
    /// `at_once`: it had not begun and never will. `requested`: its server will stop it. `was_over`: it had ended before.
    done: String,
}

async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<i64>,
    Body(body): Body<Reason>,
) -> Result<Json<CancelAnswer>, ApiError> {
    let canceled = app.parts.scheduler.cancel(id, body.reason.as_deref().unwrap_or_default(), &caller.actor()).await?;
    let done = match canceled {
        Canceled::AtOnce => "at_once",
        Canceled::Requested => "requested",
        Canceled::WasOver => "was_over",
    };
    Ok(Json(CancelAnswer { done: done.to_owned() }))
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RetryBody {
    /// All commands, instead of from the first one that failed.
    #[serde(default)]
    all: bool,
}

async fn retry(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<i64>,
    Body(body): Body<RetryBody>,
) -> Result<(StatusCode, Json<Triggered>), ApiError> {
    let mode = if body.all { RetryMode::All } else { RetryMode::FromFailure };
    let run_id = app.parts.scheduler.retry_run(id, mode, &caller.actor()).await?;
    Ok((StatusCode::CREATED, Json(Triggered::of(&app, run_id, true))))
}
