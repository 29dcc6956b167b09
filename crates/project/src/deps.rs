//! `deps` for packages that lie on this machine: links them into `packages-install-path` and writes `package-lock.yml`.

use std::path::Path;

use diagnostic::Diagnostic;
use serde_json::{Map as JsonMap, Value as Json};
use sha1::{Digest, Sha1};

use crate::dbt_project::DbtProject;
use crate::packages::{PackageSpec, PackagesFile};
use crate::render::RenderYaml;

/// A package that is now in `packages-install-path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledPackage {
    /// The project's name, which is its directory's.
    pub name: String,
    /// The packages.yml entry's path, relative to the root project.
    pub path: String,
}

/// Installs what `project` asks for. Packages from the hub, from git or from archives are refused with a way out; nothing
/// is installed then.
///
/// # Errors
/// Everything that stands in the way.
pub fn install_local_packages(
    project: &DbtProject,
    renderer: &dyn RenderYaml,
) -> Result<Vec<InstalledPackage>, Vec<Diagnostic>> {
    let (asked, mut diagnostics) = PackagesFile::load(&project.root, "", renderer);
    let mut found: Vec<InstalledPackage> = Vec::new();
    let mut waiting = vec![asked.clone()];
    while let Some(file) = waiting.pop() {
        for (spec, position) in &file.packages {
            let PackageSpec::Local { path } = spec else {
                diagnostics.push(not_supported(spec, &file, *position));
                continue;
            };
            let directory = project.path(path);
            let (package, more) = DbtProject::load(&directory, path, renderer);
            diagnostics.extend(more);
            let Some(package) = package else { continue };
            if found.iter().any(|other| other.name == package.name) {
                continue;
            }
            if package.name == project.name {
                let what =
                    format!("Runtime Error\n  The package '{}' has the name of the project itself", package.name);
                diagnostics.push(file.source.error(*position, what).fix("rename one of them"));
                continue;
            }
            let (asked, more) = PackagesFile::load(&directory, path, renderer);
            diagnostics.extend(more);
            found.push(InstalledPackage { name: package.name, path: path.clone() });
            waiting.push(asked);
        }
    }
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    install(project, &asked, &found).map_err(|error| {
        vec![
            Diagnostic::error(format!(
                "Runtime Error\n  Could not install packages into {}",
                project.packages_install_path
            ))
            .cause(error.to_string())
            .fix("check that the directory may be written and holds no files of your own"),
        ]
    })?;
    Ok(found)
}

fn not_supported(spec: &PackageSpec, file: &PackagesFile, position: crate::yaml::Position) -> Diagnostic {
    let kind = match spec {
        PackageSpec::Hub { .. } => "the package hub",
        PackageSpec::Git { .. } | PackageSpec::Private { .. } => "git",
        PackageSpec::Tarball { .. } | PackageSpec::Local { .. } => "an archive",
    };
    file.source
        .error(position, format!("Runtime Error\n  Installing '{}' from {kind} is not supported yet", spec.shown()))
        .cause("only packages that lie on this machine can be installed")
        .fix("put the package's directory beside the project and write `- local: ../its_directory`, or install it with dbt's own `dbt deps`: what is in the install directory is used as it is")
}

fn install(project: &DbtProject, asked: &PackagesFile, found: &[InstalledPackage]) -> std::io::Result<()> {
    if asked.packages.is_empty() {
        return Ok(());
    }
    let directory = project.path(&project.packages_install_path);
    fs_err::create_dir_all(&directory)?;
    for package in found {
        let link = directory.join(&package.name);
        remove_installed(&link)?;
        let target = fs_err::canonicalize(project.path(&package.path))?;
        link_or_copy(&target, &link)?;
    }
    fs_err::write(project.path("package-lock.yml"), lock_text(asked, found))
}

/// Removes what an earlier `deps` left under this name.
fn remove_installed(link: &Path) -> std::io::Result<()> {
    match fs_err::symlink_metadata(link) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(meta) if meta.is_dir() => fs_err::remove_dir_all(link),
        Ok(_) => fs_err::remove_file(link),
    }
}

#[cfg(unix)]
fn link_or_copy(target: &Path, link: &Path) -> std::io::Result<()> {
    fs_err::os::unix::fs::symlink(target, link).or_else(|_| copy(target, link))
}

#[cfg(not(unix))]
fn link_or_copy(target: &Path, link: &Path) -> std::io::Result<()> {
    copy(target, link)
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs_err::create_dir_all(to)?;
    for entry in fs_err::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?
        } else {
            fs_err::copy(entry.path(), &target).map(drop)?
        }
    }
    Ok(())
}

/// dbt's `package-lock.yml`: the pinned packages, then a hash over what was asked for.
fn lock_text(asked: &PackagesFile, found: &[InstalledPackage]) -> String {
    let mut text = String::from("packages:\n");
    for package in found {
        text.push_str(&format!("  - local: {}\n    name: {}\n", package.path, package.name));
    }
    text.push_str(&format!("sha1_hash: {}\n", declared_hash(asked)));
    text
}

/// SHA-1 over the declared packages: each as JSON with sorted keys, the lines sorted.
///
/// Source: the lock files of dbt Core 1.12.0, which tells by this hash whether the list has changed.
fn declared_hash(asked: &PackagesFile) -> String {
    let declared = asked.packages.iter().zip(&asked.unrendered);
    let mut lines: Vec<String> = declared.filter_map(|((spec, _), raw)| declared_json(spec, raw)).collect();
    lines.sort();
    hex::encode(Sha1::digest(lines.join("\n").as_bytes()))
}

fn declared_json(spec: &PackageSpec, unrendered: &Json) -> Option<String> {
    let PackageSpec::Local { path } = spec else { return None };
    let mut entry = JsonMap::new();
    entry.insert("local".to_owned(), Json::from(path.clone()));
    entry.insert("unrendered".to_owned(), unrendered.clone());
    Some(python_json(&Json::Object(entry)))
}

/// As Python's `json.dumps(…, sort_keys=True)` writes it.
fn python_json(json: &Json) -> String {
    match json {
        Json::Object(object) => {
            let mut entries: Vec<(&String, &Json)> = object.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            let entries =
                entries.into_iter().map(|(key, value)| format!("{}: {}", python_string(key), python_json(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(python_json).collect::<Vec<_>>().join(", ")),
        Json::String(text) => python_string(text),
        scalar => scalar.to_string(),
    }
}

fn python_string(text: &str) -> String {
    let mut escaped = String::new();
    for c in Json::from(text).to_string().chars() {
        if c.is_ascii() {
            escaped.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    escaped
}
