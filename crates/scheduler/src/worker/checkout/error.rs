//! Why there is no working copy, and whose turn it is.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Somebody has to change something; trying again gives the same.
    Configuration,
    /// It may be gone in a minute.
    Infrastructure,
    /// Somebody asked for it.
    Cancelled,
}

/// There is no working copy. Addresses are without user and password.
#[derive(Debug, thiserror::Error)]
pub enum CheckoutError {
    #[error("the project's folder '{path}' does not exist")]
    NoFolder { path: PathBuf },
    #[error("git is not installed: {source}")]
    NoGit { source: io::Error },
    #[error("'{url}' is no address of a git repository")]
    Url { url: String },
    #[error("{url} refuses access: {said}")]
    Authentication { url: String, said: String },
    #[error("the host key of {url} cannot be checked: {said}")]
    HostKey { url: String, said: String },
    #[error("the deploy key of {url} has a passphrase, which nobody can type here")]
    LockedKey { url: String },
    #[error("there is no repository at {url}: {said}")]
    NoRepository { url: String, said: String },
    #[error("{url} has no {wanted}")]
    UnknownReference { url: String, wanted: String, nearest: Option<String> },
    #[error("commit {commit} of {url} uses git submodules, which are not supported")]
    Submodules { url: String, commit: String },
    #[error("{url} cannot be reached: {said}")]
    Network { url: String, said: String },
    #[error("git did not finish within {} s: {doing}", limit.as_secs())]
    Timeout { doing: String, limit: Duration },
    #[error("the disk is full: {said}")]
    DiskFull { said: String },
    #[error("the checkout was cancelled")]
    Cancelled,
    #[error("{doing} failed: {said}")]
    Git { doing: String, said: String },
    #[error("{doing} '{path}' failed: {source}")]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
}

impl CheckoutError {
    pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::StorageFull || source.kind() == io::ErrorKind::QuotaExceeded {
            return Self::DiskFull { said: source.to_string() };
        }
        Self::Io { doing, path: path.to_owned(), source }
    }

    /// Reads what git said. Its words are English, as the environment asks for it.
    ///
    /// Source: observed of git 2.39 and of OpenSSH 9, and the answers of GitHub, GitLab and Bitbucket.
    pub(super) fn of_git(url: &str, doing: String, stderr: &str) -> Self {
        let url = url.to_owned();
        let said = last_words(stderr);
        let has = |words: &[&str]| words.iter().any(|word| stderr.contains(word));
        if has(&["No space left on device", "Disk quota exceeded"]) {
            Self::DiskFull { said }
        } else if has(&["Host key verification failed", "REMOTE HOST IDENTIFICATION HAS CHANGED"]) {
            Self::HostKey { url, said }
        } else if has(&[
            "Authentication failed",
            "could not read Username",
            "could not read Password",
            "Permission denied (publickey",
            "Permission denied, please try again",
            "error: 401",
            "error: 403",
            "HTTP Basic: Access denied",
            "invalid format",
            "error in libcrypto",
            "dubious ownership",
        ]) {
            Self::Authentication { url, said }
        } else if has(&[
            "Could not resolve host",
            "Connection refused",
            "Connection timed out",
            "Connection reset",
            "Operation timed out",
            "Failed to connect",
            "Network is unreachable",
            "No route to host",
            "kex_exchange_identification",
            "Operation too slow",
            "early EOF",
            "RPC failed",
            "unexpected disconnect",
            "the remote end hung up",
            "error: 5",
            "error: 429",
            "Temporary failure in name resolution",
            "SSL connection",
            "gnutls_handshake",
        ]) {
            Self::Network { url, said }
        } else if has(&[
            "not found",
            "does not appear to be a git repository",
            "does not exist",
            "Repository unavailable",
        ]) {
            Self::NoRepository { url, said }
        } else {
            Self::Git { doing, said }
        }
    }

    /// Whose turn it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Network { .. }
            | Self::Timeout { .. }
            | Self::DiskFull { .. }
            | Self::Git { .. }
            | Self::Io { .. } => Fault::Infrastructure,
            Self::Cancelled => Fault::Cancelled,
            _ => Fault::Configuration,
        }
    }

    /// What one can do now.
    pub fn fix(&self) -> String {
        match self {
            Self::NoFolder { .. } => "correct the path of the environment, or mount the folder on this server".to_owned(),
            Self::NoGit { .. } => "install git where Owlet runs, and see that it is on the PATH".to_owned(),
            Self::Url { .. } => "use https://host/owner/name.git, git@host:owner/name.git or a path".to_owned(),
            Self::Authentication { said, .. } if said.contains("dubious ownership") => {
                "run `git config --global --add safe.directory '*'` as the user that runs Owlet, or give it the repository".to_owned()
            }
            Self::Authentication { .. } => {
                "check the environment's token or deploy key: does it exist still, and may it read this repository?".to_owned()
            }
            Self::HostKey { .. } => {
                "compare the host's key with the one its operator publishes (`ssh-keyscan HOST`), and set the variable with the name of the environment's credential and `_KNOWN_HOSTS` behind it to that line".to_owned()
            }
            Self::LockedKey { .. } => {
                "make a key without one (`ssh-keygen -t ed25519 -N ''`), add its public half to the repository's deploy keys, and set the credential to it".to_owned()
            }
            Self::NoRepository { .. } => {
                "correct the address; hosts say the same of a private repository that the token may not read".to_owned()
            }
            Self::UnknownReference { nearest: Some(nearest), .. } => format!("did you mean '{nearest}'?"),
            Self::UnknownReference { .. } => "push the branch, or name another one in the schedule".to_owned(),
            Self::Submodules { .. } => "bring the files in through packages.yml or into the repository itself".to_owned(),
            Self::Network { .. } | Self::Timeout { .. } => {
                "see whether the host is up and reachable from this server; the run can be retried".to_owned()
            }
            Self::DiskFull { .. } => "free space in Owlet's directory; `owlet up` keeps mirrors and artifacts there".to_owned(),
            Self::Cancelled => "run the schedule again".to_owned(),
            Self::Git { .. } | Self::Io { .. } => "see the message; retry the run when its cause is gone".to_owned(),
        }
    }
}

/// The lines of git that say why, as one.
fn last_words(stderr: &str) -> String {
    let lines = stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    let wanted: Vec<&str> = lines
        .filter(|line| {
            !line.starts_with("Cloning into")
                && !line.starts_with("Please make sure")
                && !line.starts_with("and the repository")
        })
        .collect();
    let start = wanted.len().saturating_sub(3);
    wanted[start..].join("; ")
}
