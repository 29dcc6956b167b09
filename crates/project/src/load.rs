//! The root project with all its packages.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use diagnostic::{Diagnostic, Kind, Severity};
use serde_json::{Map as JsonMap, Value as Json};

use crate::dbt_project::DbtProject;
use crate::packages::{LOCK_FILE, PackageEntry, PackageSpec, PackagesFile};
use crate::render::{RenderYaml, Verbatim};
use crate::vars::Vars;
use crate::version::CLAIMED_DBT_VERSION;
use crate::yaml::{Map, Value};

/// Whether `require-dbt-version` is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VersionCheck {
    /// As dbt does by default.
    #[default]
    On,
    /// `--no-version-check`
    Off,
}

/// What loading a project needs to know from outside.
#[derive(Debug, Clone, Default)]
pub struct ProjectSettings {
    /// `--project-dir`
    pub root: PathBuf,
    /// `--vars`
    pub cli_vars: Map,
    /// `--version-check`
    pub version_check: VersionCheck,
    /// `config:` of profiles.yml, for a project that has no `flags:`.
    pub flags: JsonMap<String, Json>,
}

/// The root project and its packages.
#[derive(Debug, Clone, Default)]
pub struct Project {
    /// The project the command is about.
    pub root: DbtProject,
    /// Its packages, by name.
    pub packages: Vec<DbtProject>,
    /// The names of its packages in the order in which the file system lists their folders. dbt reads them so, and where several
    /// packages have what a name means, the order decides.
    pub reading_order: Vec<String>,
    /// All variables.
    pub vars: Vars,
}

impl Project {
    /// Reads the root project, the packages in its `packages-install-path`, and `local:` packages from where they are.
    ///
    /// `None` when the root project cannot be read.
    pub fn load(settings: &ProjectSettings, renderer: &dyn RenderYaml) -> (Option<Self>, Vec<Diagnostic>) {
        let (root, mut diagnostics) = DbtProject::load(&settings.root, "", renderer);
        let Some(mut root) = root else { return (None, diagnostics) };
        if root.flags.is_empty() {
            root.flags.clone_from(&settings.flags);
        }
        let (packages, reading_order) = load_packages(&root, renderer, &mut diagnostics);
        if settings.version_check == VersionCheck::On {
            diagnostics.extend(std::iter::once(&root).chain(&packages).filter_map(unsupported_version));
        }
        let projects: HashMap<String, Map> = std::iter::once(&root)
            .chain(&packages)
            .map(|project| (project.name.clone(), project.vars.clone()))
            .collect();
        let vars = Vars { cli: settings.cli_vars.clone(), root: root.name.clone(), projects };
        (Some(Self { root, packages, reading_order, vars }), diagnostics)
    }

    /// The root, then the packages.
    pub fn all(&self) -> impl Iterator<Item = &DbtProject> {
        std::iter::once(&self.root).chain(&self.packages)
    }

    /// The project of a name.
    pub fn get(&self, name: &str) -> Option<&DbtProject> {
        self.all().find(|project| project.name == name)
    }
}

fn unsupported_version(project: &DbtProject) -> Option<Diagnostic> {
    if project.require_dbt_version.allows_ours() {
        return None;
    }
    let name = &project.name;
    let required: Vec<String> = project.require_dbt_version.texts.iter().map(|text| format!("'{text}'")).collect();
    let position = project
        .unrendered
        .value
        .as_map()
        .and_then(|map| map.get("require-dbt-version"))
        .map(|node| node.position)
        .unwrap_or_default();
    Some(
        project
            .source
            .error(
                position,
                format!(
                    "Runtime Error\n  This version of dbt is not supported with the '{name}' package.\n    Installed version of dbt: ={CLAIMED_DBT_VERSION}\n    Required version of dbt for '{name}': [{}]",
                    required.join(", ")
                ),
            )
            .cause(format!("we behave as dbt {CLAIMED_DBT_VERSION}, which `require-dbt-version` excludes"))
            .fix(format!("use a version of \"{name}\" that allows it, or pass --no-version-check")),
    )
}

/// The packages by name, and their names in reading order.
fn load_packages(
    root: &DbtProject,
    renderer: &dyn RenderYaml,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Vec<DbtProject>, Vec<String>) {
    let listed = listed(&root.path(&root.packages_install_path));
    let (folders, mut packages) = installed(&listed, root, renderer, diagnostics);
    let without_secrets = |text: &str, path: &str| {
        // Where a package comes from is the business of `deps`, which alone may read secrets.
        if text.contains("DBT_ENV_SECRET") { Ok(Value::from(text)) } else { renderer.render(text, path) }
    };
    let (asked, more) = PackagesFile::load(&root.root, "", &without_secrets);
    diagnostics.extend(more);
    let lock = PackagesFile::load_lock(&root.root, &Verbatim).0.filter(|lock| !lock.packages.is_empty());
    report_missing(&asked, lock.as_ref(), &folders, root, diagnostics);
    let all_installed = folders.len() >= asked.packages.len();
    let mut waiting = vec![asked];
    while let Some(file) = waiting.pop() {
        for entry in &file.packages {
            let PackageSpec::Local { path } = &entry.spec else { continue };
            // Relative to the root project, also in the file of another package.
            let directory = root.path(path);
            // Copied where its local packages are not, a project has them where they were installed.
            if all_installed && !is_project(&directory) {
                continue;
            }
            let (package, found) = DbtProject::load(&directory, path, renderer);
            let Some(package) = package else {
                diagnostics.push(
                    file.source
                        .error(entry.position, format!("Runtime Error\n  No dbt_project.yml found at expected path {path}/dbt_project.yml"))
                        .cause(format!("`local: {path}` should name a directory with a dbt project"))
                        .fix("correct the path; it is relative to the root project, also in packages.yml of another package"),
                );
                diagnostics.extend(found.into_iter().filter(|d| !d.what.contains("No dbt_project.yml found")));
                continue;
            };
            if package.name != root.name && packages.iter().any(|other| other.name == package.name) {
                continue;
            }
            diagnostics.extend(found);
            let (asked, more) = PackagesFile::load(&directory, path, &without_secrets);
            diagnostics.extend(more);
            waiting.push(asked);
            packages.push(package);
        }
    }
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    report_clashes(root, &mut packages, diagnostics);
    let order = reading_order(&packages, &listed);
    (packages, order)
}

/// The names of packages in the order in which their folders are listed; those that are not installed last.
fn reading_order(packages: &[DbtProject], listed: &[PathBuf]) -> Vec<String> {
    let place = |package: &DbtProject| listed.iter().position(|path| *path == package.root).unwrap_or(listed.len());
    let mut ordered: Vec<&DbtProject> = packages.iter().collect();
    ordered.sort_by_key(|package| place(package));
    ordered.into_iter().map(|package| package.name.clone()).collect()
}

/// The folders in `packages-install-path`, as the file system lists them.
///
/// Source: dbt Core 1.12, `RuntimeConfig._get_project_directories`.
fn listed(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs_err::read_dir(directory) else { return Vec::new() };
    entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect()
}

/// The names of the folders in `packages-install-path`, and the projects in them.
fn installed(
    listed: &[PathBuf],
    root: &DbtProject,
    renderer: &dyn RenderYaml,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Vec<String>, Vec<DbtProject>) {
    let mut directories: Vec<&PathBuf> = listed.iter().collect();
    directories.sort();
    let mut folders = Vec::new();
    let mut packages = Vec::new();
    for path in directories {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("__") {
            continue;
        }
        if is_project(path) {
            let shown = format!("{}/{name}", root.packages_install_path);
            let (package, found) = DbtProject::load(path, &shown, renderer);
            // What a package's author should know is not for those who use it.
            diagnostics.extend(found.into_iter().filter(|diagnostic| diagnostic.severity == Severity::Error));
            packages.extend(package);
        }
        folders.push(name);
    }
    (folders, packages)
}

fn is_project(path: &Path) -> bool {
    path.join("dbt_project.yml").is_file()
}

/// dbt's check: as many folders as the lock pins, or without a lock as packages.yml asks for. Packages on this machine need
/// no installing here, so they may be missing.
fn report_missing(
    asked: &PackagesFile,
    lock: Option<&PackagesFile>,
    installed: &[String],
    root: &DbtProject,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let wanted = &lock.unwrap_or(asked).packages;
    let is_local = |entry: &&PackageEntry| matches!(entry.spec, PackageSpec::Local { .. });
    let is_there = |entry: &&PackageEntry| entry.name.as_ref().is_some_and(|name| installed.contains(name));
    let remote = wanted.iter().filter(|entry| !is_local(entry)).count();
    let has_more = installed.len() > wanted.len();
    if remote == 0 && !has_more {
        return;
    }
    let not_there = wanted.iter().filter(|entry| is_local(entry) && entry.name.is_some() && !is_there(entry)).count();
    let unnamed = wanted.iter().filter(|entry| is_local(entry) && entry.name.is_none()).count();
    let named = if lock.is_some() { not_there } else { 0 };
    let locals = named..=named + unnamed;
    if wanted.len().checked_sub(installed.len()).is_some_and(|lacking| locals.contains(&lacking)) {
        return;
    }
    let file = if asked.source.file.is_empty() { "packages.yml" } else { &asked.source.file };
    let missing: Vec<&str> = lock.map_or_else(Vec::new, |lock| {
        let absent = lock.packages.iter().filter(|entry| !is_local(entry) && !is_there(entry));
        absent.filter_map(|entry| entry.name.as_deref()).collect()
    });
    let mut what = format!(
        "Compilation Error\n  dbt expects {} package(s) based on packages specified in {file}, but found only {} package(s) installed in {}. ",
        wanted.len(),
        installed.len(),
        root.packages_install_path
    );
    if !missing.is_empty() {
        what.push_str(&format!("Following packages were not found: {}. ", missing.join(", ")));
    }
    what.push_str("Run \"dbt deps\" to install package dependencies.");
    let names: Vec<&str> = wanted.iter().map(|entry| entry.name.as_deref().unwrap_or(entry.spec.shown())).collect();
    let by = if lock.is_some() { LOCK_FILE } else { file };
    diagnostics.push(
        Diagnostic::error(what)
            .of_kind(Kind::Compilation)
            .cause(format!(
                "{by} asks for {}; {} has {}",
                if names.is_empty() { "nothing".to_owned() } else { names.join(", ") },
                root.packages_install_path,
                if installed.is_empty() { "nothing".to_owned() } else { installed.join(", ") }
            ))
            .fix(match has_more {
                true => format!("remove what is not asked for from {}, or ask for it", root.packages_install_path),
                false => "run `owlet deps`".to_owned(),
            }),
    );
}

fn report_clashes(root: &DbtProject, packages: &mut Vec<DbtProject>, diagnostics: &mut Vec<Diagnostic>) {
    let mut seen: Vec<(String, PathBuf)> = vec![(root.name.clone(), root.root.clone())];
    packages.retain(|package| {
        let Some((_, first)) = seen.iter().find(|(name, _)| *name == package.name) else {
            seen.push((package.name.clone(), package.root.clone()));
            return true;
        };
        diagnostics.push(
            package
                .source
                .error(
                    package.unrendered.position,
                    format!(
                        "Compilation Error\n  dbt found more than one package with the name \"{}\" included in this project. Package names must be unique in a project. Please rename one of these packages.",
                        package.name
                    ),
                )
                .of_kind(Kind::Compilation)
                .cause(format!("{} has the same name", first.display()))
                .fix("rename one of them, or install it once"),
        );
        false
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read_as_their_folders_are_listed() {
        let package = |name: &str, folder: &str| DbtProject {
            name: name.to_owned(),
            root: PathBuf::from(folder),
            ..DbtProject::default()
        };
        let packages = [package("alpha", "p/one"), package("beta", "p/two"), package("local", "../local")];
        let listed = |folders: [&str; 2]| folders.map(PathBuf::from);
        assert_eq!(reading_order(&packages, &listed(["p/one", "p/two"])), ["alpha", "beta", "local"]);
        assert_eq!(reading_order(&packages, &listed(["p/two", "p/one"])), ["beta", "alpha", "local"]);
    }
}
