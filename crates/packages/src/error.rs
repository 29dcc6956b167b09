//! What can stand in the way of installing packages.

use std::path::PathBuf;

use diagnostic::Diagnostic;

use crate::secrets::Secrets;
use crate::version::{Incompatible, NoVersion};

/// Why packages could not be resolved or installed. The first line is dbt's, where it has one.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The project's files are wrong.
    #[error("{}", .0.first().map(|diagnostic| diagnostic.what.as_str()).unwrap_or_default())]
    Project(Vec<Diagnostic>),
    /// Not on the hub.
    #[error("Package {package} was not found in the package index")]
    NotOnHub {
        /// `namespace/name`
        package: String,
        /// The hub's address.
        hub: String,
        /// A name of the index that is nearly the same.
        nearest: Option<String>,
    },
    /// The wanted versions exclude each other.
    #[error("Version error for package {package}: {source}")]
    Conflict {
        /// `namespace/name`
        package: String,
        /// The bounds.
        source: Incompatible,
        /// Who wants what.
        wanted_by: Vec<String>,
    },
    /// No version lies in the range.
    #[error(
        "Could not find a matching compatible version for package {package}\n  Requested range: {range}\n  Compatible versions: [{}]",
        .compatible.iter().map(|version| format!("'{version}'")).collect::<Vec<_>>().join(", ")
    )]
    NoMatchingVersion {
        /// `namespace/name`
        package: String,
        /// What was asked for.
        range: String,
        /// What there is for this dbt.
        compatible: Vec<String>,
        /// Versions in the range that `require-dbt-version` excludes.
        excluded: Vec<String>,
    },
    /// A version that cannot be read.
    #[error("{source}")]
    Version {
        /// Of which package.
        package: String,
        /// The text.
        source: NoVersion,
    },
    /// One git repository at two revisions.
    #[error("git dependencies should contain exactly one version. {url} contains: {{{}}}", .revisions.iter().map(|revision| format!("'{revision}'")).collect::<Vec<_>>().join(", "))]
    TwoRevisions {
        /// The repository.
        url: String,
        /// What is asked for.
        revisions: Vec<String>,
    },
    /// The same address as two kinds of package.
    #[error("Cannot incorporate {package} ({new}) in {package} ({old}): mismatched types")]
    TwoKinds {
        /// The address.
        package: String,
        /// The kind that came second.
        new: &'static str,
        /// The kind that came first.
        old: &'static str,
    },
    /// Two packages with one project name.
    #[error(
        "Found duplicate project \"{name}\". This occurs when a dependency has the same project name as some other dependency."
    )]
    DuplicateProject {
        /// The project's name.
        name: String,
        /// Where both come from.
        packages: [String; 2],
    },
    /// A package with the name of the root project.
    #[error(
        "Found a dependency with the same name as the root project \"{name}\". Package names must be unique in a project. Please rename one of these packages."
    )]
    RootName {
        /// The project's name.
        name: String,
        /// Where the package comes from.
        package: String,
    },
    /// A server did not answer, or not as it should.
    #[error("External connection exception occurred: {url}: {why}")]
    Connection {
        /// What was asked for.
        url: String,
        /// The answer, or the lack of one.
        why: String,
    },
    /// git failed.
    #[error("Error checking out spec='{revision}' for repo {url}\n{stderr}")]
    Checkout {
        /// The repository.
        url: String,
        /// The revision, or `None` for the default branch.
        revision: String,
        /// What git said.
        stderr: String,
    },
    /// There is no git.
    #[error(
        "Make sure git is installed on your machine. More information: https://docs.getdbt.com/docs/package-management"
    )]
    NoGit(#[source] std::io::Error),
    /// The subdirectory is not in the repository.
    #[error("No dbt_project.yml found at expected path {subdirectory}/dbt_project.yml of {url}")]
    NoSubdirectory {
        /// The repository.
        url: String,
        /// As asked for.
        subdirectory: String,
    },
    /// An archive that is not as it should be.
    #[error("Incorrect structure for package extracted from {url}. {why}")]
    Archive {
        /// Where it comes from.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// A private package that cannot be resolved to an address.
    #[error("Invalid private package configuration: '{repository}' provider: '{provider}'. {why}")]
    Private {
        /// As asked for.
        repository: String,
        /// As asked for.
        provider: String,
        /// What is wrong.
        why: String,
    },
    /// Reading or writing files.
    #[error("Could not {doing} {}", .path.display())]
    Files {
        /// What was being done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// `--add-package` on a file that cannot be changed.
    #[error("Could not add the package to {file}")]
    Add {
        /// `packages.yml`
        file: String,
        /// Why.
        why: String,
    },
}

impl PackageError {
    /// As people read it, without secrets.
    pub fn diagnostics(self, secrets: &Secrets) -> Vec<Diagnostic> {
        let found = match self {
            Self::Project(diagnostics) => diagnostics,
            other => vec![other.diagnostic()],
        };
        let clean = |mut diagnostic: Diagnostic| {
            diagnostic.what = secrets.scrub(&diagnostic.what);
            diagnostic.cause = diagnostic.cause.map(|cause| secrets.scrub(&cause));
            diagnostic.fix = diagnostic.fix.map(|fix| secrets.scrub(&fix));
            diagnostic
        };
        found.into_iter().map(clean).collect()
    }

    fn diagnostic(self) -> Diagnostic {
        let (cause, fix) = self.cause_and_fix();
        let kind = match self {
            Self::Files { .. } | Self::Checkout { .. } | Self::NoGit(_) | Self::Add { .. } => "Runtime Error",
            _ => "Dependency Error",
        };
        let what = self.to_string().replace('\n', "\n  ");
        Diagnostic::error(format!("{kind}\n  {what}")).cause(cause).fix(fix)
    }

    fn cause_and_fix(&self) -> (String, String) {
        match self {
            Self::Project(_) => Default::default(),
            Self::NotOnHub { hub, nearest, .. } => (
                format!("the index of {hub} has no package of this name"),
                match nearest {
                    Some(nearest) => format!("did you mean '{nearest}'?"),
                    None => "correct the name: `namespace/name` as the hub spells it, or use `git:`".to_owned(),
                },
            ),
            Self::Conflict { wanted_by, .. } => (
                wanted_by.join("\n"),
                "widen the range in packages.yml, or use versions of the packages that agree".to_owned(),
            ),
            Self::NoMatchingVersion { excluded, range, .. } if !excluded.is_empty() => (
                format!(
                    "{} would do, but its require-dbt-version excludes dbt {}",
                    excluded.join(", "),
                    project::CLAIMED_DBT_VERSION
                ),
                format!(
                    "ask for a version that allows it, or run `owlet deps --no-version-check` to install from {range} all the same"
                ),
            ),
            Self::NoMatchingVersion { compatible, .. } if compatible.is_empty() => (
                "the hub has no version for this dbt".to_owned(),
                "ask for a prerelease with `install_prerelease: true`, or use `git:`".to_owned(),
            ),
            Self::NoMatchingVersion { .. } => {
                ("none of them lies in the range".to_owned(), "change `version:` in packages.yml".to_owned())
            }
            Self::Version { package, .. } => (
                format!("`version:` of {package} has this text"),
                "write three numbers in quotes, `\"1.2.0\"`, and several bounds as a list: `[\">=1.0.0\", \"<2.0.0\"]`"
                    .to_owned(),
            ),
            Self::TwoRevisions { .. } => (
                "the project and its packages ask for the repository at different revisions".to_owned(),
                "ask for one revision everywhere".to_owned(),
            ),
            Self::TwoKinds { .. } => (
                "two entries of packages.yml, of the project or its packages, name the same thing in different ways"
                    .to_owned(),
                "keep one of them".to_owned(),
            ),
            Self::DuplicateProject { packages: [first, second], .. } => (
                format!("{first} and {second} are projects of this name"),
                "remove one of them from packages.yml; `dbt deps` installs one package per name".to_owned(),
            ),
            Self::RootName { package, .. } => {
                (format!("{package} is a project of this name"), "rename the project, or remove the package".to_owned())
            }
            Self::Connection { .. } => (
                "the server could not be reached, or did not answer as a package hub or file server does".to_owned(),
                "check the network, HTTPS_PROXY, and DBT_PACKAGE_HUB_URL if it is set".to_owned(),
            ),
            Self::Checkout { stderr, .. } => {
                let fix = if stderr.contains("could not read Username") || stderr.contains("Authentication failed") {
                    "give git a credential helper, or the url a token: https://{{ env_var('DBT_ENV_SECRET_TOKEN') }}@…"
                } else {
                    "check that the repository exists, that git can read it here, and that it has this revision"
                };
                ("git could not get it".to_owned(), fix.to_owned())
            }
            Self::NoGit(error) => {
                (format!("running git: {error}"), "install git, and see that it is in PATH".to_owned())
            }
            Self::NoSubdirectory { .. } => (
                "`subdirectory:` should name the project's folder in the repository".to_owned(),
                "correct `subdirectory:`".to_owned(),
            ),
            Self::Archive { .. } => (
                "an archive of a package is a .tar.gz with one folder, which holds dbt_project.yml".to_owned(),
                "check the address, or ask the package's author".to_owned(),
            ),
            Self::Private { .. } => (
                "`private:` becomes an ssh address of the provider".to_owned(),
                "use provider github, gitlab or ado, or `git:` with the whole address".to_owned(),
            ),
            Self::Files { source, .. } => {
                (source.to_string(), "check that the folder may be written and the disk has room".to_owned())
            }
            Self::Add { why, .. } => (why.clone(), "add the package by hand".to_owned()),
        }
    }
}

/// `map_err(files("write", &path))`
pub fn files(doing: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> PackageError {
    let path = path.to_owned();
    move |source| PackageError::Files { doing, path, source }
}
