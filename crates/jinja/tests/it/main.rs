//! Behaviour of templates, in `tests/cases/*.case`, verified against the reference by `conformance/jinja`.

mod blocks;
mod cases;
mod limits;
mod macros;
