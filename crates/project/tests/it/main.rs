//! All tests of this crate: one runner for each kind of case.

mod config;
mod dbt_project;
mod deps;
mod files;
mod profiles;
mod properties;
mod vars;
mod yaml;
