//! What happened, as facts: channels decide how it looks.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    Passed,
    Failed,
    /// A run takes longer than its schedule allows, and goes on.
    Sla,
    /// A planned run did not take place.
    Skipped,
    /// Something is wrong with the scheduler or a schedule's definition.
    System,
}

impl Event {
    /// The word of files and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Sla => "sla",
            Self::Skipped => "skipped",
            Self::System => "system",
        }
    }
}

/// A message to people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub event: Event,
    /// The workspace's name.
    pub workspace: String,
    /// Instead of the sentence that event and schedule give; what a system message says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headline: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// Where people see more, if it is not the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// The first ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failing_nodes: Vec<FailingNode>,
    /// How many there are in all; 0 counts the list.
    #[serde(default)]
    pub failing_count: u64,
    /// For incident tools: names what is wrong, the same until it is well again; at most 255 characters. [`Event::Passed`] ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    /// For incident tools: what the schedule says about them, passed on as it is.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
}

impl Message {
    /// A message that says no more than what and where.
    pub fn new(event: Event, workspace: impl Into<String>) -> Self {
        Self {
            event,
            workspace: workspace.into(),
            headline: None,
            schedule: None,
            run: None,
            url: None,
            cause: None,
            fix: None,
            failing_nodes: Vec::new(),
            failing_count: 0,
            incident: None,
            details: Map::new(),
        }
    }

    /// Where the event comes from: the schedule, or the workspace.
    pub(crate) fn source(&self) -> String {
        match &self.schedule {
            Some(schedule) => format!("{}/{}", self.workspace, schedule.slug),
            None => self.workspace.clone(),
        }
    }
}

/// The schedule a message is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    pub slug: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Minutes that a run may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sla_minutes: Option<u64>,
}

/// The run a message is about.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Run {
    /// 0 of a run that did not take place: not written then.
    #[serde(skip_serializing_if = "is_nothing")]
    pub id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// 1 is the first.
    #[serde(skip_serializing_if = "is_nothing")]
    pub attempt: u32,
    /// Why it ran: `cron`, `api`, `merge`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planned_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_scanned_in_bytes: Option<u64>,
    /// Millionths of a dollar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro_dollars: Option<i64>,
}

fn is_nothing<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

/// A node or command that failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailingNode {
    /// `model.shop.orders`, or the command's line.
    pub name: String,
    /// Only its first line is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_scanned_in_bytes: Option<u64>,
}
