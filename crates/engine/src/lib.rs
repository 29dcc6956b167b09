//! The dbt engine: parse, compile, run.
//!
//! Reads a project (`project`), renders its Jinja (`jinja`), binds its graph (`graph`), and walks it against an [`Adapter`].
//! It does no network itself and reads no environment; both come in through the adapter and the [`Host`].

pub mod adapter;
pub mod compile;
pub mod context;
pub mod docs;
pub mod events;
mod manifest;
pub mod parse;
pub mod run;
pub mod semantic;
pub mod state;

pub use adapter::Adapter;
pub use compile::{Compiled, Compiler};
pub use context::Host;
pub use manifest::{HookTime, Manifest};
pub use parse::parse;
