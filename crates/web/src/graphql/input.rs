//! Input types. Their names stand in the clients' documents.

use std::str::FromStr;

use async_graphql::{Enum, InputObject, Json};
use chrono_tz::Tz;
use schedules::{
    Cron, Deferral, DeferralTarget, Event, Integrations, Notification, Notifications, RunAfter, Schedule,
    ScheduleCommand, SelfHealing,
};
use serde::Serialize;
use serde_json::{Map as JsonMap, Value};

use super::other::slug;
use crate::error::ApiError;

#[derive(InputObject)]
pub struct BoltScheduleFilter {
    pub suspended: Option<bool>,
}

#[derive(InputObject)]
pub struct BoltCommandInput {
    pub command: String,
    /// Null: as the run or the schedule says.
    pub continue_on_error: Option<bool>,
}

/// A schedule to be made. Callers may send raw dictionaries, so everything is checked here.
#[derive(InputObject)]
pub struct BoltScheduleInput {
    name: String,
    /// A cron expression, or `OFF`.
    schedule: String,
    /// Slug of an environment.
    environment: String,
    commands: Vec<String>,
    git_branch: Option<String>,
    description: Option<String>,
    timezone: Option<String>,
    owner_email: Option<String>,
    suspended: Option<bool>,
    sla_seconds: Option<i32>,
    trigger_on_merge: Option<bool>,
    notifications: Option<BoltNotificationsInput>,
    integrations: Option<BoltIntegrationsInput>,
    self_healing: Option<BoltSelfHealingInput>,
    turbo_ci: Option<BoltDeferralInput>,
    deferred_schedule: Option<BoltDeferralInput>,
    schedule_trigger: Option<BoltScheduleTriggerInput>,
    env_vars: Option<Vec<BoltEnvVarInput>>,
}

#[derive(InputObject)]
pub struct BoltNotificationsInput {
    email_notifications: Option<Vec<BoltNotificationChannelInput>>,
    slack_notifications: Option<Vec<BoltNotificationChannelInput>>,
    teams_notifications: Option<Vec<BoltNotificationChannelInput>>,
}

#[derive(InputObject)]
pub struct BoltNotificationChannelInput {
    channel: String,
    events: Vec<String>,
    template_slug: Option<String>,
}

#[derive(InputObject)]
pub struct BoltIntegrationsInput {
    incident_io: Option<Vec<BoltIncidentIoInput>>,
    pagerduty: Option<Vec<BoltPagerDutyInput>>,
    datadog: Option<Vec<BoltDatadogInput>>,
    new_relic: Option<Vec<BoltNewRelicInput>>,
}

#[derive(InputObject, Serialize)]
pub struct BoltIncidentIoInput {
    visibility: String,
    status_id: Option<String>,
    status: Option<String>,
    type_id: Option<String>,
    #[graphql(name = "type")]
    #[serde(rename = "type")]
    kind: Option<String>,
    mode: Option<String>,
    severity_id: Option<String>,
    severity: Option<String>,
}

#[derive(InputObject, Serialize)]
pub struct BoltPagerDutyInput {
    from_email: String,
    service_id: String,
    service_name: String,
    incident_type_display_name: String,
    incident_type_name: String,
    priority_id: Option<String>,
    priority_name: Option<String>,
    urgency: Option<String>,
    escalation_policy_id: Option<String>,
    escalation_policy_name: Option<String>,
    assignee_ids: Option<Vec<String>>,
    assignee_names: Option<Vec<String>>,
}

#[derive(InputObject, Serialize)]
pub struct BoltDatadogInput {
    severity: String,
    severity_name: String,
    customer_impacted: bool,
    state: Option<String>,
    state_name: Option<String>,
    commander_user_id: Option<String>,
    commander_user_name: Option<String>,
    notification_handles: Option<Vec<String>>,
}

#[derive(InputObject, Serialize)]
pub struct BoltNewRelicInput {
    environment: String,
}

#[derive(InputObject)]
pub struct BoltSelfHealingInput {
    enabled: bool,
    slack_channel: Option<String>,
    agent_name: Option<String>,
}

#[derive(InputObject)]
pub struct BoltDeferralInput {
    enabled: bool,
    successful_run_only: bool,
    deferred_schedule_name: Option<String>,
    deferred_schedule_slug: Option<String>,
    defer_environment_slug: Option<String>,
}

#[derive(InputObject)]
pub struct BoltScheduleTriggerInput {
    enabled: bool,
    schedule_name: Option<String>,
    workspace_name: Option<String>,
    trigger_on: Option<Vec<String>>,
}

#[derive(InputObject)]
pub struct BoltEnvVarInput {
    key: String,
    value: String,
}

#[derive(Enum, Copy, Clone, Eq, PartialEq)]
pub enum UserAccountType {
    Admin,
    Developer,
    Business,
    BillingAdmin,
    SecurityAdmin,
    WorkspaceSettingsAdmin,
    WorkspaceAdmin,
    Analyst,
    SandboxUser,
}

impl UserAccountType {
    /// As it is on the wire and in the table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Admin => "ADMIN",
            Self::Developer => "DEVELOPER",
            Self::Business => "BUSINESS",
            Self::BillingAdmin => "BILLING_ADMIN",
            Self::SecurityAdmin => "SECURITY_ADMIN",
            Self::WorkspaceSettingsAdmin => "WORKSPACE_SETTINGS_ADMIN",
            Self::WorkspaceAdmin => "WORKSPACE_ADMIN",
            Self::Analyst => "ANALYST",
            Self::SandboxUser => "SANDBOX_USER",
        }
    }
}

#[derive(InputObject)]
pub struct DinoAiAgentSlackInput {
    channel: String,
    thread_ts: String,
}

#[derive(Enum, Copy, Clone, Eq, PartialEq)]
pub enum NodeColor {
    Leaf,
    Cyan,
    Coral,
    Violet,
    Orange,
    Mandy,
    Teal,
    Green,
}

#[derive(InputObject)]
pub struct IntegrationNodeTypeInfo {
    node_type: String,
    icon_name: Option<String>,
    color: Option<NodeColor>,
}

macro_rules! node_inputs {
    ($($name:ident)+) => {
        $(
            #[derive(InputObject)]
            pub struct $name {
                name: String,
                node_type: String,
                stable_id: String,
                lineage: Json<Value>,
                attributes: Json<Value>,
            }
        )+
    };
}

node_inputs! { IntegrationNodeChartLike IntegrationNodeDashboardLike IntegrationNodeDatasourceLike }

impl BoltScheduleInput {
    /// The schedule, with a slug made of its name. `workspace` is the name of this one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn into_schedule(self, workspace: &str) -> Result<Schedule, ApiError> {
        let name = self.name.trim().to_owned();
        if name.is_empty() || name.chars().count() > 128 || name.contains(['\n', '\r']) {
            return Err(ApiError::bad_request("`name` must be one line of 1 to 128 characters"));
        }
        if self.commands.is_empty() || self.commands.iter().any(|command| command.trim().is_empty()) {
            return Err(ApiError::bad_request("`commands` is empty, or one of them is"));
        }
        let commands = self.commands.into_iter().map(ScheduleCommand::new).collect();
        let mut schedule = Schedule::new(slug(&name), name, self.environment, commands);
        schedule.cron = cron(&self.schedule)?;
        if let Some(zone) = present(self.timezone) {
            schedule.timezone = Tz::from_str(&zone).map_err(|_| {
                ApiError::bad_request(format!("'{zone}' is no time zone"))
                    .fix("use an IANA name, such as Europe/Lisbon")
            })?;
        }
        schedule.git_branch = present(self.git_branch);
        schedule.description = present(self.description);
        schedule.owner_email = present(self.owner_email);
        schedule.suspended = self.suspended.unwrap_or(false);
        schedule.trigger_on_merge = self.trigger_on_merge.unwrap_or(false);
        schedule.sla_minutes = self.sla_seconds.map(minutes).transpose()?;
        if let Some(notifications) = self.notifications {
            schedule.notifications = notifications.into_notifications()?;
        }
        if let Some(integrations) = self.integrations {
            schedule.integrations = integrations.into_integrations();
        }
        schedule.self_healing = self.self_healing.map(|healing| SelfHealing {
            enabled: healing.enabled,
            slack_channel: healing.slack_channel,
            agent_name: healing.agent_name,
        });
        schedule.turbo_ci = deferral("turboCi", self.turbo_ci)?;
        schedule.deferred_schedule = deferral("deferredSchedule", self.deferred_schedule)?;
        schedule.run_after = self.schedule_trigger.map(|trigger| trigger.into_run_after(workspace)).transpose()?;
        for variable in self.env_vars.unwrap_or_default() {
            schedule.env_overrides.insert(variable.key, variable.value);
        }
        Ok(schedule)
    }
}

fn present(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn cron(text: &str) -> Result<Option<Cron>, ApiError> {
    if text.trim().eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    Cron::from_str(text).map(Some).map_err(|error| {
        ApiError::bad_request(format!("`schedule` is '{text}': {error}"))
            .fix("use five fields, such as \"15 4 * * 1-6\", or \"OFF\"")
    })
}

/// Whole minutes, as the schedule has them; a part of a minute counts as one.
fn minutes(seconds: i32) -> Result<u32, ApiError> {
    match u32::try_from(seconds) {
        Ok(seconds) if seconds > 0 => Ok(seconds.div_ceil(60)),
        _ => Err(ApiError::bad_request(format!("`slaSeconds` is {seconds}")).fix("give 1 or more")),
    }
}

fn event(word: &str) -> Result<Event, ApiError> {
    match word.to_ascii_lowercase().as_str() {
        "passed" => Ok(Event::Passed),
        "failed" => Ok(Event::Failed),
        "sla" => Ok(Event::Sla),
        "skipped" => Ok(Event::Skipped),
        "system" => Ok(Event::System),
        _ => {
            Err(ApiError::bad_request(format!("'{word}' is no event")).fix("use passed, failed, sla, skipped, system"))
        }
    }
}

fn deferral(member: &str, input: Option<BoltDeferralInput>) -> Result<Option<Deferral>, ApiError> {
    let Some(input) = input else { return Ok(None) };
    let schedule = present(input.deferred_schedule_slug).or_else(|| present(input.deferred_schedule_name));
    let target = match (schedule, present(input.defer_environment_slug)) {
        (Some(_), Some(_)) => {
            return Err(ApiError::bad_request(format!("`{member}` names a schedule and an environment"))
                .fix("name one of them"));
        }
        (Some(slug), None) => DeferralTarget::Schedule(slug),
        (None, Some(slug)) => DeferralTarget::Environment(slug),
        (None, None) if input.enabled => {
            return Err(ApiError::bad_request(format!("`{member}` names nothing to defer to"))
                .fix("give `deferredScheduleSlug`"));
        }
        (None, None) => return Ok(None),
    };
    Ok(Some(Deferral { enabled: input.enabled, target, successful_runs_only: input.successful_run_only }))
}

impl BoltScheduleTriggerInput {
    fn into_run_after(self, workspace: &str) -> Result<RunAfter, ApiError> {
        if let Some(other) = self.workspace_name.as_deref().filter(|name| !name.is_empty() && *name != workspace) {
            return Err(ApiError::bad_request(format!("`scheduleTrigger` names the workspace '{other}'"))
                .cause(format!("this server has one workspace, '{workspace}'"))
                .fix("leave `workspaceName` out"));
        }
        let Some(schedule) = present(self.schedule_name) else {
            return Err(ApiError::bad_request("`scheduleTrigger` names no schedule").fix("give `scheduleName`"));
        };
        let on = match self.trigger_on {
            None => vec![Event::Passed],
            Some(words) => words.iter().map(|word| event(word)).collect::<Result<_, _>>()?,
        };
        Ok(RunAfter { enabled: self.enabled, schedule, workspace: None, on })
    }
}

impl BoltNotificationsInput {
    fn into_notifications(self) -> Result<Notifications, ApiError> {
        let items = |items: Option<Vec<BoltNotificationChannelInput>>| {
            let items = items.unwrap_or_default().into_iter();
            let item = |item: BoltNotificationChannelInput| {
                let events = item.events.iter().map(|word| event(word)).collect::<Result<_, _>>()?;
                Ok(Notification { channel: item.channel, events, template_slug: item.template_slug })
            };
            items.map(item).collect::<Result<Vec<_>, ApiError>>()
        };
        Ok(Notifications {
            emails: items(self.email_notifications)?,
            slack_channels: items(self.slack_notifications)?,
            microsoft_teams: items(self.teams_notifications)?,
            webhooks: Vec::new(),
        })
    }
}

impl BoltIntegrationsInput {
    fn into_integrations(self) -> Integrations {
        Integrations {
            incident_io: objects(self.incident_io),
            pagerduty: objects(self.pagerduty),
            datadog: objects(self.datadog),
            new_relic: objects(self.new_relic),
        }
    }
}

/// With the names that files have; what was not given is left out.
fn objects<T: Serialize>(items: Option<Vec<T>>) -> Vec<JsonMap<String, Value>> {
    let items = items.unwrap_or_default().into_iter();
    let object = |item: T| match serde_json::to_value(item) {
        Ok(Value::Object(object)) => object.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        _ => JsonMap::new(),
    };
    items.map(object).collect()
}
