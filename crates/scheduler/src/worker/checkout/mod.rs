//! A working copy per run, at one commit.
//!
//! - A **folder** is copied as it is now, uncommitted changes included, without what a build leaves there ([`folder::LEFT_OUT`]); its lakehouse
//!   (`.owlet`) is linked, so that the copy builds into the same one.
//! - A **repository** (local path, `https://`, `ssh://`, `git@host:path`) is kept as a bare mirror, one per address, and each run gets a clone that
//!   borrows the mirror's objects. A commit that the mirror has is checked out without asking the network: a retry works while the git host is down.
//!
//! Submodules are refused. Nothing here shows a secret: addresses are stripped of user and password before they are said.

mod error;
mod folder;
mod git;
mod repository;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

pub use error::{CheckoutError, Fault};
pub use git::{Credentials, shown};

/// Where a project's files come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A folder of this host.
    Folder(PathBuf),
    /// A git repository.
    Repository {
        /// As git takes it.
        url: String,
        credentials: Credentials,
    },
}

/// Which state of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reference {
    /// A branch, a tag or a commit hash; `None`: the repository's own default branch.
    pub name: Option<String>,
    /// The head of this pull (merge) request; goes before `name`.
    pub pull_request: Option<u32>,
    /// The commit that was decided on before; goes before both.
    pub commit: Option<String>,
}

/// How long git may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For each command that speaks to the repository's host.
    pub network: Duration,
    /// For each other command.
    pub local: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { network: Duration::from_secs(30 * 60), local: Duration::from_secs(10 * 60) }
    }
}

/// Makes working copies; one per server.
#[derive(Debug)]
pub struct Checkouts {
    /// Where the mirrors are.
    directory: PathBuf,
    /// The environment of git: `PATH`, `HOME`, proxies.
    environment: Vec<(String, String)>,
    limits: Limits,
    /// One at a time per mirror.
    locks: Mutex<HashMap<PathBuf, Arc<tokio::sync::Mutex<()>>>>,
}

/// A working copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkingCopy {
    /// The root of the files.
    pub directory: PathBuf,
    /// The whole hash; `None` for a folder.
    pub commit: Option<String>,
    /// The branch, where the reference is one.
    pub branch: Option<String>,
}

/// What the run's log shows of a checkout, line by line.
pub type Say<'a> = &'a (dyn Fn(String) + Send + Sync);

impl Checkouts {
    /// Mirrors are kept below `directory`.
    pub fn new(directory: PathBuf, environment: Vec<(String, String)>, limits: Limits) -> Self {
        Self { directory, environment, limits, locks: Mutex::default() }
    }

    /// Makes the working copy at `to`, which is replaced if a run that crashed left it.
    ///
    /// # Errors
    /// [`CheckoutError::fault`] says whether trying again can help.
    pub async fn check_out(
        &self,
        source: &Source,
        reference: &Reference,
        to: &Path,
        say: Say<'_>,
        cancel: &CancellationToken,
    ) -> Result<WorkingCopy, CheckoutError> {
        remove(to).await.map_err(|source| CheckoutError::io("removing an old working copy", to, source))?;
        if let Some(parent) = to.parent() {
            fs_err::create_dir_all(parent).map_err(|source| CheckoutError::io("making a folder", parent, source))?;
        }
        match source {
            Source::Folder(path) => {
                say(format!("Copying {}", path.display()));
                folder::copy(path, to).await?;
                Ok(WorkingCopy { directory: to.to_owned(), commit: None, branch: None })
            }
            Source::Repository { url, credentials } => {
                let session = git::Session::new(self, url, credentials, cancel)?;
                repository::check_out(&session, reference, to, say).await
            }
        }
    }

    fn lock_of(&self, mirror: &Path) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(locks.entry(mirror.to_owned()).or_default())
    }
}

/// Removes a working copy; none there is no error.
///
/// # Errors
/// A file of it cannot be removed.
pub async fn remove(directory: &Path) -> std::io::Result<()> {
    let directory = directory.to_owned();
    let removed = tokio::task::spawn_blocking(move || match fs_err::remove_dir_all(&directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    });
    removed.await.map_err(std::io::Error::other)?
}
