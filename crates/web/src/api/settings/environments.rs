//! Where schedules run.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use scheduler::{model::Environment, settings::EnvironmentRow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    api::{
        extract::{Body, Caller, Path},
        schedules::Done,
        shape::Page,
    },
    app::App,
    auth::Scope,
    error::ApiError,
    routes::Operation,
    time::rfc3339,
};

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/api/v1/environments", "listEnvironments", "Where schedules run", list)
            .needs(Scope::BoltRead)
            .answers::<Page<EnvironmentAnswer>>(),
        Operation::get("/api/v1/environments/{slug}", "getEnvironment", "Where schedules of one environment run", get)
            .needs(Scope::BoltRead)
            .answers::<EnvironmentAnswer>(),
        Operation::put("/api/v1/environments/{slug}", "setEnvironment", "Add an environment, or replace it", set)
            .needs(Scope::SettingsWrite)
            .body::<EnvironmentBody>()
            .answers::<EnvironmentAnswer>(),
        Operation::delete(
            "/api/v1/environments/{slug}",
            "removeEnvironment",
            "Remove an environment that no schedule uses",
            remove,
        )
        .needs(Scope::SettingsWrite)
        .answers::<Done>(),
    ]
}

/// Where schedules get their code, connection and target.
#[derive(Debug, Serialize, JsonSchema)]
struct EnvironmentAnswer {
    slug: String,
    name: String,
    is_default: bool,
    #[schemars(with = "Definition")]
    definition: Environment,
    created_at: String,
    updated_at: String,
}

impl EnvironmentAnswer {
    fn of(row: EnvironmentRow) -> Self {
        Self {
            slug: row.slug,
            name: row.name,
            is_default: row.is_default,
            definition: row.environment,
            created_at: rfc3339(row.created_at),
            updated_at: rfc3339(row.updated_at),
        }
    }
}

/// An environment as it shall be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EnvironmentBody {
    /// For people; the slug if absent.
    name: Option<String>,
    /// The environment that is offered first; the one before is so no more.
    #[serde(default)]
    is_default: bool,
    #[schemars(with = "Definition")]
    definition: Environment,
}

/// The shape of an environment's definition, for the document.
#[derive(Serialize, JsonSchema)]
struct Definition {
    code: Code,
    /// The dbt project's folder within the code; its root if absent.
    #[serde(default)]
    project_dir: String,
    /// Slug of the connection; without one the project's own profiles.yml holds, and without that the embedded lakehouse.
    connection: Option<String>,
    /// Name of the target in profiles.yml; `prod` if absent.
    #[serde(default)]
    target: String,
    /// Instead of the connection's schema.
    schema: Option<String>,
    /// Instead of the connection's number of threads.
    threads: Option<u32>,
    /// `owlet`, or `dbt-core` for the dbt on the server's PATH.
    #[serde(default)]
    engine: String,
    /// Environment variables of all its runs. No secrets: those are variables of the workspace.
    #[serde(default)]
    variables: BTreeMap<String, String>,
    commit_status: Option<CommitStatus>,
}

/// `kind` is `local` (with `path`) or `git` (with `url`).
#[derive(Serialize, JsonSchema)]
struct Code {
    kind: String,
    /// A folder on the server's machine: a git repository, or files as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// HTTPS or SSH, without credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// For schedules that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    /// Name of the workspace's secret variable with the deploy key or the HTTPS token.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<String>,
}

/// Where the host of the code shows what came of a pull request's commit.
#[derive(Serialize, JsonSchema)]
struct CommitStatus {
    /// `github`, `gitlab`, `bitbucket` or `azure-devops`.
    host: String,
    /// Name of the workspace's secret variable with a token that may write commit statuses.
    token: String,
    /// Address of the host's API; the public host's own if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    api: Option<String>,
    /// `owner/name` (Azure: `organisation/project/name`), where the code's address does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<String>,
}

async fn list(State(app): State<App>) -> Result<Json<Page<EnvironmentAnswer>>, ApiError> {
    let rows = app.parts.settings.environments().await?;
    Ok(Json(Page { items: rows.into_iter().map(EnvironmentAnswer::of).collect(), next: None }))
}

async fn get(State(app): State<App>, Path(slug): Path<String>) -> Result<Json<EnvironmentAnswer>, ApiError> {
    Ok(Json(EnvironmentAnswer::of(app.parts.settings.environment(&slug).await?)))
}

async fn set(
    State(app): State<App>,
    caller: Caller,
    Path(slug): Path<String>,
    Body(body): Body<EnvironmentBody>,
) -> Result<Json<EnvironmentAnswer>, ApiError> {
    let name = body.name.unwrap_or_else(|| slug.clone());
    let settings = &app.parts.settings;
    settings.set_environment(&slug, &name, body.is_default, &body.definition, &caller.actor()).await?;
    Ok(Json(EnvironmentAnswer::of(settings.environment(&slug).await?)))
}

async fn remove(State(app): State<App>, caller: Caller, Path(slug): Path<String>) -> Result<Json<Done>, ApiError> {
    app.parts.settings.remove_environment(&slug, &caller.actor()).await?;
    Ok(Done::OK)
}
