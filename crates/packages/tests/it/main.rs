//! Tests of the crate: one binary.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod deps;
mod hub_server;
mod versions;
