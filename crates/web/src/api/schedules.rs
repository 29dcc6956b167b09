//! Schedules: look, suspend, trigger, retry, backfill.

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use scheduler::{
    model::Cause,
    read::{ScheduleFilter, ScheduleRow},
    request::{Backfill, CommandOverride, Idempotency, Trigger},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map as JsonMap, Value};

use super::{
    extract::{Body, Caller, Parameters, Path, instant, limit},
    shape::{Page, Schedule},
};
use crate::{app::App, auth::Scope, error::ApiError, routes::Operation, time::rfc3339};

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/api/v1/schedules", "listSchedules", "Schedules, by slug", list)
            .needs(Scope::BoltRead)
            .query::<ListQuery>()
            .answers::<Page<Schedule>>(),
        Operation::get("/api/v1/schedules/{slug}", "getSchedule", "One schedule", one)
            .needs(Scope::BoltRead)
            .answers::<Schedule>(),
        Operation::delete("/api/v1/schedules/{slug}", "deleteSchedule", "Delete a schedule; its history stays", delete)
            .needs(Scope::BoltWrite)
            .answers::<Done>(),
        Operation::post(
            "/api/v1/schedules/{slug}/suspend",
            "suspendSchedule",
            "Stop the clock for a schedule",
            suspend,
        )
        .needs(Scope::BoltWrite)
        .body::<Reason>()
        .answers::<Done>(),
        Operation::post("/api/v1/schedules/{slug}/resume", "resumeSchedule", "Let the clock start it again", resume)
            .needs(Scope::BoltWrite)
            .answers::<Done>(),
        Operation::post("/api/v1/schedules/{slug}/runs", "triggerRun", "Run a schedule now", trigger)
            .needs(Scope::BoltWrite)
            .body::<TriggerBody>()
            .status(StatusCode::CREATED)
            .answers::<Triggered>(),
        Operation::post(
            "/api/v1/schedules/{slug}/retry",
            "retrySchedule",
            "Retry a schedule's newest run from where it failed",
            retry,
        )
        .needs(Scope::BoltWrite)
        .status(StatusCode::CREATED)
        .answers::<Triggered>(),
        Operation::post("/api/v1/schedules/{slug}/backfills", "backfill", "Run the slots of a range of time", backfill)
            .needs(Scope::BoltWrite)
            .body::<BackfillBody>()
            .status(StatusCode::CREATED)
            .answers::<BackfillAnswer>(),
        Operation::post("/api/v1/backfills/{backfill_id}/cancel", "cancelBackfill", "End a backfill", cancel_backfill)
            .needs(Scope::BoltWrite)
            .answers::<Done>(),
        Operation::get(
            "/api/v1/upcoming",
            "listUpcoming",
            "The next slots of all schedules, the nearest first",
            upcoming,
        )
        .needs(Scope::BoltRead)
        .query::<UpcomingQuery>()
        .answers::<Upcoming>(),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Part of the name or slug.
    search: Option<String>,
    suspended: Option<bool>,
    /// The deleted ones instead.
    #[serde(default)]
    deleted: bool,
    after: Option<String>,
    /// 1 to 1000; 100 if absent.
    limit: Option<i64>,
}

async fn list(
    State(app): State<App>,
    Parameters(query): Parameters<ListQuery>,
) -> Result<Json<Page<Schedule>>, ApiError> {
    let limit = limit(query.limit, 100, 1000)?;
    let filter = ScheduleFilter {
        deleted: query.deleted,
        suspended: query.suspended,
        search: query.search,
        after: query.after,
        offset: 0,
        limit: limit + 1,
    };
    let rows = app.parts.reader.schedules(&filter).await?;
    Ok(Json(Page::of(rows, limit, |row| row.slug.clone(), Schedule::of)))
}

pub async fn find(app: &App, slug: &str) -> Result<ScheduleRow, ApiError> {
    let found = app.parts.reader.schedule(slug).await?;
    found.ok_or_else(|| ApiError::not_found("schedule", slug).fix("list the schedules: `owlet bolt schedules`"))
}

async fn one(State(app): State<App>, Path(slug): Path<String>) -> Result<Json<Schedule>, ApiError> {
    Ok(Json(Schedule::of(find(&app, &slug).await?)))
}

/// It is done.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Done {
    pub ok: bool,
}

impl Done {
    pub const OK: Json<Self> = Json(Self { ok: true });
}

async fn delete(State(app): State<App>, caller: Caller, Path(slug): Path<String>) -> Result<Json<Done>, ApiError> {
    app.parts.scheduler.delete_schedule(&slug, &caller.actor()).await?;
    Ok(Done::OK)
}

/// Why.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Shown beside what it explains.
    pub reason: Option<String>,
}

async fn suspend(
    State(app): State<App>,
    caller: Caller,
    Path(slug): Path<String>,
    Body(body): Body<Reason>,
) -> Result<Json<Done>, ApiError> {
    app.parts.scheduler.suspend(&slug, body.reason.as_deref(), &caller.actor()).await?;
    Ok(Done::OK)
}

async fn resume(State(app): State<App>, caller: Caller, Path(slug): Path<String>) -> Result<Json<Done>, ApiError> {
    app.parts.scheduler.resume(&slug, &caller.actor()).await?;
    Ok(Done::OK)
}

/// What differs from the schedule for this run.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TriggerBody {
    /// Instead of the schedule's.
    commands: Option<Vec<CommandBody>>,
    /// Branch, tag or commit.
    branch: Option<String>,
    pull_request: Option<i64>,
    reason: Option<String>,
    /// Over the schedule's dbt variables, name by name.
    #[serde(default)]
    variables: JsonMap<String, Value>,
    /// For all commands that say nothing of their own.
    continue_on_error: Option<bool>,
    /// A second trigger with the same key within a day is answered with the first one's run.
    idempotency_key: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CommandBody {
    command: String,
    continue_on_error: Option<bool>,
}

/// The run of a trigger.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Triggered {
    pub run_id: i64,
    /// False when an earlier, identical trigger made it.
    pub is_new: bool,
    pub url: String,
}

impl Triggered {
    pub fn of(app: &App, run_id: i64, is_new: bool) -> Self {
        Self { run_id, is_new, url: app.url(&format!("/bolt/run_id/{run_id}")) }
    }
}

async fn trigger(
    State(app): State<App>,
    caller: Caller,
    Path(slug): Path<String>,
    Body(body): Body<TriggerBody>,
) -> Result<(StatusCode, Json<Triggered>), ApiError> {
    let command =
        |command: CommandBody| CommandOverride { text: command.command, continue_on_error: command.continue_on_error };
    let trigger = Trigger {
        commands: body.commands.map(|commands| commands.into_iter().map(command).collect()),
        branch: body.branch,
        pull_request: body.pull_request.map(|number| number.to_string()),
        variables: body.variables,
        reason: body.reason,
        continue_on_error: body.continue_on_error,
        cause: Cause::Api,
        idempotency: body.idempotency_key.map_or(Idempotency::None, Idempotency::Key),
        ..Trigger::new(&slug, caller.actor())
    };
    let triggered = app.parts.scheduler.trigger(trigger).await?;
    Ok((StatusCode::CREATED, Json(Triggered::of(&app, triggered.run_id, triggered.is_new))))
}

async fn retry(
    State(app): State<App>,
    caller: Caller,
    Path(slug): Path<String>,
) -> Result<(StatusCode, Json<Triggered>), ApiError> {
    let run_id = app.parts.scheduler.retry_schedule_from_failure(&slug, &caller.actor()).await?;
    Ok((StatusCode::CREATED, Json(Triggered::of(&app, run_id, true))))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BackfillBody {
    /// The first instant that counts, RFC 3339 or a day.
    from: String,
    /// The first instant that does not count any more.
    until: String,
    #[serde(default)]
    newest_first: bool,
    /// How many of its runs may be unfinished at once; 1 if absent.
    parallelism: Option<u32>,
    /// Only say which slots.
    #[serde(default)]
    dry_run: bool,
}

/// What a backfill runs.
#[derive(Debug, Serialize, JsonSchema)]
struct BackfillAnswer {
    /// Absent for a dry run.
    id: Option<i64>,
    /// The slots in the order in which they run.
    slots: Vec<String>,
}

async fn backfill(
    State(app): State<App>,
    caller: Caller,
    Path(slug): Path<String>,
    Body(body): Body<BackfillBody>,
) -> Result<(StatusCode, Json<BackfillAnswer>), ApiError> {
    let needed = |name: &str, text: &str| {
        instant(name, Some(text))?.ok_or_else(|| ApiError::bad_request(format!("{name} is empty")))
    };
    let backfill = Backfill {
        slug,
        from: needed("from", &body.from)?,
        until: needed("until", &body.until)?,
        newest_first: body.newest_first,
        parallelism: body.parallelism.unwrap_or(1),
        actor: caller.actor(),
        is_dry_run: body.dry_run,
    };
    let plan = app.parts.scheduler.backfill(backfill).await?;
    let slots = plan.slots.into_iter().map(rfc3339).collect();
    Ok((StatusCode::CREATED, Json(BackfillAnswer { id: plan.id, slots })))
}

async fn cancel_backfill(State(app): State<App>, caller: Caller, Path(id): Path<i64>) -> Result<Json<Done>, ApiError> {
    app.parts.scheduler.cancel_backfill(id, &caller.actor()).await?;
    Ok(Done::OK)
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UpcomingQuery {
    /// Slug of one schedule.
    schedule: Option<String>,
    /// 1 to 500; 50 if absent.
    limit: Option<i64>,
}

/// Instants to come.
#[derive(Debug, Serialize, JsonSchema)]
struct Upcoming {
    items: Vec<UpcomingSlot>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct UpcomingSlot {
    schedule: String,
    name: String,
    planned_at: String,
}

async fn upcoming(
    State(app): State<App>,
    Parameters(query): Parameters<UpcomingQuery>,
) -> Result<Json<Upcoming>, ApiError> {
    let limit = limit(query.limit, 50, 500)?;
    let schedules = match &query.schedule {
        Some(slug) => vec![find(&app, slug).await?],
        None => {
            // Only schedules whose first slot is among the nearest can have one in the list.
            let filter = ScheduleFilter { suspended: Some(false), limit: 100_000, ..ScheduleFilter::default() };
            let mut all = app.parts.reader.schedules(&filter).await?;
            all.retain(|schedule| schedule.next_slot_at.is_some());
            all.sort_by_key(|schedule| schedule.next_slot_at);
            all.truncate(usize::try_from(limit).unwrap_or(0));
            all
        }
    };
    let now = DateTime::<Utc>::from_timestamp_micros(app.parts.clock.now()).unwrap_or_default();
    let mut slots = Vec::new();
    for row in schedules.iter().filter(|row| !row.suspended) {
        let Ok(schedule) = serde_json::from_str::<schedules::Schedule>(&row.definition) else { continue };
        let Some(cron) = &schedule.cron else { continue };
        let mut at = now;
        for _ in 0..limit {
            let Some(next) = cron.next_after(at, schedule.timezone) else { break };
            slots.push((next.timestamp_micros(), row.slug.clone(), row.name.clone()));
            at = next;
        }
    }
    slots.sort();
    slots.truncate(usize::try_from(limit).unwrap_or(0));
    let items = slots.into_iter();
    let items = items.map(|(at, schedule, name)| UpcomingSlot { schedule, name, planned_at: rfc3339(at) }).collect();
    Ok(Json(Upcoming { items }))
}
