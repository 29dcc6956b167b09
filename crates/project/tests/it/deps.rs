//! Projects with packages.

use std::path::Path;

use project::{Project, ProjectSettings, Verbatim, VersionCheck};

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
fn a_local_package_that_is_installed_may_be_gone() {
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        &[
            ("shop/dbt_project.yml", "name: shop\n"),
            ("shop/packages.yml", "packages:\n  - local: ../utils\n"),
            ("shop/dbt_packages/utils/dbt_project.yml", "name: utils\n"),
        ],
    );
    let (project, whats) = load(&directory.path().join("shop"));
    assert!(whats.is_empty(), "{whats:?}");
    assert_eq!(project.unwrap().packages.iter().map(|package| package.name.as_str()).collect::<Vec<_>>(), ["utils"]);
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
}

#[test]
fn packages_that_deps_has_not_installed_are_named() {
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        &[
            ("dbt_project.yml", "name: shop\n"),
            (
                "packages.yml",
                "packages:\n  - package: dbt-labs/dbt_utils\n    version: 1.3.0\n  - git: https://x/{{ env_var('DBT_ENV_SECRET_X') }}\n",
            ),
        ],
    );
    let (_, whats) = load(directory.path());
    assert_eq!(
        whats,
        [
            "Compilation Error\n  dbt expects 2 package(s) based on packages specified in packages.yml, but found only 0 package(s) installed in dbt_packages. Run \"dbt deps\" to install package dependencies."
        ]
    );
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
    // A lock says which ones.
    let lock = "packages:\n  - {name: dbt_utils, package: dbt-labs/dbt_utils, version: 1.3.0}\n  - {name: z, git: u, revision: a}\n  - {name: w, local: w}\nsha1_hash: a\n";
    write(directory.path(), &[("package-lock.yml", lock)]);
    assert_eq!(load(directory.path()).1.len(), 0, "as many as dbt wants: it counts");
    fs_err::remove_dir_all(directory.path().join("dbt_packages/y")).unwrap();
    let (_, whats) = load(directory.path());
    assert_eq!(
        whats,
        [
            "Compilation Error\n  dbt expects 3 package(s) based on packages specified in packages.yml, but found only 1 package(s) installed in dbt_packages. Following packages were not found: z. Run \"dbt deps\" to install package dependencies."
        ]
    );
}

#[test]
fn a_lock_of_an_older_dbt_names_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let packages = "packages:\n  - local: ../tools\n  - package: dbt-labs/dbt_utils\n    version: 1.1.1\n";
    write(
        directory.path(),
        &[
            ("shop/dbt_project.yml", "name: shop\n"),
            ("shop/packages.yml", packages),
            ("shop/package-lock.yml", &format!("{packages}sha1_hash: a\n")),
            ("tools/dbt_project.yml", "name: tools\n"),
            ("shop/dbt_packages/dbt_utils/dbt_project.yml", "name: dbt_utils\n"),
        ],
    );
    assert_eq!(load(&directory.path().join("shop")).1.len(), 0, "packages on this machine need no installing");
    write(directory.path(), &[("shop/dbt_packages/tools/dbt_project.yml", "name: tools\n")]);
    assert_eq!(load(&directory.path().join("shop")).1.len(), 0, "as dbt installs them");
}

#[test]
fn packages_that_nothing_asks_for_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("shop");
    write(
        directory.path(),
        &[
            ("shop/dbt_project.yml", "name: shop\n"),
            ("shop/packages.yml", "packages:\n  - local: ../tools\n"),
            ("tools/dbt_project.yml", "name: tools\n"),
            ("shop/dbt_packages/tools/dbt_project.yml", "name: tools\n"),
        ],
    );
    assert_eq!(load(&root).1.len(), 0);
    write(directory.path(), &[("shop/dbt_packages/left/dbt_project.yml", "name: left\n")]);
    assert_eq!(
        load(&root).1,
        [
            "Compilation Error\n  dbt expects 1 package(s) based on packages specified in packages.yml, but found only 2 package(s) installed in dbt_packages. Run \"dbt deps\" to install package dependencies."
        ]
    );
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
