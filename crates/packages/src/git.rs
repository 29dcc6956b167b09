//! Git repositories, through the program `git`.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::process::Command;

use crate::error::{PackageError, files};
use crate::secrets::Secrets;

/// A repository as it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Repository<'a> {
    /// May hold a secret.
    pub url: &'a str,
    /// The url that stays in the checkout: the one before rendering, without secrets.
    pub shown_url: &'a str,
    /// Tag, branch or whole commit id; `HEAD` is the default branch.
    pub revision: &'a str,
    /// Only this folder's files are fetched.
    pub subdirectory: Option<&'a str>,
}

/// A working tree.
#[derive(Debug, Clone)]
pub struct Checkout {
    /// The package's folder: the tree, or the folder in it.
    pub path: PathBuf,
    /// The commit.
    pub sha: String,
}

/// Gets a revision into `directory`, which must not exist.
pub async fn checkout(
    repository: Repository<'_>,
    directory: &Path,
    secrets: &Secrets,
) -> Result<Checkout, PackageError> {
    let Repository { url, revision, subdirectory, .. } = repository;
    let git = Git { secrets, repository };
    if revision.starts_with('-') || url.starts_with('-') {
        return Err(git.failed("neither an address nor a revision begins with '-'".to_owned()));
    }
    let parent = directory.parent().unwrap_or(directory);
    fs_err::create_dir_all(parent).map_err(files("make", parent))?;
    let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut clone = vec!["clone", "--quiet", "--depth", "1"];
    if subdirectory.is_some() {
        clone.extend(["--filter=blob:none", "--sparse"]);
    }
    clone.extend(["--", url, &name]);
    git.run(parent, &clone).await?;
    if let Some(subdirectory) = subdirectory {
        git.run(directory, &["sparse-checkout", "set", subdirectory]).await?;
    }
    if revision != "HEAD" {
        git.fetch(directory).await?;
    }
    let sha = git.run(directory, &["rev-parse", "HEAD"]).await?.trim().to_owned();
    // The address in the checkout's configuration is for people; it must hold no secret.
    git.run(directory, &["remote", "set-url", "origin", &secrets.scrub(repository.shown_url)]).await?;
    let path = match subdirectory {
        None => directory.to_owned(),
        Some(folder) => inside(directory, folder)
            .ok_or_else(|| PackageError::NoSubdirectory { url: secrets.scrub(url), subdirectory: folder.to_owned() })?,
    };
    Ok(Checkout { path, sha })
}

/// The folder, unless it leads out of the checkout.
fn inside(directory: &Path, folder: &str) -> Option<PathBuf> {
    let root = fs_err::canonicalize(directory).ok()?;
    let path = fs_err::canonicalize(directory.join(folder)).ok()?;
    path.starts_with(&root).then_some(path)
}

/// Whether this is a whole commit id.
pub fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

struct Git<'a> {
    secrets: &'a Secrets,
    repository: Repository<'a>,
}

impl Git<'_> {
    /// Tags go before branches.
    async fn fetch(&self, directory: &Path) -> Result<(), PackageError> {
        let revision = self.repository.revision;
        let fetch = ["fetch", "--quiet", "--depth", "1", "origin"];
        if is_commit(revision) {
            let fetched = self.try_run(directory, &[&fetch[..], &[revision]].concat()).await?;
            if !fetched.status.success() {
                // Servers may refuse single commits: then with the whole history.
                let mut all = vec!["fetch", "--quiet", "--tags", "origin"];
                if self.run(directory, &["rev-parse", "--is-shallow-repository"]).await?.trim() == "true" {
                    all.insert(2, "--unshallow");
                }
                self.run(directory, &all).await?;
            }
            self.run(directory, &["reset", "--quiet", "--hard", revision]).await?;
            return Ok(());
        }
        let tag = format!("+refs/tags/{revision}:refs/tags/{revision}");
        let branch = format!("+refs/heads/{revision}:refs/remotes/origin/{revision}");
        let as_tag = self.try_run(directory, &[&fetch[..], &[&tag]].concat()).await?;
        if !as_tag.status.success() {
            self.run(directory, &[&fetch[..], &[&branch]].concat()).await?;
        }
        self.run(directory, &["reset", "--quiet", "--hard", "FETCH_HEAD"]).await?;
        Ok(())
    }

    async fn run(&self, directory: &Path, arguments: &[&str]) -> Result<String, PackageError> {
        let output = self.try_run(directory, arguments).await?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(self.failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }

    async fn try_run(&self, directory: &Path, arguments: &[&str]) -> Result<Output, PackageError> {
        Command::new("git")
            .args(arguments)
            .current_dir(directory)
            .env("LC_ALL", "C")
            // A question on the terminal would wait for ever in CI.
            .env("GIT_TERMINAL_PROMPT", "0")
            // The hooks of an outer repository name their own; ours is the one in `directory`.
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .env_remove("GIT_INDEX_FILE")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(PackageError::NoGit)
    }

    fn failed(&self, stderr: String) -> PackageError {
        PackageError::Checkout {
            url: self.secrets.scrub(self.repository.url),
            revision: self.repository.revision.to_owned(),
            stderr: self.secrets.scrub(&stderr),
        }
    }
}
