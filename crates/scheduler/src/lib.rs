//! Runs a team's schedules so that nobody gets up at night: every decision is a row, every crash is an ordinary start.
//!
//! Many servers may share one database. The parts are reconcilers, each woken by a timer and by a nudge, each moving the state one step on:
//! the clock decides slots, the claimer gives queued runs to workers under a lease, a worker runs commands, the reaper takes over what a dead
//! server left, the outbox tells the world.
