//! What can go wrong with keys and sealed values.

use std::path::PathBuf;

use crate::key::KEY_FILE;

/// Why a secret could not be sealed or opened. No message holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("The key file {path} can be read by others (mode {mode:04o})")]
    OpenToOthers { path: PathBuf, mode: u32 },
    #[error("The key file {path} cannot be used")]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{origin} holds no usable key: {reason}")]
    Malformed { origin: String, reason: String },
    #[error("The database holds sealed secrets, but {path} does not exist")]
    Missing { path: PathBuf },
    #[error("A secret was sealed with the key {key_id}, which is not among the {known} known")]
    UnknownKey { key_id: String, known: usize },
    #[error("A sealed secret cannot be opened: {reason}")]
    Unreadable { reason: &'static str },
}

impl VaultError {
    /// What the operator can do about it.
    pub fn fix(&self) -> String {
        match self {
            Self::OpenToOthers { path, .. } => {
                format!("chmod 600 {}; if others could have read it, rotate the key and then the secrets", path.display())
            }
            Self::File { path, .. } => format!("make {} readable and its folder writable for the server's user", path.display()),
            Self::Malformed { .. } => {
                "a key is 32 random bytes as base64 or hex, for example from `openssl rand -base64 32`; several stand one per line \
                 or separated by commas, the newest first"
                    .to_owned()
            }
            Self::Missing { path } => format!(
                "restore {} from the backup, or give the key in OWLET_SECRET_KEY; without it the secrets must be set again",
                path.display()
            ),
            Self::UnknownKey { .. } => format!(
                "add the older key to {KEY_FILE} or OWLET_SECRET_KEY, after the newest one; if it is lost, set the secret again"
            ),
            Self::Unreadable { .. } => {
                "the row was changed or copied from another one: set the secret again, or restore the database".to_owned()
            }
        }
    }
}
