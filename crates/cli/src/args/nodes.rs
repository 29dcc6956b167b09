//! Commands on nodes.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{EventTimeArgs, ResourceTypeArgs, SelectionArgs};

/// `clone`
#[derive(Debug, Clone, Default, Args)]
pub struct CloneArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    #[command(flatten)]
    pub types: ResourceTypeArgs,
    /// Replace what is there already
    #[arg(short = 'f', long)]
    pub full_refresh: bool,
}

/// `build` and `plan`.
#[derive(Debug, Clone, Default, Args)]
pub struct BuildArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    #[command(flatten)]
    pub types: ResourceTypeArgs,
    /// Rebuild incremental models and seeds from scratch
    #[arg(short = 'f', long)]
    pub full_refresh: bool,
    /// Limit every ref and source to zero rows
    #[arg(long, overrides_with = "no_empty")]
    pub empty: bool,
    #[arg(long, hide = true)]
    pub no_empty: bool,
    /// Keep the rows that fail a test in a table
    #[arg(long)]
    pub store_failures: bool,
    /// Show some of the rows of loaded seeds
    #[arg(long)]
    pub show: bool,
    #[command(flatten)]
    pub event_time: EventTimeArgs,
}

/// `run`
#[derive(Debug, Clone, Default, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Rebuild from scratch
    #[arg(short = 'f', long)]
    pub full_refresh: bool,
    /// Limit every ref and source to zero rows
    #[arg(long, overrides_with = "no_empty")]
    pub empty: bool,
    #[arg(long, hide = true)]
    pub no_empty: bool,
    #[command(flatten)]
    pub event_time: EventTimeArgs,
}

/// `seed`
#[derive(Debug, Clone, Default, Args)]
pub struct SeedArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Drop and create the tables again
    #[arg(short = 'f', long)]
    pub full_refresh: bool,
    /// Create the tables without rows
    #[arg(long, overrides_with = "no_empty")]
    pub empty: bool,
    #[arg(long, hide = true)]
    pub no_empty: bool,
    /// Show some of the loaded rows
    #[arg(long)]
    pub show: bool,
}

/// `snapshot`
#[derive(Debug, Clone, Default, Args)]
pub struct SnapshotArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Limit every ref and source to zero rows
    #[arg(long, overrides_with = "no_empty")]
    pub empty: bool,
    #[arg(long, hide = true)]
    pub no_empty: bool,
}

/// `test`
#[derive(Debug, Clone, Default, Args)]
pub struct TestArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    #[command(flatten)]
    pub types: ResourceTypeArgs,
    /// Keep the rows that fail a test in a table
    #[arg(long)]
    pub store_failures: bool,
}

/// `compile`
#[derive(Debug, Clone, Default, Args)]
pub struct CompileArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Compile this SQL with Jinja instead of nodes
    #[arg(long, value_name = "SQL", conflicts_with_all = ["select", "exclude", "selector"])]
    pub inline: Option<String>,
    /// Compile incremental models for a full refresh
    #[arg(short = 'f', long)]
    pub full_refresh: bool,
    /// Limit every ref and source to zero rows
    #[arg(long, overrides_with = "no_empty")]
    pub empty: bool,
    #[arg(long, hide = true)]
    pub no_empty: bool,
    /// Don't ask the warehouse anything: what needs an answer fails
    #[arg(long, overrides_with = "introspect")]
    pub no_introspect: bool,
    #[arg(long, hide = true)]
    pub introspect: bool,
    /// Leave ephemeral models out of the compiled code, which then cannot be run
    #[arg(long, overrides_with = "inject_ephemeral_ctes", hide = true)]
    pub no_inject_ephemeral_ctes: bool,
    #[arg(long, hide = true)]
    pub inject_ephemeral_ctes: bool,
    /// Form of the compiled code on stdout
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub output: TextOrJson,
}

/// `text` or `json`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum TextOrJson {
    #[default]
    Text,
    Json,
}

impl TextOrJson {
    /// The word of the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// `show`
#[derive(Debug, Clone, Default, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Run this SQL with Jinja instead of a node
    #[arg(long, value_name = "SQL", conflicts_with_all = ["select", "exclude", "selector"])]
    pub inline: Option<String>,
    /// Run this SQL as it is; the project is not read
    #[arg(long, value_name = "SQL", conflicts_with_all = ["select", "exclude", "selector", "inline"])]
    pub inline_direct: Option<String>,
    /// Rows to show, -1 for all
    #[arg(long, default_value = "5", allow_negative_numbers = true)]
    pub limit: i64,
    /// Compile incremental models for a full refresh
    #[arg(short = 'f', long)]
    pub full_refresh: bool,
    /// Form of the rows
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub output: TextOrJson,
}

/// `ls`
#[derive(Debug, Clone, Default, Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    #[command(flatten)]
    pub types: ResourceTypeArgs,
    /// Form of the list
    #[arg(long, value_name = "FORMAT", default_value = "selector")]
    pub output: ListOutput,
    /// Keys of the JSON objects
    #[arg(long, num_args = 1.., value_name = "KEYS")]
    pub output_keys: Vec<String>,
}

/// `ls --output`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ListOutput {
    Json,
    Name,
    Path,
    #[default]
    Selector,
}

/// `plan`
#[derive(Debug, Clone, Default, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub build: BuildArgs,
    /// Form of the plan
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: TextOrJson,
}

/// `source`
#[derive(Debug, Clone, Subcommand)]
pub enum SourceCommand {
    /// Check how old the data of the sources is
    #[command(alias = "snapshot-freshness")]
    Freshness {
        #[command(flatten)]
        selection: SelectionArgs,
        /// Where to write sources.json
        #[arg(short = 'o', long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}
