//! Schedules as code: the files a team writes (`paradime_schedules.yml`, `.bolt/**`), checked with all their mistakes at once, and the
//! instants at which a cron expression in a time zone is due.
//!
//! Pure: no clock, no database, no network.
//!
//! Reading order: [`Schedule`] is what all of it is about; [`read_files`] finds the files, [`verify`] makes schedules and diagnostics of them;
//! [`official`] says what the official client would; [`Cron`] knows when a schedule is due.

mod schedule;

pub mod cron;

mod check;
mod files;
mod nearest;
pub mod official;
mod read;
mod references;
mod slug;
mod slugs;
mod verify;

pub use check::Problem;
pub use cron::{Cron, CronError};
pub use files::read_files;
pub use schedule::{
    Deferral, DeferralTarget, EngineChoice, Event, Hightouch, Integrations, MergeConcurrency, MisfirePolicy,
    Notification, Notifications, OverlapPolicy, Retry, RetryOn, RunAfter, Schedule, ScheduleCommand, SelfHealing,
};
pub use slug::{is_slug, mint_slug};
pub use slugs::{Rewrite, add_slugs};
pub use verify::{Declared, Known, Verification, verify};
