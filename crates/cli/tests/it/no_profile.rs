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
