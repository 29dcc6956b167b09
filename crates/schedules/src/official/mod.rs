//! What the official client's verifier says about the same files: for teams whose files must please both.
//!
//! Its checks in its order: the shapes of each file in turn, then unique identifiers, references, environments, then each schedule; of the
//! shapes it names all mistakes, of the rest the first. Source: observed with paradime-io 6.9.0 (`conformance/schedules` repeats it).

mod cron;
mod model;
mod shape;

use std::collections::BTreeSet;

use chrono_tz::Tz;
use diagnostic::Diagnostic;
use project::SourceText;
use project::yaml::{self, Node, Position, Value};

use crate::nearest::listed;
use crate::verify::Known;
use model::Mistake;
use shape::{Deferral, Read};

pub use cron::is_accepted as accepts_cron;

/// Whether the official client accepts the files: empty when it does. `known` is what it would learn from its server.
pub fn verify_as_official(files: &[SourceText], known: &Known) -> Vec<Diagnostic> {
    let mut schedules = Vec::new();
    for (index, source) in files.iter().enumerate() {
        let Ok((tree, _)) = yaml::parse(&source.text) else {
            // Both readers have their own words for it; ours name the place.
            return yaml::parse_file(&source.file, &source.text).1;
        };
        if is_empty(&tree) {
            continue;
        }
        let mistakes = shape::mistakes(&tree);
        if !mistakes.is_empty() {
            return mistakes.iter().map(|mistake| shape_diagnostic(source, mistake)).collect();
        }
        schedules.extend(shape::read(&tree).into_iter().map(|schedule| (index, schedule)));
    }
    match first_problem(&schedules, known) {
        Some((Some((index, position)), message)) => vec![diagnostic(files[index].error(position, message))],
        Some((None, message)) => vec![diagnostic(Diagnostic::error(message))],
        None => Vec::new(),
    }
}

/// What Python takes for false.
fn is_empty(tree: &Node) -> bool {
    match &tree.value {
        Value::Null | Value::Bool(false) | Value::Int(0) => true,
        Value::Float(number) => *number == 0.0,
        Value::Str(text) => text.is_empty(),
        Value::Seq(items) => items.is_empty(),
        Value::Map(map) => map.is_empty(),
        _ => false,
    }
}

fn shape_diagnostic(source: &SourceText, mistake: &Mistake) -> Diagnostic {
    let found = diagnostic(source.error(mistake.position, mistake.to_string()));
    match mistake.path.last().map(String::as_str) {
        Some(key) if mistake.is_extra() && OURS.contains(&key) => {
            found.fix("the key is Owlet's: remove it if the official client has to accept the file")
        }
        Some(key) if mistake.is_extra() => match crate::nearest::nearest(key, shape::SCHEDULE_KEYS.iter().copied()) {
            Some(near) => found.fix(format!("did you mean '{near}'?")),
            None => found.fix("remove the key"),
        },
        _ => found,
    }
}

fn diagnostic(found: Diagnostic) -> Diagnostic {
    found.cause("the official client (paradime-io) refuses the file with these words")
}

/// Keys that Owlet knows and the client does not.
const OURS: [&str; 9] = [
    "self_healing",
    "env_overrides",
    "misfire_policy",
    "catch_up_window_minutes",
    "overlap_policy",
    "retry",
    "max_runtime_minutes",
    "engine",
    "variables",
];

/// A place (file, position) if there is one, and the client's words.
type Problem = (Option<(usize, Position)>, String);

fn first_problem(schedules: &[(usize, Read)], known: &Known) -> Option<Problem> {
    if schedules.is_empty() {
        return Some((None, "No schedules found".to_owned()));
    }
    let mut names = BTreeSet::new();
    for (file, schedule) in schedules {
        if !names.insert(schedule.name.as_str()) {
            return Some((Some((*file, schedule.position)), "Schedule names are not unique.".to_owned()));
        }
    }
    let all = |name: &str| names.contains(name) || known.schedules.contains(name);
    for (file, schedule) in schedules {
        for (what, deferral) in [("Turbo CI", &schedule.turbo_ci), ("Deferred", &schedule.deferred_schedule)] {
            // One that names an environment names no schedule.
            let Some(Deferral { enabled: true, schedule: Some(target), environment: None, position }) = deferral else {
                continue;
            };
            if !all(target) {
                let message = format!("{what} schedule error: '{target}' does not refer to a known schedule name");
                return Some((Some((*file, *position)), message));
            }
        }
        if let (Some(trigger), Some(elsewhere)) =
            (&schedule.trigger, known.elsewhere.as_ref().filter(|all| !all.is_empty()))
        {
            let pair = (trigger.workspace.clone(), trigger.schedule.clone());
            if !elsewhere.contains(&pair) && !names.contains(trigger.schedule.as_str()) {
                let message = format!(
                    "Schedule trigger error: '{}' does not refer to a known schedule in workspace '{}'",
                    trigger.schedule, trigger.workspace
                );
                return Some((Some((*file, trigger.position)), message));
            }
        }
    }
    environments(schedules, known).or_else(|| schedules.iter().find_map(|(file, schedule)| single(*file, schedule)))
}

fn environments(schedules: &[(usize, Read)], known: &Known) -> Option<Problem> {
    let known = known.environments.as_ref()?;
    let all = listed(known.iter().map(String::as_str)).replace(" and ", ", ");
    for (file, schedule) in schedules {
        if !known.contains(&schedule.environment) {
            let message = format!(
                "{}: Environment '{}' does not match any Bolt environment in this workspace - use one of: {all}.",
                schedule.name, schedule.environment
            );
            return Some((Some((*file, schedule.place("environment"))), message));
        }
        for deferral in [&schedule.deferred_schedule, &schedule.turbo_ci].into_iter().flatten() {
            if let Some(slug) = deferral.environment.as_ref().filter(|slug| !known.contains(*slug)) {
                let message = format!(
                    "{}: Defer environment '{slug}' does not match any Bolt environment in this workspace - use one of: {all}.",
                    schedule.name
                );
                return Some((Some((*file, deferral.position)), message));
            }
        }
    }
    None
}

fn single(file: usize, schedule: &Read) -> Option<Problem> {
    let name = &schedule.name;
    let at = |key: &str, message: String| Some((Some((file, schedule.place(key))), format!("{name}: {message}")));
    if schedule.commands == 0 {
        return at("commands", "Missing commands.".to_owned());
    }
    let cron = &schedule.schedule;
    // What ends in 7 passes: a short cut for Sunday.
    if cron.to_lowercase() != "off" && !cron::is_accepted(cron) && !cron.ends_with('7') {
        return at("schedule", format!("Schedule '{cron}' is not a valid cron schedule."));
    }
    if let Some(zone) = schedule.timezone.as_ref().filter(|zone| !is_listed_zone(zone)) {
        return at("timezone", format!("Timezone '{zone}' is not a valid timezone."));
    }
    for (key, label, events) in [("slack_on", "Slack", &schedule.slack_on), ("email_on", "Email", &schedule.email_on)] {
        let wrong = events.iter().find(|event| !event.is_empty() && !model::EVENTS.contains(&event.as_str()));
        if let Some(event) = wrong {
            return at(key, format!("{label} on '{event}' is not valid - use: {}.", model::EVENTS_SHOWN));
        }
    }
    None
}

/// The client's own list of zones: the IANA names, one of which is missing.
fn is_listed_zone(name: &str) -> bool {
    name != "Africa/Abidjan" && name.parse::<Tz>().is_ok()
}
