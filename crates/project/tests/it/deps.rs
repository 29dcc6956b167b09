//! Projects with packages.

use std::path::Path;

use project::{Project, ProjectSettings, Verbatim, VersionCheck, install_local_packages};

fn write(root: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = root.join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }
}

fn load(root: &Path) -> (Option<Project>, Vec<String>) {
    let settings = ProjectSettings { root: root.to_owned(), ..ProjectSettings::default() };
    let (project, diagnostics) = Project::load(&settings, &Verbatim);
    (project, diagnostics.into_iter().map(|diagnostic| diagnostic.what).collect())
}

#[test]
fn local_packages_need_no_deps_and_bring_their_own() {
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        &[
            ("shop/dbt_project.yml", "name: shop\nvars: {a: 1}\n"),
            ("shop/packages.yml", "packages:\n  - local: ../utils\n"),
            ("utils/dbt_project.yml", "name: utils\nvars: {b: 2}\n"),
            ("utils/packages.yml", "packages:\n  - local: ../utils/base\n"),
            ("utils/base/dbt_project.yml", "name: base\n"),
        ],
    );
    let root = directory.path().join("shop");
    let (project, whats) = load(&root);
    assert!(whats.is_empty(), "{whats:?}");
    let project = project.unwrap();
    assert_eq!(project.packages.iter().map(|package| package.name.as_str()).collect::<Vec<_>>(), ["base", "utils"]);
    assert!(project.vars.lookup("utils", "b").is_some());

    let installed = install_local_packages(&project.root, &Verbatim).unwrap();
    assert_eq!(installed.iter().map(|package| package.name.as_str()).collect::<Vec<_>>(), ["utils", "base"]);
    assert!(root.join("dbt_packages/utils/dbt_project.yml").is_file());
    let lock = fs_err::read_to_string(root.join("package-lock.yml")).unwrap();
    assert!(lock.starts_with("packages:\n  - local: ../utils\n    name: utils\n"), "{lock}");
    // The hash that dbt Core 1.12.0 writes for a list with the one entry `local: u`.
    write(&root, &[("packages.yml", "packages:\n  - local: u\n"), ("u/dbt_project.yml", "name: u\n")]);
    install_local_packages(&project.root, &Verbatim).unwrap();
    let lock = fs_err::read_to_string(root.join("package-lock.yml")).unwrap();
    assert!(lock.ends_with("\nsha1_hash: 2a54ea4df69e1b5a3ba567eaa6eba4065f9e8ef7\n"), "{lock}");
    fs_err::remove_dir_all(root.join("dbt_packages/u"))
        .or_else(|_| fs_err::remove_file(root.join("dbt_packages/u")))
        .unwrap();
    write(&root, &[("packages.yml", "packages:\n  - local: ../utils\n")]);
    // Installed again over itself, and loaded once each.
    install_local_packages(&project.root, &Verbatim).unwrap();
    let (again, whats) = load(&root);
    assert!(whats.is_empty(), "{whats:?}");
    assert_eq!(again.unwrap().packages.len(), 2);
}

#[test]
fn packages_from_elsewhere_are_refused_with_a_way_out() {
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        &[
            ("dbt_project.yml", "name: shop\n"),
            ("packages.yml", "packages:\n  - package: dbt-labs/dbt_utils\n    version: 1.3.0\n  - git: https://x/y\n"),
        ],
    );
    let (project, whats) = load(directory.path());
    assert_eq!(
        whats,
        [
            "Compilation Error\n  dbt found 2 package(s) specified in packages.yml, but only 0 package(s) installed in dbt_packages. Run \"dbt deps\" to install package dependencies."
        ]
    );
    let errors = install_local_packages(&project.unwrap().root, &Verbatim).unwrap_err();
    assert_eq!(errors.len(), 2);
    assert!(errors[0].what.contains("'dbt-labs/dbt_utils' from the package hub is not supported yet"));
    assert_eq!(errors[0].location.as_ref().unwrap().line, Some(2));
    // What some other tool installed is used.
    write(
        directory.path(),
        &[
            ("dbt_packages/dbt_utils/dbt_project.yml", "name: dbt_utils\n"),
            ("dbt_packages/y/dbt_project.yml", "name: y\n"),
        ],
    );
    let (project, whats) = load(directory.path());
    assert!(whats.is_empty(), "{whats:?}");
    assert_eq!(project.unwrap().packages.len(), 2);
}

#[test]
fn mistakes_in_packages_are_named() {
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        &[
            ("dbt_project.yml", "name: shop\nrequire-dbt-version: [\">=1.0.0\", \"<1.5.0\"]\n"),
            ("packages.yml", "packages:\n  - local: nowhere\n  - local: twin\n"),
            ("dependencies.yml", "packages:\n  - local: twin\n"),
            ("twin/dbt_project.yml", "name: shop\n"),
        ],
    );
    let (project, whats) = load(directory.path());
    assert!(project.is_some());
    let firsts: Vec<&str> = whats.iter().map(|what| what.lines().nth(1).unwrap().trim()).collect();
    assert_eq!(
        firsts,
        [
            "The 'packages' key cannot be specified in both packages.yml and dependencies.yml",
            "dbt found more than one package with the name \"shop\" included in this project. Package names must be unique in a project. Please rename one of these packages.",
            "This version of dbt is not supported with the 'shop' package.",
        ]
    );
    let unchecked = ProjectSettings {
        root: directory.path().to_owned(),
        version_check: VersionCheck::Off,
        ..ProjectSettings::default()
    };
    assert_eq!(Project::load(&unchecked, &Verbatim).1.len(), 2);
    assert!(load(&directory.path().join("none")).1[0].contains("No dbt_project.yml found at expected path"));
}
