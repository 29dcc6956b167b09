//! The arguments of `bench parse`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::engine::{Kind, Task};

pub const USAGE: &str = "usage: cargo xtask bench parse [--models N] [--runs N] [--owlet PATH] [--dbt PATH] \
     [--rust-alpha PATH] [--only parse|ls|compile]… [--owlet-endpoint URL] [--dir DIR]";

/// What to measure.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    pub models: usize,
    pub runs: usize,
    /// Owlet first: the ratios are to it.
    pub engines: Vec<(Kind, PathBuf)>,
    pub tasks: Vec<Task>,
    /// A running lakehouse, for an owlet built without one: its `compile` asks which incremental models exist.
    pub owlet_endpoint: Option<String>,
    /// Where the projects are generated and stay; a temporary folder without it.
    pub dir: Option<PathBuf>,
}

impl Options {
    pub fn parse(arguments: &[&str]) -> Result<Self> {
        let mut options =
            Self { models: 1_000, runs: 5, engines: Vec::new(), tasks: Vec::new(), owlet_endpoint: None, dir: None };
        let mut arguments = arguments.iter();
        while let Some(flag) = arguments.next() {
            let value = *arguments.next().with_context(|| format!("{flag} needs a value\n{USAGE}"))?;
            match *flag {
                "--models" => options.models = positive(flag, value)?,
                "--runs" => options.runs = positive(flag, value)?,
                "--owlet" => options.add(Kind::Owlet, value),
                "--dbt" => options.add(Kind::DbtCore, value),
                "--rust-alpha" => options.add(Kind::RustAlpha, value),
                "--only" => options.tasks.push(task(value)?),
                "--owlet-endpoint" => options.owlet_endpoint = Some(value.to_owned()),
                "--dir" => options.dir = Some(std::path::absolute(value)?),
                _ => bail!("unknown flag '{flag}'\n{USAGE}"),
            }
        }
        if options.tasks.is_empty() {
            options.tasks.extend(Task::ALL);
        }
        if !options.engines.iter().any(|(kind, _)| *kind == Kind::Owlet) {
            options.engines.push((Kind::Owlet, built_owlet()?));
        }
        options.engines.sort_by_key(|(kind, _)| *kind);
        Ok(options)
    }

    fn add(&mut self, kind: Kind, program: &str) {
        self.engines.retain(|(other, _)| *other != kind);
        self.engines.push((kind, PathBuf::from(program)));
    }
}

fn positive(flag: &str, value: &str) -> Result<usize> {
    match value.replace(['_', ','], "").parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => bail!("{flag} takes a whole number above 0, not '{value}'"),
    }
}

fn task(value: &str) -> Result<Task> {
    let task = Task::ALL.into_iter().find(|task| task.name() == value);
    task.with_context(|| format!("--only takes parse, ls or compile, not '{value}'"))
}

/// The owlet of profile `perf`, beside the folder this xtask was built into.
fn built_owlet() -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let target = this.parent().and_then(|profile| profile.parent()).context("xtask lies in a target folder")?;
    let owlet = target.join("perf").join("owlet");
    if !owlet.is_file() {
        bail!(
            "There is no {}\n  cause: the timings of a debug build say nothing, so profile `perf` is expected\n  \
             fix:   cargo build --profile perf -p cli --no-default-features, or name a binary with --owlet",
            owlet.display()
        );
    }
    Ok(owlet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owlet_comes_first_and_every_task_is_measured_unless_some_are_named() {
        let options = Options::parse(&["--dbt", "/d", "--owlet", "/o", "--models", "10_000"]).unwrap();
        let engines = vec![(Kind::Owlet, "/o".into()), (Kind::DbtCore, "/d".into())];
        assert_eq!((options.models, options.engines), (10_000, engines));
        assert_eq!(options.tasks, Task::ALL);
        assert_eq!(Options::parse(&["--owlet", "/o", "--only", "ls"]).unwrap().tasks, [Task::List]);
    }

    #[test]
    fn mistakes_are_named() {
        for (arguments, said) in [
            (["--models", "0"], "--models takes a whole number above 0, not '0'"),
            (["--only", "run"], "--only takes parse, ls or compile, not 'run'"),
            (["--fast", "1"], "unknown flag '--fast'"),
        ] {
            let error = Options::parse(&arguments).unwrap_err().to_string();
            assert!(error.starts_with(said), "{error}");
        }
    }
}
