//! `owlet deps`: what a project's packages.yml asks for → package-lock.yml → the folder of packages.
//!
//! Reading order: [`install`] (the whole of it), `wanted` and `resolve` (which packages, in which versions), `hub`, `git` and
//! `archive` (where they come from), `lock` (what is written down), `install` (how they get into place).

mod add;
mod archive;
mod error;
mod events;
mod git;
mod http;
mod hub;
mod install;
mod lock;
mod python_json;
mod resolve;
mod secrets;
pub mod version;
mod wanted;
mod yaml_text;

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use diagnostic::{Diagnostic, Severity};
use project::{LOCK_FILE, PackagesFile, ProjectMetadata, RenderYaml};

use crate::error::files;
use crate::http::Http;
use crate::hub::Hub;
use crate::install::Workshop;
use crate::resolve::{Package, Pinned, Resolver};

pub use add::{NewPackage, NewSource};
pub use error::PackageError;
pub use events::{DepsEvent, Reporter};
pub use hub::DEFAULT_HUB;
pub use secrets::Secrets;

/// What `deps` is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepsOptions {
    /// `--upgrade`: the lock file does not count.
    pub upgrade: bool,
    /// Install, or only find out.
    pub goal: Goal,
    /// `--add-package`
    pub add: Option<NewPackage>,
    /// `require-dbt-version` of packages counts.
    pub version_check: bool,
}

/// How far `deps` goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// Writes the lock file where needed, and installs.
    Install,
    /// `--lock`: writes the lock file.
    Lock,
    /// `--dry-run`: changes no file.
    Tell,
}

/// What comes from outside.
pub struct Host<'a> {
    /// Renders packages.yml: `env_var` with secrets, `--vars`.
    pub renderer: &'a dyn RenderYaml,
    /// Hears what happens.
    pub reporter: &'a dyn Reporter,
    /// What must not be told.
    pub secrets: Secrets,
    /// The address of the hub.
    pub hub_url: String,
    /// Between two tries of a request.
    pub retry_pause: Duration,
}

/// `deps` for the project at `root`, an absolute path.
///
/// # Errors
/// Whatever stands in the way, without secrets. The packages that were installed before are as they were then.
pub async fn install(root: &Path, options: &DepsOptions, host: &Host<'_>) -> Result<(), Vec<Diagnostic>> {
    run(root, options, host).await.map_err(|error| error.diagnostics(&host.secrets))
}

async fn run(root: &Path, options: &DepsOptions, host: &Host<'_>) -> Result<(), PackageError> {
    let mut project = read_project(root, host)?;
    let added = match &options.add {
        Some(new) => Some(add::add(root, &project.packages, new, host.reporter, &host.secrets)?),
        None => None,
    };
    if let (Some((file, text)), Some(new)) = (&added, &options.add) {
        project.packages = parse(file, text, host)?;
        if options.goal != Goal::Tell {
            let path = root.join(file);
            replace(&path, text)?;
            let event = DepsEvent::Added { package: new.name.clone(), version: new.version.clone(), file: path };
            host.reporter.event(event);
        }
    }
    let (lock, _) = PackagesFile::load_lock(root, &project::Verbatim);
    let is_locked = lock.is_some_and(|lock| lock.sha1_hash.as_deref() == Some(&lock::hash(&project.packages.packages)));
    if project.packages.packages.is_empty() {
        return install_nothing(root, &project, options, host);
    }
    let place = match options.goal {
        Goal::Install => root.join(&project.packages_install_path),
        Goal::Lock | Goal::Tell => std::env::temp_dir().join("dbt_packages"),
    };
    let workshop = Workshop::open(&place)?;
    let http = Http::new(host.retry_pause)?;
    let hub = Hub::new(&host.hub_url, http.clone());
    let mut resolver = Resolver {
        root,
        renderer: host.renderer,
        reporter: host.reporter,
        secrets: &host.secrets,
        hub: &hub,
        http: &http,
        version_check: options.version_check,
        downloads: workshop.downloads(),
        checkouts: HashMap::new(),
        unpacked: HashMap::new(),
        warned: Vec::new(),
    };
    let packages = if is_locked && !options.upgrade {
        if options.goal == Goal::Lock {
            return Ok(());
        }
        let (lock, diagnostics) = PackagesFile::load_lock(root, host.renderer);
        errors_in(diagnostics)?;
        resolver.resolve_lock(&lock.unwrap_or_default()).await?
    } else {
        let packages = resolver.resolve(&project).await?;
        if options.goal != Goal::Tell {
            write_lock(root, &packages, &project, &mut resolver)?;
        }
        packages
    };
    match options.goal {
        Goal::Install => {
            put(root, &packages, &workshop, &mut resolver).await?;
            workshop.finish()?;
            tell_updates(&packages, host);
        }
        Goal::Lock => {}
        Goal::Tell => {
            for package in &packages {
                host.reporter.event(DepsEvent::WouldLock {
                    package: host.secrets.scrub(&package.shown()),
                    version: host.secrets.scrub(&package.shown_version()),
                });
            }
        }
    }
    Ok(())
}

fn read_project(root: &Path, host: &Host<'_>) -> Result<ProjectMetadata, PackageError> {
    let (project, diagnostics) = ProjectMetadata::load(root, "", host.renderer);
    let warnings = errors_in(diagnostics)?;
    for warning in warnings {
        host.reporter.warning("Warning", warning).map_err(|error| PackageError::Project(vec![error]))?;
    }
    project.ok_or_else(|| PackageError::Project(Vec::new()))
}

/// The list of packages as a file says it.
fn parse(file: &str, text: &str, host: &Host<'_>) -> Result<PackagesFile, PackageError> {
    let renderer = if file == "dependencies.yml" { &project::Verbatim } else { host.renderer };
    let (packages, diagnostics) = PackagesFile::parse(project::SourceText::new(file, text), renderer);
    errors_in(diagnostics)?;
    Ok(packages)
}

/// The warnings, unless there are errors.
fn errors_in(diagnostics: Vec<Diagnostic>) -> Result<Vec<Diagnostic>, PackageError> {
    let (errors, warnings): (Vec<Diagnostic>, Vec<Diagnostic>) =
        diagnostics.into_iter().partition(|diagnostic| diagnostic.severity == Severity::Error);
    if errors.is_empty() { Ok(warnings) } else { Err(PackageError::Project(errors)) }
}

/// Nothing is asked for: an empty folder, and no lock file of former days.
fn install_nothing(
    root: &Path,
    project: &ProjectMetadata,
    options: &DepsOptions,
    host: &Host<'_>,
) -> Result<(), PackageError> {
    host.reporter.event(DepsEvent::NoPackages);
    if options.goal == Goal::Tell {
        return Ok(());
    }
    let lock = root.join(LOCK_FILE);
    if lock.is_file() {
        host.reporter.event(DepsEvent::Debug(format!("Removing {}", lock.display())));
        fs_err::remove_file(&lock).map_err(files("remove", &lock))?;
    }
    if options.goal == Goal::Install {
        Workshop::open(&root.join(&project.packages_install_path))?.finish()
    } else {
        Ok(())
    }
}

fn write_lock(
    root: &Path,
    packages: &[Package],
    project: &ProjectMetadata,
    resolver: &mut Resolver<'_>,
) -> Result<(), PackageError> {
    let (text, warnings) = lock::text(packages, &project.packages.packages, resolver.secrets);
    for warning in warnings {
        let about = warning.what.clone();
        resolver.warn("DepsScrubbedPackageName", &about, warning)?;
    }
    let path = root.join(LOCK_FILE);
    replace(&path, &text)?;
    resolver.reporter.event(DepsEvent::LockUpdated(path));
    Ok(())
}

/// The file has the old text or the new one, never a part.
fn replace(path: &Path, text: &str) -> Result<(), PackageError> {
    let beside = path.with_extension("yml.new");
    fs_err::write(&beside, text).map_err(files("write", &beside))?;
    fs_err::rename(&beside, path).map_err(files("write", path))
}

/// Lays the packages out, and tells of each.
async fn put(
    root: &Path,
    packages: &[Package],
    workshop: &Workshop,
    resolver: &mut Resolver<'_>,
) -> Result<(), PackageError> {
    for package in packages {
        let (reporter, secrets) = (resolver.reporter, resolver.secrets);
        reporter.event(DepsEvent::Installing(secrets.scrub(&package.shown())));
        match &package.pinned {
            Pinned::Hub { package: name, version, tarball, sha1, .. } => {
                let tree = resolver.hub_tree(name, version, tarball, sha1.as_deref()).await?;
                workshop.take(&tree, &package.name)?;
            }
            Pinned::Git { tree, .. } | Pinned::Tarball { tree, .. } => workshop.take(tree, &package.name)?,
            Pinned::Local { path } => workshop.link(&root.join(path), &package.name)?,
        }
        reporter.event(DepsEvent::Installed(secrets.scrub(&package.shown_version())));
        match &package.pinned {
            Pinned::Hub { version, latest, .. } if version == latest => reporter.event(DepsEvent::UpToDate),
            Pinned::Hub { latest, .. } => reporter.event(DepsEvent::UpdateAvailable(latest.clone())),
            Pinned::Git { subdirectory: Some(folder), .. } => reporter.event(DepsEvent::Subdirectory(folder.clone())),
            _ => {}
        }
    }
    Ok(())
}

fn tell_updates(packages: &[Package], host: &Host<'_>) {
    let outdated: Vec<String> = packages
        .iter()
        .filter_map(|package| match &package.pinned {
            Pinned::Hub { package, version, latest, .. } if version != latest => Some(package.clone()),
            _ => None,
        })
        .collect();
    if !outdated.is_empty() {
        host.reporter.event(DepsEvent::UpdatesAvailable(outdated));
    }
}
