//! `tests/cases/NAME.yml`, or the folder `tests/cases/NAME/` for several files: what is wrong with it, and the schedules it gives, in
//! `NAME.expected` beside it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use diagnostic::Severity;
use schedules::{Known, Schedule, read_files, verify};

#[test]
fn cases() {
    let mut wrong = Vec::new();
    for case in all() {
        let expected = case.with_extension("expected");
        let shown = shown(&case);
        if std::env::var_os("UPDATE_CASES").is_some() {
            fs_err::write(&expected, shown).unwrap();
        } else if fs_err::read_to_string(&expected).unwrap_or_default() != shown {
            wrong.push(format!("{}:\n{shown}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "UPDATE_CASES=1 rewrites what is expected\n{}", wrong.join("\n"));
}

/// Files and folders with schedules, in the order of their names.
pub fn all() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let entries = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<_> = entries.filter(|path| path.is_dir() || path.extension().unwrap() == "yml").collect();
    cases.sort();
    assert!(cases.len() > 20);
    cases
}

/// A server that has one more schedule and two environments, in November 2026.
pub fn known() -> Known {
    let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
    Known {
        schedules: set(&["deployed-elsewhere-0c0ffe"]),
        environments: Some(set(&["production", "staging"])),
        elsewhere: Some(BTreeSet::from(
            [("Marketing", "campaigns"), ("Analytics", "deployed-elsewhere-0c0ffe")]
                .map(|(workspace, slug)| (workspace.to_owned(), slug.to_owned())),
        )),
        workspace: Some("Analytics".to_owned()),
        now: Some("2026-11-28T09:00:00Z".parse().unwrap()),
    }
}

fn shown(case: &Path) -> String {
    let files = read_files(case).unwrap();
    let verification = verify(&files, &known());
    let mut shown = String::new();
    for declared in &verification.schedules {
        writeln!(shown, "{}:{} {}", declared.file, declared.line, in_short(&declared.schedule)).unwrap();
    }
    for diagnostic in &verification.diagnostics {
        let severity = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(shown, "\n{severity}: {diagnostic}").unwrap();
    }
    shown
}

/// The members that are not what they are when nothing is written.
fn in_short(schedule: &Schedule) -> String {
    let plain = Schedule::new("", "", "", Vec::new());
    let (serde_json::Value::Object(mut members), serde_json::Value::Object(plain)) =
        (serde_json::to_value(schedule).unwrap(), serde_json::to_value(&plain).unwrap())
    else {
        unreachable!("a schedule is an object")
    };
    members.retain(|name, value| plain.get(name) != Some(value));
    if let Some(commands) = members.get_mut("commands").and_then(serde_json::Value::as_array_mut) {
        for command in commands {
            if command["continue_on_error"] == false {
                *command = command["command"].clone();
            }
        }
    }
    serde_json::Value::Object(members).to_string()
}
