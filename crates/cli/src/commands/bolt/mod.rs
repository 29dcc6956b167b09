//! `bolt`: schedules.

#[cfg(feature = "server")]
mod client;
#[cfg(feature = "server")]
mod remote;
mod verify;

use std::path::Path;

#[cfg(feature = "server")]
pub use remote::waits;

use super::Outcome;
use crate::{args::BoltCommand, settings::Settings};

/// Runs a command about schedules.
///
/// # Errors
/// When it could not run.
pub async fn run(command: &BoltCommand, settings: &Settings, current_dir: &Path) -> anyhow::Result<Outcome> {
    match command {
        BoltCommand::Verify(args) => verify::run(args, settings, current_dir),
        #[cfg(feature = "server")]
        BoltCommand::Remote(command) => remote::run(command, settings, current_dir).await,
    }
}
