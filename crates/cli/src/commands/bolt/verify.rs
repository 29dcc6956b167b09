//! `bolt verify`: every mistake in the project's schedule files, and what the files say when there is none. Needs no server.

use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::Utc;
use diagnostic::{Diagnostic, Severity};
use project::SourceText;
use schedules::{Declared, Known, Rewrite, Schedule, Verification, add_slugs, official, read_files, verify};
use serde::Serialize;

use crate::{
    args::{BoltVerifyArgs, TextOrJson},
    commands::Outcome,
    settings::Settings,
    table::{Cell, Table},
    terminal::Stream,
};

/// What there is to show.
#[derive(Debug, Serialize)]
struct Report {
    valid: bool,
    files: Vec<String>,
    schedules: Vec<Shown>,
    diagnostics: Vec<Diagnostic>,
    /// What `--mint` wrote.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Changed>,
}

#[derive(Debug, Serialize)]
struct Shown {
    file: String,
    line: usize,
    /// When it runs, in words.
    starts: String,
    /// The next times by the clock, UTC.
    next: Vec<String>,
    #[serde(flatten)]
    schedule: Schedule,
}

#[derive(Debug, Serialize)]
struct Changed {
    file: String,
    changes: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// When there is nothing to verify, or a file cannot be read or written.
pub fn run(args: &BoltVerifyArgs, settings: &Settings, current_dir: &Path) -> anyhow::Result<Outcome> {
    let root = match (&args.path, &settings.project_dir) {
        (Some(path), _) => current_dir.join(path),
        (None, Some(project_dir)) => project_dir.clone(),
        (None, None) => current_dir.to_path_buf(),
    };
    let files = files_of(&root)?;
    let mut report =
        Report { valid: false, files: Vec::new(), schedules: Vec::new(), diagnostics: Vec::new(), changes: Vec::new() };
    let files = if args.mint { mint(&root, files, &mut report)? } else { files };
    report.files = files.iter().map(|file| file.file.clone()).collect();
    let now = Utc::now();
    let known = Known { now: Some(now), ..Known::default() };
    let Verification { schedules, diagnostics } = verify(&files, &known);
    if args.official {
        report.diagnostics.extend(official::verify_as_official(&files, &known));
    } else {
        if schedules.is_empty() && diagnostics.is_empty() {
            report.diagnostics.push(no_schedules(&files));
        }
        report.diagnostics.extend(diagnostics);
    }
    report.valid = report.diagnostics.iter().all(|found| found.severity != Severity::Error);
    report.schedules = schedules.into_iter().map(|declared| shown(declared, now)).collect();
    match args.format {
        TextOrJson::Json => Stream::Stdout.write_line(&serde_json::to_string_pretty(&report)?),
        TextOrJson::Text => show(&report, args.official),
    }
    Ok(if report.valid { Outcome::Success } else { Outcome::Failure })
}

fn files_of(root: &Path) -> anyhow::Result<Vec<SourceText>> {
    if !root.exists() {
        anyhow::bail!(
            "{} does not exist\n  cause: --path is a project's folder, or one file with schedules\n  fix:   check the path",
            root.display()
        );
    }
    let files = read_files(root).with_context(|| format!("Reading the schedules in {}", root.display()))?;
    if files.is_empty() {
        anyhow::bail!(
            "No schedules found in {}\n  \
             cause: it has neither paradime_schedules.yml nor YAML files below .bolt/\n  \
             fix:   write one (docs/schedules.md has an example), or name the project's folder: --path DIR",
            root.display()
        );
    }
    Ok(files)
}

fn no_schedules(files: &[SourceText]) -> Diagnostic {
    let names: Vec<&str> = files.iter().map(|file| file.file.as_str()).collect();
    Diagnostic::error("No schedules found")
        .cause(format!("the list 'schedules' is empty in {}", names.join(", ")))
        .fix("add a schedule, or remove the file")
}

/// Writes slugs into the files, and returns the files as they are then.
fn mint(root: &Path, mut files: Vec<SourceText>, report: &mut Report) -> anyhow::Result<Vec<SourceText>> {
    // No server is asked: schedules that were deployed by their names keep them only if those are identifiers.
    let random = || {
        let [a, b, c, ..] = *uuid::Uuid::new_v4().as_bytes();
        [a, b, c]
    };
    let (rewrites, diagnostics) = add_slugs(&files, &Known::default().schedules, random);
    report.diagnostics.extend(diagnostics);
    for Rewrite { file, text, changes } in rewrites {
        let path: PathBuf = if root.is_file() { root.to_path_buf() } else { root.join(&file) };
        fs_err::write(path, &text).with_context(|| format!("Writing slugs into {file}"))?;
        if let Some(source) = files.iter_mut().find(|source| source.file == file) {
            *source = SourceText::new(file.clone(), text);
        }
        report.changes.push(Changed { file, changes });
    }
    Ok(files)
}

fn shown(declared: Declared, now: chrono::DateTime<Utc>) -> Shown {
    let Declared { schedule, file, line } = declared;
    let mut next = Vec::new();
    let mut after = now;
    if !schedule.suspended
        && let Some(cron) = &schedule.cron
    {
        while let Some(instant) = cron.next_after(after, schedule.timezone).filter(|_| next.len() < 3) {
            next.push(instant.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
            after = instant;
        }
    }
    Shown { file, line, starts: schedule.starts(), next, schedule }
}

fn show(report: &Report, as_official: bool) {
    for changed in &report.changes {
        Stream::Stdout.write_line(&format!("{}: slugs added", changed.file));
        for change in &changed.changes {
            Stream::Stdout.write_line(&format!("  {change}"));
        }
        Stream::Stdout.write_line("");
    }
    for diagnostic in &report.diagnostics {
        let severity = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        Stream::Stdout.write_line(&format!("{severity}: {diagnostic}\n"));
    }
    if report.valid && !report.schedules.is_empty() {
        let row = |shown: &Shown| {
            [shown.schedule.slug.clone(), shown.starts.clone(), next_run(shown)].map(Cell::Text).to_vec()
        };
        let columns = ["slug", "starts", "next run"].map(str::to_owned).to_vec();
        let table = Table { columns, rows: report.schedules.iter().map(row).collect() };
        Stream::Stdout.write_line(&table.aligned(false));
    }
    Stream::Stdout.write_line(&summary(report, as_official));
}

/// The next run on the schedule's own clock.
fn next_run(shown: &Shown) -> String {
    let Some(next) = shown.next.first().and_then(|next| next.parse::<chrono::DateTime<Utc>>().ok()) else {
        return if shown.schedule.suspended { "suspended".to_owned() } else { "-".to_owned() };
    };
    next.with_timezone(&shown.schedule.timezone).format("%a %Y-%m-%d %H:%M %Z").to_string()
}

fn summary(report: &Report, as_official: bool) -> String {
    let count = |number: usize, noun: &str| format!("{number} {noun}{}", if number == 1 { "" } else { "s" });
    let of = |severity| report.diagnostics.iter().filter(|found| found.severity == severity).count();
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    let files = count(report.files.len(), "file");
    match (as_official, report.valid) {
        (true, true) => format!("{files}: the official client accepts them"),
        (true, false) => format!("{files}: the official client refuses them"),
        (false, true) if warnings == 0 => {
            format!("{} in {files}: all correct", count(report.schedules.len(), "schedule"))
        }
        (false, true) => {
            format!("{} in {files}: correct, {}", count(report.schedules.len(), "schedule"), count(warnings, "warning"))
        }
        (false, false) => format!("{files}: {}, {}", count(errors, "error"), count(warnings, "warning")),
    }
}
