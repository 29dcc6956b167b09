//! Runs a team's schedules so that nobody gets up at night: every decision is a row, every crash is an ordinary start.
//!
//! Many servers may share one database. The parts are reconcilers, each woken by a timer and by a nudge, each moving the state one step on:
//! the clock decides slots, the claimer gives queued runs to workers under a lease, a worker runs commands, the reaper takes over what a dead
//! server left, the outbox tells the world.
//!
//! [`Scheduler`] is the handle. Its methods, by who calls them:
//!
//! - people and programs: `deploy(Deploy) -> Diff`, `create_schedule(Schedule, source, Actor)`, `update_schedule`, `delete_schedule(slug, Actor)`,
//!   `suspend(slug, reason, Actor)`, `resume(slug, Actor)`, `trigger(Trigger) -> Triggered`, `cancel(run_id, reason, Actor) -> Canceled`,
//!   `retry_run(run_id, RetryMode, Actor) -> run_id`, `retry_schedule_from_failure(slug, Actor) -> run_id`, `backfill(Backfill) -> BackfillPlan`,
//!   `cancel_backfill(id, Actor)`, `merged(Merge) -> Vec<Triggered>`, `pull_request(PullRequest) -> Vec<Triggered>`,
//!   `pull_request_closed(ClosedPullRequest) -> usize`, `set_limit(key, max, Actor)`
//! - the server's loop: `tick() -> Ticked` (slots, SLA, backfills, budgets), `reap() -> Vec<Claimed>` (runs whose server died, now ours),
//!   `retain(Retention) -> Retained`, `schema_to_drop() -> Option<SchemaToDrop>`, `schema_dropped`, `beat()`, `stopped()`
//! - the worker: `claim(max) -> Vec<Claimed>`, `running(Lease, commit_hash)`, `heartbeats(&[Lease]) -> Vec<Beat>`, `must_stop(Lease) -> bool`,
//!   `finish(Lease, Outcome) -> Finished`

mod admit;
mod audit;
mod backfill;
mod budget;
mod cancel;
mod claim;
pub mod clock;
mod create;
mod definition;
mod deploy;
mod error;
mod finish;
mod follow;
mod lease;
mod limits;
pub mod model;
pub mod notice;
pub mod outbox;
mod pull_requests;
pub mod read;
pub mod request;
mod resume;
mod retention;
mod retry;
mod row;
mod scheduler;
pub mod settings;
mod sla;
mod slots;
mod trigger;
pub mod worker;

pub use error::SchedulerError;
pub use pull_requests::{SchemaToDrop, is_repository, repository_of};
pub use scheduler::{MIGRATIONS, Options, Scheduler, Server};
