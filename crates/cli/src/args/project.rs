//! Commands on a project as a whole.

use clap::{Args, Subcommand, ValueEnum};

use super::SelectionArgs;

/// `deps`
#[derive(Debug, Clone, Default, Args)]
pub struct DepsArgs {
    /// Look for newer versions, whatever package-lock.yml says
    #[arg(long)]
    pub upgrade: bool,
    /// Write package-lock.yml and install nothing
    #[arg(long)]
    pub lock: bool,
    /// Add a package to packages.yml: NAME@VERSION
    #[arg(long, value_name = "PACKAGE")]
    pub add_package: Option<String>,
    /// Where the added package comes from
    #[arg(long, value_name = "SOURCE", default_value = "hub", requires = "add_package")]
    pub source: PackageSource,
    /// Say what would be installed, and change nothing
    #[arg(long, conflicts_with = "lock")]
    pub dry_run: bool,
}

/// `deps --source`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum PackageSource {
    #[default]
    Hub,
    Git,
    Local,
}

/// `run-operation`
#[derive(Debug, Clone, Args)]
pub struct OperationArgs {
    /// The macro, with its package if it needs one
    #[arg(value_name = "MACRO")]
    pub name: String,
    /// Its arguments as a YAML mapping
    #[arg(long, value_name = "YAML", default_value = "{}")]
    pub args: String,
}

/// `docs generate`
#[derive(Debug, Clone, Default, Args)]
pub struct DocsGenerateArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Don't compile the project first
    #[arg(long, overrides_with = "compile")]
    pub no_compile: bool,
    #[arg(long, hide = true)]
    pub compile: bool,
    /// Write a catalog without tables
    #[arg(long)]
    pub empty_catalog: bool,
    /// Write static_index.html too: the page with everything in it
    #[arg(long)]
    pub r#static: bool,
}

/// `docs serve`
#[derive(Debug, Clone, Args)]
pub struct DocsServeArgs {
    /// Name or address to listen on
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1")]
    pub host: String,
    /// Port, 0 for any free one
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub port: u16,
    /// Don't open a browser
    #[arg(long, overrides_with = "browser")]
    pub no_browser: bool,
    #[arg(long, hide = true)]
    pub browser: bool,
}

/// `init`
#[derive(Debug, Clone, Default, Args)]
pub struct InitArgs {
    /// Name of the new project and its folder
    #[arg(value_name = "NAME")]
    pub project_name: Option<String>,
    /// Ask nothing about a profile
    #[arg(short = 's', long)]
    pub skip_profile_setup: bool,
}

/// `docs`
#[derive(Debug, Clone, Subcommand)]
pub enum DocsCommand {
    /// Write manifest.json, catalog.json and the page that shows them
    Generate(DocsGenerateArgs),
    /// Show the documentation in a browser
    Serve(DocsServeArgs),
}
