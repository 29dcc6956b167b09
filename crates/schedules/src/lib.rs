//! Schedules as code: the files a team writes (`paradime_schedules.yml`, `.bolt/**`), checked with all their mistakes at once, and the
//! instants at which a cron expression in a time zone is due.
//!
//! Pure: no clock, no database, no network.
