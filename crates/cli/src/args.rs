//! The command line as dbt spells it, and owlet's own commands. Only what works is defined: an unknown flag is an error.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// `owlet --version`. The second number is the dbt whose semantics are followed.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (dbt 1.12)");

/// dbt projects on Amazon Athena, or on the Athena-compatible lakehouse inside.
#[derive(Debug, Parser)]
#[command(name = "owlet", version = VERSION, max_term_width = 120, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub global: GlobalArgs,
}

/// Flags that stand before or after the command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Folder of dbt_project.yml [default: the nearest parent of the current folder that has one]
    #[arg(long, global = true, value_name = "DIR")]
    pub project_dir: Option<PathBuf>,
    /// Folder of profiles.yml [default: the current folder if it has one, else ~/.dbt]
    #[arg(long, global = true, value_name = "DIR")]
    pub profiles_dir: Option<PathBuf>,
    /// Profile of profiles.yml [default: the project's]
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// Target of the profile [default: the profile's]
    #[arg(short = 't', long, global = true, value_name = "NAME")]
    pub target: Option<String>,
    /// Folder for compiled code and artifacts [default: target]
    #[arg(long, global = true, value_name = "DIR")]
    pub target_path: Option<PathBuf>,
    /// Variables as a YAML mapping: '{start: 2024-01-01}'
    #[arg(long, global = true, value_name = "YAML")]
    pub vars: Option<String>,
    /// How many nodes are built at once [default: the profile's]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// Build one node after the other
    #[arg(long, global = true, conflicts_with = "threads")]
    pub single_threaded: bool,
    /// Stop at the first failure
    #[arg(short = 'x', long, global = true, overrides_with = "no_fail_fast")]
    pub fail_fast: bool,
    #[arg(long, global = true, hide = true)]
    pub no_fail_fast: bool,
    /// Folder with the artifacts of an earlier run, relative to the project: for `state:`, `result:`, --defer, clone
    #[arg(long, global = true, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Where a parent was not built here, use the one of the --state manifest
    #[arg(long, global = true, overrides_with = "no_defer")]
    pub defer: bool,
    #[arg(long, global = true, hide = true)]
    pub no_defer: bool,
    /// With --defer, use the state's relations even where there is one here
    #[arg(long, global = true, overrides_with = "no_favor_state")]
    pub favor_state: bool,
    #[arg(long, global = true, hide = true)]
    pub no_favor_state: bool,
    /// Folder of the manifest for --defer alone [default: --state]
    #[arg(long, global = true, value_name = "DIR")]
    pub defer_state: Option<PathBuf>,
    /// Treat warnings as errors
    #[arg(long, global = true, overrides_with = "no_warn_error")]
    pub warn_error: bool,
    #[arg(long, global = true, hide = true)]
    pub no_warn_error: bool,
    /// Which warnings are errors: '{error: all, warn: [Name], silence: [Name]}'
    #[arg(long, global = true, value_name = "YAML", conflicts_with = "warn_error")]
    pub warn_error_options: Option<String>,
    /// Form of the log on the terminal
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Least level shown on the terminal
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log_level: Option<LogLevel>,
    /// Form of dbt.log [default: debug]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format_file: Option<LogFormat>,
    /// Least level in dbt.log [default: debug]
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log_level_file: Option<LogLevel>,
    /// Size at which dbt.log becomes dbt.log.1; 0 for never [default: 10485760]
    #[arg(long, global = true, value_name = "BYTES")]
    pub log_file_max_bytes: Option<u64>,
    /// Folder of dbt.log [default: logs]
    #[arg(long, global = true, value_name = "DIR")]
    pub log_path: Option<PathBuf>,
    /// Show debug lines
    #[arg(short = 'd', long, global = true)]
    pub debug: bool,
    /// Show only errors, print() and data
    #[arg(short = 'q', long, global = true)]
    pub quiet: bool,
    /// Don't show what print() says
    #[arg(long, global = true)]
    pub no_print: bool,
    /// Use colours [default: on a terminal, unless NO_COLOR is set]
    #[arg(long, global = true, overrides_with = "no_use_colors")]
    pub use_colors: bool,
    #[arg(long, global = true, hide = true)]
    pub no_use_colors: bool,
    /// Use colours in the log file
    #[arg(long, global = true, overrides_with = "no_use_colors_file")]
    pub use_colors_file: bool,
    #[arg(long, global = true, hide = true)]
    pub no_use_colors_file: bool,
    /// Width of the lines with dots [default: 80]
    #[arg(long, global = true, value_name = "COLUMNS")]
    pub printer_width: Option<usize>,
    /// Don't write manifest.json and run_results.json
    #[arg(long, global = true)]
    pub no_write_json: bool,
    /// Accept projects made for another dbt version
    #[arg(long, global = true)]
    pub no_version_check: bool,
    // Both hold always: nothing is cached between parses, and nothing is ever sent anywhere.
    #[arg(long, global = true, hide = true)]
    pub no_partial_parse: bool,
    #[arg(long, global = true, hide = true)]
    pub no_send_anonymous_usage_stats: bool,
}

/// `--log-format`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
    Debug,
    Default,
}

/// `--log-level`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
    None,
}

impl LogLevel {
    /// The least level that is written; `None` is nothing.
    pub fn least(self) -> Option<engine::events::Level> {
        use engine::events::Level;
        match self {
            Self::Debug => Some(Level::Debug),
            Self::Info => Some(Level::Info),
            Self::Warn => Some(Level::Warn),
            Self::Error => Some(Level::Error),
            Self::None => None,
        }
    }
}

/// What is built, tested, listed.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Selection")]
pub struct SelectionArgs {
    /// Nodes to include: names, paths, tag:x, +parents, children+
    #[arg(short = 's', long, num_args = 1.., value_name = "NODES", alias = "models", short_alias = 'm')]
    pub select: Vec<String>,
    /// Nodes to leave out
    #[arg(long, num_args = 1.., value_name = "NODES")]
    pub exclude: Vec<String>,
    /// A selector of selectors.yml
    #[arg(long, value_name = "NAME", conflicts_with_all = ["select", "exclude"])]
    pub selector: Option<String>,
    /// Which tests of selected nodes come along
    #[arg(long, value_name = "MODE")]
    pub indirect_selection: Option<IndirectSelection>,
}

/// `--indirect-selection`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IndirectSelection {
    Eager,
    Cautious,
    Buildable,
    Empty,
}

impl IndirectSelection {
    /// dbt's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eager => "eager",
            Self::Cautious => "cautious",
            Self::Buildable => "buildable",
            Self::Empty => "empty",
        }
    }
}

/// Only some kinds of nodes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Selection")]
pub struct ResourceTypeArgs {
    /// Only nodes of these types
    #[arg(long, num_args = 1.., value_name = "TYPES")]
    pub resource_type: Vec<String>,
    /// No nodes of these types
    #[arg(long, num_args = 1.., value_name = "TYPES")]
    pub exclude_resource_type: Vec<String>,
}

/// Only rows of a span of event time.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Event time")]
pub struct EventTimeArgs {
    /// Where the batches of microbatch models begin: 2024-09-17 or 2024-09-17T16:30:00, UTC
    #[arg(long, value_name = "TIME")]
    pub event_time_start: Option<String>,
    /// Where they end
    #[arg(long, value_name = "TIME")]
    pub event_time_end: Option<String>,
    /// Limit refs and sources with an event_time: '3 days', or '{start: 2024-01-01, end: 2024-02-01}'
    #[arg(long, value_name = "SPAN")]
    pub sample: Option<String>,
}

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
    #[arg(long)]
    pub empty: bool,
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
    #[arg(long)]
    pub empty: bool,
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
    #[arg(long)]
    pub empty: bool,
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
    #[arg(long)]
    pub empty: bool,
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
    #[arg(long)]
    pub empty: bool,
    /// Don't ask the warehouse anything: what needs an answer fails
    #[arg(long, overrides_with = "introspect")]
    pub no_introspect: bool,
    #[arg(long, hide = true)]
    pub introspect: bool,
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

/// `show`
#[derive(Debug, Clone, Default, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Run this SQL with Jinja instead of a node
    #[arg(long, value_name = "SQL", conflicts_with_all = ["select", "exclude", "selector"])]
    pub inline: Option<String>,
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

/// `sql`
#[derive(Debug, Clone, Default, Args)]
pub struct SqlArgs {
    /// The statement; '-' or nothing reads it from standard input
    pub query: Option<String>,
    /// Read the statement from a file
    #[arg(short = 'f', long, value_name = "FILE", conflicts_with = "query")]
    pub file: Option<PathBuf>,
    /// Most rows shown, 0 for all
    #[arg(long, default_value = "100")]
    pub limit: usize,
    /// Form of the result
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: ResultFormat,
}

/// `sql --format`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ResultFormat {
    #[default]
    Table,
    Csv,
    Json,
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

/// `bolt …`
#[derive(Debug, Clone, Subcommand)]
pub enum BoltCommand {
    /// Check the files with schedules: all mistakes at once, and when each schedule runs
    Verify(BoltVerifyArgs),
    #[cfg(feature = "server")]
    #[command(flatten)]
    Remote(crate::server_args::RemoteCommand),
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

/// `source`
#[derive(Debug, Clone, Subcommand)]
pub enum SourceCommand {
    /// Check how old the data of the sources is
    Freshness {
        #[command(flatten)]
        selection: SelectionArgs,
        /// Where to write sources.json
        #[arg(short = 'o', long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// `lake`
#[derive(Debug, Clone, Subcommand)]
pub enum LakeCommand {
    /// Serve Athena, Glue, S3 and STS on one port
    Serve {
        /// Address and port
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4566")]
        listen: std::net::SocketAddr,
        /// Folder of the lakehouse [default: .owlet]
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
        /// A local folder as a bucket
        #[arg(long, value_name = "BUCKET=FOLDER", value_parser = parse_mount)]
        mount: Vec<(String, PathBuf)>,
    },
}

fn parse_mount(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((bucket, folder)) if !bucket.is_empty() && !folder.is_empty() => Ok((bucket.to_owned(), folder.into())),
        _ => Err("expected BUCKET=FOLDER, as in raw=./data".to_owned()),
    }
}

/// Whatever follows a command that is not there yet.
#[derive(Debug, Clone, Args)]
pub struct Rest {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    pub rest: Vec<String>,
}

/// The commands.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Build the selected nodes and test them, parents first
    Build(BuildArgs),
    /// Build models
    Run(RunArgs),
    /// Run data tests and unit tests
    Test(TestArgs),
    /// Load CSV files
    Seed(SeedArgs),
    /// Record how rows change over time
    Snapshot(SnapshotArgs),
    /// Write the SQL of the selected nodes to target/compiled
    Compile(CompileArgs),
    /// Read the project and write manifest.json
    Parse,
    /// List nodes
    #[command(name = "ls", alias = "list")]
    List(ListArgs),
    /// Show rows of a node or of a query
    Show(ShowArgs),
    /// Run a macro
    RunOperation(OperationArgs),
    /// Run what failed or was skipped last time
    Retry {
        /// Rebuild from scratch
        #[arg(short = 'f', long)]
        full_refresh: bool,
    },
    /// Documentation of the project
    #[command(subcommand)]
    Docs(DocsCommand),
    /// Sources of the project
    #[command(subcommand)]
    Source(SourceCommand),
    /// Make a new project, or set up a profile
    Init(InitArgs),
    /// Check project, profile and connection
    Debug,
    /// Install packages
    Deps(DepsArgs),
    /// Delete what the project's clean-targets name
    Clean,
    /// Say what a build would do, and change nothing
    Plan(PlanArgs),
    /// Run a statement, Jinja allowed
    Sql(SqlArgs),
    /// The embedded lakehouse
    #[command(subcommand)]
    Lake(LakeCommand),
    /// Show the relations of another state here, as views on them
    Clone(CloneArgs),
    /// Run one command of a schedule; the server speaks to it through pipes
    #[command(hide = true)]
    ExecSupervised,
    /// Serve everything: schedules, their runs, API, pages and the lakehouse
    #[cfg(feature = "server")]
    Up(crate::server_args::UpArgs),
    #[cfg(not(feature = "server"))]
    #[command(hide = true)]
    Up(Rest),
    /// The schedules of the project
    #[command(subcommand)]
    Bolt(BoltCommand),
    /// Environment variables of scheduled runs
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Env(crate::settings_args::EnvCommand),
    #[cfg(not(feature = "server"))]
    #[command(hide = true)]
    Env(Rest),
    /// Connections of scheduled runs
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Connection(crate::settings_args::ConnectionCommand),
    #[cfg(not(feature = "server"))]
    #[command(hide = true)]
    Connection(Rest),
    /// Environments of scheduled runs: code, connection, target
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Environment(crate::settings_args::EnvironmentCommand),
    #[cfg(not(feature = "server"))]
    #[command(hide = true)]
    Environment(Rest),
    /// How Slack, Teams, mail and webhooks are reached
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Notifications(crate::settings_args::NotificationsCommand),
    #[cfg(not(feature = "server"))]
    #[command(hide = true)]
    Notifications(Rest),
    /// What scheduled runs may cost
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Budget(crate::settings_args::BudgetCommand),
    #[cfg(not(feature = "server"))]
    #[command(hide = true)]
    Budget(Rest),
    /// How many scheduled runs may be active at once
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Limit(crate::settings_args::LimitCommand),
    #[cfg(not(feature = "server"))]
    #[command(hide = true)]
    Limit(Rest),
    /// Tokens of the scheduler's API
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Token(crate::server_args::TokenCommand),
    #[cfg(not(feature = "server"))]
    #[command(hide = true)]
    Token(Rest),
    #[command(hide = true)]
    Doctor(Rest),
    #[command(hide = true)]
    Iam(Rest),
}

impl Command {
    /// dbt's `which`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Build(_) => "build",
            Self::Run(_) => "run",
            Self::Test(_) => "test",
            Self::Seed(_) => "seed",
            Self::Snapshot(_) => "snapshot",
            Self::Compile(_) => "compile",
            Self::Parse => "parse",
            Self::List(_) => "list",
            Self::Show(_) => "show",
            Self::RunOperation(_) => "run-operation",
            Self::Retry { .. } => "retry",
            Self::Docs(DocsCommand::Generate(_)) => "generate",
            Self::Docs(DocsCommand::Serve(_)) => "serve",
            Self::Source(_) => "freshness",
            Self::Debug => "debug",
            Self::Deps(_) => "deps",
            Self::Clean => "clean",
            Self::Plan(_) => "plan",
            Self::Sql(_) => "sql",
            Self::ExecSupervised => "exec-supervised",
            Self::Lake(_) => "lake",
            Self::Clone(_) => "clone",
            Self::Init(_) => "init",
            Self::Up(_) => "up",
            Self::Bolt(_) => "bolt",
            Self::Env(_) => "env",
            Self::Connection(_) => "connection",
            Self::Environment(_) => "environment",
            Self::Notifications(_) => "notifications",
            Self::Budget(_) => "budget",
            Self::Limit(_) => "limit",
            Self::Token(_) => "token",
            Self::Doctor(_) => "doctor",
            Self::Iam(_) => "iam",
        }
    }

    /// Its output is data that somebody pipes: log lines go to stderr. The others print dbt's lines on stdout, where tools read them.
    pub fn prints_data(&self) -> bool {
        match self {
            Self::List(_)
            | Self::Show(_)
            | Self::Sql(_)
            | Self::Plan(_)
            | Self::Lake(_)
            | Self::Bolt(_)
            | Self::Env(_)
            | Self::Connection(_)
            | Self::Environment(_)
            | Self::Notifications(_)
            | Self::Budget(_)
            | Self::Limit(_)
            | Self::Token(_) => true,
            Self::Compile(args) => args.inline.is_some(),
            _ => false,
        }
    }
}

/// The flag is `--x`; a pair with `--no-x` is three-valued.
pub fn tri_state(yes: bool, no: bool) -> Option<bool> {
    match (yes, no) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}
