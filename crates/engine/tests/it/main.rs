//! Tests of the engine against a fake warehouse.

#![expect(clippy::result_large_err, reason = "a Diagnostic is what people read")]

mod parse;
mod projects;
mod run;
