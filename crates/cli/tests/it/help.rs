//! Help, usage errors, and commands that are not there yet.

use super::{owlet, owlet_with, settings};

#[test]
fn help_lists_what_works() {
    let folder = tempfile::tempdir().expect("a folder");
    let done = owlet(folder.path(), &["--help"]);
    settings().bind(|| insta::assert_snapshot!("help", done.shown(folder.path())));
    let done = owlet(folder.path(), &["build", "--help"]);
    settings().bind(|| insta::assert_snapshot!("help_build", done.shown(folder.path())));
}

#[test]
fn version_names_the_dbt_that_is_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let done = owlet(folder.path(), &["--version"]);
    assert_eq!(done.code, Some(0));
    let claimed: String = project::CLAIMED_DBT_VERSION.rsplit_once('.').expect("a version").0.to_owned();
    assert_eq!(done.stdout, format!("owlet {} (dbt {claimed})\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn what_cannot_run_exits_with_2() {
    let folder = tempfile::tempdir().expect("a folder");
    for arguments in [
        &["biuld"][..],
        &["build", "--defer-sate"],
        &["build", "--threads", "0"],
        &["build"],
        &["doctor"],
        &["clone", "--state", "x"],
    ] {
        let done = owlet(folder.path(), arguments);
        assert_eq!(done.code, Some(2), "{arguments:?}: {}", done.stderr);
        // What is asked of a project is answered in events.
        assert_eq!(done.stdout.is_empty(), !matches!(arguments, ["build"] | ["clone", ..]), "{arguments:?}");
    }
}

#[test]
fn errors_say_what_cause_and_fix() {
    let folder = tempfile::tempdir().expect("a folder");
    let told = |arguments: &[&str]| owlet(folder.path(), arguments).shown(folder.path());
    settings().bind(|| {
        insta::assert_snapshot!("no_project", told(&["build"]));
        insta::assert_snapshot!("not_yet", told(&["doctor", "--target", "prod"]));
        insta::assert_snapshot!("wrong_project_dir", told(&["ls", "--project-dir", "nowhere"]));
        fs_err::create_dir(folder.path().join("empty")).expect("a folder");
        insta::assert_snapshot!("empty_project_dir", told(&["debug", "--project-dir", "empty"]));
        insta::assert_snapshot!("wrong_vars", told(&["parse", "--vars", "[1, 2]"]));
    });
    let done = owlet_with(folder.path(), &["ls"], &[("DBT_FAIL_FAST", "maybe"), ("DBT_LOG_LEVEL", "loud")]);
    settings().bind(|| insta::assert_snapshot!("wrong_environment", done.shown(folder.path())));
}
