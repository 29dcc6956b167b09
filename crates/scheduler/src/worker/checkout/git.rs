//! The `git` program: its environment, its credentials, its time.

use std::{
    fmt,
    io::Write,
    path::{Path, PathBuf},
    process::Stdio,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use fs_err::os::unix::fs::OpenOptionsExt;
use sha2::{Digest, Sha256};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::{CheckoutError, Checkouts};
use crate::worker::supervise::ProcessGroup;

/// What lets us in.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Whatever git and ssh of this host know by themselves.
    #[default]
    Host,
    /// For HTTPS.
    Token { username: String, token: String },
    /// For SSH: a private key without passphrase, and the host's lines of known_hosts. Without them the first key that the host shows is
    /// kept and must stay the same.
    DeployKey { private_key: String, known_hosts: Option<String> },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "Host",
            Self::Token { .. } => "Token(…)",
            Self::DeployKey { .. } => "DeployKey(…)",
        })
    }
}

/// An address without user and password.
pub fn shown(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(mut parsed) if parsed.has_host() => {
            let is_ssh = parsed.scheme() == "ssh";
            let _ = parsed.set_password(None);
            if !is_ssh {
                let _ = parsed.set_username("");
            }
            parsed.to_string()
        }
        _ => url.to_owned(),
    }
}

/// One checkout's use of git.
pub(super) struct Session<'a> {
    pub(super) checkouts: &'a Checkouts,
    /// For git.
    pub(super) url: String,
    /// For people.
    pub(super) shown: String,
    pub(super) mirror: PathBuf,
    environment: Vec<(String, String)>,
    /// Holds the key file; gone with the session.
    _secrets: Option<tempfile::TempDir>,
    cancel: &'a CancellationToken,
}

/// Which limit a command of git has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    Network,
    Local,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        checkouts: &'a Checkouts,
        url: &str,
        credentials: &Credentials,
        cancel: &'a CancellationToken,
    ) -> Result<Self, CheckoutError> {
        let shown = shown(url);
        if url.trim().is_empty() || url.starts_with('-') || url.contains("::") || url.chars().any(char::is_control) {
            return Err(CheckoutError::Url { url: shown });
        }
        let (url, credentials) = taken_apart(url, credentials.clone());
        let digest = hex::encode(Sha256::digest(&url));
        let last = url.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or_default().trim_end_matches(".git");
        let last: String =
            last.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_').take(40).collect();
        let mirror = checkouts.directory.join(format!("{last}-{}.git", &digest[..16]));

        let mut settings: Vec<(String, String)> = [
            // Never by itself: other runs borrow the mirror's objects.
            ("gc.auto", "0"),
            ("maintenance.auto", "false"),
            ("http.lowSpeedLimit", "1000"),
            ("http.lowSpeedTime", "60"),
            ("protocol.ext.allow", "never"),
            ("advice.detachedHead", "false"),
            ("init.defaultBranch", "main"),
            // A repository's own attributes may ask for programs of ours; only these two are wanted.
            ("core.hooksPath", "/dev/null"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let mut environment = checkouts.environment.clone();
        let mut set = |name: &str, value: String| environment.push((name.to_owned(), value));
        for (name, value) in [("GIT_TERMINAL_PROMPT", "0"), ("LC_ALL", "C"), ("GIT_ASKPASS", ""), ("SSH_ASKPASS", "")] {
            set(name, value.to_owned());
        }
        let ssh = "ssh -o BatchMode=yes -o ConnectTimeout=20 -o ServerAliveInterval=15 -o ServerAliveCountMax=4";
        let mut secrets = None;
        match &credentials {
            Credentials::Host => set("GIT_SSH_COMMAND", ssh.to_owned()),
            Credentials::Token { username, token } => {
                // For this address only, and asked for only when the host wants it: a redirect elsewhere gets nothing.
                settings.push(("credential.helper".to_owned(), String::new()));
                let helper = "!f() { test \"$1\" = get && printf 'username=%s\\npassword=%s\\n' \"$OWLET_GIT_USERNAME\" \"$OWLET_GIT_TOKEN\"; }; f";
                settings.push((format!("credential.{url}.helper"), helper.to_owned()));
                set("OWLET_GIT_USERNAME", username.clone());
                set("OWLET_GIT_TOKEN", token.clone());
                set("GIT_SSH_COMMAND", ssh.to_owned());
            }
            Credentials::DeployKey { private_key, .. } if is_locked(private_key) => {
                return Err(CheckoutError::LockedKey { url: shown });
            }
            Credentials::DeployKey { private_key, known_hosts } => {
                let (folder, command) = key_files(checkouts, ssh, private_key, known_hosts.as_deref())?;
                set("GIT_SSH_COMMAND", command);
                secrets = Some(folder);
            }
        }
        set("GIT_CONFIG_COUNT", settings.len().to_string());
        for (number, (name, value)) in settings.into_iter().enumerate() {
            set(&format!("GIT_CONFIG_KEY_{number}"), name);
            set(&format!("GIT_CONFIG_VALUE_{number}"), value);
        }
        Ok(Self { checkouts, url, shown, mirror, environment, _secrets: secrets, cancel })
    }

    /// Runs git and answers its standard output.
    pub(super) async fn git(&self, reach: Reach, arguments: &[&str]) -> Result<String, CheckoutError> {
        let doing = || shown_command(arguments, &self.url, &self.shown);
        let limit = match reach {
            Reach::Network => self.checkouts.limits.network,
            Reach::Local => self.checkouts.limits.local,
        };
        let child = Command::new("git")
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| CheckoutError::NoGit { source })?;
        let group = child.id().map(ProcessGroup::led_by);
        let end = |error| {
            // With its helpers (ssh, git-remote-https), which would go on.
            if let Some(group) = &group {
                group.kill();
            }
            Err(error)
        };
        let output = tokio::select! {
            output = child.wait_with_output() => output.map_err(|source| CheckoutError::NoGit { source })?,
            () = tokio::time::sleep(limit) => return end(CheckoutError::Timeout { doing: doing(), limit }),
            () = self.cancel.cancelled() => return end(CheckoutError::Cancelled),
        };
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let stderr = String::from_utf8_lossy(&output.stderr).replace(&self.url, &self.shown);
        Err(CheckoutError::of_git(&self.shown, doing(), &stderr))
    }

    /// Waits, but not for a run that is to end.
    pub(super) async fn unless_cancelled<T>(&self, wait: impl Future<Output = T>) -> Result<T, CheckoutError> {
        tokio::select! {
            done = wait => Ok(done),
            () = self.cancel.cancelled() => Err(CheckoutError::Cancelled),
        }
    }

    /// Runs git in the mirror.
    pub(super) async fn in_mirror(&self, reach: Reach, arguments: &[&str]) -> Result<String, CheckoutError> {
        let directory = format!("--git-dir={}", self.mirror.display());
        self.git(reach, &[&[directory.as_str()], arguments].concat()).await
    }

    /// Whether the mirror has a commit, with all that belongs to it.
    pub(super) async fn has(&self, commit: &str) -> bool {
        self.in_mirror(Reach::Local, &["cat-file", "-e", &format!("{commit}^{{commit}}")]).await.is_ok()
    }
}

/// A password in the address becomes a token, so that it is in no argument and in no file of the mirror.
fn taken_apart(url: &str, credentials: Credentials) -> (String, Credentials) {
    let Ok(mut parsed) = url::Url::parse(url) else { return (url.to_owned(), credentials) };
    if !matches!(parsed.scheme(), "http" | "https") {
        return (url.to_owned(), credentials);
    }
    let (username, password) = (parsed.username().to_owned(), parsed.password().map(str::to_owned));
    let _ = parsed.set_password(None);
    let _ = parsed.set_username("");
    let credentials = match (credentials, password) {
        (Credentials::Host, Some(token)) => Credentials::Token { username: decoded(&username), token: decoded(&token) },
        // `https://<token>@host/…`
        (Credentials::Host, None) if !username.is_empty() => {
            Credentials::Token { username: decoded(&username), token: "x-oauth-basic".to_owned() }
        }
        (credentials, _) => credentials,
    };
    (parsed.to_string(), credentials)
}

fn decoded(text: &str) -> String {
    let pair = format!("k={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// Whether a private key wants a passphrase.
///
/// Source: OpenSSH, PROTOCOL.key (the name of the cipher follows the magic); RFC 7468 and RFC 1421 for the others.
fn is_locked(private_key: &str) -> bool {
    const MAGIC: &[u8] = b"openssh-key-v1\0\0\0\0";
    if !private_key.contains("BEGIN OPENSSH PRIVATE KEY") {
        return private_key.contains("BEGIN ENCRYPTED PRIVATE KEY") || private_key.contains("Proc-Type: 4,ENCRYPTED");
    }
    let body: String = private_key.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    let bytes = BASE64_STANDARD.decode(body).unwrap_or_default();
    bytes.strip_prefix(MAGIC).is_some_and(|rest| !rest.get(1..).is_some_and(|name| name.starts_with(b"none")))
}

/// Key and known hosts as files that only we may read.
fn key_files(
    checkouts: &Checkouts,
    ssh: &str,
    private_key: &str,
    known_hosts: Option<&str>,
) -> Result<(tempfile::TempDir, String), CheckoutError> {
    let io = |source| CheckoutError::io("writing the deploy key below", &checkouts.directory, source);
    fs_err::create_dir_all(&checkouts.directory).map_err(io)?;
    // A temporary folder has mode 0700.
    let folder = tempfile::Builder::new().prefix(".key-").tempdir_in(&checkouts.directory).map_err(io)?;
    let key = folder.path().join("key");
    write_private(&key, &format!("{}\n", private_key.trim())).map_err(io)?;
    let (hosts, checking) = match known_hosts {
        Some(known_hosts) => {
            let hosts = folder.path().join("known_hosts");
            write_private(&hosts, &format!("{}\n", known_hosts.trim())).map_err(io)?;
            (hosts, "yes")
        }
        None => (checkouts.directory.join("known_hosts"), "accept-new"),
    };
    let command = format!(
        "{ssh} -i {} -o IdentitiesOnly=yes -o IdentityAgent=none -o UserKnownHostsFile={} -o StrictHostKeyChecking={checking}",
        quoted(&key),
        quoted(&hosts)
    );
    Ok((folder, command))
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    fs_err::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}

/// For the shell that git runs the command with.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}

fn shown_command(arguments: &[&str], url: &str, shown: &str) -> String {
    let words: Vec<String> = arguments
        .iter()
        .filter(|word| !word.starts_with("--git-dir="))
        .map(|word| if *word == url { shown.to_owned() } else { (*word).to_owned() })
        .collect();
    format!("git {}", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_their_secrets() {
        for (url, expected) in [
            ("https://user:hush@git.example/a/b.git", "https://git.example/a/b.git"),
            ("https://hush@git.example/a/b.git", "https://git.example/a/b.git"),
            ("ssh://git@git.example:22/a/b.git", "ssh://git@git.example:22/a/b.git"),
            ("git@git.example:a/b.git", "git@git.example:a/b.git"),
            ("/srv/git/shop", "/srv/git/shop"),
        ] {
            assert_eq!(shown(url), expected);
        }
    }

    #[test]
    fn a_password_in_the_address_is_a_token() {
        let (url, credentials) = taken_apart("https://me:a%2Fb+c@git.example/x.git", Credentials::Host);
        assert_eq!(url, "https://git.example/x.git");
        assert!(credentials == Credentials::Token { username: "me".to_owned(), token: "a/b+c".to_owned() });
        assert_eq!(format!("{credentials:?}"), "Token(…)");
    }

    #[test]
    fn keys_that_want_a_passphrase_are_known() {
        let openssh = |cipher: &[u8]| {
            let length = u8::try_from(cipher.len()).expect("short");
            let bytes = [b"openssh-key-v1\0\0\0\0", &[length][..], cipher, b"\0\0\0\x04rest of it"].concat();
            format!(
                "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----\n",
                BASE64_STANDARD.encode(bytes)
            )
        };
        assert!(!is_locked(&openssh(b"none")) && is_locked(&openssh(b"aes256-ctr")));
        assert!(
            !is_locked("-----BEGIN PRIVATE KEY-----\nMIIE\n") && is_locked("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
        );
        assert!(is_locked("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"));
        assert!(!is_locked("garbage") && !is_locked(&openssh(b"none").replace('b', "!")));
    }
}
