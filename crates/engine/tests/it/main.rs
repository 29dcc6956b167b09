//! Tests of the engine against a fake warehouse.

mod parse;
mod projects;
mod run;
mod state;
