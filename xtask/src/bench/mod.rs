//! `cargo xtask bench parse`: how long engines take to read the same generated project, on this machine, in one run.
//!
//! Nothing is asserted about time; `docs/benchmarks.md` says how to read the table.

mod engine;
mod measure;
mod options;
mod project;
mod report;

use std::{io::Write, path::Path};

use anyhow::{Context, Result, bail};

use engine::{Engine, Nodes, Outcome, Task};
use measure::{Load, Sample};
use options::Options;
use report::Row;

/// Generates the project once per engine, measures every command, prints the table.
pub fn parse(arguments: &[&str]) -> Result<()> {
    let options = Options::parse(arguments)?;
    let temporary = tempfile::tempdir()?;
    let dir = options.dir.as_deref().unwrap_or(temporary.path());
    let engines = options.engines.iter().map(|(kind, program)| Engine::install(*kind, program, dir, &options));
    let engines = engines.collect::<Result<Vec<_>>>()?;

    say(&format!("{} models, median of {} runs, in {}", options.models, options.runs, dir.display()))?;
    for engine in &engines {
        say(&format!("  {}: {}", engine.kind.name(), engine.version()?))?;
    }
    let nodes = same_project(&engines)?;
    say(&format!("  every engine reads {nodes}"))?;

    let load = Load::now();
    let mut rows = Vec::new();
    for task in Task::ALL.into_iter().filter(|task| options.tasks.contains(task)) {
        rows.extend(measure_task(task, &engines, options.runs)?);
    }
    say(&report::table(&rows))?;
    say(&report::footnotes(&rows, &load, &Load::now()))
}

/// Parses with every engine once: the comparison means something only if all find the same nodes.
fn same_project(engines: &[Engine]) -> Result<Nodes> {
    let mut first: Option<(&Engine, Nodes)> = None;
    for engine in engines {
        if let Outcome::Failed(reason) = engine.run_cold(Task::Parse)? {
            bail!("{} cannot parse the generated project: {reason}", engine.kind.name());
        }
        let nodes = engine.nodes_of_manifest()?;
        match &first {
            None => first = Some((engine, nodes)),
            Some((other, others)) if *others != nodes => {
                bail!("{} reads {others}, but {} reads {nodes}", other.kind.name(), engine.kind.name())
            }
            Some(_) => {}
        }
    }
    first.map(|(_, nodes)| nodes).context("no engine is named: give --owlet, --dbt or --rust-alpha")
}

/// Engines take turns, so that other load on the machine falls on all of them alike.
fn measure_task(task: Task, engines: &[Engine], runs: usize) -> Result<Vec<Row>> {
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); engines.len()];
    let mut reasons: Vec<Option<String>> = vec![None; engines.len()];
    for _ in 0..runs {
        for (index, engine) in engines.iter().enumerate() {
            if reasons[index].is_some() {
                continue;
            }
            match engine.run_cold(task)? {
                Outcome::Done(sample) => samples[index].push(sample),
                Outcome::Failed(reason) => reasons[index] = Some(reason),
            }
        }
    }
    let rows = engines.iter().zip(samples).zip(reasons);
    Ok(rows.map(|((engine, samples), reason)| Row::new(task, engine.kind, &samples, reason)).collect())
}

fn say(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{text}")?;
    Ok(stdout.flush()?)
}

/// Removes a folder that may not be there.
fn remove_dir(dir: &Path) -> Result<()> {
    match fs_err::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
