//! Test doubles for the engine: a warehouse that records what it is asked, and an invocation around it. And a throwaway Postgres.
//!
//! Never shipped, and never linked with the lakehouse.

mod adapter;
mod case;
mod invocation;
mod postgres;

pub use adapter::{FakeAdapter, FakePlan};
pub use case::{Case, Section, read_cases};
pub use invocation::{Heard, Invocation};
pub use postgres::Postgres;
