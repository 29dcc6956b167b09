//! What the project and its packages ask for, gathered by address.

use indexmap::IndexMap;
use project::{GitCheckout, PackageEntry, PackageSpec};
use serde_json::Value as Json;

use crate::error::PackageError;
use crate::version::Bound;

/// A package that is asked for, once or several times.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// A package of the hub.
    Hub {
        /// `namespace/name`
        package: String,
        /// All must hold.
        bounds: Vec<Bound>,
        /// Whether a prerelease will do: as the first one says who asks.
        prereleases: bool,
        /// Who wants which versions, for messages.
        wanted_by: Vec<String>,
    },
    /// A git repository, also of a private package.
    Git {
        /// May hold a secret.
        url: String,
        /// Before rendering.
        unrendered: String,
        /// As asked for, without doubles.
        revisions: Vec<String>,
        /// Whether to warn of a branch.
        warn_unpinned: bool,
        /// The folder in it.
        subdirectory: Option<String>,
        /// A private package, of this provider.
        private: Option<Option<String>>,
    },
    /// An archive.
    Tarball {
        /// May hold a secret.
        url: String,
        /// Before rendering.
        unrendered: String,
        /// The folder it is installed as.
        name: String,
    },
    /// A folder.
    Local {
        /// Relative to the root project.
        path: String,
    },
}

impl Wanted {
    /// An entry of `by`, which is a file of a project.
    pub fn of(entry: &PackageEntry, by: &str) -> Result<Self, PackageError> {
        Ok(match &entry.spec {
            PackageSpec::Local { path } => Self::Local { path: path.clone() },
            PackageSpec::Hub { package, version, install_prerelease } => {
                let texts: Vec<String> = match version {
                    Json::Array(several) => several.iter().map(plain).collect(),
                    one => vec![plain(one)],
                };
                let bounds = texts.iter().map(|text| Bound::parse(text)).collect::<Result<_, _>>();
                Self::Hub {
                    package: package.clone(),
                    bounds: bounds.map_err(|source| PackageError::Version { package: package.clone(), source })?,
                    prereleases: install_prerelease.unwrap_or(false),
                    wanted_by: vec![format!("{by} asks for {}", texts.join(", "))],
                }
            }
            PackageSpec::Git { url, checkout } => {
                let unrendered = entry.unrendered.get("git").and_then(Json::as_str).unwrap_or(url).to_owned();
                Self::git(url.clone(), unrendered, checkout, None)
            }
            PackageSpec::Private { repository, provider, checkout } => {
                let url = private_url(repository, provider.as_deref())?;
                Self::git(url, repository.clone(), checkout, Some(provider.clone()))
            }
            PackageSpec::Tarball { url, name } => Self::Tarball {
                url: url.clone(),
                unrendered: entry.unrendered.get("tarball").and_then(Json::as_str).unwrap_or(url).to_owned(),
                name: name.clone(),
            },
        })
    }

    fn git(url: String, unrendered: String, checkout: &GitCheckout, private: Option<Option<String>>) -> Self {
        Self::Git {
            url,
            unrendered,
            revisions: checkout.revision.iter().map(plain).collect(),
            warn_unpinned: checkout.warn_unpinned != Some(false),
            subdirectory: checkout.subdirectory.clone(),
            private,
        }
    }

    /// The addresses it is known by, its own first.
    fn names(&self) -> Vec<String> {
        match self {
            Self::Hub { package, .. } => vec![package.clone()],
            Self::Tarball { url, .. } => vec![url.clone()],
            Self::Local { path } => vec![path.clone()],
            Self::Git { url, subdirectory, .. } => {
                let other = url.strip_suffix(".git").map_or_else(|| format!("{url}.git"), str::to_owned);
                let below = subdirectory.as_ref().map(|folder| format!("/{folder}")).unwrap_or_default();
                vec![format!("{url}{below}"), format!("{other}{below}")]
            }
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Hub { .. } => "hub",
            Self::Tarball { .. } => "tarball",
            Self::Local { .. } => "local",
            Self::Git { private: None, .. } => "git",
            Self::Git { private: Some(_), .. } => "private",
        }
    }

    /// Adds what another one asks for. Says whether that is anything new.
    fn add(&mut self, other: &Self) -> Result<bool, PackageError> {
        if self.kind() != other.kind() {
            let package = self.names().swap_remove(0);
            return Err(PackageError::TwoKinds { package, new: other.kind(), old: self.kind() });
        }
        match (self, other) {
            (Self::Hub { bounds, wanted_by, .. }, Self::Hub { bounds: more, wanted_by: others, .. }) => {
                let new: Vec<Bound> = more.iter().filter(|bound| !bounds.contains(bound)).cloned().collect();
                let is_new = !new.is_empty();
                bounds.extend(new);
                wanted_by.extend(others.iter().filter(|_| is_new).cloned());
                Ok(is_new)
            }
            (
                Self::Git { revisions, warn_unpinned, .. },
                Self::Git { revisions: more, warn_unpinned: warn_too, .. },
            ) => {
                *warn_unpinned &= warn_too;
                let new: Vec<String> = more.iter().filter(|revision| !revisions.contains(revision)).cloned().collect();
                let is_new = !new.is_empty();
                revisions.extend(new);
                Ok(is_new)
            }
            _ => Ok(false),
        }
    }
}

/// A version or revision as text.
fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        // dbt prints floats as Python does; `1.10` has become 1.1 by then.
        other => project::yaml::Value::from_json(other).scalar_text().unwrap_or_default(),
    }
}

/// The ssh address of a private package.
fn private_url(repository: &str, provider: Option<&str>) -> Result<String, PackageError> {
    let fail = |why: &str| PackageError::Private {
        repository: repository.to_owned(),
        provider: provider.unwrap_or_default().to_owned(),
        why: why.to_owned(),
    };
    match provider.unwrap_or("github") {
        "github" => Ok(format!("git@github.com:{repository}.git")),
        "gitlab" => Ok(format!("git@gitlab.com:{repository}.git")),
        "ado" | "azure_devops" if repository.split('/').count() < 3 => {
            Err(fail("This provider requires the form org/project/repo"))
        }
        "ado" | "azure_devops" => Ok(format!("git@ssh.dev.azure.com:v3/{repository}")),
        _ => Err(fail("Valid providers are: github, gitlab, ado, azure_devops")),
    }
}

/// Packages in the order in which they were first asked for.
#[derive(Debug, Default)]
pub struct Listing(IndexMap<String, Wanted>);

impl Listing {
    /// The entries of a file.
    pub fn of(entries: &[PackageEntry], by: &str) -> Result<Self, PackageError> {
        let mut listing = Self::default();
        for entry in entries {
            listing.add(&Wanted::of(entry, by)?)?;
        }
        Ok(listing)
    }

    /// Adds a package, or what is new of one that is there. Gives the whole of what is asked for, and whether it has changed.
    pub fn add(&mut self, wanted: &Wanted) -> Result<(&Wanted, bool), PackageError> {
        let names = wanted.names();
        let key = names.iter().find(|name| self.0.contains_key(*name)).unwrap_or(&names[0]).clone();
        match self.0.entry(key) {
            indexmap::map::Entry::Occupied(entry) => {
                let there = entry.into_mut();
                let changed = there.add(wanted)?;
                Ok((there, changed))
            }
            indexmap::map::Entry::Vacant(entry) => Ok((entry.insert(wanted.clone()), true)),
        }
    }

    /// All of another listing.
    pub fn extend(&mut self, other: &Self) -> Result<(), PackageError> {
        for wanted in other.iter() {
            self.add(wanted)?;
        }
        Ok(())
    }

    /// In their order.
    pub fn iter(&self) -> impl Iterator<Item = &Wanted> {
        self.0.values()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
