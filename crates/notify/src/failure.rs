//! Why a message was not taken, and whether another attempt can help.

use std::time::Duration;

/// A failed attempt. Neither text holds an address with a secret in it, nor a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The receiver is not there, busy or broken: the same message may be taken later.
    #[error("{reason}")]
    Later {
        reason: String,
        /// What the receiver asked for.
        retry_after: Option<Duration>,
    },
    /// The receiver will not take this message: somebody must change something.
    #[error("{reason}")]
    Never { reason: String, fix: String },
}

impl Failure {
    /// The same message may be taken later.
    pub fn later(reason: impl Into<String>) -> Self {
        Self::Later { reason: reason.into(), retry_after: None }
    }

    /// Somebody must change something.
    pub fn never(reason: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::Never { reason: reason.into(), fix: fix.into() }
    }
}
