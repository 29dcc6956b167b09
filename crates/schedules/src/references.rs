//! What schedules say about each other, and about what only the server knows.

use std::collections::{BTreeMap, BTreeSet};

use diagnostic::Severity;

use crate::check::Problem;
use crate::nearest::{listed, nearest};
use crate::read::Entry;
use crate::schedule::{DeferralTarget, Schedule};
use crate::verify::Known;

/// A problem of the entry with this index.
pub(crate) type Found = (usize, Problem);

/// The identifiers and labels that references may use.
struct Names {
    slugs: BTreeSet<String>,
    /// The identifiers of a label.
    labels: BTreeMap<String, BTreeSet<String>>,
}

/// Resolves references by label to identifiers, and reports those that lead nowhere, or round in a circle.
pub(crate) fn check(entries: &mut [Entry], known: &Known, describe: impl Fn(&Entry) -> String) -> Vec<Found> {
    let mut found = duplicates(entries, describe);
    let names = Names::of(entries, known);
    for (index, entry) in entries.iter_mut().enumerate() {
        if let Some(schedule) = &mut entry.schedule {
            resolve(schedule, &names, known, &mut |problem| found.push((index, problem)));
        }
    }
    found.extend(circles(entries));
    found
}

fn duplicates(entries: &[Entry], describe: impl Fn(&Entry) -> String) -> Vec<Found> {
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    let mut found = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let Some(slug) = entry.slug.as_deref() else { continue };
        if let Some(earlier) = first.get(slug) {
            let cause = format!("another schedule has the identifier '{slug}': {}", describe(&entries[*earlier]));
            let fix =
                if entry.has_slug { "give one of them another 'slug'" } else { "give one of them another 'name'" };
            found.push((
                index,
                problem(Severity::Error, "slug", "the identifier is not unique".to_owned(), cause, fix.to_owned()),
            ));
        } else {
            first.insert(slug, index);
        }
    }
    found
}

impl Names {
    fn of(entries: &[Entry], known: &Known) -> Self {
        let mut slugs: BTreeSet<String> = entries.iter().filter_map(|entry| entry.slug.clone()).collect();
        let mut labels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for entry in entries {
            if let (Some(slug), Some(name)) = (&entry.slug, &entry.name) {
                labels.entry(name.clone()).or_default().insert(slug.clone());
            }
        }
        slugs.extend(known.schedules.iter().cloned());
        Self { slugs, labels }
    }

    /// The identifier that `reference` means.
    fn resolve(&self, reference: &str) -> Result<String, (String, String)> {
        if self.slugs.contains(reference) {
            return Ok(reference.to_owned());
        }
        match self.labels.get(reference).map(|slugs| (slugs.len(), slugs.first())) {
            Some((1, Some(slug))) => Ok(slug.clone()),
            Some((count, _)) => Err((
                format!("{count} schedules have the name '{reference}'"),
                format!("write the slug of one: {}", listed(self.labels[reference].iter().map(String::as_str))),
            )),
            None => {
                let all = || self.slugs.iter().chain(self.labels.keys()).map(String::as_str);
                let fix = match nearest(reference, all()) {
                    Some(near) => format!("did you mean '{}'?", self.resolve(near).unwrap_or_else(|_| near.to_owned())),
                    None => format!("write one of {}", listed(self.slugs.iter().map(String::as_str))),
                };
                Err((format!("no schedule is called '{reference}'"), fix))
            }
        }
    }
}

fn resolve(schedule: &mut Schedule, names: &Names, known: &Known, report: &mut impl FnMut(Problem)) {
    let own = schedule.slug.clone();
    if let Some(trigger) = schedule.run_after.as_mut().filter(|trigger| trigger.workspace.is_none()) {
        match names.resolve(&trigger.schedule) {
            Ok(slug) => trigger.schedule = slug,
            Err((cause, fix)) if trigger.enabled => {
                let what = "the schedule to run after is not known".to_owned();
                report(problem(Severity::Error, "run_after.schedule", what, cause, fix));
            }
            Err(_) => {}
        }
    }
    for (key, deferral) in
        [("deferred_schedule", &mut schedule.deferred_schedule), ("turbo_ci", &mut schedule.turbo_ci)]
    {
        let Some(deferral) = deferral else { continue };
        let enabled = deferral.enabled;
        let key_of_target = format!("{key}.target");
        match &mut deferral.target {
            DeferralTarget::Schedule(reference) => match names.resolve(reference) {
                Ok(slug) => *reference = slug,
                Err((cause, fix)) if enabled => {
                    let what = format!("the schedule of '{key}' is not known");
                    report(problem(Severity::Error, &key_of_target, what, cause, fix));
                }
                Err(_) => {}
            },
            DeferralTarget::Environment(slug) if enabled => {
                environment(slug, &key_of_target, &format!("the environment of '{key}'"), known, report);
            }
            DeferralTarget::Environment(_) => {}
        }
        if enabled && deferral.target == DeferralTarget::Schedule(own.clone()) {
            let (severity, cause, fix) = match key {
                // Its runs build changed models only, in schemas that are dropped.
                "turbo_ci" => (
                    Severity::Error,
                    "runs of pull requests would be compared with each other",
                    "name the schedule that builds the production tables",
                ),
                _ => (
                    Severity::Warning,
                    "its first run finds no state, and state:modified selects nothing or everything",
                    "keep it for source_status: and result: selection; else name another schedule",
                ),
            };
            let what = format!("'{key}' names its own schedule");
            report(problem(severity, &key_of_target, what, cause.to_owned(), fix.to_owned()));
        }
    }
    environment(&schedule.environment, "environment", "the environment", known, report);
}

fn environment(slug: &str, key: &str, of: &str, known: &Known, report: &mut impl FnMut(Problem)) {
    let Some(environments) = &known.environments else { return };
    if slug.is_empty() || environments.contains(slug) {
        return;
    }
    let all = || environments.iter().map(String::as_str);
    let fix = match nearest(slug, all()) {
        Some(near) => format!("did you mean '{near}'?"),
        None => format!("write one of {}, or create it", listed(all())),
    };
    report(problem(
        Severity::Error,
        key,
        format!("{of} is not known"),
        format!("no environment is called '{slug}'"),
        fix,
    ));
}

/// Circles of `run_after`, which would run for ever. Each is reported once, at its first schedule.
fn circles(entries: &[Entry]) -> Vec<Found> {
    let after = |entry: &Entry| {
        let trigger = entry.schedule.as_ref()?.active_run_after().filter(|trigger| trigger.workspace.is_none())?;
        entries.iter().position(|other| other.slug.as_deref() == Some(&trigger.schedule))
    };
    let next: Vec<Option<usize>> = entries.iter().map(after).collect();
    let mut found = Vec::new();
    for start in 0..entries.len() {
        let mut path = vec![start];
        let mut at = next[start];
        while let Some(index) = at.filter(|index| !path.contains(index)) {
            path.push(index);
            at = next[index];
        }
        if at == Some(start) && path.iter().min() == Some(&start) {
            let name = |index: &usize| entries[*index].slug.clone().unwrap_or_default();
            let way: Vec<String> = path.iter().rev().map(name).collect();
            let cause = format!("each run would start the next, for ever: {} → {}", name(&start), way.join(" → "));
            let what = "'run_after' leads round in a circle".to_owned();
            let fix = "remove 'run_after' from one of them".to_owned();
            found.push((start, problem(Severity::Error, "run_after.schedule", what, cause, fix)));
        }
    }
    found
}

fn problem(severity: Severity, key: &str, what: String, cause: String, fix: String) -> Problem {
    Problem { severity, key: key.to_owned(), what, cause, fix }
}
