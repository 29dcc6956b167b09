//! What is not about schedules: workspace, members, audit log; and the products that Owlet does not have.

use async_graphql::{ComplexObject, SimpleObject};
use axum::http::StatusCode;
use scheduler::read::AuditFilter;
use serde_json::json;
use store::sqlx::{self, Row};

use super::{input::NodeColor, types::id};
use crate::{app::App, auth::Identity, error::ApiError, time::rfc3339, workspace::Workspace as OurWorkspace};

#[derive(SimpleObject)]
pub struct WorkspaceList {
    workspaces: Vec<Workspace>,
}

#[derive(SimpleObject)]
pub struct Workspace {
    uid: String,
    name: String,
}

impl WorkspaceList {
    pub fn of(workspace: &OurWorkspace) -> Self {
        Self { workspaces: vec![Workspace { uid: workspace.uid.clone(), name: workspace.name.clone() }] }
    }
}

#[derive(SimpleObject)]
pub struct UserList {
    active_users: Vec<ActiveUser>,
    invited_users: Vec<InvitedUser>,
}

#[derive(SimpleObject)]
pub struct ActiveUser {
    uid: String,
    email: String,
    name: String,
    account_type: String,
}

#[derive(SimpleObject)]
pub struct InvitedUser {
    email: String,
    account_type: String,
    invite_status: String,
}

#[derive(SimpleObject)]
pub struct AuditLogList {
    audit_logs: Vec<AuditLog>,
}

#[derive(SimpleObject)]
pub struct AuditLog {
    id: i32,
    created_dttm: String,
    updated_dttm: String,
    workspace_id: i32,
    workspace_name: String,
    actor_type: String,
    actor_user_id: i32,
    actor_email: Option<String>,
    event_source_id: i32,
    event_source: String,
    event_id: i32,
    event_type: String,
    metadata_json: Option<String>,
}

#[derive(SimpleObject)]
pub struct CustomIntegrationList {
    pub ok: bool,
    pub integrations: Vec<CustomIntegration>,
}

#[derive(SimpleObject)]
pub struct CustomIntegration {
    uid: String,
    name: String,
    is_active: bool,
    node_types: Vec<CustomNodeType>,
}

#[derive(SimpleObject)]
pub struct CustomNodeType {
    node_type: String,
    icon_name: Option<String>,
    color: Option<NodeColor>,
}

#[derive(SimpleObject)]
pub struct IntegrationRef {
    ok: bool,
    integration_uid: String,
}

#[derive(SimpleObject)]
pub struct SnapshotRef {
    ok: bool,
    snapshot_id: i32,
}

#[derive(SimpleObject)]
pub struct UuidRef {
    ok: bool,
    uuid: String,
}

#[derive(SimpleObject)]
pub struct LineageDiffReportResult {
    ok: bool,
    report: LineageDiffReport,
}

#[derive(SimpleObject)]
pub struct LineageDiffReport {
    uuid: String,
    status: String,
    message: Option<String>,
    url: Option<String>,
    result_json: Option<String>,
    result_markdown: Option<String>,
}

#[derive(SimpleObject)]
pub struct DinoaiAgentTrigger {
    ok: bool,
    agent_session_id: String,
    status: String,
    warning: Option<String>,
}

#[derive(SimpleObject)]
#[graphql(complex)]
pub struct DinoaiAgentRun {
    ok: bool,
    status: String,
    messages: Vec<DinoaiMessage>,
    child_session_ids: Vec<String>,
    workspace_uid: Option<String>,
    startup_steps: Vec<DinoaiStartupStep>,
}

#[ComplexObject]
impl DinoaiAgentRun {
    async fn steps(
        &self,
        after: Option<i32>,
        include_tool_io: Option<bool>,
        max_chars: Option<i32>,
    ) -> Vec<DinoaiStep> {
        let _ = (after, include_tool_io, max_chars);
        Vec::new()
    }
}

#[derive(SimpleObject)]
pub struct DinoaiMessage {
    ts: String,
    role: String,
    content: String,
}

#[derive(SimpleObject)]
pub struct DinoaiStep {
    index: i32,
    role: String,
    tool_name: Option<String>,
    tool_input: Option<String>,
    content: Option<String>,
    truncated: bool,
}

#[derive(SimpleObject)]
pub struct DinoaiStartupStep {
    label: String,
    done: bool,
}

/// What another product has and this one does not.
pub fn unsupported(what: &str) -> ApiError {
    ApiError::bad_request(format!("Owlet has no {what}")).fix("see COMPAT.md for what it has")
}

/// A new slug for a label.
pub fn slug(name: &str) -> String {
    let bytes = uuid::Uuid::new_v4().into_bytes();
    schedules::mint_slug(name, [bytes[0], bytes[1], bytes[2]])
}

const DOING: &str = "keeping the members of";

/// Members by their state.
pub async fn users(app: &App) -> Result<UserList, ApiError> {
    let database = app.parts.scheduler.database();
    let rows =
        sqlx::query("SELECT uid, email, name, account_type, state FROM member WHERE state <> 'DISABLED' ORDER BY id")
            .fetch_all(database.readers())
            .await
            .map_err(|source| database.error(DOING, source))?;
    let mut users = UserList { active_users: Vec::new(), invited_users: Vec::new() };
    for row in &rows {
        let text = |column: &str| row.try_get::<String, _>(column).map_err(|source| database.error(DOING, source));
        let (email, account_type) = (text("email")?, text("account_type")?);
        if text("state")? == "ACTIVE" {
            users.active_users.push(ActiveUser { uid: text("uid")?, email, name: text("name")?, account_type });
        } else {
            users.invited_users.push(InvitedUser { email, account_type, invite_status: "SENT".to_owned() });
        }
    }
    Ok(users)
}

/// Enters somebody among the invited members.
pub async fn invite(app: &App, identity: &Identity, email: &str, account_type: &str) -> Result<(), ApiError> {
    if !email.contains('@') || email.contains(char::is_whitespace) {
        return Err(ApiError::bad_request(format!("'{email}' is no e-mail address")));
    }
    let database = app.parts.scheduler.database();
    let now = app.parts.clock.now();
    let mut change = database.write().await?;
    let made = sqlx::query(
        "INSERT INTO member (uid, email, name, account_type, state, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, 'INVITED', $5, $5) ON CONFLICT (email) DO NOTHING",
    )
    .bind(uuid::Uuid::new_v4().simple().to_string())
    .bind(email.to_owned())
    .bind(email.split('@').next().unwrap_or_default().to_owned())
    .bind(account_type.to_owned())
    .bind(now)
    .execute(&mut *change)
    .await
    .map_err(|source| database.error(DOING, source))?;
    if made.rows_affected() == 0 {
        return Err(ApiError::new(StatusCode::CONFLICT, format!("'{email}' is a member or invited already")));
    }
    let metadata = json!({"email": email, "account_type": account_type});
    audit(app, &mut change, "member.invited", identity, &metadata).await?;
    Ok(change.commit().await?)
}

/// Gives a member another account type, or none: then they are a member no more.
pub async fn change_member(
    app: &App,
    identity: &Identity,
    uid: &str,
    account_type: Option<&str>,
) -> Result<(), ApiError> {
    let database = app.parts.scheduler.database();
    let now = app.parts.clock.now();
    let mut change = database.write().await?;
    let (statement, word, event) = match account_type {
        Some(account_type) => (
            "UPDATE member SET account_type = $1, updated_at = $2 WHERE uid = $3 AND state <> 'DISABLED'",
            account_type,
            "member.changed",
        ),
        None => (
            "UPDATE member SET state = $1, updated_at = $2 WHERE uid = $3 AND state <> 'DISABLED'",
            "DISABLED",
            "member.disabled",
        ),
    };
    let changed = sqlx::query(statement)
        .bind(word)
        .bind(now)
        .bind(uid.to_owned())
        .execute(&mut *change)
        .await
        .map_err(|source| database.error(DOING, source))?;
    if changed.rows_affected() == 0 {
        return Err(ApiError::not_found("member", uid));
    }
    audit(app, &mut change, event, identity, &json!({"uid": uid, "account_type": account_type})).await?;
    Ok(change.commit().await?)
}

async fn audit(
    app: &App,
    change: &mut store::Change,
    event: &str,
    identity: &Identity,
    metadata: &serde_json::Value,
) -> Result<(), ApiError> {
    let database = app.parts.scheduler.database();
    let actor = crate::api::actor(identity);
    sqlx::query(
        "INSERT INTO audit (at, actor_type, actor, actor_email, event_type, source, metadata) \
         VALUES ($1, $2, $3, $4, $5, 'member', $6)",
    )
    .bind(app.parts.clock.now())
    .bind(actor.kind.as_str())
    .bind(actor.name)
    .bind(actor.email)
    .bind(event.to_owned())
    .bind(metadata.to_string())
    .execute(&mut **change)
    .await
    .map_err(|source| database.error(DOING, source))?;
    Ok(())
}

/// The newest rows, in the shape that clients parse: all numbers and times present.
pub async fn audit_logs(app: &App) -> Result<AuditLogList, ApiError> {
    let rows = app.parts.reader.audit(&AuditFilter { limit: 10_000, ..AuditFilter::default() }).await?;
    let audit_logs = rows.into_iter().map(|row| AuditLog {
        id: id(row.id),
        created_dttm: rfc3339(row.at),
        updated_dttm: rfc3339(row.at),
        workspace_id: 1,
        workspace_name: app.parts.workspace.name.clone(),
        actor_type: row.actor_type,
        actor_user_id: 0,
        actor_email: row.actor_email,
        event_source_id: row.source_id.map_or(0, id),
        event_source: row.source,
        event_id: id(row.id),
        event_type: row.event_type,
        metadata_json: row.metadata,
    });
    Ok(AuditLogList { audit_logs: audit_logs.collect() })
}
