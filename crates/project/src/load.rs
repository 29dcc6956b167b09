//! The root project with all its packages.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use diagnostic::{Diagnostic, Severity};

use crate::dbt_project::DbtProject;
use crate::packages::{PackageSpec, PackagesFile};
use crate::render::RenderYaml;
use crate::vars::Vars;
use crate::version::CLAIMED_DBT_VERSION;
use crate::yaml::Map;

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
}

/// The root project and its packages.
#[derive(Debug, Clone, Default)]
pub struct Project {
    /// The project the command is about.
    pub root: DbtProject,
    /// Its packages, by name.
    pub packages: Vec<DbtProject>,
    /// All variables.
    pub vars: Vars,
}

impl Project {
    /// Reads the root project, the packages in its `packages-install-path`, and `local:` packages from where they are.
    ///
    /// `None` when the root project cannot be read.
    pub fn load(settings: &ProjectSettings, renderer: &dyn RenderYaml) -> (Option<Self>, Vec<Diagnostic>) {
        let (root, mut diagnostics) = DbtProject::load(&settings.root, "", renderer);
        let Some(root) = root else { return (None, diagnostics) };
        let packages = load_packages(&root, renderer, &mut diagnostics);
        if settings.version_check == VersionCheck::On {
            diagnostics.extend(std::iter::once(&root).chain(&packages).filter_map(unsupported_version));
        }
        let projects: HashMap<String, Map> = std::iter::once(&root)
            .chain(&packages)
            .map(|project| (project.name.clone(), project.vars.clone()))
            .collect();
        let vars = Vars { cli: settings.cli_vars.clone(), root: root.name.clone(), projects };
        (Some(Self { root, packages, vars }), diagnostics)
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

fn load_packages(root: &DbtProject, renderer: &dyn RenderYaml, diagnostics: &mut Vec<Diagnostic>) -> Vec<DbtProject> {
    let mut packages = installed(root, renderer, diagnostics);
    let installed_count = packages.len();
    let (asked, more) = PackagesFile::load(&root.root, "", renderer);
    diagnostics.extend(more);
    let mut missing_remote = Vec::new();
    let mut waiting = vec![asked.clone()];
    while let Some(file) = waiting.pop() {
        for (spec, position) in &file.packages {
            let PackageSpec::Local { path } = spec else {
                missing_remote.push(spec.clone());
                continue;
            };
            // Relative to the root project, also in the file of another package.
            let directory = root.path(path);
            let (package, found) = DbtProject::load(&directory, path, renderer);
            let Some(package) = package else {
                diagnostics.push(
                    file.source
                        .error(*position, format!("Runtime Error\n  No dbt_project.yml found at expected path {path}/dbt_project.yml"))
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
            let (asked, more) = PackagesFile::load(&directory, path, renderer);
            diagnostics.extend(more);
            waiting.push(asked);
            packages.push(package);
        }
    }
    report_missing(&asked, &missing_remote, installed_count, root, diagnostics);
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    report_clashes(root, &mut packages, diagnostics);
    packages
}

/// Every directory of `packages-install-path` that is a project.
fn installed(root: &DbtProject, renderer: &dyn RenderYaml, diagnostics: &mut Vec<Diagnostic>) -> Vec<DbtProject> {
    let directory = root.path(&root.packages_install_path);
    let mut directories: Vec<PathBuf> = match fs_err::read_dir(&directory) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_project(path)).collect(),
        Err(_) => return Vec::new(),
    };
    directories.sort();
    let mut packages = Vec::new();
    for path in directories {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let shown = format!("{}/{name}", root.packages_install_path);
        let (package, found) = DbtProject::load(&path, &shown, renderer);
        // What a package's author should know is not for those who use it.
        diagnostics.extend(found.into_iter().filter(|diagnostic| diagnostic.severity == Severity::Error));
        packages.extend(package);
    }
    packages
}

fn is_project(path: &Path) -> bool {
    path.join("dbt_project.yml").is_file()
}

fn report_missing(
    asked: &PackagesFile,
    remote: &[PackageSpec],
    installed: usize,
    root: &DbtProject,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if remote.len() <= installed {
        return;
    }
    let file = if asked.source.file.is_empty() { "packages.yml" } else { &asked.source.file };
    let names: Vec<&str> = remote.iter().map(PackageSpec::shown).collect();
    let declared = asked.packages.len().max(remote.len());
    diagnostics.push(
        Diagnostic::error(format!(
            "Compilation Error\n  dbt found {declared} package(s) specified in {file}, but only {installed} package(s) installed in {}. Run \"dbt deps\" to install package dependencies.",
            root.packages_install_path
        ))
        .cause(format!("{file} asks for {}, and {} lacks at least one", names.join(", "), root.packages_install_path))
        .fix("run `owlet deps`"),
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
                .cause(format!("{} has the same name", first.display()))
                .fix("rename one of them, or install it once"),
        );
        false
    });
}
