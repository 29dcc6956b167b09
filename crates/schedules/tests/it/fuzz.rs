//! Whatever stands in a schedule file or a cron expression gives schedules or mistakes: no panic, no hang.
//!
//! Short here; `PROPTEST_CASES=200000 cargo test -p schedules fuzz` takes its time.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use project::SourceText;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use schedules::{Cron, Known, add_slugs, verify};

/// Far above what any case takes in a debug build on a busy machine.
const LONG: Duration = Duration::from_secs(300);

/// What cron expressions are made of, and what they are not.
const CRON: &[&str] = &[
    " ",
    "*",
    "/",
    "-",
    ",",
    "#",
    "L",
    "W",
    "?",
    "@",
    "H",
    "R",
    "0",
    "1",
    "2",
    "5",
    "7",
    "15",
    "23",
    "28",
    "29",
    "30",
    "31",
    "59",
    "60",
    "99",
    "4294967296",
    "-1",
    "*/2",
    "*/0",
    "1-5",
    "22-2",
    "FRI",
    "mon-fri",
    "FRI#2",
    "5#5",
    "L5",
    "15W",
    "LW",
    "JAN",
    "feb",
    "NOV-FEB",
    "@daily",
    "@reboot",
    "\t",
    "\u{a0}",
    "é",
    "٣",
];

/// What schedule files are made of.
const YAML: &[&str] = &[
    "\n",
    "\n  ",
    "\n    ",
    "\n      ",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "&a ",
    "*a",
    "<<: *a",
    "'",
    "\"",
    "#",
    "|",
    ">",
    "---\n",
    "\t",
    "version: 1\n",
    "schedules:\n",
    "  - name: a\n",
    "    slug: a\n",
    "    slug: b-1\n",
    "    environment: production\n",
    "    schedule: \"*/5 * * * *\"\n",
    "    schedule: OFF\n",
    "    schedule: \"0 0 31 2 *\"\n",
    "    timezone: Europe/Lisbon\n",
    "    timezone: Mars/Base\n",
    "    commands: [dbt build]\n",
    "    commands:\n",
    "      - command: dbt run\n",
    "        continue_on_error: true\n",
    "    run_after: {schedule: a, on: [passed]}\n",
    "    run_after: {schedule: b-1}\n",
    "    sla_minutes: 0\n",
    "    sla_minutes: 99999999999999999999\n",
    "    retry: {attempts: 21, on: [any]}\n",
    "    turbo_ci: {enabled: true}\n",
    "    trigger_on_merge: true\n",
    "    git_branch: 1.10\n",
    "    env_overrides: {A: 1}\n",
    "    variables: {a: [1, {b: c}]}\n",
    "    notifications: {emails: [{address: x, events: [on]}]}\n",
    "    on:\n",
    "    overlap_policy: allow\n",
    "    misfire_policy: sometimes\n",
    "null",
    "true",
    "1e999",
    "-0",
    "2027-02-30",
    "é",
    "\0",
    "\u{feff}",
    "\u{2028}",
];

const ZONES: &[Tz] = &[
    Tz::UTC,
    Tz::Europe__Lisbon,
    Tz::America__New_York,
    Tz::Australia__Lord_Howe,
    Tz::Pacific__Apia,
    Tz::Africa__Casablanca,
];

fn text_of(words: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(select(words), 0..most).prop_map(|words| words.concat())
}

/// Five fields that are likely to be an expression.
fn likely_cron() -> impl Strategy<Value = String> {
    prop::collection::vec(
        text_of(&CRON[1..43], 4).prop_filter("a field has no space", |field| !field.contains(' ')),
        5..6,
    )
    .prop_map(|fields| fields.join(" "))
}

/// Some bytes of a valid file, with others in between.
fn damaged_file() -> impl Strategy<Value = String> {
    const VALID: &str = include_str!("../cases/complete.yml");
    (prop::collection::vec((any::<Index>(), select(YAML), any::<bool>()), 1..8)).prop_map(|damages| {
        let mut text: Vec<char> = VALID.chars().collect();
        for (at, word, replaces) in damages {
            let at = at.index(text.len() + 1);
            let until = if replaces { (at + word.chars().count()).min(text.len()) } else { at };
            text.splice(at..until, word.chars());
        }
        text.into_iter().collect()
    })
}

fn in_time(what: &str, began: Instant) {
    assert!(began.elapsed() < LONG, "{what} took {:?}", began.elapsed());
}

fn check_cron(text: &str, zone: Tz, start: i64) {
    let began = Instant::now();
    let Ok(cron) = text.parse::<Cron>() else {
        in_time(text, began);
        return;
    };
    let start = DateTime::<Utc>::from_timestamp(start, 0).unwrap();
    if let Some(next) = cron.next_after(start, zone) {
        assert!(next > start, "{text}: {next} is not after {start}");
        assert!(cron.next_after(next, zone).is_none_or(|later| later > next), "{text}: time stands still at {next}");
        let found = cron.between(start + TimeDelta::microseconds(1), next, zone, 10);
        assert_eq!(found, [next], "{text} in {zone} from {start}");
    }
    let _ = cron.never_fires();
    let _ = cron.next_gap(start, start + TimeDelta::days(800), zone);
    // What it calls itself is it.
    assert_eq!(cron.as_str().parse::<Cron>().unwrap(), cron, "{text}");
    in_time(text, began);
}

fn check_files(texts: &[String]) {
    let began = Instant::now();
    let names = ["paradime_schedules.yml", ".bolt/a.yml", ".bolt/b.yaml"];
    let files: Vec<SourceText> =
        names.iter().zip(texts).map(|(name, text)| SourceText::new(*name, text.as_str())).collect();
    let found = verify(&files, &Known::default());
    for diagnostic in &found.diagnostics {
        assert!(!diagnostic.to_string().is_empty());
    }
    let _ = add_slugs(&files, &BTreeSet::new(), || [1, 2, 3]);
    in_time(&texts.join("\n~~~\n"), began);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_expression_is_one_or_says_why_not(text in text_of(CRON, 12), zone in select(ZONES), start in 0_i64..4_102_444_800) {
        check_cron(&text, zone, start);
    }

    #[test]
    fn five_fields_are_due_in_order(text in likely_cron(), zone in select(ZONES), start in 0_i64..4_102_444_800) {
        check_cron(&text, zone, start);
    }

    #[test]
    fn any_characters_are_no_schedule(text in any::<String>(), start in 0_i64..4_102_444_800) {
        check_cron(&text, Tz::UTC, start);
        check_files(&[text]);
    }

    #[test]
    fn any_file_is_read(texts in prop::collection::vec(text_of(YAML, 40), 1..4)) {
        check_files(&texts);
    }

    #[test]
    fn a_damaged_file_is_read(text in damaged_file()) {
        check_files(&[text]);
    }
}
