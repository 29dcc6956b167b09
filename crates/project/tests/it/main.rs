//! All tests of this crate: one runner for each kind of case.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case has to stop")]

mod catalogs;
mod config;
mod dbt_project;
mod deps;
mod files;
mod fuzz;
mod profiles;
mod properties;
mod vars;
mod yaml;
