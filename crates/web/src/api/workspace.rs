//! The workspace and its servers.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    extract::Caller,
    shape::{Page, Server},
};
use crate::{app::App, auth::Scope, error::ApiError, routes::Operation};

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/api/v1/workspace", "getWorkspace", "Name, uid, version, and who is asking", workspace)
            .needs(Scope::WorkspaceRead)
            .answers::<WorkspaceAnswer>(),
        Operation::get("/api/v1/servers", "listServers", "Processes that share the work, newest first", servers)
            .needs(Scope::WorkspaceRead)
            .answers::<Page<Server>>(),
    ]
}

#[derive(Debug, Serialize, JsonSchema)]
struct WorkspaceAnswer {
    uid: String,
    name: String,
    version: String,
    /// What clients of the GraphQL API are configured with.
    graphql_url: String,
    /// Who is asking.
    identity: IdentityAnswer,
}

#[derive(Debug, Serialize, JsonSchema)]
struct IdentityAnswer {
    name: String,
    email: Option<String>,
    role: String,
    scopes: Vec<String>,
}

async fn workspace(State(app): State<App>, Caller(identity): Caller) -> Json<WorkspaceAnswer> {
    let workspace = &app.parts.workspace;
    Json(WorkspaceAnswer {
        uid: workspace.uid.clone(),
        name: workspace.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        graphql_url: app.url(&format!("/api/v1/{}/graphql", workspace.uid)),
        identity: IdentityAnswer {
            name: identity.name,
            email: identity.email,
            role: identity.role.as_str().to_owned(),
            scopes: identity.scopes.iter().map(ToString::to_string).collect(),
        },
    })
}

async fn servers(State(app): State<App>) -> Result<Json<Page<Server>>, ApiError> {
    let rows = app.parts.reader.servers(100).await?;
    Ok(Json(Page { items: rows.into_iter().map(Server::of).collect(), next: None }))
}
