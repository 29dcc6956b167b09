//! Environment variables of runs.

use axum::{Json, extract::State};
use scheduler::settings::{SettingKind, Settings, SettingsError, VariableRow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use vault::{Scope as VariableScope, Variable, VariableValue};

use crate::{
    api::{
        extract::{Body, Caller, Parameters},
        schedules::Done,
        shape::Page,
    },
    app::App,
    auth::Scope,
    error::{ApiError, Problem},
    routes::Operation,
    time::rfc3339,
};

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/api/v1/variables", "listVariables", "Environment variables of runs", list)
            .needs(Scope::SettingsRead)
            .answers::<Page<VariableAnswer>>(),
        Operation::put("/api/v1/variables", "setVariable", "Set an environment variable", set)
            .needs(Scope::SettingsWrite)
            .body::<VariableBody>()
            .answers::<Done>(),
        Operation::delete("/api/v1/variables", "removeVariable", "Remove an environment variable", remove)
            .needs(Scope::SettingsWrite)
            .query::<VariablePlace>()
            .answers::<Done>(),
    ]
}

/// A variable.
#[derive(Debug, Serialize, JsonSchema)]
struct VariableAnswer {
    name: String,
    /// workspace, schedules, development or schedule.
    scope: String,
    /// Slug, for the scope `schedule`.
    schedule: Option<String>,
    /// Its text, or `{"secret": true}`.
    value: Value,
    /// Names that everybody sees with this secret in them.
    warnings: Vec<Problem>,
    updated_at: String,
    updated_by: String,
}

/// A variable as it shall be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct VariableBody {
    name: String,
    value: String,
    /// Encrypt it, mask it in logs, and never show it again. Always so for names that begin with DBT_ENV_SECRET.
    #[serde(default)]
    secret: bool,
    /// `workspace` (if absent), `schedules` or `development`.
    scope: Option<String>,
    /// Slug of the only schedule whose runs get it, instead of a scope.
    schedule: Option<String>,
}

/// Which variable.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct VariablePlace {
    name: String,
    /// `workspace` (if absent), `schedules` or `development`.
    scope: Option<String>,
    /// Slug, instead of a scope.
    schedule: Option<String>,
}

async fn list(State(app): State<App>) -> Result<Json<Page<VariableAnswer>>, ApiError> {
    let slugs = app.parts.settings.schedule_ids().await?;
    let names = app.parts.settings.names_with_secrets().await?;
    let shape = |VariableRow { variable, updated_at, updated_by }| {
        let schedule = match variable.scope {
            VariableScope::Schedule(id) => {
                slugs.iter().find(|(known, _)| *known == id).map(|(_, slug)| slug.clone()).or(Some(id.to_string()))
            }
            _ => None,
        };
        let warnings = names.iter().filter(|found| found.concerns(SettingKind::Variable, &variable.name));
        VariableAnswer {
            warnings: warnings.map(|found| Problem::of(&found.warning)).collect(),
            name: variable.name,
            scope: variable.scope.as_str().to_owned(),
            schedule,
            value: match variable.value {
                VariableValue::Plain(text) => text.into(),
                VariableValue::Secret(_) => json!({"secret": true}),
            },
            updated_at: rfc3339(updated_at),
            updated_by,
        }
    };
    let rows = app.parts.settings.variables().await?;
    Ok(Json(Page { items: rows.into_iter().map(shape).collect(), next: None }))
}

async fn set(State(app): State<App>, caller: Caller, Body(body): Body<VariableBody>) -> Result<Json<Done>, ApiError> {
    let scope = scope_of(&app.parts.settings, body.scope.as_deref(), body.schedule.as_deref()).await?;
    let is_secret = body.secret || body.name.starts_with("DBT_ENV_SECRET");
    let variable = Variable::new(scope, &body.name, &body.value, is_secret);
    let variable = variable.map_err(|problem| SettingsError::Refused(vec![problem]))?;
    app.parts.settings.set_variable(&variable, &caller.actor()).await?;
    Ok(Done::OK)
}

async fn remove(
    State(app): State<App>,
    caller: Caller,
    Parameters(place): Parameters<VariablePlace>,
) -> Result<Json<Done>, ApiError> {
    let scope = scope_of(&app.parts.settings, place.scope.as_deref(), place.schedule.as_deref()).await?;
    app.parts.settings.remove_variable(scope, &place.name, &caller.actor()).await?;
    Ok(Done::OK)
}

async fn scope_of(settings: &Settings, scope: Option<&str>, schedule: Option<&str>) -> Result<VariableScope, ApiError> {
    match (schedule.filter(|slug| !slug.is_empty()), scope.unwrap_or("workspace")) {
        (Some(slug), _) => Ok(settings.schedule_scope(slug).await?),
        (None, "workspace") => Ok(VariableScope::Workspace),
        (None, "schedules") => Ok(VariableScope::Schedules),
        (None, "development") => Ok(VariableScope::Development),
        (None, other) => Err(ApiError::bad_request(format!("'{other}' is no scope of a variable"))
            .fix("write workspace, schedules or development, or name a schedule")),
    }
}
