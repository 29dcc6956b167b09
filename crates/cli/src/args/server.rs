//! The command line of the server: `token`, and the part of `bolt` that speaks to a running one.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use crate::args::TextOrJson;

/// Where the scheduler keeps its state.
#[derive(Debug, Clone, Args)]
pub struct StateArgs {
    /// Folder of the state, artifacts and the lakehouse [default: .owlet of the project or of this folder]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Keep the scheduler's state in Postgres: postgres://user:password@host/database
    #[arg(long, value_name = "URL", env = "OWLET_DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
}

/// `up`
#[derive(Debug, Clone, Args)]
pub struct UpArgs {
    /// Address and port of the pages and the API. Any but loopback needs tokens: `owlet token create`
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8585")]
    pub listen: SocketAddr,
    /// Address and port of the embedded lakehouse
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4566")]
    pub lake_listen: SocketAddr,
    #[command(flatten)]
    pub state: StateArgs,
    /// Serve HTTPS with this certificate (PEM, the server's first); read again when it changes
    #[arg(long, value_name = "FILE", env = "OWLET_TLS_CERT", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM, without passphrase)
    #[arg(long, value_name = "FILE", env = "OWLET_TLS_KEY", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// How clients reach this server, if a proxy stands before it: https://owlet.example.com
    #[arg(long, value_name = "URL", value_parser = parse_public_url)]
    pub public_url: Option<String>,
    /// Where artifacts are kept: a folder, or s3://bucket/prefix/ with the machine's AWS credentials [default: artifacts in the state's folder]
    #[arg(long, value_name = "PLACE", env = "OWLET_ARTIFACTS")]
    pub artifacts: Option<String>,
    /// How many runs this server works on at once
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u16).range(1..))]
    pub max_runs: u16,
    #[command(flatten)]
    pub retention: RetentionArgs,
    /// What becomes of queries of runs whose server died: they are stopped, waited for before the next attempt, or left to it
    #[arg(long, value_name = "HOW", env = "OWLET_LEFT_QUERIES", default_value = "stop")]
    pub left_queries: LeftQueriesArg,
    /// Don't deploy the schedules of this folder
    #[arg(long)]
    pub no_deploy: bool,
}

/// How much history `up` keeps.
#[derive(Debug, Clone, Copy, Args)]
pub struct RetentionArgs {
    /// Runs that ended longer ago go, with their logs, artifacts, costs and slots
    #[arg(long, value_name = "DAYS", env = "OWLET_KEEP_RUNS", default_value = "90", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_runs: u32,
    /// So many runs of each schedule stay whatever their age: deferral and `retry` need them
    #[arg(long, value_name = "N", env = "OWLET_KEEP_NEWEST", default_value = "20", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_newest: u32,
    /// Rows of the audit log that are older go
    #[arg(long, value_name = "DAYS", env = "OWLET_KEEP_AUDIT", default_value = "400", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_audit: u32,
}

impl From<RetentionArgs> for scheduler::request::Retention {
    fn from(args: RetentionArgs) -> Self {
        Self {
            runs_days: args.keep_runs,
            keep_newest: args.keep_newest,
            audit_days: args.keep_audit,
            ..Self::default()
        }
    }
}

/// `up --left-queries`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LeftQueriesArg {
    Stop,
    Wait,
    Adopt,
}

impl From<LeftQueriesArg> for scheduler::worker::LeftQueries {
    fn from(how: LeftQueriesArg) -> Self {
        match how {
            LeftQueriesArg::Stop => Self::Stop,
            LeftQueriesArg::Wait => Self::Wait,
            LeftQueriesArg::Adopt => Self::Adopt,
        }
    }
}

fn parse_public_url(text: &str) -> Result<String, String> {
    match reqwest::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("expected the whole address, as in https://owlet.example.com".to_owned()),
    }
}

/// `token …`
#[derive(Debug, Clone, Subcommand)]
pub enum TokenCommand {
    /// Make a token; its secret is shown this once
    Create {
        /// Who will use it
        name: String,
        /// admin, developer or viewer
        #[arg(long, default_value = "developer")]
        role: String,
        /// Only this much of what the role includes; can be given several times
        #[arg(long, value_name = "SCOPE")]
        scope: Vec<String>,
        /// How long it is valid, in days [default: for ever]
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
        expires: Option<u32>,
        /// Address of its user, shown on runs
        #[arg(long)]
        email: Option<String>,
        /// A pair of key and secret, for clients that know no bearer tokens
        #[arg(long, conflicts_with = "company")]
        pair: bool,
        /// A token of the kind that names its workspace in a header
        #[arg(long)]
        company: bool,
        /// Form of the answer
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: TextOrJson,
        #[command(flatten)]
        state: StateArgs,
    },
    /// List tokens, without their secrets
    List {
        /// Form of the answer
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: TextOrJson,
        #[command(flatten)]
        state: StateArgs,
    },
    /// End a token
    Revoke {
        /// Its name, or its prefix as `list` shows it
        token: String,
        #[command(flatten)]
        state: StateArgs,
    },
}

/// Where the server is.
#[derive(Debug, Clone, Args)]
pub struct ServerArgs {
    /// Address of the server
    #[arg(long, value_name = "URL", env = "OWLET_ENDPOINT", default_value = "http://127.0.0.1:8585")]
    pub endpoint: String,
    /// Token for it; none is needed on the server's own machine
    #[arg(long, value_name = "TOKEN", env = "OWLET_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
}

/// The part of `bolt` that speaks to a running server.
#[derive(Debug, Clone, Subcommand)]
pub enum RemoteCommand {
    /// Make the schedules of the project's files those of the server; shows first what changes
    Deploy {
        #[command(flatten)]
        server: ServerArgs,
        /// Folder of the files [default: the project]
        #[arg(long, value_name = "DIR")]
        path: Option<PathBuf>,
        /// Only show what would change
        #[arg(long)]
        dry_run: bool,
        /// Don't ask
        #[arg(short = 'y', long)]
        yes: bool,
    },
    /// List schedules with their last and next run
    Schedules {
        #[command(flatten)]
        server: ServerArgs,
        /// Part of the name
        search: Option<String>,
        /// Form of the list
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: TextOrJson,
    },
    /// Run a schedule now
    Run {
        #[command(flatten)]
        server: ServerArgs,
        schedule: String,
        /// A command instead of the schedule's; can be given several times
        #[arg(long, value_name = "COMMAND")]
        command: Vec<String>,
        /// Branch, tag or commit
        #[arg(long)]
        branch: Option<String>,
        /// Why, for the run's page
        #[arg(long)]
        reason: Option<String>,
        /// Go on after a command that fails
        #[arg(long)]
        continue_on_error: bool,
        /// Show its output until it ends; exit 1 unless it succeeds
        #[arg(long)]
        wait: bool,
    },
    /// List runs, newest first
    Runs {
        #[command(flatten)]
        server: ServerArgs,
        /// Of this schedule
        schedule: Option<String>,
        /// In these states, separated by commas
        #[arg(long, value_name = "STATES")]
        state: Option<String>,
        #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
        /// Form of the list
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: TextOrJson,
    },
    /// Show what a run printed
    Logs {
        #[command(flatten)]
        server: ServerArgs,
        run_id: i64,
        /// Go on until it ends
        #[arg(short = 'f', long)]
        follow: bool,
    },
    /// List a run's artifacts, or fetch one
    Artifacts {
        #[command(flatten)]
        server: ServerArgs,
        run_id: i64,
        /// Fetch this one: target/manifest.json
        #[arg(long, value_name = "PATH")]
        fetch: Option<String>,
        /// Where to write it [default: standard output]
        #[arg(short = 'o', long, value_name = "FILE", requires = "fetch")]
        output: Option<PathBuf>,
    },
    /// Stop a run and its queries
    Cancel {
        #[command(flatten)]
        server: ServerArgs,
        run_id: i64,
        #[arg(long)]
        reason: Option<String>,
    },
    /// Do a run again, from where it failed
    Retry {
        #[command(flatten)]
        server: ServerArgs,
        run_id: i64,
        /// All its commands
        #[arg(long)]
        all: bool,
        /// Show its output until it ends; exit 1 unless it succeeds
        #[arg(long)]
        wait: bool,
    },
    /// Stop the clock for a schedule
    Suspend {
        #[command(flatten)]
        server: ServerArgs,
        schedule: String,
        #[arg(long)]
        reason: Option<String>,
    },
    /// Let the clock start it again
    Resume {
        #[command(flatten)]
        server: ServerArgs,
        schedule: String,
    },
    /// Run the slots of a range of time
    Backfill {
        #[command(flatten)]
        server: ServerArgs,
        schedule: String,
        /// The first instant that counts: 2026-11-01 or 2026-11-01T06:00:00Z
        #[arg(long, value_name = "TIME")]
        from: String,
        /// The first instant that does not count any more
        #[arg(long, value_name = "TIME")]
        until: String,
        #[arg(long)]
        newest_first: bool,
        /// How many of its runs may be unfinished at once
        #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
        parallelism: u32,
        /// Only list the slots
        #[arg(long)]
        dry_run: bool,
    },
}
