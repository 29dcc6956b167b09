//! `deps` against a hub in the same process. What dbt does in the same place is compared in conformance/dbt-deps.

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use diagnostic::Diagnostic;
use packages::{DepsEvent, DepsOptions, Goal, Host, NewPackage, NewSource, Reporter, Secrets, install};
use project::Verbatim;

use crate::hub_server::{Hub, archive, archive_with_link};

#[derive(Default)]
struct Heard {
    lines: RefCell<Vec<String>>,
    warnings: RefCell<Vec<String>>,
}

impl Reporter for Heard {
    fn event(&self, event: DepsEvent) {
        if !matches!(event, DepsEvent::Debug(_)) {
            self.lines.borrow_mut().push(event.to_string());
        }
    }

    fn warning(&self, name: &str, warning: Diagnostic) -> Result<(), Diagnostic> {
        self.warnings.borrow_mut().push(format!("{name}: {}", warning.what));
        Ok(())
    }
}

const PLAIN: DepsOptions = DepsOptions { upgrade: false, goal: Goal::Install, add: None, version_check: true };

async fn deps(root: &Path, hub: &Hub, options: &DepsOptions) -> (Result<(), String>, Heard) {
    let heard = Heard::default();
    let host = Host {
        renderer: &Verbatim,
        reporter: &heard,
        secrets: Secrets::new(["s3cr3t".to_owned()]),
        hub_url: hub.url.clone(),
        retry_pause: Duration::ZERO,
    };
    let done = install(root, options, &host).await;
    (done.map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")), heard)
}

fn project(packages: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs_err::write(directory.path().join("dbt_project.yml"), "name: shop\nmodels: {+schema: \"{{ target.name }}\"}\n")
        .unwrap();
    fs_err::write(directory.path().join("packages.yml"), packages).unwrap();
    directory
}

fn text(root: &Path, path: &str) -> String {
    fs_err::read_to_string(root.join(path)).unwrap()
}

/// The names in the project's folder.
fn names(root: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs_err::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_range_is_locked_and_stays_until_an_upgrade() {
    let hub = Hub::start().await;
    hub.index(&["utils"]);
    hub.publish("utils", &[("1.0.0", "[]"), ("1.1.0", "[]"), ("2.0.0-rc.1", "[]")]);
    hub.fail("api/v1/index.json", 5);
    let directory = project("packages:\n  - package: acme/utils\n    version: '>=1.0.0'\n");
    let root = directory.path();
    let (done, heard) = deps(root, &hub, &PLAIN).await;
    done.unwrap();
    let lock = root.join("package-lock.yml");
    assert_eq!(
        *heard.lines.borrow(),
        [
            format!("Updating lock file in file path: {}", lock.display()),
            "Installing acme/utils".to_owned(),
            "Installed from version 1.1.0".to_owned(),
            "Up to date!".to_owned()
        ]
    );
    assert!(text(root, "dbt_packages/utils/dbt_project.yml").contains("1.1.0"));

    hub.publish("utils", &[("1.0.0", "[]"), ("1.1.0", "[]"), ("1.2.0", "[]")]);
    let (done, heard) = deps(root, &hub, &PLAIN).await;
    done.unwrap();
    assert!(text(root, "package-lock.yml").contains("version: 1.1.0"));
    assert!(heard.lines.borrow().contains(&"Updated version available: 1.2.0".to_owned()), "{:?}", heard.lines);
    let told = DepsOptions { goal: Goal::Tell, upgrade: true, ..PLAIN };
    let (done, heard) = deps(root, &hub, &told).await;
    done.unwrap();
    assert_eq!(*heard.lines.borrow(), ["Would install acme/utils from version 1.2.0"]);
    assert!(text(root, "package-lock.yml").contains("version: 1.1.0"));
    deps(root, &hub, &DepsOptions { upgrade: true, ..PLAIN }).await.0.unwrap();
    assert!(text(root, "dbt_packages/utils/dbt_project.yml").contains("1.2.0"));
    assert_eq!(names(root), ["dbt_packages", "dbt_project.yml", "package-lock.yml", "packages.yml"]);
}

#[tokio::test]
async fn packages_may_ask_for_each_other() {
    let hub = Hub::start().await;
    hub.index(&["left", "right"]);
    hub.publish("left", &[("1.0.0", r#"[{"package": "acme/right", "version": "1.0.0"}]"#)]);
    hub.publish("right", &[("1.0.0", r#"[{"package": "acme/left", "version": ">=1.0.0"}]"#)]);
    let directory = project("packages:\n  - package: acme/left\n    version: 1.0.0\n");
    deps(directory.path(), &hub, &PLAIN).await.0.unwrap();
    assert_eq!(names(&directory.path().join("dbt_packages")), ["left", "right"]);
}

#[tokio::test]
async fn what_fails_leaves_the_old_packages() {
    let hub = Hub::start().await;
    hub.index(&["utils", "more"]);
    hub.publish("utils", &[("1.0.0", "[]"), ("1.1.0", "[]")]);
    hub.publish("more", &[("1.0.0", "[]")]);
    let directory = project("packages:\n  - package: acme/utils\n    version: 1.0.0\n");
    let root = directory.path();
    deps(root, &hub, &PLAIN).await.0.unwrap();
    // The second archive breaks off when the first is there already.
    hub.put("tar/more-1.0.0.tar.gz", archive(&[("more/dbt_project.yml", "name: more\n")])[..40].to_vec());
    let both = "packages:\n  - package: acme/utils\n    version: 1.1.0\n  - package: acme/more\n    version: 1.0.0\n";
    fs_err::write(root.join("packages.yml"), both).unwrap();
    let (done, _) = deps(root, &hub, &PLAIN).await;
    let error = done.unwrap_err();
    assert!(error.contains("It is no .tar.gz, or a broken one"), "{error}");
    assert!(text(root, "dbt_packages/utils/dbt_project.yml").contains("1.0.0"));
    assert_eq!(names(root), ["dbt_packages", "dbt_project.yml", "package-lock.yml", "packages.yml"]);

    // So does an interruption.
    hub.publish("more", &[("1.0.0", "[]")]);
    hub.fail("tar/more-1.0.0.tar.gz", usize::MAX);
    let unlimited = tokio::time::timeout(Duration::from_millis(200), async {
        loop {
            let _ = deps(root, &hub, &PLAIN).await;
        }
    });
    unlimited.await.unwrap_err();
    assert!(text(root, "dbt_packages/utils/dbt_project.yml").contains("1.0.0"));
    assert_eq!(names(root), ["dbt_packages", "dbt_project.yml", "package-lock.yml", "packages.yml"]);
    hub.fail("tar/more-1.0.0.tar.gz", 0);
    deps(root, &hub, &PLAIN).await.0.unwrap();
    assert_eq!(names(&root.join("dbt_packages")), ["more", "utils"]);
}

#[tokio::test]
async fn archives_that_lead_out_are_refused() {
    let hub = Hub::start().await;
    for (name, body) in [
        ("parent", archive(&[("p/dbt_project.yml", "name: p\n"), ("p/../../evil.sql", "x")])),
        ("absolute", archive(&[("p/dbt_project.yml", "name: p\n"), ("/tmp/evil.sql", "x")])),
        ("two", archive(&[("p/dbt_project.yml", "name: p\n"), ("q/evil.sql", "x")])),
        ("link", archive_with_link("p/models", "/etc", "p/models/evil.sql")),
        ("relative", archive_with_link("p/models", "../../..", "p/models/evil.sql")),
        ("empty", archive(&[])),
        ("text", b"<html>Sign in</html>".to_vec()),
    ] {
        hub.put(&format!("{name}.tar.gz"), body);
        let directory = project(&format!("packages:\n  - tarball: {}{name}.tar.gz\n    name: p\n", hub.url));
        let (done, _) = deps(directory.path(), &hub, &PLAIN).await;
        let error = done.unwrap_err();
        assert!(error.contains("Incorrect structure for package extracted from"), "{name}: {error}");
        assert_eq!(names(directory.path()), ["dbt_project.yml", "packages.yml"], "{name}");
    }
}

#[tokio::test]
async fn secrets_are_not_told() {
    let hub = Hub::start().await;
    let directory = project(&format!("packages:\n  - tarball: {}s3cr3t.tar.gz\n    name: p\n", hub.url));
    let (done, _) = deps(directory.path(), &hub, &PLAIN).await;
    let error = done.unwrap_err();
    assert!(error.contains("*****.tar.gz: the server answered 404 Not Found"), "{error}");
    assert_eq!(hub.requests.lock().unwrap().len(), 1, "what is not there is asked for once");
    hub.put("s3cr3t.tar.gz", archive(&[("p/dbt_project.yml", "name: p\n")]));
    let (done, heard) = deps(directory.path(), &hub, &PLAIN).await;
    done.unwrap();
    let told = format!("{:?} {:?} {}", heard.lines, heard.warnings, text(directory.path(), "package-lock.yml"));
    assert!(told.contains("*****.tar.gz") && !told.contains("s3cr3t"), "{told}");
    assert!(heard.warnings.borrow()[0].starts_with("DepsScrubbedPackageName: Detected secret env var in"));
}

#[tokio::test]
async fn errors_say_who_wants_what() {
    let hub = Hub::start().await;
    hub.index(&["utils", "strict", "audit_helper"]);
    hub.publish("utils", &[("1.0.0", "[]"), ("2.0.0", "[]")]);
    hub.publish("strict", &[("1.0.0", r#"[{"package": "acme/utils", "version": "1.0.0"}]"#)]);
    let directory = project(
        "packages:\n  - package: acme/utils\n    version: '>=2.0.0'\n  - package: acme/strict\n    version: 1.0.0\n",
    );
    let error = deps(directory.path(), &hub, &PLAIN).await.0.unwrap_err();
    assert_eq!(
        error,
        "Dependency Error\n  Version error for package acme/utils: Could not find a satisfactory version from options: ['>=2.0.0', '=1.0.0']\n  cause: packages.yml asks for >=2.0.0\n         acme/strict 1.0.0 of the hub asks for 1.0.0\n  fix:   widen the range in packages.yml, or use versions of the packages that agree"
    );
    fs_err::write(
        directory.path().join("packages.yml"),
        "packages:\n  - package: acme/audit-helper\n    version: 1.0.0\n",
    )
    .unwrap();
    let error = deps(directory.path(), &hub, &PLAIN).await.0.unwrap_err();
    assert!(error.ends_with("fix:   did you mean 'acme/audit_helper'?"), "{error}");
}

#[tokio::test]
async fn adding_keeps_comments() {
    let hub = Hub::start().await;
    hub.index(&["utils", "audit"]);
    hub.publish("utils", &[("1.0.0", "[]"), ("1.1.0", "[]")]);
    hub.publish("audit", &[("1.0.0", "[]")]);
    let before = "# ours\npackages:\n  # pinned by Ada\n  - package: acme/utils\n    version: 1.0.0   # why\n\n  - package: acme/audit # last\n    version: 1.0.0\n# end\n";
    let directory = project(before);
    let new = NewPackage {
        name: "acme/utils".to_owned(),
        version: Some(">=1.0.0,<2.0.0".to_owned()),
        source: NewSource::Hub,
    };
    let (done, heard) = deps(directory.path(), &hub, &DepsOptions { add: Some(new), goal: Goal::Lock, ..PLAIN }).await;
    done.unwrap();
    assert_eq!(
        text(directory.path(), "packages.yml"),
        "# ours\npackages:\n  # pinned by Ada\n\n  - package: acme/audit # last\n    version: 1.0.0\n  - package: acme/utils\n    version:\n      - '>=1.0.0'\n      - <2.0.0\n# end\n"
    );
    assert!(
        heard.lines.borrow()[0].starts_with("Found duplicate package in packages.yml, removing: "),
        "{:?}",
        heard.lines
    );
    assert!(text(directory.path(), "package-lock.yml").contains("version: 1.1.0"));
    assert!(!directory.path().join("dbt_packages").exists());
}
