//! What can be said to `owlet env` and `owlet connection`.

use clap::{Args, Subcommand, ValueEnum};

use crate::{
    args::{ResultFormat, TextOrJson},
    server_args::StateArgs,
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
