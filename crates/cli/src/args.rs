//! The command line as dbt spells it, and owlet's own commands. Only what works is defined: an unknown flag is an error.

mod bolt;
mod global;
mod lakehouse;
mod nodes;
mod project;
mod selection;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod settings;

use clap::{Arg, ArgAction, Args, Parser, Subcommand};

pub use self::{bolt::*, global::*, lakehouse::*, nodes::*, project::*, selection::*};

/// `owlet --version`. The second number is the dbt whose semantics are followed.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (dbt 1.12)");

/// dbt projects on Amazon Athena, or on the Athena-compatible lakehouse inside.
#[derive(Debug, Parser)]
#[command(name = "owlet", version = VERSION, max_term_width = 120, disable_help_subcommand = true)]
#[command(arg = Arg::new("dbt's -v").short('v').action(ArgAction::Version).hide(true))]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub global: GlobalArgs,
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
    Debug(DebugArgs),
    /// Install packages
    Deps(DepsArgs),
    /// Delete what the project's clean-targets name
    Clean(CleanArgs),
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
    Up(server::UpArgs),
    #[cfg(not(feature = "server"))]
    #[command(hide = true)]
    Up(Rest),
    /// The schedules of the project
    #[command(subcommand)]
    Bolt(BoltCommand),
    /// Environment variables of scheduled runs
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Env(settings::EnvCommand),
    #[cfg(not(feature = "server"))]
    #[command(hide = true)]
    Env(Rest),
    /// Connections of scheduled runs
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Connection(settings::ConnectionCommand),
    #[cfg(not(feature = "server"))]
    #[command(hide = true)]
    Connection(Rest),
    /// Environments of scheduled runs: code, connection, target
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Environment(settings::EnvironmentCommand),
    #[cfg(not(feature = "server"))]
    #[command(hide = true)]
    Environment(Rest),
    /// How Slack, Teams, mail and webhooks are reached
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Notifications(settings::NotificationsCommand),
    #[cfg(not(feature = "server"))]
    #[command(hide = true)]
    Notifications(Rest),
    /// What scheduled runs may cost
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Budget(settings::BudgetCommand),
    #[cfg(not(feature = "server"))]
    #[command(hide = true)]
    Budget(Rest),
    /// How many scheduled runs may be active at once
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Limit(settings::LimitCommand),
    #[cfg(not(feature = "server"))]
    #[command(hide = true)]
    Limit(Rest),
    /// Tokens of the scheduler's API
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Token(server::TokenCommand),
    #[cfg(not(feature = "server"))]
    #[command(hide = true)]
    Token(Rest),
    #[command(hide = true)]
    Doctor(Rest),
    #[command(hide = true)]
    Iam(Rest),
}

impl Command {
    /// The types of nodes that the command is limited to, where it can be.
    pub fn types_mut(&mut self) -> Option<&mut ResourceTypeArgs> {
        Some(match self {
            Self::Build(args) => &mut args.types,
            Self::Plan(args) => &mut args.build.types,
            Self::Test(args) => &mut args.types,
            Self::Clone(args) => &mut args.types,
            Self::List(args) => &mut args.types,
            _ => return None,
        })
    }

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
            Self::Debug(_) => "debug",
            Self::Deps(_) => "deps",
            Self::Clean(_) => "clean",
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

    /// It works on a project, and tells of it in events. `sql` runs without one, too.
    pub fn is_of_a_project(&self, has_project: bool) -> bool {
        match self {
            Self::Init(_)
            | Self::Lake(_)
            | Self::ExecSupervised
            | Self::Up(_)
            | Self::Bolt(_)
            | Self::Env(_)
            | Self::Connection(_)
            | Self::Environment(_)
            | Self::Notifications(_)
            | Self::Budget(_)
            | Self::Limit(_)
            | Self::Token(_)
            | Self::Doctor(_)
            | Self::Iam(_) => false,
            Self::Sql(_) => has_project,
            _ => true,
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
