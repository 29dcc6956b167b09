//! `tests/cron/*.case`: expressions, what they mean in words, and their instants around the edges of daylight saving time.

use std::fmt::Write as _;
use std::path::Path;

use chrono::{DateTime, NaiveDate, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use schedules::Cron;
use sha2::{Digest, Sha256};

/// A case begins with a line `$ EXPRESSION | ZONE | FROM | COUNT`; what follows it up to the next one is expected. Zone, instant and count may be
/// missing: then only the reading is shown.
#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cron");
    let mut files: Vec<_> = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "case"));
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let text = fs_err::read_to_string(&file).unwrap();
        let shown = shown(&text);
        if std::env::var_os("UPDATE_CASES").is_some() {
            fs_err::write(&file, shown).unwrap();
        } else {
            assert_eq!(shown, text, "{}; UPDATE_CASES=1 rewrites it", file.display());
        }
    }
}

/// The file with its expected parts as they are now: comments, blank lines and `$` lines stay.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    for line in text.lines() {
        if let Some(case) = line.strip_prefix("$ ") {
            writeln!(shown, "{line}").unwrap();
            shown.push_str(&answer(case));
        } else if line.is_empty() || line.starts_with('#') {
            writeln!(shown, "{line}").unwrap();
        }
    }
    shown
}

fn answer(case: &str) -> String {
    let parts: Vec<&str> = case.split(" | ").collect();
    let cron: Cron = match parts[0].parse() {
        Ok(cron) => cron,
        Err(error) => return format!("error: {error}\n  fix: {}\n", error.fix()),
    };
    let mut answer = format!("{}\n", cron.describe());
    let &[_, zone, from, count] = parts.as_slice() else { return answer };
    let zone: Tz = zone.parse().unwrap();
    let mut instant: DateTime<Utc> = from.parse().unwrap();
    for _ in 0..count.parse().unwrap() {
        let Some(next) = cron.next_after(instant, zone) else { break };
        writeln!(answer, "  {}  {}", next.format("%FT%TZ"), next.with_timezone(&zone).format("%a %F %T %Z")).unwrap();
        instant = next;
    }
    answer
}

/// `tests/cron/croniter.txt`: what croniter says over ten years in twenty zones, away from changes of clocks; `conformance/cron` records it and
/// explains the lines.
#[test]
fn agrees_with_croniter() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cron/croniter.txt");
    let text = fs_err::read_to_string(file).unwrap();
    let mut changes: Vec<DateTime<Utc>> = Vec::new();
    let mut wrong = Vec::new();
    let mut compared = 0;
    for line in text.lines() {
        let parts: Vec<&str> = line.split(" | ").collect();
        if parts.len() == 2 || parts[1].is_empty() {
            let seconds = line.rsplit('|').next().unwrap().split_whitespace();
            changes = seconds.map(|second| DateTime::from_timestamp(second.parse().unwrap(), 0).unwrap()).collect();
            continue;
        }
        let zone: Tz = parts[0].parse().unwrap();
        let last = DateTime::from_timestamp(parts[3].parse().unwrap(), 0).unwrap();
        let instants = away_from_changes(&parts[1].parse().unwrap(), zone, last, &changes);
        let mut hash = Sha256::new();
        for instant in &instants {
            hash.update(format!("{}\n", instant.timestamp()));
        }
        let digest: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        compared += instants.len();
        if (instants.len().to_string().as_str(), digest.as_str()) != (parts[2], parts[4]) {
            wrong.push(format!("{line}\n  we have {} instants, {digest}", instants.len()));
        }
    }
    assert!(wrong.is_empty(), "{} lines:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared > 500_000, "{compared} instants");
}

fn away_from_changes(cron: &Cron, zone: Tz, last: DateTime<Utc>, changes: &[DateTime<Utc>]) -> Vec<DateTime<Utc>> {
    let begin = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap().and_hms_opt(0, 0, 0).unwrap();
    let mut instant = zone.from_local_datetime(&begin).unwrap().to_utc() - TimeDelta::seconds(1);
    let mut found = Vec::new();
    while let Some(next) = cron.next_after(instant, zone).filter(|next| *next <= last) {
        if changes.iter().all(|change| (*change - next).abs() > TimeDelta::days(2)) {
            found.push(next);
        }
        instant = next;
    }
    found
}
