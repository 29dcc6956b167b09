//! `packages.yml` and `dependencies.yml`.

use std::path::Path;

use diagnostic::Diagnostic;
use serde_json::Value as Json;

use crate::dbt_project::unreadable;
use crate::fields::Fields;
use crate::render::{RenderYaml, Verbatim, render_tree};
use crate::source::SourceText;
use crate::yaml::{self, Node, Position};

/// One package that a project asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum PackageSpec {
    /// `local: path`
    Local {
        /// Relative to the root project, also when another package asks for it.
        path: String,
    },
    /// `package: namespace/name`
    Hub {
        /// `namespace/name`
        package: String,
        /// Comparisons that must all hold.
        version: Vec<String>,
        /// Whether a prerelease will do.
        install_prerelease: bool,
    },
    /// `git: url`
    Git {
        /// Where the repository is.
        url: String,
        /// Tag, branch or commit.
        revision: Option<String>,
        /// The project's directory in the repository.
        subdirectory: Option<String>,
    },
    /// `private: organisation/repository`
    Private {
        /// The repository.
        repository: String,
        /// `github`, `gitlab`, `ado`
        provider: Option<String>,
        /// Tag, branch or commit.
        revision: Option<String>,
    },
    /// `tarball: url`
    Tarball {
        /// Where the archive is.
        url: String,
        /// The project's name.
        name: String,
    },
}

impl PackageSpec {
    /// How a message names the package.
    pub fn shown(&self) -> &str {
        match self {
            Self::Local { path } => path,
            Self::Hub { package, .. } => package,
            Self::Git { url, .. } | Self::Tarball { url, .. } => url,
            Self::Private { repository, .. } => repository,
        }
    }
}

/// The packages that one project asks for.
#[derive(Debug, Clone, Default)]
pub struct PackagesFile {
    /// The file they are in, as messages name it.
    pub source: SourceText,
    /// Each with its place in the file.
    pub packages: Vec<(PackageSpec, Position)>,
    /// The entries before rendering, in the same order.
    pub unrendered: Vec<Json>,
    /// Names under `projects:` of `dependencies.yml`.
    pub projects: Vec<String>,
}

impl PackagesFile {
    /// Reads both files of the project at `root`, which messages name `shown`; neither need exist.
    pub fn load(root: &Path, shown: &str, renderer: &dyn RenderYaml) -> (Self, Vec<Diagnostic>) {
        let mut diagnostics = Vec::new();
        let mut read = |name: &str, renderer: &dyn RenderYaml| {
            let file = if shown.is_empty() { name.to_owned() } else { format!("{shown}/{name}") };
            match fs_err::read_to_string(root.join(name)) {
                Ok(text) => {
                    let (found, more) = Self::parse(SourceText::new(file, text), renderer);
                    diagnostics.extend(more);
                    Some(found)
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(error) => {
                    diagnostics.push(unreadable(&file, &error));
                    None
                }
            }
        };
        let packages = read("packages.yml", renderer);
        let dependencies = read("dependencies.yml", &Verbatim);
        let merged = match (packages, dependencies) {
            (Some(packages), Some(mut dependencies)) => {
                if let (Some(_), Some((_, position))) = (packages.packages.first(), dependencies.packages.first()) {
                    let what = "Runtime Error\n  The 'packages' key cannot be specified in both packages.yml and dependencies.yml";
                    diagnostics.push(
                        dependencies
                            .source
                            .error(*position, what)
                            .cause("dbt reads one list of packages")
                            .fix("move all packages into one of the two files"),
                    );
                }
                if dependencies.packages.is_empty() {
                    dependencies.packages = packages.packages;
                    dependencies.source = packages.source;
                    dependencies.unrendered = packages.unrendered;
                }
                dependencies
            }
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => Self::default(),
        };
        (merged, diagnostics)
    }

    fn parse(source: SourceText, renderer: &dyn RenderYaml) -> (Self, Vec<Diagnostic>) {
        let (node, mut diagnostics) = yaml::parse_file(&source.file, &source.text);
        let mut found = Self { source: source.clone(), ..Self::default() };
        let Some(node) = node.filter(|node| !node.value.is_null()) else { return (found, diagnostics) };
        let raw = node.value.as_map().and_then(|map| map.get("packages")).and_then(|node| node.value.as_seq());
        let raw: Vec<Json> = raw.unwrap_or_default().iter().map(|entry| entry.value.to_json()).collect();
        let node = render_tree(&node, renderer, &|_| false, &source, &mut diagnostics);
        let is_dependencies = source.file.ends_with("dependencies.yml");
        if let Some(mut fields) = Fields::new(&node, source.file.clone(), &source, &mut diagnostics) {
            for (at, entry) in fields.list("packages").iter().enumerate() {
                let Some(spec) = read_package(&mut fields, entry) else { continue };
                found.packages.push((spec, entry.position));
                found.unrendered.push(raw.get(at).cloned().unwrap_or_default());
            }
            if let Some(projects) = fields.peek("projects")
                && !is_dependencies
            {
                let position = projects.position;
                let what = "Runtime Error\n  The 'projects' key cannot be specified in packages.yml.".to_owned();
                fields.report(position, what, None, "move `projects:` to dependencies.yml");
                fields.take("projects");
            }
            for entry in fields.list("projects") {
                let name =
                    fields.nested(&entry, "an entry of projects").and_then(|mut project| project.name("projects"));
                found.projects.extend(name);
            }
        }
        (found, diagnostics)
    }
}

fn read_package(fields: &mut Fields<'_>, node: &Node) -> Option<PackageSpec> {
    let of = format!("a package in {}", fields.source.file);
    let mut entry = fields.nested(node, of)?;
    if let Some(path) = entry.text("local") {
        return Some(PackageSpec::Local { path });
    }
    if let Some(url) = entry.text("git") {
        return Some(PackageSpec::Git {
            url,
            revision: entry.text("revision"),
            subdirectory: entry.text("subdirectory"),
        });
    }
    if let Some(repository) = entry.text("private") {
        return Some(PackageSpec::Private {
            repository,
            provider: entry.text("provider"),
            revision: entry.text("revision"),
        });
    }
    if let Some(url) = entry.text("tarball") {
        return Some(PackageSpec::Tarball { url, name: entry.text("name").unwrap_or_default() });
    }
    let Some(package) = entry.text("package") else {
        let what = format!("Runtime Error\n  Invalid package in {}: no kind of package is named", entry.source.file);
        let cause = Some("an entry needs one of local, package, git, private, tarball".to_owned());
        entry.report(
            node.position,
            what,
            cause,
            "write `- local: path`, or `- package: namespace/name` with a version",
        );
        return None;
    };
    let version = entry.texts("version");
    if version.is_empty() {
        let what = format!("Runtime Error\n  '{package}' has no version. Package dependencies need one");
        entry.report(node.position, what, None, "add `version: [\">=1.0.0\", \"<2.0.0\"]`");
        return None;
    }
    Some(PackageSpec::Hub { package, version, install_prerelease: entry.bool("install_prerelease").unwrap_or(false) })
}
