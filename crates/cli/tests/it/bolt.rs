//! `bolt verify`: needs neither a server nor a dbt project.

use super::{owlet, settings};

const GOOD: &str = "schedules:
  - name: Nightly build
    slug: nightly-build-0a0b0c
    environment: production
    git_branch: main
    schedule: \"OFF\"
    trigger_on_merge: true
    commands: [dbt build]
";

const BAD: &str = "schedules:
  - name: Nightly build
    enviroment: production
    schedule: \"0 25 * * *\"
    commands: [dbt build]
    overlap_policy: queue
";

#[test]
fn verify_shows_what_starts_each_schedule() {
    let folder = tempfile::tempdir().expect("a folder");
    fs_err::write(folder.path().join("paradime_schedules.yml"), GOOD).expect("written");
    let done = owlet(folder.path(), &["bolt", "verify"]);
    settings().bind(|| insta::assert_snapshot!("bolt_verify_good", done.shown(folder.path())));
    let done = owlet(folder.path(), &["bolt", "verify", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&done.stdout).expect("JSON");
    assert_eq!(
        (report["valid"].as_bool(), report["schedules"][0]["slug"].as_str()),
        (Some(true), Some("nightly-build-0a0b0c"))
    );
}

#[test]
fn verify_shows_every_mistake_and_exits_with_1() {
    let folder = tempfile::tempdir().expect("a folder");
    fs_err::create_dir(folder.path().join(".bolt")).expect("made");
    fs_err::write(folder.path().join(".bolt/bad.yml"), BAD).expect("written");
    let done = owlet(folder.path(), &["bolt", "verify"]);
    settings().bind(|| insta::assert_snapshot!("bolt_verify_bad", done.shown(folder.path())));
    let done = owlet(folder.path(), &["bolt", "verify", "--official", "--path", ".bolt/bad.yml"]);
    settings().bind(|| insta::assert_snapshot!("bolt_verify_official", done.shown(folder.path())));
}

#[test]
fn verify_without_files_exits_with_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let done = owlet(folder.path(), &["bolt", "verify"]);
    settings().bind(|| insta::assert_snapshot!("bolt_verify_nothing", done.shown(folder.path())));
    assert_eq!(owlet(folder.path(), &["bolt", "verify", "--path", "elsewhere"]).code, Some(2));
}

#[test]
fn mint_writes_slugs_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("paradime_schedules.yml");
    fs_err::write(&file, GOOD.replace("    slug: nightly-build-0a0b0c\n", "")).expect("written");
    let done = owlet(folder.path(), &["bolt", "verify", "--mint"]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    let minted = fs_err::read_to_string(&file).expect("there");
    let slug = minted.lines().find_map(|line| line.strip_prefix("    slug: nightly-build-")).expect("a slug");
    assert_eq!(slug.len(), 6);
    assert_eq!(owlet(folder.path(), &["bolt", "verify", "--mint"]).code, Some(0));
    assert_eq!(fs_err::read_to_string(&file).expect("there"), minted);
}
