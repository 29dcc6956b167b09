//! Budgets and limits: what may be spent, and how much at once.

use axum::{Json, extract::State};
use scheduler::settings::{Budget, BudgetAction, BudgetPeriod, Limit, dollars_of, micro_dollars};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    api::{
        extract::{Body, Caller, Parameters},
        schedules::Done,
        shape::Page,
    },
    app::App,
    auth::Scope,
    error::ApiError,
    routes::Operation,
};

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/api/v1/budgets", "listBudgets", "Money that may be spent", budgets)
            .needs(Scope::SettingsRead)
            .answers::<Page<BudgetShape>>(),
        Operation::put("/api/v1/budgets", "setBudget", "Set the budget of this scope, period and action", set_budget)
            .needs(Scope::SettingsWrite)
            .body::<BudgetShape>()
            .answers::<Done>(),
        Operation::delete("/api/v1/budgets", "removeBudget", "Remove a budget", remove_budget)
            .needs(Scope::SettingsWrite)
            .query::<BudgetPlace>()
            .answers::<Done>(),
        Operation::get("/api/v1/limits", "listLimits", "How many runs may be active at once", limits)
            .needs(Scope::SettingsRead)
            .answers::<Page<LimitShape>>(),
        Operation::put("/api/v1/limits", "setLimit", "Set the limit of this key", set_limit)
            .needs(Scope::SettingsWrite)
            .body::<LimitShape>()
            .answers::<Done>(),
        Operation::delete("/api/v1/limits", "removeLimit", "Remove a limit", remove_limit)
            .needs(Scope::SettingsWrite)
            .query::<LimitPlace>()
            .answers::<Done>(),
    ]
}

/// Money that may be spent.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BudgetShape {
    /// `workspace`, `schedule:<slug>` or `connection:<slug>`.
    scope: String,
    /// run, day or month.
    period: String,
    /// warn or stop.
    action: String,
    /// Down to a millionth.
    dollars: f64,
}

/// Which budget.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BudgetPlace {
    scope: String,
    /// run, day or month.
    period: String,
    /// warn or stop.
    action: String,
}

/// How many runs may be active under a key.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LimitShape {
    /// `workspace`, `connection:<slug>` or `workgroup:<region>/<name>`.
    key: String,
    max_active: u32,
}

/// Which limit.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LimitPlace {
    key: String,
}

fn word<T: DeserializeOwned>(kind: &str, text: &str, known: &str) -> Result<T, ApiError> {
    serde_json::from_value(text.into())
        .map_err(|_| ApiError::bad_request(format!("'{text}' is no {kind} of a budget")).fix(format!("write {known}")))
}

fn period(text: &str) -> Result<BudgetPeriod, ApiError> {
    word("period", text, "run, day or month")
}

fn action(text: &str) -> Result<BudgetAction, ApiError> {
    word("action", text, "warn or stop")
}

async fn budgets(State(app): State<App>) -> Result<Json<Page<BudgetShape>>, ApiError> {
    let shape = |budget: Budget| BudgetShape {
        scope: budget.scope,
        period: budget.period.as_str().to_owned(),
        action: budget.action.as_str().to_owned(),
        dollars: dollars_of(budget.micro_dollars),
    };
    let items = app.parts.settings.budgets().await?.into_iter().map(shape).collect();
    Ok(Json(Page { items, next: None }))
}

async fn set_budget(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<BudgetShape>,
) -> Result<Json<Done>, ApiError> {
    let micro_dollars = micro_dollars(body.dollars)
        .ok_or_else(|| ApiError::bad_request(format!("{} dollars are no amount", body.dollars)))?;
    let (period, action) = (period(&body.period)?, action(&body.action)?);
    let budget = Budget { scope: body.scope, period, action, micro_dollars };
    app.parts.settings.set_budget(&budget, &caller.actor()).await?;
    Ok(Done::OK)
}

async fn remove_budget(
    State(app): State<App>,
    caller: Caller,
    Parameters(place): Parameters<BudgetPlace>,
) -> Result<Json<Done>, ApiError> {
    let (period, action) = (period(&place.period)?, action(&place.action)?);
    app.parts.settings.remove_budget(&place.scope, period, action, &caller.actor()).await?;
    Ok(Done::OK)
}

async fn limits(State(app): State<App>) -> Result<Json<Page<LimitShape>>, ApiError> {
    let shape = |limit: Limit| LimitShape { key: limit.key, max_active: limit.max_active };
    let items = app.parts.settings.limits().await?.into_iter().map(shape).collect();
    Ok(Json(Page { items, next: None }))
}

async fn set_limit(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<LimitShape>,
) -> Result<Json<Done>, ApiError> {
    let limit = Limit { key: body.key, max_active: body.max_active };
    app.parts.settings.set_limit(&limit, &caller.actor()).await?;
    app.parts.scheduler.nudge();
    Ok(Done::OK)
}

async fn remove_limit(
    State(app): State<App>,
    caller: Caller,
    Parameters(place): Parameters<LimitPlace>,
) -> Result<Json<Done>, ApiError> {
    app.parts.settings.remove_limit(&place.key, &caller.actor()).await?;
    app.parts.scheduler.nudge();
    Ok(Done::OK)
}
