//! Schedules as code.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::TextOrJson;

/// `bolt …`
#[derive(Debug, Clone, Subcommand)]
pub enum BoltCommand {
    /// Check the files with schedules: all mistakes at once, and when each schedule runs
    Verify(BoltVerifyArgs),
    #[cfg(feature = "server")]
    #[command(flatten)]
    Remote(crate::args::server::RemoteCommand),
}

/// `bolt verify`
#[derive(Debug, Clone, Args)]
pub struct BoltVerifyArgs {
    /// A project's folder, or one file [default: the project]
    #[arg(long, value_name = "PATH")]
    pub path: Option<PathBuf>,
    /// Say instead what the official client would say of the files
    #[arg(long)]
    pub official: bool,
    /// First write slugs into schedules that have none
    #[arg(long)]
    pub mint: bool,
    /// Form of the answer
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextOrJson,
}
