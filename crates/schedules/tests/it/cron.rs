//! `tests/cron/*.case`: expressions, what they mean in words, and their instants around the edges of daylight saving time.

use std::fmt::Write as _;
use std::path::Path;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use schedules::Cron;

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
