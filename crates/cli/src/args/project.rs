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
    #[arg(value_name = "MACRO", required_unless_present = "sql", conflicts_with = "sql")]
    pub name: Option<String>,
    /// Its arguments as a YAML mapping
    #[arg(long, value_name = "YAML", default_value = "{}", conflicts_with = "sql")]
    pub args: String,
    /// Run this statement instead, Jinja allowed
    #[arg(long, value_name = "SQL")]
    pub sql: Option<String>,
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

/// `clean`
#[derive(Debug, Clone, Default, Args)]
pub struct CleanArgs {
    /// Also delete folders of clean-targets that are not in the project
    #[arg(long, overrides_with = "clean_project_files_only")]
    pub no_clean_project_files_only: bool,
    #[arg(long, hide = true)]
    pub clean_project_files_only: bool,
}

/// `debug`
#[derive(Debug, Clone, Default, Args)]
pub struct DebugArgs {
    /// Say how to open the folder of profiles.yml, and nothing else
    #[arg(long)]
    pub config_dir: bool,
    /// Test only the connection
    #[arg(long)]
    pub connection: bool,
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
    // dbt runs `debug` at the end; here that is a command of its own.
    #[arg(long, hide = true)]
    pub skip_debug: bool,
}

/// `docs`
#[derive(Debug, Clone, Subcommand)]
pub enum DocsCommand {
    /// Write manifest.json, catalog.json and the page that shows them
    Generate(DocsGenerateArgs),
    /// Show the documentation in a browser
    Serve(DocsServeArgs),
}
