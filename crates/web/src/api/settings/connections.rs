//! How runs reach Athena.

use axum::{Json, extract::State};
use scheduler::settings::{ConnectionRow, ConnectionScope, SettingKind, check};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::TestAnswer;
use crate::{
    api::{
        extract::{Body, Caller, Path},
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
        Operation::get("/api/v1/connections", "listConnections", "How runs reach Athena", list)
            .needs(Scope::SettingsRead)
            .answers::<Page<ConnectionAnswer>>(),
        Operation::get("/api/v1/connections/{slug}", "getConnection", "One connection, without its secrets", get)
            .needs(Scope::SettingsRead)
            .answers::<ConnectionAnswer>(),
        Operation::put("/api/v1/connections/{slug}", "setConnection", "Add a connection, or replace it", set)
            .needs(Scope::SettingsWrite)
            .body::<ConnectionBody>()
            .answers::<ConnectionAnswer>(),
        Operation::delete(
            "/api/v1/connections/{slug}",
            "removeConnection",
            "Remove a connection that no environment uses",
            remove,
        )
        .needs(Scope::SettingsWrite)
        .answers::<Done>(),
        Operation::post(
            "/api/v1/connections/{slug}/test",
            "testConnection",
            "Try what a run needs: credentials, workgroup, locations, database, a query",
            test,
        )
        .needs(Scope::SettingsWrite)
        .answers::<TestAnswer>(),
    ]
}

/// A connection.
#[derive(Debug, Serialize, JsonSchema)]
struct ConnectionAnswer {
    slug: String,
    name: String,
    /// production or development.
    scope: String,
    /// Keys of a dbt-athena target; a secret is `{"secret": true}`.
    definition: Map<String, Value>,
    /// What is odd about it.
    warnings: Vec<Problem>,
    created_at: String,
    updated_at: String,
}

impl ConnectionAnswer {
    fn of(row: ConnectionRow, warnings: Vec<Problem>) -> Self {
        let mut definition = row.connection.definition().clone();
        definition.extend(row.connection.secrets().map(|(name, _)| (name.to_owned(), json!({"secret": true}))));
        Self {
            slug: row.slug,
            name: row.name,
            scope: row.scope.as_str().to_owned(),
            definition,
            warnings,
            created_at: rfc3339(row.created_at),
            updated_at: rfc3339(row.updated_at),
        }
    }
}

/// A connection as it shall be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ConnectionBody {
    /// For people; the slug if absent.
    name: Option<String>,
    /// `production` (if absent) for schedules, `development` for the scratchpad.
    scope: Option<String>,
    /// Keys of a dbt-athena target. A secret that is `{"secret": true}` stays as it is set.
    definition: Map<String, Value>,
}

async fn list(State(app): State<App>) -> Result<Json<Page<ConnectionAnswer>>, ApiError> {
    let rows = app.parts.settings.connections().await?;
    let items = rows.into_iter().map(|row| ConnectionAnswer::of(row, Vec::new())).collect();
    Ok(Json(Page { items, next: None }))
}

async fn get(State(app): State<App>, Path(slug): Path<String>) -> Result<Json<ConnectionAnswer>, ApiError> {
    Ok(Json(ConnectionAnswer::of(app.parts.settings.connection(&slug).await?, Vec::new())))
}

async fn set(
    State(app): State<App>,
    caller: Caller,
    Path(slug): Path<String>,
    Body(body): Body<ConnectionBody>,
) -> Result<Json<ConnectionAnswer>, ApiError> {
    let name = body.name.unwrap_or_else(|| slug.clone());
    let scope = body.scope.as_deref().unwrap_or("production").parse::<ConnectionScope>();
    let scope = scope.map_err(|problem| scheduler::settings::SettingsError::Refused(vec![problem]))?;
    let settings = &app.parts.settings;
    let (connection, warnings) = settings.read_connection(&slug, &body.definition).await?;
    settings.set_connection(&slug, &name, scope, &connection, &caller.actor()).await?;
    let mut warnings: Vec<Problem> = warnings.iter().map(Problem::of).collect();
    let names = settings.names_with_secrets().await?;
    let names = names.iter().filter(|found| found.concerns(SettingKind::Connection, &slug));
    warnings.extend(names.map(|found| Problem::of(&found.warning)));
    Ok(Json(ConnectionAnswer::of(settings.connection(&slug).await?, warnings)))
}

async fn remove(State(app): State<App>, caller: Caller, Path(slug): Path<String>) -> Result<Json<Done>, ApiError> {
    app.parts.settings.remove_connection(&slug, &caller.actor()).await?;
    Ok(Done::OK)
}

async fn test(State(app): State<App>, Path(slug): Path<String>) -> Result<Json<TestAnswer>, ApiError> {
    let row = app.parts.settings.connection(&slug).await?;
    let checks = check(&row.connection, app.parts.connector.as_ref()).await;
    Ok(Json(TestAnswer::of(&checks)))
}
