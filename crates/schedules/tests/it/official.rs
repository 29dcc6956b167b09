//! `NAME.official` beside each case is what the official client said of it, recorded by `conformance/schedules`; [`schedules::official`] must say the
//! same. So must it of the expressions in `tests/cron/official.txt`.

use std::path::Path;

use diagnostic::Diagnostic;
use schedules::official::{accepts_cron, verify_as_official};
use schedules::read_files;

use crate::files::{all, known};

#[test]
fn verdicts_are_those_of_the_official_client() {
    let mut wrong = Vec::new();
    for case in all() {
        let recorded = fs_err::read_to_string(case.with_extension("official")).unwrap();
        let ours = verdict(&verify_as_official(&read_files(&case).unwrap(), &known()));
        if recorded != ours {
            wrong.push(format!("{}\nclient: {recorded}ours:   {ours}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn verdict(diagnostics: &[Diagnostic]) -> String {
    if diagnostics.is_empty() {
        return "accepted\n".to_owned();
    }
    let words = |diagnostic: &Diagnostic| match diagnostic.cause.as_deref() {
        // The parser's own words differ; that both refuse the text is what counts.
        Some(_) if diagnostic.what.starts_with("Parsing Error") => "not YAML\n".to_owned(),
        _ => format!("{}\n", diagnostic.what),
    };
    format!("rejected\n{}", diagnostics.iter().map(words).collect::<String>())
}

#[test]
fn expressions_are_accepted_as_by_the_official_client() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cron/official.txt");
    let text = fs_err::read_to_string(file).unwrap();
    let ours = |line: &str| {
        let (_, expression) = line.split_once(" | ").unwrap();
        format!("{} | {expression}", if accepts_cron(expression) { "accepted" } else { "rejected" })
    };
    let wrong: Vec<&str> = text.lines().filter(|line| ours(line) != *line).collect();
    assert!(wrong.is_empty(), "the client:\n{}", wrong.join("\n"));
    assert!(text.lines().count() > 90);
}
