//! Settings of a server: `env`, `connection`, `environment`, `notifications`, `budget`, `limit`.

use clap::{Args, Subcommand, ValueEnum};

use crate::{
    args::server::StateArgs,
    args::{ResultFormat, TextOrJson},
};

/// Which runs get a variable.
#[derive(Debug, Clone, Default, Args)]
pub struct ScopeArgs {
    /// All runs, those of schedules only, or the scratchpad only
    #[arg(long, value_name = "SCOPE", default_value = "workspace")]
    pub scope: VariableScope,
    /// Only the runs of this schedule
    #[arg(long, value_name = "SLUG", conflicts_with = "scope")]
    pub schedule: Option<String>,
}

/// `env --scope`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum VariableScope {
    #[default]
    Workspace,
    Schedules,
    Development,
}

/// `env`
#[derive(Debug, Clone, Subcommand)]
pub enum EnvCommand {
    /// Set a variable
    Set {
        name: String,
        /// Its value; without it, it is read from standard input
        #[arg(conflicts_with = "secret", allow_hyphen_values = true)]
        value: Option<String>,
        /// Keep it encrypted, mask it in logs, and never show it again; the value is read from standard input
        #[arg(long)]
        secret: bool,
        #[command(flatten)]
        scope: ScopeArgs,
        #[command(flatten)]
        server: StateArgs,
    },
    /// Print the value of a variable
    Get {
        name: String,
        #[command(flatten)]
        scope: ScopeArgs,
        #[command(flatten)]
        server: StateArgs,
    },
    /// List the variables
    #[command(alias = "ls")]
    List {
        /// Form of the list
        #[arg(long, value_name = "FORMAT", default_value = "table")]
        format: ResultFormat,
        #[command(flatten)]
        server: StateArgs,
    },
    /// Remove a variable
    Rm {
        name: String,
        #[command(flatten)]
        scope: ScopeArgs,
        #[command(flatten)]
        server: StateArgs,
    },
    /// Make a new secret key and encrypt all secrets with it
    RotateKey {
        #[command(flatten)]
        server: StateArgs,
    },
}

/// `connection`
#[derive(Debug, Clone, Subcommand)]
pub enum ConnectionCommand {
    /// Add a connection, or change one
    Add {
        name: String,
        /// Keys of a dbt-athena target: region_name=eu-west-1 schema=shop
        #[arg(value_name = "KEY=VALUE", value_parser = parse_field)]
        fields: Vec<(String, String)>,
        /// A key whose value is read from standard input, one line each: aws_secret_access_key
        #[arg(long, value_name = "KEY")]
        secret: Vec<String>,
        /// A name for people
        #[arg(long, value_name = "TEXT")]
        label: Option<String>,
        /// For schedules, or for the scratchpad
        #[arg(long, value_name = "SCOPE", default_value = "production")]
        scope: ConnectionScopeArg,
        /// Change the connection of this name: what is not given stays, KEY= removes a key
        #[arg(long)]
        replace: bool,
        #[command(flatten)]
        server: StateArgs,
    },
    /// Check that a connection works: credentials, workgroup, locations, database, a query
    Test {
        name: String,
        /// Form of the findings
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: TextOrJson,
        #[command(flatten)]
        server: StateArgs,
    },
    /// List the connections
    #[command(alias = "ls")]
    List {
        /// Form of the list
        #[arg(long, value_name = "FORMAT", default_value = "table")]
        format: ResultFormat,
        #[command(flatten)]
        server: StateArgs,
    },
    /// Remove a connection
    Rm {
        name: String,
        #[command(flatten)]
        server: StateArgs,
    },
}

/// `connection add --scope`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ConnectionScopeArg {
    #[default]
    Production,
    Development,
}

fn parse_field(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE, as in region_name=eu-west-1".to_owned()),
    }
}

/// `environment`
#[derive(Debug, Clone, Subcommand)]
pub enum EnvironmentCommand {
    /// Add an environment, or change one: what is not given stays, an empty text takes away
    Set {
        name: String,
        #[command(flatten)]
        args: Box<EnvironmentArgs>,
        #[command(flatten)]
        server: StateArgs,
    },
    /// Print an environment as JSON
    Show {
        name: String,
        #[command(flatten)]
        server: StateArgs,
    },
    /// List the environments
    #[command(alias = "ls")]
    List {
        /// Form of the list
        #[arg(long, value_name = "FORMAT", default_value = "table")]
        format: ResultFormat,
        #[command(flatten)]
        server: StateArgs,
    },
    /// Remove an environment that no schedule uses
    #[command(alias = "delete")]
    Rm {
        name: String,
        #[command(flatten)]
        server: StateArgs,
    },
}

/// What an environment is made of.
#[derive(Debug, Clone, Args)]
pub struct EnvironmentArgs {
    /// A name for people
    #[arg(long, value_name = "TEXT")]
    pub label: Option<String>,
    /// The code: a folder of the server's machine, a git repository or files as they are
    #[arg(long, value_name = "DIR", conflicts_with = "git")]
    pub path: Option<std::path::PathBuf>,
    /// The code: a git repository by HTTPS or SSH
    #[arg(long, value_name = "URL")]
    pub git: Option<String>,
    /// Branch of schedules that name none
    #[arg(long)]
    pub branch: Option<String>,
    /// Name of the workspace's secret variable with the repository's deploy key or token
    #[arg(long, value_name = "VARIABLE")]
    pub credential: Option<String>,
    /// The dbt project's folder within the code
    #[arg(long = "project", value_name = "DIR")]
    pub project: Option<String>,
    /// The connection whose target runs get in their profiles.yml
    #[arg(long, value_name = "NAME")]
    pub connection: Option<String>,
    /// Name of the target in profiles.yml
    #[arg(long, value_name = "NAME")]
    pub target_name: Option<String>,
    /// Schema instead of the connection's
    #[arg(long)]
    pub schema: Option<String>,
    /// Threads instead of the connection's; 0 for the connection's again
    #[arg(long, value_name = "N")]
    pub target_threads: Option<u32>,
    /// What runs lines that begin with `dbt`
    #[arg(long, value_name = "ENGINE")]
    pub engine: Option<EngineArg>,
    /// An environment variable of all its runs; NAME= takes it away
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = parse_field)]
    pub var: Vec<(String, String)>,
    /// Show at the host of the code what came of a pull request's commit
    #[arg(long, value_name = "HOST")]
    pub status: Option<CodeHostArg>,
    /// Name of the workspace's secret variable with a token that may write commit statuses
    #[arg(long, value_name = "VARIABLE")]
    pub status_token: Option<String>,
    /// Address of the host's API, if it is not the public host
    #[arg(long, value_name = "URL")]
    pub status_api: Option<String>,
    /// The repository at the host, if the code's address does not say it: owner/name
    #[arg(long, value_name = "NAME")]
    pub repository: Option<String>,
    /// Report no more
    #[arg(long, conflicts_with = "status")]
    pub no_status: bool,
    /// Make it the one that is offered first
    #[arg(long)]
    pub default: bool,
}

/// `environment set --engine`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EngineArg {
    Owlet,
    DbtCore,
}

impl From<EngineArg> for schedules::EngineChoice {
    fn from(engine: EngineArg) -> Self {
        match engine {
            EngineArg::Owlet => Self::Owlet,
            EngineArg::DbtCore => Self::DbtCore,
        }
    }
}

/// `environment set --status`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CodeHostArg {
    Github,
    Gitlab,
    Bitbucket,
    AzureDevops,
}

impl From<CodeHostArg> for scheduler::model::CodeHost {
    fn from(host: CodeHostArg) -> Self {
        match host {
            CodeHostArg::Github => Self::GitHub,
            CodeHostArg::Gitlab => Self::GitLab,
            CodeHostArg::Bitbucket => Self::Bitbucket,
            CodeHostArg::AzureDevops => Self::AzureDevOps,
        }
    }
}

/// `notifications`
#[derive(Debug, Clone, Subcommand)]
pub enum NotificationsCommand {
    /// Print the settings as JSON, without their secrets; tells whom schedules name in vain
    Show {
        #[command(flatten)]
        server: StateArgs,
    },
    /// Replace the settings by the JSON on standard input; {"secret": true} keeps a secret
    Set {
        #[command(flatten)]
        server: StateArgs,
    },
    /// Send a message to one receiver
    Test {
        channel: ChannelArg,
        /// Channel, address, or the name of the webhook or tool
        target: String,
        /// Form of the findings
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: TextOrJson,
        #[command(flatten)]
        server: StateArgs,
    },
}

/// `notifications test`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ChannelArg {
    Slack,
    Teams,
    Email,
    Webhook,
    Pagerduty,
    IncidentIo,
    Datadog,
    NewRelic,
}

impl ChannelArg {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Teams => "teams",
            Self::Email => "email",
            Self::Webhook => "webhook",
            Self::Pagerduty => "pagerduty",
            Self::IncidentIo => "incident_io",
            Self::Datadog => "datadog",
            Self::NewRelic => "new_relic",
        }
    }
}

/// `budget`
#[derive(Debug, Clone, Subcommand)]
pub enum BudgetCommand {
    /// Set a budget
    Set {
        /// workspace, schedule:SLUG or connection:SLUG
        scope: String,
        dollars: f64,
        /// For how long the money must last
        #[arg(long, default_value = "day")]
        per: PeriodArg,
        /// What happens when it is spent
        #[arg(long, default_value = "warn")]
        action: BudgetActionArg,
        #[command(flatten)]
        server: StateArgs,
    },
    /// List the budgets
    #[command(alias = "ls")]
    List {
        /// Form of the list
        #[arg(long, value_name = "FORMAT", default_value = "table")]
        format: ResultFormat,
        #[command(flatten)]
        server: StateArgs,
    },
    /// Remove a budget
    #[command(alias = "delete")]
    Rm {
        scope: String,
        #[arg(long, default_value = "day")]
        per: PeriodArg,
        #[arg(long, default_value = "warn")]
        action: BudgetActionArg,
        #[command(flatten)]
        server: StateArgs,
    },
}

/// `budget --per`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PeriodArg {
    Run,
    Day,
    Month,
}

impl From<PeriodArg> for scheduler::settings::BudgetPeriod {
    fn from(period: PeriodArg) -> Self {
        match period {
            PeriodArg::Run => Self::Run,
            PeriodArg::Day => Self::Day,
            PeriodArg::Month => Self::Month,
        }
    }
}

/// `budget --action`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BudgetActionArg {
    Warn,
    Stop,
}

impl From<BudgetActionArg> for scheduler::settings::BudgetAction {
    fn from(action: BudgetActionArg) -> Self {
        match action {
            BudgetActionArg::Warn => Self::Warn,
            BudgetActionArg::Stop => Self::Stop,
        }
    }
}

/// `limit`
#[derive(Debug, Clone, Subcommand)]
pub enum LimitCommand {
    /// Set how many runs may be active at once
    Set {
        /// workspace, connection:SLUG or workgroup:REGION/NAME
        key: String,
        #[arg(value_parser = clap::value_parser!(u32).range(1..))]
        max_active: u32,
        #[command(flatten)]
        server: StateArgs,
    },
    /// List the limits
    #[command(alias = "ls")]
    List {
        /// Form of the list
        #[arg(long, value_name = "FORMAT", default_value = "table")]
        format: ResultFormat,
        #[command(flatten)]
        server: StateArgs,
    },
    /// Remove a limit
    #[command(alias = "delete")]
    Rm {
        key: String,
        #[command(flatten)]
        server: StateArgs,
    },
}
