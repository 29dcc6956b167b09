//! What people decide about a schedule: the one shape that files, the API and the state database share.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Map as JsonMap, Value as Json};

use crate::cron::Cron;

/// A schedule, complete: defaults are filled in, old spellings are resolved, references are identifiers.
///
/// As JSON it is the `definition` of the state database's table `schedule`. Fields that have a default may be missing there, so that rows
/// written by an older version are read by a newer one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// The identifier: what commands, the API and other schedules call it. `^[a-z0-9]+(-[a-z0-9]+)*$` for new ones; names of the first
    /// generation of files (`name` without `slug`) are identifiers too, whatever they look like.
    pub slug: String,
    /// The label that people read.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_email: Option<String>,
    /// Slug of the environment that the runs get their code, connection and target from.
    pub environment: String,
    /// Branch, tag or commit to run; the environment's branch when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_branch: Option<String>,

    /// When the clock starts it; `None` is `schedule: "OFF"`: never by the clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<Cron>,
    /// The zone `cron` is read in.
    #[serde(default = "utc", with = "zone_name")]
    pub timezone: Tz,
    /// Whether the file says that the clock and other triggers leave it alone.
    #[serde(default)]
    pub suspended: bool,
    /// What becomes of slots that passed while no server ran.
    #[serde(default)]
    pub misfire_policy: MisfirePolicy,
    /// How old a slot may be to be made up for.
    #[serde(default = "one_day")]
    pub catch_up_window_minutes: u32,
    /// What happens when it is due, triggered or pushed while a run of it is not finished. See [`Schedule::merge_overlap_policy`] for merges.
    #[serde(default)]
    pub overlap_policy: OverlapPolicy,

    /// Started when another schedule ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_after: Option<RunAfter>,
    /// Started when a merge lands on `git_branch`.
    #[serde(default)]
    pub trigger_on_merge: bool,
    /// What a merge does while the run of the merge before it is not finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<MergeConcurrency>,
    /// State (`manifest.json` and its like) from another schedule's runs, for `state:modified` and `--defer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deferred_schedule: Option<Deferral>,
    /// Started by pull requests, in a schema of their own, with state from another schedule's runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turbo_ci: Option<Deferral>,

    /// What runs, in order; never empty.
    pub commands: Vec<ScheduleCommand>,
    /// Which program runs command lines that begin with `dbt`.
    #[serde(default)]
    pub engine: EngineChoice,
    /// dbt variables (`var('name')`) for each `dbt` and `owlet` command that takes `--vars`; a `--vars` in the command's line wins, name by name.
    #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
    pub variables: JsonMap<String, Json>,
    /// Environment variables of the commands, over those of the workspace and of all schedules.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env_overrides: BTreeMap<String, String>,

    /// A run that takes longer is reported (event [`Event::Sla`]) and goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sla_minutes: Option<u32>,
    /// A run that takes longer is stopped; the workspace's limit when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_runtime_minutes: Option<u32>,
    /// When a failed run is tried again.
    #[serde(default)]
    pub retry: Retry,

    /// Who is told about what.
    #[serde(default)]
    pub notifications: Notifications,
    /// Incident tools that are told about the end of a run.
    #[serde(default)]
    pub integrations: Integrations,
    /// An agent that is called when a run fails. Kept and shown; Owlet has no such agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_healing: Option<SelfHealing>,
    /// Hightouch syncs after a run. Kept and shown; Owlet does not call Hightouch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hightouch: Option<Hightouch>,
}

impl Schedule {
    /// A schedule with nothing but what every schedule has; the rest has its defaults.
    pub fn new(
        slug: impl Into<String>,
        name: impl Into<String>,
        environment: impl Into<String>,
        commands: Vec<ScheduleCommand>,
    ) -> Self {
        Self {
            slug: slug.into(),
            name: name.into(),
            description: None,
            owner_email: None,
            environment: environment.into(),
            git_branch: None,
            cron: None,
            timezone: Tz::UTC,
            suspended: false,
            misfire_policy: MisfirePolicy::default(),
            catch_up_window_minutes: one_day(),
            overlap_policy: OverlapPolicy::default(),
            run_after: None,
            trigger_on_merge: false,
            concurrency: None,
            deferred_schedule: None,
            turbo_ci: None,
            commands,
            engine: EngineChoice::default(),
            variables: JsonMap::new(),
            env_overrides: BTreeMap::new(),
            sla_minutes: None,
            max_runtime_minutes: None,
            retry: Retry::default(),
            notifications: Notifications::default(),
            integrations: Integrations::default(),
            self_healing: None,
            hightouch: None,
        }
    }

    /// The `schedule` key as text: the cron expression as it was written, or `OFF`.
    pub fn schedule_text(&self) -> &str {
        self.cron.as_ref().map_or("OFF", Cron::as_str)
    }

    /// What starts it, in words: `every day at 04:15, Europe/Lisbon`, `after orders-lake-refresh (passed)`.
    pub fn starts(&self) -> String {
        let mut ways = Vec::new();
        if let Some(cron) = &self.cron {
            ways.push(format!("{}, {}", cron.describe(), self.timezone.name()));
        }
        if let Some(trigger) = self.active_run_after() {
            let on: Vec<&str> = trigger.on.iter().map(|event| event.word()).collect();
            let workspace = trigger.workspace.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
            ways.push(format!("after {}{workspace} ({})", trigger.schedule, on.join(", ")));
        }
        if self.trigger_on_merge {
            ways.push(format!("on merges to {}", self.git_branch.as_deref().unwrap_or("the environment's branch")));
        }
        if self.active_turbo_ci().is_some() {
            ways.push("on pull requests".to_owned());
        }
        if ways.is_empty() { "by hand".to_owned() } else { ways.join("; ") }
    }

    /// What a merge does while a run of this schedule is not finished: `concurrency` if it is given, else as for every other trigger.
    pub fn merge_overlap_policy(&self) -> OverlapPolicy {
        match self.concurrency {
            Some(MergeConcurrency::Parallel) => OverlapPolicy::Allow,
            Some(MergeConcurrency::Queue) => OverlapPolicy::QueueOne,
            None => self.overlap_policy,
        }
    }

    /// The deferral of a run that is not a pull request's, if it is switched on.
    pub fn active_deferral(&self) -> Option<&Deferral> {
        self.deferred_schedule.as_ref().filter(|deferral| deferral.enabled)
    }

    /// Turbo CI, if it is switched on.
    pub fn active_turbo_ci(&self) -> Option<&Deferral> {
        self.turbo_ci.as_ref().filter(|deferral| deferral.enabled)
    }

    /// The trigger by another schedule, if it is switched on.
    pub fn active_run_after(&self) -> Option<&RunAfter> {
        self.run_after.as_ref().filter(|trigger| trigger.enabled)
    }
}

/// One line of `commands`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleCommand {
    /// As it was written; split by a shell's rules for words, run without a shell.
    pub command: String,
    /// Whether the commands after it run although it failed. Resolved: the command's own setting, else the schedule's, else no.
    #[serde(default)]
    pub continue_on_error: bool,
}

impl ScheduleCommand {
    /// A command that ends the run when it fails.
    pub fn new(command: impl Into<String>) -> Self {
        Self { command: command.into(), continue_on_error: false }
    }
}

/// `misfire_policy`: what becomes of slots that passed while no server ran. Slots that do not run are recorded as missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MisfirePolicy {
    /// One run, for the newest slot within the catch-up window.
    #[default]
    Latest,
    /// One run for each slot within the catch-up window, oldest first.
    All,
    /// None of them runs.
    None,
}

/// `overlap_policy`: what happens when a run is wanted while another of the same schedule is not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverlapPolicy {
    /// The slot is recorded as skipped; a trigger by the API is refused.
    #[default]
    Skip,
    /// One run waits; a second wish joins it.
    QueueOne,
    /// They run side by side. The default of schedules with Turbo CI, as each pull request has its own schema.
    Allow,
}

/// `concurrency`: what a merge does while the run of the merge before it is not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MergeConcurrency {
    /// Both run.
    Parallel,
    /// The later waits.
    Queue,
}

/// `engine`: which program runs command lines that begin with `dbt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineChoice {
    /// Owlet itself.
    #[default]
    Owlet,
    /// The `dbt` on the server's PATH.
    DbtCore,
}

/// `retry`: new attempts of a run that failed. The default tries twice more when infrastructure failed or AWS throttled, and never when SQL or
/// a test was wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Retry {
    /// How many attempts may follow the first one; 0 for none.
    pub attempts: u32,
    /// Wait before the second attempt; doubles with each one after it (the scheduler adds jitter).
    pub backoff_seconds: u32,
    /// The longest wait.
    pub max_backoff_seconds: u32,
    /// Which failures are tried again.
    pub on: Vec<RetryOn>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 2,
            backoff_seconds: 60,
            max_backoff_seconds: 900,
            on: vec![RetryOn::Infrastructure, RetryOn::Throttling],
        }
    }
}

/// A class of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryOn {
    /// A lost server, a failed checkout, no network, an internal error of AWS.
    Infrastructure,
    /// Too many requests or queries, also Iceberg commit conflicts.
    Throttling,
    /// `max_runtime_minutes` or Athena's own limit was passed.
    Timeout,
    /// Every failure, wrong SQL and failed tests included.
    Any,
}

/// `run_after`, or `schedule_trigger` in its older spelling: start when another schedule ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunAfter {
    /// Whether it is switched on.
    pub enabled: bool,
    /// Identifier of the other schedule.
    pub schedule: String,
    /// Name of the other schedule's workspace, where the file gives it; `None` is this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// Which ends count: [`Event::Passed`], [`Event::Failed`], [`Event::Sla`].
    pub on: Vec<Event>,
}

/// `deferred_schedule` and `turbo_ci`: whose artifacts are the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferral {
    /// Whether it is switched on.
    pub enabled: bool,
    /// Whose runs.
    pub target: DeferralTarget,
    /// Whether only runs that succeeded count, or the last one however it ended.
    #[serde(default = "yes")]
    pub successful_runs_only: bool,
}

/// Whose runs a deferral takes its state from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeferralTarget {
    /// The runs of the schedule with this identifier.
    Schedule(String),
    /// The latest run of any schedule in the environment with this slug; those with Turbo CI and the deferring one do not count.
    Environment(String),
}

/// `notifications`: who is told about what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Notifications {
    /// To mail addresses.
    pub emails: Vec<Notification>,
    /// To Slack channels.
    pub slack_channels: Vec<Notification>,
    /// To Microsoft Teams channels.
    pub microsoft_teams: Vec<Notification>,
    /// To webhooks, by their name in the workspace's settings or by URL.
    pub webhooks: Vec<Notification>,
}

/// One receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Channel name, mail address, webhook.
    pub channel: String,
    /// What it is told; may be empty.
    pub events: Vec<Event>,
    /// Message template, from the API only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_slug: Option<String>,
}

/// What can be told about a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// It ended well.
    Passed,
    /// It failed, also for reasons of the platform, and will not be tried again.
    Failed,
    /// It takes longer than `sla_minutes`.
    Sla,
    /// A slot did not run: skipped or missed. Ours: the official client does not know it.
    Skipped,
    /// The scheduler has a problem with this schedule: its file is broken, its branch is gone. Ours.
    System,
}

impl Event {
    /// As files and messages spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Sla => "sla",
            Self::Skipped => "skipped",
            Self::System => "system",
        }
    }
}

/// `integrations`: each entry is an object with the tool's own members.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Integrations {
    /// incident.io.
    pub incident_io: Vec<JsonMap<String, Json>>,
    /// PagerDuty.
    pub pagerduty: Vec<JsonMap<String, Json>>,
    /// Datadog.
    pub datadog: Vec<JsonMap<String, Json>>,
    /// New Relic.
    pub new_relic: Vec<JsonMap<String, Json>>,
}

/// `self_healing`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfHealing {
    /// Whether it is switched on.
    pub enabled: bool,
    /// Where the agent reports; must be among the schedule's Slack channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack_channel: Option<String>,
    /// Which agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_name: Option<String>,
}

/// `hightouch`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hightouch {
    /// Whether it is switched on.
    pub enabled: bool,
    /// After which ends.
    pub sync_on: Vec<String>,
    /// Which syncs.
    pub slugs: Vec<String>,
}

fn utc() -> Tz {
    Tz::UTC
}

fn one_day() -> u32 {
    24 * 60
}

fn yes() -> bool {
    true
}

/// Zones by their IANA name. Done here as `chrono-tz`'s own feature would rebuild everything that reaches Arrow.
mod zone_name {
    use chrono_tz::Tz;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(zone: &Tz, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(zone.name())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tz, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(|_| D::Error::custom(format!("no time zone is named '{name}'")))
    }
}
