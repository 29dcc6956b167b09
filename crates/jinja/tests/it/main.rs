//! Behaviour of templates, in `tests/cases/*.case`, verified against the reference by `conformance/jinja`.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod blocks;
mod cases;
mod fuzz;
mod limits;
mod macros;
