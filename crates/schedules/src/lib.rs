//! Schedules as code: the files a team writes (`paradime_schedules.yml`, `.bolt/**`), checked with all their mistakes at once, and the
//! instants at which a cron expression in a time zone is due.
//!
//! Pure: no clock, no database, no network.

pub mod cron;
mod schedule;

pub use cron::{Cron, CronError};
pub use schedule::{
    Deferral, DeferralTarget, EngineChoice, Event, Hightouch, Integrations, MergeConcurrency, MisfirePolicy,
    Notification, Notifications, OverlapPolicy, Retry, RetryOn, RunAfter, Schedule, ScheduleCommand, SelfHealing,
};
