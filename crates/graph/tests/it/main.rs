//! All tests of this crate.

mod cycles;
mod fixture;
mod queue;
mod select;
mod selectors;
