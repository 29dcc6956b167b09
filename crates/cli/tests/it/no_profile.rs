//! Commands where there is no profile, or no project.

use crate::owlet;

/// A missing project is a failed check of `debug`, which is logged as any other.
#[test]
fn debug_without_a_project_is_a_failed_check() {
    let folder = tempfile::tempdir().expect("a folder");
    let done = owlet(folder.path(), &["debug"]);
    assert_eq!(done.code, Some(1), "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("dbt_project.yml file [ERROR not found]"), "{}", done.stdout);
    assert!(done.stdout.contains("--project-dir DIR"), "{}", done.stdout);
    assert!(folder.path().join("logs/dbt.log").is_file());
}

/// `clean` needs no profile: the members of `target` are empty texts, as in dbt.
#[test]
fn clean_sees_an_empty_target() {
    let folder = tempfile::tempdir().expect("a folder");
    let project = r#"
name: shop
version: '1.0'
clean-targets: ["{{ 'made' if target.name == '' and target['x'] ~ 'a' == 'a' and target.get('x') is none else 'kept' }}"]
models:
  +enabled: "{{ target.name in ['redshift', 'postgres'] | as_bool }}"
"#;
    for path in ["made", "kept"] {
        fs_err::create_dir(folder.path().join(path)).expect("a folder");
    }
    fs_err::write(folder.path().join("dbt_project.yml"), project).expect("written");
    let done = owlet(folder.path(), &["clean"]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    assert!(!folder.path().join("made").exists() && folder.path().join("kept").exists());
}

/// What stands in the way is the variable; a profile of the template's own text is nobody's.
#[test]
fn a_profile_named_by_a_missing_variable_names_the_variable() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| fs_err::write(folder.path().join(name), text).expect("written");
    write("dbt_project.yml", "name: shop\nprofile: \"{{ env_var('NOT_THERE') }}\"\n");
    write("profiles.yml", "shop: {target: dev, outputs: {dev: {type: athena}}}\n");
    let done = owlet(folder.path(), &["parse"]);
    assert_eq!(done.code, Some(2), "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("Env var required but not provided: 'NOT_THERE'"), "{}", done.stdout);
    assert!(done.stdout.contains("at dbt_project.yml:2:10"), "{}", done.stdout);
    assert!(!done.stdout.contains("Could not find profile"), "{}", done.stdout);
}
