//! What files say, and when schedules are due.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cron;
mod files;
mod fuzz;
mod official;
mod slugs;
