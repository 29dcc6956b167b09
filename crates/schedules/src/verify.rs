//! All the mistakes of a project's schedules at once.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use diagnostic::{Diagnostic, Severity};
use project::SourceText;
use project::yaml::Position;

use crate::check::Problem;
use crate::read::{self, Entry};
use crate::references;
use crate::schedule::Schedule;

/// What only the server knows; each part may be unknown.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Identifiers of schedules that are not in these files.
    pub schedules: BTreeSet<String>,
    /// Slugs of all environments; not checked when `None`.
    pub environments: Option<BTreeSet<String>>,
    /// All schedules by workspace name and identifier, to check triggers from other workspaces; not checked when `None`.
    pub elsewhere: Option<BTreeSet<(String, String)>>,
    /// Name of the workspace the files are for: a trigger that names it is one within the workspace.
    pub workspace: Option<String>,
    /// The present, to warn of what the next change of clocks does.
    pub now: Option<DateTime<Utc>>,
}

/// What the files say, and what is wrong with them.
#[derive(Debug, Clone, Default)]
pub struct Verification {
    /// The schedules without errors of their own, in the order of the files. Deploying some of them while others are wrong is the caller's
    /// decision.
    pub schedules: Vec<Declared>,
    /// All mistakes, by file and line.
    pub diagnostics: Vec<Diagnostic>,
}

/// A schedule and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    /// The schedule.
    pub schedule: Schedule,
    /// Relative to the project's root.
    pub file: String,
    /// 1-based.
    pub line: usize,
}

impl Verification {
    /// Whether there is no error; warnings do not count.
    pub fn is_valid(&self) -> bool {
        self.diagnostics.iter().all(|diagnostic| diagnostic.severity != Severity::Error)
    }
}

/// Reads files as [`crate::read_files`] gives them and checks everything that they say: Owlet's own, strict reading.
pub fn verify(files: &[SourceText], known: &Known) -> Verification {
    let mut entries = Vec::new();
    let mut diagnostics = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let (read, found) = read::read_file(file, index, known.workspace.as_deref());
        entries.extend(read);
        diagnostics.extend(found);
    }
    let place_of = |entry: &Entry| format!("{}:{}", files[entry.file].file, entry.node.position.line);
    let mut found = references::check(&mut entries, known, place_of);
    for (index, entry) in entries.iter().enumerate() {
        let problems = entry.schedule.iter().flat_map(|schedule| schedule.problems(known.now));
        found.extend(problems.map(|problem| (index, problem)));
        if !entry.has_slug && entry.schedule.as_ref().is_some_and(|schedule| schedule.slug == schedule.name) {
            found.push((index, without_slug(entry)));
        }
    }
    for (index, problem) in found {
        let entry = &mut entries[index];
        let (source, position) = (&files[entry.file], read::place(&entry.node, &problem.key));
        if entry.broken && follows(entry, &problem, source, position, &diagnostics) {
            continue;
        }
        entry.broken |= problem.severity == Severity::Error;
        let what = format!("{}: {}", entry.called(), problem.what);
        let diagnostic = match problem.severity {
            Severity::Error => source.error(position, what),
            Severity::Warning => source.warning(position, what),
        };
        diagnostics.push(diagnostic.cause(problem.cause).fix(problem.fix));
    }
    let order = |name: &str| files.iter().position(|file| file.file == name);
    diagnostics.sort_by_key(|diagnostic| {
        let location = diagnostic.location.as_ref();
        location.map(|location| (order(&location.file), location.line, location.column))
    });
    let schedules = entries.into_iter().filter(|entry| !entry.broken).filter_map(|entry| {
        let (file, line) = (files[entry.file].file.clone(), entry.node.position.line);
        Some(Declared { schedule: entry.schedule?, file, line })
    });
    Verification { schedules: schedules.collect(), diagnostics }
}

/// Whether a problem only follows from what could not be read: it is where another mistake is, or about triggers or an environment that are
/// not there because they could not be read.
fn follows(entry: &Entry, problem: &Problem, source: &SourceText, position: Position, known: &[Diagnostic]) -> bool {
    let has_environment = entry.node.value.as_map().is_some_and(|map| map.contains_key("environment"));
    let unread_environment = problem.key == "environment" && !has_environment;
    let same_line = |found: &Diagnostic| {
        let at = found.location.as_ref().filter(|at| at.file == source.file && at.line == Some(position.line));
        at.is_some() && found.severity == Severity::Error
    };
    let of_triggers = problem.severity == Severity::Warning && problem.key == "schedule";
    of_triggers || unread_environment || known.iter().any(same_line)
}

fn without_slug(entry: &Entry) -> Problem {
    Problem {
        severity: Severity::Warning,
        key: "name".to_owned(),
        what: "it has no 'slug'".to_owned(),
        cause: format!(
            "its name is its identifier: who renames it makes a new schedule, without the runs of '{}'",
            entry.slug.as_deref().unwrap_or_default()
        ),
        fix: "let `owlet bolt verify --mint` write one, or add `slug: …` below the name".to_owned(),
    }
}
