//! All tests of this crate.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case has to stop")]

mod cycles;
mod fixture;
mod fuzz;
mod queue;
mod select;
mod selectors;
