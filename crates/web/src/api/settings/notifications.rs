//! How receivers of messages are reached.

use axum::{Json, extract::State};
use scheduler::settings::{NotificationSettings, Receiver};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::TestAnswer;
use crate::{
    api::{
        extract::{Body, Caller},
        shape::Page,
    },
    app::App,
    auth::Scope,
    error::{ApiError, Problem},
    routes::Operation,
};

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            "/api/v1/settings/notifications",
            "getNotifications",
            "How receivers are reached: Slack, Teams, mail server, webhooks, incident tools",
            get,
        )
        .needs(Scope::SettingsRead)
        .answers::<Map<String, Value>>(),
        Operation::put(
            "/api/v1/settings/notifications",
            "setNotifications",
            "Replace all of it, in the shape of docs/notifications.md; a secret that is {\"secret\": true} stays",
            set,
        )
        .needs(Scope::SettingsWrite)
        .body::<Map<String, Value>>()
        .answers::<Map<String, Value>>(),
        Operation::get(
            "/api/v1/settings/receivers",
            "listReceivers",
            "Whom schedules and the workspace tell, and why some cannot be reached",
            receivers,
        )
        .needs(Scope::SettingsRead)
        .answers::<Page<ReceiverAnswer>>(),
        Operation::post("/api/v1/settings/receivers/test", "testReceiver", "Send a message to one receiver", test)
            .needs(Scope::SettingsWrite)
            .body::<TestBody>()
            .answers::<TestAnswer>(),
    ]
}

/// Somebody who is told about runs.
#[derive(Debug, Serialize, JsonSchema)]
struct ReceiverAnswer {
    /// slack, teams, email, webhook, pagerduty, incident_io, datadog or new_relic.
    channel: String,
    target: String,
    /// Slugs of schedules, and `workspace`.
    named_by: Vec<String>,
    /// Why nothing would reach it.
    problem: Option<Problem>,
}

impl ReceiverAnswer {
    fn of(receiver: Receiver) -> Self {
        let problem = receiver.problem.as_ref().map(Problem::of);
        Self { channel: receiver.channel, target: receiver.target, named_by: receiver.named_by, problem }
    }
}

/// Whom to try.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TestBody {
    /// slack, teams, email, webhook, pagerduty, incident_io, datadog or new_relic.
    channel: String,
    /// Channel, address, or the name of the webhook or tool.
    target: String,
}

async fn get(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    Ok(Json(shown(&app.parts.settings.notifications().await?)))
}

async fn set(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<NotificationSettings>,
) -> Result<Json<Value>, ApiError> {
    app.parts.settings.set_notifications(body, &caller.actor()).await?;
    Ok(Json(shown(&app.parts.settings.notifications().await?)))
}

/// A secret writes itself as `{"secret": true}`.
fn shown(settings: &NotificationSettings) -> Value {
    serde_json::to_value(settings).unwrap_or_default()
}

async fn receivers(State(app): State<App>) -> Result<Json<Page<ReceiverAnswer>>, ApiError> {
    let items = app.parts.settings.receivers().await?.into_iter().map(ReceiverAnswer::of).collect();
    Ok(Json(Page { items, next: None }))
}

async fn test(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<TestBody>,
) -> Result<Json<TestAnswer>, ApiError> {
    let parts = &app.parts;
    let (workspace, actor) = (parts.workspace.name.as_str(), caller.actor());
    let checks = parts.settings.test_receiver(&parts.notifier, &body.channel, &body.target, workspace, &actor).await?;
    Ok(Json(TestAnswer::of(&checks)))
}
