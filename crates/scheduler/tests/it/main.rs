//! The scheduler's promises, on SQLite and on Postgres, with a clock that the test moves; and its parts.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod backfill;
mod budget;
mod cancel;
mod chaos;
mod check;
mod checkout;
mod deploy;
mod follow;
mod lease;
mod limits;
mod observe;
mod outbox;
mod pull_requests;
mod retention;
mod retry;
mod settings;
mod slots;
mod supervise;
mod trigger;
mod worker;
mod world;
