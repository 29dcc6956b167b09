//! The binary from outside: what it prints where, and its exit codes.

mod bolt;
#[cfg(feature = "lakehouse")]
mod errors;
mod help;
#[cfg(feature = "lakehouse")]
mod new_project;
mod no_profile;
#[cfg(feature = "lakehouse")]
mod processes;
#[cfg(feature = "lakehouse")]
mod project;
#[cfg(feature = "server")]
mod server_settings;
#[cfg(all(feature = "server", feature = "lakehouse"))]
mod turbo_ci;
#[cfg(all(feature = "server", feature = "lakehouse"))]
mod up;
#[cfg(all(feature = "server", feature = "lakehouse"))]
mod up_settings;
mod without_warehouse;

use std::{
    path::Path,
    process::{Command, Output},
};

/// What a command printed and answered.
struct Done {
    stdout: String,
    stderr: String,
    code: Option<i32>,
}

/// Runs `owlet` in a folder, with an environment of its own.
fn owlet(folder: &Path, arguments: &[&str]) -> Done {
    owlet_with(folder, arguments, &[])
}

fn owlet_with(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Done {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_owlet"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("COLUMNS", "100")
        .envs(environment.iter().copied())
        .stdin(std::process::Stdio::null())
        .output()
        .expect("owlet runs");
    Done {
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        code: output.status.code(),
    }
}

impl Done {
    /// Everything, for snapshots: times and ids filtered.
    fn shown(&self, folder: &Path) -> String {
        let text = format!(
            "exit: {}\n--- stdout\n{}--- stderr\n{}",
            self.code.map_or_else(|| "none".to_owned(), |code| code.to_string()),
            self.stdout,
            self.stderr
        );
        let canonical = fs_err::canonicalize(folder).expect("the folder exists");
        text.replace(&canonical.display().to_string(), "FOLDER").replace(&folder.display().to_string(), "FOLDER")
    }
}

/// Settings with the filters for times.
fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d\d:\d\d:\d\d  ", "HH:MM:SS  ");
    settings.add_filter(r" in \d+\.\d\ds\]", " in 0.00s]");
    settings.add_filter(
        r"in 0 hours 0 minutes and \d+\.\d\d seconds \(\d+\.\d\ds\)",
        "in 0 hours 0 minutes and 0.00 seconds (0.00s)",
    );
    settings.add_filter(r"\d+ macros", "N macros");
    settings.add_filter(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID");
    settings
}
