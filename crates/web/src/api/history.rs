//! Slots, audit log, costs.

use axum::{Json, extract::State};
use scheduler::read::{AuditFilter, CostBy, CostFilter, Cursor, SlotFilter};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    extract::{Parameters, after, instant, limit},
    schedules::find as find_schedule,
    shape::{Audit, Cost, Page, Slot},
};
use crate::{app::App, auth::Scope, error::ApiError, routes::Operation};

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/api/v1/slots", "listSlots", "What the clock decided and why, newest first", slots)
            .needs(Scope::BoltRead)
            .query::<SlotQuery>()
            .answers::<Page<Slot>>(),
        Operation::get("/api/v1/audit", "listAudit", "Who decided what, newest first", audit)
            .needs(Scope::AuditRead)
            .query::<AuditQuery>()
            .answers::<Page<Audit>>(),
        Operation::get("/api/v1/costs", "listCosts", "What queries read and cost, the dearest first", costs)
            .needs(Scope::BoltRead)
            .query::<CostQuery>()
            .answers::<Page<Cost>>(),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SlotQuery {
    /// Slug of a schedule; then the order is that of the planned instants.
    schedule: Option<String>,
    /// STARTED, QUEUED, SKIPPED, MISSED, PLANNED or CANCELED.
    decision: Option<String>,
    after: Option<String>,
    /// 1 to 1000; 50 if absent.
    limit: Option<i64>,
}

async fn slots(State(app): State<App>, Parameters(query): Parameters<SlotQuery>) -> Result<Json<Page<Slot>>, ApiError> {
    let limit = limit(query.limit, 50, 1000)?;
    let filter = SlotFilter {
        schedule_id: match &query.schedule {
            Some(slug) => Some(find_schedule(&app, slug).await?.id),
            None => None,
        },
        decision: query.decision.map(|word| word.to_ascii_uppercase()),
        after: after::<Cursor>(query.after.as_deref())?,
        limit: limit + 1,
    };
    let rows = app.parts.reader.slots(&filter).await?;
    Ok(Json(Page::of(rows, limit, |row| filter.cursor(row).to_string(), Slot::of)))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AuditQuery {
    /// What it is about: schedule, run, token…
    source: Option<String>,
    source_id: Option<i64>,
    event_type: Option<String>,
    after: Option<String>,
    /// 1 to 1000; 50 if absent.
    limit: Option<i64>,
}

async fn audit(
    State(app): State<App>,
    Parameters(query): Parameters<AuditQuery>,
) -> Result<Json<Page<Audit>>, ApiError> {
    let limit = limit(query.limit, 50, 1000)?;
    let filter = AuditFilter {
        source: query.source,
        source_id: query.source_id,
        event_type: query.event_type,
        before: after::<i64>(query.after.as_deref())?,
        limit: limit + 1,
    };
    let rows = app.parts.reader.audit(&filter).await?;
    Ok(Json(Page::of(rows, limit, |row| row.id.to_string(), Audit::of)))
}

/// What is added up.
#[derive(Debug, Default, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum By {
    #[default]
    Schedule,
    /// Days in UTC, from new to old.
    Day,
    Node,
    Workgroup,
    Run,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CostQuery {
    #[serde(default)]
    by: By,
    /// Slug of a schedule.
    schedule: Option<String>,
    /// Queries that started at this time or later; 30 days ago if absent.
    since: Option<String>,
    /// Queries that started before this time.
    until: Option<String>,
    /// 1 to 1000; 100 if absent.
    limit: Option<i64>,
}

async fn costs(State(app): State<App>, Parameters(query): Parameters<CostQuery>) -> Result<Json<Page<Cost>>, ApiError> {
    const MONTH: i64 = 30 * 86_400_000_000;
    let filter = CostFilter {
        by: match query.by {
            By::Schedule => CostBy::Schedule,
            By::Day => CostBy::Day,
            By::Node => CostBy::Node,
            By::Workgroup => CostBy::Workgroup,
            By::Run => CostBy::Run,
        },
        schedule_id: match &query.schedule {
            Some(slug) => Some(find_schedule(&app, slug).await?.id),
            None => None,
        },
        since: instant("since", query.since.as_deref())?.unwrap_or_else(|| app.parts.clock.now() - MONTH),
        until: instant("until", query.until.as_deref())?.unwrap_or(i64::MAX),
        limit: limit(query.limit, 100, 1000)?,
    };
    let rows = app.parts.reader.costs(&filter).await?;
    Ok(Json(Page { items: rows.into_iter().map(Cost::of).collect(), next: None }))
}
