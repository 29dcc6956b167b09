//! What is told while packages are installed. The texts are dbt's.

use std::fmt;
use std::path::PathBuf;

use diagnostic::Diagnostic;

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DepsEvent {
    /// Something for the debug log.
    Debug(String),
    /// `packages.yml` was made for `--add-package`.
    CreatedPackagesFile,
    /// An older entry for the same package is removed.
    FoundDuplicate(String),
    /// `--add-package`
    Added {
        /// The package.
        package: String,
        /// Its version, if it has one.
        version: Option<String>,
        /// The file it is in now.
        file: PathBuf,
    },
    /// There is nothing to install.
    NoPackages,
    /// `package-lock.yml` is written.
    LockUpdated(PathBuf),
    /// A package begins.
    Installing(String),
    /// It is there, in this version.
    Installed(String),
    /// The hub has a newer one.
    UpdateAvailable(String),
    /// The hub has none newer.
    UpToDate,
    /// The folder of the repository.
    Subdirectory(String),
    /// Those with newer versions.
    UpdatesAvailable(Vec<String>),
    /// `--dry-run`: what the lock would hold.
    WouldLock {
        /// The package.
        package: String,
        /// Its version.
        version: String,
    },
}

impl fmt::Display for DepsEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Debug(text) => write!(f, "{text}"),
            Self::CreatedPackagesFile => write!(f, "Created packages.yml"),
            Self::FoundDuplicate(entry) => write!(f, "Found duplicate package in packages.yml, removing: {entry}"),
            Self::Added { package, version, file } => {
                let version = version.as_deref().unwrap_or("None");
                write!(f, "Added new package {package}@{version} to {}", file.display())
            }
            Self::NoPackages => write!(f, "Warning: No packages were found in packages.yml"),
            Self::LockUpdated(path) => write!(f, "Updating lock file in file path: {}", path.display()),
            Self::Installing(package) => write!(f, "Installing {package}"),
            Self::Installed(version) => write!(f, "Installed from {version}"),
            Self::UpdateAvailable(version) => write!(f, "Updated version available: {version}"),
            Self::UpToDate => write!(f, "Up to date!"),
            Self::Subdirectory(folder) => write!(f, "and subdirectory {folder}"),
            Self::UpdatesAvailable(packages) => {
                let packages: Vec<String> = packages.iter().map(|package| format!("'{package}'")).collect();
                write!(
                    f,
                    "Updates available for packages: [{}]\nUpdate your versions in packages.yml, then run dbt deps",
                    packages.join(", ")
                )
            }
            Self::WouldLock { package, version } => write!(f, "Would install {package} from {version}"),
        }
    }
}

/// Hears what happens.
pub trait Reporter {
    /// A step.
    fn event(&self, event: DepsEvent);

    /// A warning by the name of dbt's event.
    ///
    /// # Errors
    /// When warnings are errors.
    fn warning(&self, name: &str, warning: Diagnostic) -> Result<(), Diagnostic>;
}
