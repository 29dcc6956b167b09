//! Files that commands left.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use scheduler::read::ArtifactRow;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    extract::{Parameters, Path},
    runs::find as find_run,
    shape::{Artifact, Page},
};
use crate::{
    app::App,
    auth::Scope,
    error::ApiError,
    routes::{Access, Operation},
};

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/api/v1/runs/{run_id}/artifacts", "listArtifacts", "What a run's commands left", list)
            .needs(Scope::BoltRead)
            .answers::<Page<Artifact>>(),
        Operation::get("/api/v1/artifacts/{artifact_id}", "getArtifact", "One file's description", one)
            .needs(Scope::BoltRead)
            .answers::<Artifact>(),
        Operation::get(
            "/api/v1/artifacts/{artifact_id}/content",
            "downloadArtifact",
            "The file. The signature in the address is enough; its time is limited",
            content,
        )
        .access(Access::Public)
        .query::<Signature>()
        .answers_as("application/octet-stream"),
    ]
}

/// An absolute address that downloads an artifact without a login, for some minutes.
pub fn full_url(app: &App, artifact_id: i64) -> String {
    app.url(&app.signer.path(artifact_id, app.parts.clock.now() / 1_000_000))
}

fn shape(app: &App, row: ArtifactRow) -> Artifact {
    let url = full_url(app, row.id);
    Artifact::of(row, url)
}

async fn list(State(app): State<App>, Path(run_id): Path<i64>) -> Result<Json<Page<Artifact>>, ApiError> {
    find_run(&app, run_id).await?;
    let rows = app.parts.reader.artifacts_of_run(run_id).await?;
    Ok(Json(Page { items: rows.into_iter().map(|row| shape(&app, row)).collect(), next: None }))
}

async fn find(app: &App, id: i64) -> Result<ArtifactRow, ApiError> {
    let found = app.parts.reader.artifact(id).await?;
    found.ok_or_else(|| ApiError::not_found("artifact", &id.to_string()))
}

async fn one(State(app): State<App>, Path(id): Path<i64>) -> Result<Json<Artifact>, ApiError> {
    let row = find(&app, id).await?;
    Ok(Json(shape(&app, row)))
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Signature {
    /// Seconds since the epoch.
    expires: i64,
    signature: String,
}

async fn content(
    State(app): State<App>,
    Path(id): Path<i64>,
    Parameters(query): Parameters<Signature>,
) -> Result<Response, ApiError> {
    let now = app.parts.clock.now() / 1_000_000;
    if !app.signer.is_valid(id, query.expires, &query.signature, now) {
        return Err(ApiError::new(StatusCode::FORBIDDEN, "this address is not valid, or not any more")
            .fix("ask for the artifact again: each answer has a new address"));
    }
    let row = find(&app, id).await?;
    let bytes = app.parts.artifacts.read(&row.storage_key).await.map_err(|error| {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, format!("the file of artifact {id} cannot be read"))
            .cause(error.to_string())
            .fix("see whether the artifact storage of `owlet up` can be reached")
    })?;
    let Some(bytes) = bytes else {
        return Err(ApiError::new(StatusCode::GONE, format!("the file of artifact {id} is gone"))
            .cause("the artifact storage does not have it"));
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(&row.path)));
    let name = row.path.rsplit('/').next().unwrap_or_default().replace(['"', '\\'], "_");
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok((headers, bytes).into_response())
}

/// Clients save the text of the answer, so the character set must be said.
fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("json") => "application/json; charset=utf-8",
        Some("sql" | "txt" | "log" | "csv" | "yml" | "yaml" | "md") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
