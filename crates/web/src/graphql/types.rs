//! Output types. Their names are ours, their fields the clients'.

use async_graphql::{Enum, SimpleObject};

use crate::time::bolt;

#[derive(Enum, Copy, Clone, Eq, PartialEq)]
pub enum EnvironmentType {
    Scheduler,
    Development,
}

#[derive(Enum, Copy, Clone, Eq, PartialEq)]
pub enum BoltLogStream {
    Stdout,
    Stderr,
}

#[derive(SimpleObject)]
#[graphql(name = "Ok")]
pub struct Done {
    pub ok: bool,
}

impl Done {
    pub const YES: Self = Self { ok: true };
}

#[derive(SimpleObject)]
pub struct RunRef {
    /// 32 bits on the wire.
    pub run_id: i32,
}

#[derive(SimpleObject)]
pub struct SlugRef {
    pub slug: String,
}

#[derive(SimpleObject)]
pub struct SlugList {
    pub ok: bool,
    pub slugs: Vec<String>,
}

#[derive(SimpleObject)]
pub struct BoltScheduleList {
    pub schedules: Vec<BoltSchedule>,
    pub total_count: i32,
}

#[derive(SimpleObject)]
pub struct BoltSchedule {
    pub id: i32,
    pub uuid: String,
    pub name: String,
    pub slug: Option<String>,
    pub display_name: Option<String>,
    pub schedule: String,
    pub owner: Option<String>,
    pub last_run_at: Option<String>,
    pub last_run_state: Option<String>,
    pub next_run_at: Option<String>,
    pub source: String,
    pub suspended: bool,
    pub turbo_ci: Option<Deferral>,
    pub deferred_schedule: Option<Deferral>,
    pub commands: Option<Vec<String>>,
    pub git_branch: Option<String>,
    pub slack_on: Option<Vec<String>>,
    pub slack_notify: Option<Vec<String>>,
    pub email_on: Option<Vec<String>>,
    pub email_notify: Option<Vec<String>>,
    pub notifications: Option<Notifications>,
}

#[derive(SimpleObject)]
pub struct Deferral {
    pub enabled: bool,
    pub deferred_schedule_name: Option<String>,
    pub deferred_schedule_slug: Option<String>,
    pub defer_environment_slug: Option<String>,
    pub successful_run_only: bool,
}

#[derive(SimpleObject)]
pub struct Notifications {
    pub email_notifications: Option<Vec<NotificationItem>>,
    pub slack_notifications: Option<Vec<NotificationItem>>,
    pub ms_teams_notifications: Option<Vec<NotificationItem>>,
}

#[derive(SimpleObject)]
pub struct NotificationItem {
    pub channel: Option<String>,
    pub events: Option<Vec<String>>,
    pub template_slug: Option<String>,
    pub template_name: Option<String>,
}

#[derive(SimpleObject)]
pub struct BoltScheduleDetail {
    pub ok: bool,
    pub latest_run_id: Option<i32>,
    pub commands: Vec<String>,
    pub owner: Option<String>,
    pub schedule: String,
    pub uuid: String,
    pub source: String,
    pub suspended: bool,
}

#[derive(SimpleObject)]
pub struct BoltRunList {
    pub ok: bool,
    pub runs: Vec<BoltRun>,
}

#[derive(SimpleObject)]
pub struct BoltRun {
    pub id: i32,
    pub state: String,
    pub actor: String,
    pub actor_email: Option<String>,
    pub start_dttm: String,
    pub end_dttm: Option<String>,
    pub parent_schedule_run_id: Option<i32>,
    pub git_info: BoltRunGitInfo,
}

#[derive(SimpleObject)]
pub struct BoltRunGitInfo {
    pub branch: Option<String>,
    pub commit_hash: Option<String>,
    pub pull_request_id: Option<String>,
}

#[derive(SimpleObject)]
pub struct BoltResource {
    pub id: i32,
    pub path: String,
}

#[derive(SimpleObject)]
pub struct BoltCommandLogs {
    pub lines: Vec<BoltLogLine>,
    pub cursor: String,
    pub finished: bool,
}

#[derive(SimpleObject)]
pub struct BoltLogLine {
    pub stream: BoltLogStream,
    /// With its own newline.
    pub line: String,
}

#[derive(SimpleObject)]
pub struct BoltResourceUrl {
    pub ok: bool,
    pub url: String,
}

#[derive(SimpleObject)]
pub struct ScheduleNameList {
    pub ok: bool,
    pub schedules: Vec<ScheduleName>,
}

#[derive(SimpleObject)]
pub struct ScheduleName {
    pub name: String,
    pub workspace_name: String,
}

#[derive(SimpleObject)]
pub struct EnvironmentList {
    pub ok: bool,
    pub environments: Vec<Environment>,
}

#[derive(SimpleObject)]
pub struct Environment {
    pub slug: String,
    pub display_name: String,
    pub is_default: bool,
}

/// Ids stay below 2^31: the tables hand them out one by one.
pub fn id(id: i64) -> i32 {
    i32::try_from(id).unwrap_or(i32::MAX)
}

/// What the clients know: RUNNING until it is over.
pub fn state(state: &str) -> String {
    if scheduler::read::is_final(state) { state.to_owned() } else { "RUNNING".to_owned() }
}

/// The time, or the empty text: clients break on null.
pub fn time_or_empty(micros: Option<i64>) -> String {
    micros.map_or_else(String::new, bolt)
}
