//! SQL, and the lakehouse itself.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

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

/// `lake`
#[derive(Debug, Clone, Subcommand)]
pub enum LakeCommand {
    /// Serve Athena, Glue, Lake Formation, S3 and STS on one port
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
