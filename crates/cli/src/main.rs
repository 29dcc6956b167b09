//! The `owlet` binary: arguments → settings → a command → an exit code.
//!
//! Reading order: `args` (what can be said), `settings` (what it means), `session` (project, profile, events), `connection` (the
//! warehouse), `commands`.

mod args;
mod arguments_json;
mod commands;
mod connection;
mod dotenv;
mod environment;
mod event_times;
mod interrupt;
#[cfg(feature = "lakehouse")]
mod lakehouse;
mod log_file;
mod offline;
mod owlet_yml;
mod project_flags;
mod selection;
#[cfg(feature = "server")]
mod server;
mod session;
mod settings;
mod table;
mod terminal;
mod warnings;

use std::process::ExitCode;

use clap::Parser;

use crate::{args::Cli, environment::Environment, terminal::Stream};

/// Reading a project makes and drops many small texts on all processors at once, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// 0 done, 1 a node or check failed, 2 could not run.
fn main() -> ExitCode {
    match dotenv::restart_with_variables() {
        Ok(None) => {}
        Ok(Some(code)) => return code,
        Err(error) => {
            Stream::Stderr.write_line(&format!("Reading the variables of .env: {error}"));
            return ExitCode::from(2);
        }
    }
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(8 << 20).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            Stream::Stderr.write_line(&format!("Starting the runtime: {error}"));
            return ExitCode::from(2);
        }
    };
    let done = runtime.block_on(commands::dispatch(cli, Environment::of_process()));
    // What a second Ctrl-C or a stuck query leaves behind must not hold the process.
    runtime.shutdown_background();
    match done {
        Ok(outcome) => outcome.exit_code(),
        Err(error) => {
            if !error.is::<commands::Reported>() {
                Stream::Stderr.write_line(&format!("{error:#}"));
            }
            ExitCode::from(2)
        }
    }
}
