//! Flags of every command.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

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
    #[arg(long, global = true, conflicts_with = "threads", overrides_with = "no_single_threaded")]
    pub single_threaded: bool,
    #[arg(long, global = true, hide = true)]
    pub no_single_threaded: bool,
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
    /// Tell every deprecation, not only the first of each kind
    #[arg(long, global = true, overrides_with = "no_show_all_deprecations")]
    pub show_all_deprecations: bool,
    #[arg(long, global = true, hide = true)]
    pub no_show_all_deprecations: bool,
    /// Which tests of selected nodes come along
    #[arg(long, global = true, value_name = "MODE", ignore_case = true)]
    pub indirect_selection: Option<super::IndirectSelection>,
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
    #[arg(short = 'd', long, global = true, overrides_with = "no_debug")]
    pub debug: bool,
    #[arg(long, global = true, hide = true)]
    pub no_debug: bool,
    /// Show only errors, print() and data
    #[arg(short = 'q', long, global = true, overrides_with = "no_quiet")]
    pub quiet: bool,
    #[arg(long, global = true, hide = true)]
    pub no_quiet: bool,
    /// Don't show what print() says
    #[arg(long, global = true, overrides_with = "print")]
    pub no_print: bool,
    #[arg(long, global = true, hide = true)]
    pub print: bool,
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
    #[arg(long, global = true, overrides_with = "write_json")]
    pub no_write_json: bool,
    #[arg(long, global = true, hide = true)]
    pub write_json: bool,
    /// Accept projects made for another dbt version
    #[arg(long, global = true, overrides_with = "version_check")]
    pub no_version_check: bool,
    #[arg(long, global = true, hide = true)]
    pub version_check: bool,
    /// Largest seed, in MiB, whose rows are compared by `state:modified`; 0 for no limit [default: 1]
    #[arg(long, global = true, value_name = "MIB")]
    pub maximum_seed_size_mib: Option<u64>,
    #[command(flatten)]
    pub inside: DbtInsideArgs,
}

/// dbt's options about its own inside: how it parses and caches, what it sends home. They are taken and change nothing, because nothing here is cached between
/// parses, the files are always read anew and as fast as can be, and nothing is ever sent anywhere.
#[derive(Debug, Clone, Default, Args)]
pub struct DbtInsideArgs {
    #[arg(
        long = "partial-parse",
        global = true,
        hide = true,
        action = clap::ArgAction::Count,
        aliases = [
            "no-partial-parse", "partial-parse-file-diff", "no-partial-parse-file-diff", "static-parser", "no-static-parser",
            "use-experimental-parser", "no-use-experimental-parser", "use-v2-parser", "no-use-v2-parser",
            "use-fast-test-edges", "no-use-fast-test-edges", "cache-selected-only", "no-cache-selected-only",
            "populate-cache", "no-populate-cache", "log-cache-events", "no-log-cache-events", "macro-debugging",
            "no-macro-debugging", "hints-enabled", "no-hints-enabled", "send-anonymous-usage-stats",
            "no-send-anonymous-usage-stats", "no-upload-to-artifacts-ingest-api", "export-saved-queries",
            "no-export-saved-queries", "include-saved-query", "no-include-saved-query",
        ],
    )]
    pub flags: u8,
    #[arg(long = "partial-parse-file-path", global = true, hide = true, value_name = "VALUE", aliases = ["sqlparse", "v2-parser"])]
    pub values: Vec<String>,
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
