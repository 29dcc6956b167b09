//! From what is asked for to exact versions: breadth first over the packages of the packages, as dbt does it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use diagnostic::{Diagnostic, Location, Severity};
use project::{PackagesFile, ProjectMetadata, RenderYaml};
use sha1::{Digest, Sha1};

use crate::archive;
use crate::error::PackageError;
use crate::events::{DepsEvent, Reporter};
use crate::git::{self, Checkout, Repository};
use crate::http::Http;
use crate::hub::{Hub, HubPackage, redirect_warning};
use crate::secrets::Secrets;
use crate::version::{self, Bound, Range};
use crate::wanted::{Listing, Wanted};

/// A package in one exact version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pinned {
    /// Of the hub.
    Hub {
        /// `namespace/name`
        package: String,
        /// The version.
        version: String,
        /// The highest one that could be installed.
        latest: String,
        /// Where the archive is.
        tarball: String,
        /// Its SHA-1 when it was published.
        sha1: Option<String>,
    },
    /// A commit.
    Git {
        /// May hold a secret.
        url: String,
        /// Before rendering.
        unrendered: String,
        /// The commit.
        sha: String,
        /// The folder in it.
        subdirectory: Option<String>,
        /// A private package, of this provider.
        private: Option<Option<String>>,
        /// The working tree.
        tree: PathBuf,
    },
    /// An archive.
    Tarball {
        /// May hold a secret.
        url: String,
        /// Before rendering.
        unrendered: String,
        /// The unpacked folder.
        tree: PathBuf,
    },
    /// A folder.
    Local {
        /// Relative to the root project.
        path: String,
    },
}

/// A package in one exact version, and the name of its project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Which one.
    pub pinned: Pinned,
    /// The project's name, which is its folder's in `packages-install-path`.
    pub name: String,
}

impl Package {
    /// How a line of the log names it. May hold a secret.
    pub fn shown(&self) -> String {
        match &self.pinned {
            Pinned::Hub { package, .. } => package.clone(),
            Pinned::Git { url, subdirectory, .. } => match subdirectory {
                Some(folder) => format!("{url}/{folder}"),
                None => url.clone(),
            },
            Pinned::Tarball { .. } => self.name.clone(),
            Pinned::Local { path } => path.clone(),
        }
    }

    /// How a line of the log names the version. May hold a secret.
    pub fn shown_version(&self) -> String {
        match &self.pinned {
            Pinned::Hub { version, .. } => format!("version {version}"),
            Pinned::Git { sha, .. } => format!("revision {sha}"),
            Pinned::Tarball { url, .. } => format!("tarball (url: {url})"),
            Pinned::Local { path } => format!("<local @ {path}>"),
        }
    }
}

/// Finds packages and gets those that must be looked into.
pub struct Resolver<'a> {
    /// The project's folder.
    pub root: &'a Path,
    /// Renders packages.yml and the names of projects.
    pub renderer: &'a dyn RenderYaml,
    /// Hears of warnings.
    pub reporter: &'a dyn Reporter,
    /// What must not be told.
    pub secrets: &'a Secrets,
    /// The hub.
    pub hub: &'a Hub,
    /// For archives.
    pub http: &'a Http,
    /// `require-dbt-version` counts.
    pub version_check: bool,
    /// A folder of our own, on the disk of `packages-install-path`.
    pub downloads: PathBuf,
    /// Working trees by repository, revision and folder.
    pub checkouts: HashMap<String, Checkout>,
    /// Unpacked archives by address.
    pub unpacked: HashMap<String, PathBuf>,
    /// Names of events and what they were about: each is told once.
    pub warned: Vec<(String, String)>,
}

impl Resolver<'_> {
    /// All packages that the entries need, in dbt's order: as they are first met, level by level.
    pub async fn resolve(&mut self, root: &ProjectMetadata) -> Result<Vec<Package>, PackageError> {
        let mut all = Listing::default();
        let mut pending = Listing::of(&root.packages.packages, &root.packages.source.file)?;
        while !pending.is_empty() {
            let mut next = Listing::default();
            for wanted in pending.iter() {
                let (whole, changed) = all.add(wanted)?;
                // What has been looked into with the same demands brings nothing new; so packages may ask for each other.
                if !changed {
                    continue;
                }
                let whole = whole.clone();
                let (_, asked) = self.pin(&whole).await?;
                next.extend(&Listing::of(&asked.packages, &asked.source.file)?)?;
            }
            pending = next;
        }
        let packages = self.pin_all(&all).await?;
        check_names(&packages, &root.name)?;
        Ok(packages)
    }

    /// The packages of a lock file, which has them all.
    pub async fn resolve_lock(&mut self, lock: &PackagesFile) -> Result<Vec<Package>, PackageError> {
        let all = Listing::of(&lock.packages, &lock.source.file)?;
        self.pin_all(&all).await
    }

    async fn pin_all(&mut self, all: &Listing) -> Result<Vec<Package>, PackageError> {
        let mut packages = Vec::new();
        for wanted in all.iter() {
            packages.push(self.pin(wanted).await?.0);
        }
        Ok(packages)
    }

    /// The exact version, and what it asks for itself.
    async fn pin(&mut self, wanted: &Wanted) -> Result<(Package, PackagesFile), PackageError> {
        match wanted {
            Wanted::Hub { package, bounds, prereleases, wanted_by } => {
                self.pin_hub(package, bounds, *prereleases, wanted_by).await
            }
            Wanted::Git { url, unrendered, revisions, warn_unpinned, subdirectory, private } => {
                let shown_url = if private.is_some() { url } else { unrendered };
                let revision = one_revision(url, revisions)?;
                let repository = Repository { url, shown_url, revision, subdirectory: subdirectory.as_deref() };
                let (checkout, found) = self.pin_git(repository, *warn_unpinned).await?;
                let pinned = Pinned::Git {
                    url: url.clone(),
                    unrendered: unrendered.clone(),
                    sha: checkout.sha,
                    subdirectory: subdirectory.clone(),
                    private: private.clone(),
                    tree: checkout.path,
                };
                Ok((Package { pinned, name: found.name }, found.packages))
            }
            Wanted::Tarball { url, unrendered, name } => {
                let tree = self.unpack(url, name).await?;
                let found = self.metadata(&tree, url)?;
                let pinned = Pinned::Tarball { url: url.clone(), unrendered: unrendered.clone(), tree };
                Ok((Package { pinned, name: name.clone() }, found.packages))
            }
            Wanted::Local { path } => {
                let found = self.metadata(&self.root.join(path), path)?;
                Ok((Package { pinned: Pinned::Local { path: path.clone() }, name: found.name }, found.packages))
            }
        }
    }

    async fn pin_hub(
        &mut self,
        package: &str,
        bounds: &[Bound],
        prereleases: bool,
        wanted_by: &[String],
    ) -> Result<(Package, PackagesFile), PackageError> {
        let index = self.hub.index().await?;
        if !index.iter().any(|name| name == package) {
            let nearest = nearest(package, &index);
            return Err(PackageError::NotOnHub {
                package: package.to_owned(),
                hub: self.hub.url().to_owned(),
                nearest,
            });
        }
        let range = Range::of(bounds).map_err(|source| PackageError::Conflict {
            package: package.to_owned(),
            source,
            wanted_by: wanted_by.to_vec(),
        })?;
        let found = self.hub.package(package).await?;
        if let Some(new) = &found.redirect {
            self.warn("PackageRedirectDeprecation", package, redirect_warning(package, new))?;
        }
        let prereleases = prereleases || bounds.iter().any(Bound::is_prerelease);
        let (version, latest) = self.choose(package, &found, &range, prereleases)?;
        let about = found.version(&version).ok_or_else(|| PackageError::Connection {
            url: self.hub.url().to_owned(),
            why: format!("{package} lost its version {version}"),
        })?;
        let pinned = Pinned::Hub {
            package: package.to_owned(),
            version,
            latest,
            tarball: about.tarball.clone(),
            sha1: about.sha1.clone(),
        };
        Ok((Package { pinned, name: about.name.clone() }, about.packages.clone()))
    }

    /// The highest version in the range, and the highest of all.
    fn choose(
        &self,
        package: &str,
        found: &HubPackage,
        range: &Range,
        prereleases: bool,
    ) -> Result<(String, String), PackageError> {
        let unreadable = |source| PackageError::Version { package: package.to_owned(), source };
        let candidates = if self.version_check { found.compatible().map_err(unreadable)? } else { found.all() };
        let compatible = version::installable(&candidates, prereleases).map_err(unreadable)?;
        match version::highest(range, &compatible) {
            Some(version) => {
                // From a lock file, which does not say whether prereleases will do, the answer is the same.
                let is_prerelease = Bound::parse(&version).is_ok_and(|version| version.is_prerelease());
                let others = version::installable(&compatible, is_prerelease).map_err(unreadable)?;
                let latest = others.last().unwrap_or(&version).clone();
                Ok((version, latest))
            }
            None => {
                let all = version::installable(&found.all(), prereleases).map_err(unreadable)?;
                let in_range =
                    all.into_iter().filter(|text| version::highest(range, std::slice::from_ref(text)).is_some());
                Err(PackageError::NoMatchingVersion {
                    package: package.to_owned(),
                    range: range.to_string(),
                    excluded: in_range.filter(|version| !compatible.contains(version)).collect(),
                    compatible,
                })
            }
        }
    }

    async fn pin_git(
        &mut self,
        repository: Repository<'_>,
        warn_unpinned: bool,
    ) -> Result<(Checkout, ProjectMetadata), PackageError> {
        let Repository { url, revision, subdirectory, .. } = repository;
        let checkout = self.check_out(repository).await?;
        let shown = subdirectory.map_or_else(|| url.to_owned(), |folder| format!("{url}/{folder}"));
        let found = self.metadata(&checkout.path, &shown)?;
        if warn_unpinned && matches!(revision, "HEAD" | "main" | "master") {
            self.warn("DepsUnpinned", url, unpinned(&self.secrets.scrub(url), revision, &checkout.sha))?;
        }
        Ok((checkout, found))
    }

    async fn check_out(&mut self, repository: Repository<'_>) -> Result<Checkout, PackageError> {
        let key = |revision: &str| format!("{} {revision} {:?}", repository.url, repository.subdirectory);
        if let Some(checkout) = self.checkouts.get(&key(repository.revision)) {
            return Ok(checkout.clone());
        }
        self.reporter.event(DepsEvent::Debug(
            self.secrets.scrub(&format!("Pulling new dependency {} at {}", repository.url, repository.revision)),
        ));
        let folder = hex::encode(Sha1::digest(key(repository.revision)));
        let checkout = git::checkout(repository, &self.downloads.join(folder), self.secrets).await?;
        // The lock asks for the commit by its id.
        self.checkouts.insert(key(&checkout.sha), checkout.clone());
        self.checkouts.insert(key(repository.revision), checkout.clone());
        Ok(checkout)
    }

    async fn unpack(&mut self, url: &str, name: &str) -> Result<PathBuf, PackageError> {
        if let Some(tree) = self.unpacked.get(url) {
            return Ok(tree.clone());
        }
        self.reporter.event(DepsEvent::Debug(self.secrets.scrub(&format!("Downloading {name} from {url}"))));
        let folder = hex::encode(Sha1::digest(url));
        let archive = self.downloads.join(format!("{folder}.tar.gz"));
        self.http.download(url, &archive).await?;
        let tree = archive::unpack(&archive, &self.downloads.join(folder), url)?;
        self.unpacked.insert(url.to_owned(), tree.clone());
        Ok(tree)
    }

    /// The unpacked archive of a package of the hub.
    pub async fn hub_tree(
        &mut self,
        package: &str,
        version: &str,
        url: &str,
        sha1: Option<&str>,
    ) -> Result<PathBuf, PackageError> {
        let tree = self.unpack(url, package).await?;
        if let Some(published) = sha1 {
            let archive = self.downloads.join(format!("{}.tar.gz", hex::encode(Sha1::digest(url))));
            let found = archive::sha1_of(&archive)?;
            if found != published {
                // Code hosts pack archives anew from time to time, so that this is no proof of anything.
                let warning = Diagnostic::warning(format!("The archive of {package} {version} is not the one that was published"))
                    .cause(format!("{url} has the SHA-1 {found}, the hub knows {published}"))
                    .fix("look at what was installed; a host that packs archives anew changes the sum, and so does somebody who changes the files");
                self.warn("PackageChecksumMismatch", package, warning)?;
            }
        }
        Ok(tree)
    }

    fn metadata(&self, tree: &Path, shown: &str) -> Result<ProjectMetadata, PackageError> {
        let shown = self.secrets.scrub(shown);
        let (found, diagnostics) = ProjectMetadata::load(tree, &shown, self.renderer);
        let mut errors: Vec<Diagnostic> =
            diagnostics.into_iter().filter(|diagnostic| diagnostic.severity == Severity::Error).collect();
        if !tree.join("dbt_project.yml").is_file() {
            let what = format!("Runtime Error\n  No dbt_project.yml found at expected path {shown}/dbt_project.yml");
            errors = vec![
                Diagnostic::error(what)
                    .at(Location::file("packages.yml"))
                    .cause(format!("{shown} is asked for as a package, and is no dbt project"))
                    .fix("correct the path or address; a local path is relative to the root project, a repository may need `subdirectory:`"),
            ];
        }
        match found {
            Some(found) if errors.is_empty() => Ok(found),
            _ => Err(PackageError::Project(errors)),
        }
    }

    /// Tells a warning once.
    pub fn warn(&mut self, name: &str, about: &str, warning: Diagnostic) -> Result<(), PackageError> {
        let key = (name.to_owned(), about.to_owned());
        if self.warned.contains(&key) {
            return Ok(());
        }
        self.warned.push(key);
        self.reporter.warning(name, warning).map_err(|error| PackageError::Project(vec![error]))
    }
}

/// The one revision that is asked for; `HEAD` when none is.
fn one_revision<'a>(url: &str, revisions: &'a [String]) -> Result<&'a str, PackageError> {
    match revisions {
        [] => Ok("HEAD"),
        [one] => Ok(one),
        several => {
            let mut revisions = several.to_vec();
            revisions.sort();
            Err(PackageError::TwoRevisions { url: url.to_owned(), revisions })
        }
    }
}

fn unpinned(url: &str, revision: &str, sha: &str) -> Diagnostic {
    let how = match revision {
        "HEAD" => "not pinned, using HEAD (default branch)".to_owned(),
        branch => format!("pinned to the \"{branch}\" branch"),
    };
    Diagnostic::warning(format!(
        "The git package \"{url}\"\n\tis {how}.\n\tThis can introduce breaking changes into your project without warning!\n\nSee https://docs.getdbt.com/docs/package-management#section-specifying-package-versions"
    ))
    .fix(format!("add `revision: {sha}`, or `warn-unpinned: false`"))
}

/// One project per name.
fn check_names(packages: &[Package], root: &str) -> Result<(), PackageError> {
    let mut seen: HashMap<&str, String> = HashMap::new();
    for package in packages {
        let shown = package.shown();
        if let Some(first) = seen.get(package.name.as_str()) {
            let packages = [first.clone(), shown];
            return Err(PackageError::DuplicateProject { name: package.name.clone(), packages });
        }
        if package.name == root {
            return Err(PackageError::RootName { name: package.name.clone(), package: shown });
        }
        seen.insert(&package.name, shown);
    }
    Ok(())
}

/// A name that differs only in how it is written, or in its namespace.
fn nearest(package: &str, index: &[String]) -> Option<String> {
    let folded = |text: &str| text.to_lowercase().replace('-', "_");
    let (wanted, short) = (folded(package), folded(package.rsplit('/').next().unwrap_or(package)));
    let same = index.iter().find(|name| folded(name) == wanted);
    same.or_else(|| index.iter().find(|name| folded(name).rsplit('/').next() == Some(&short))).cloned()
}
