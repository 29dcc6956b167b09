//! A text that shows itself to nobody by accident.

use std::fmt;

use diagnostic::Diagnostic;

/// The least length, in characters, of a text that is kept as a secret: what is shorter cannot be masked without blotting out half a log.
pub const MIN_SECRET_LENGTH: usize = 4;

/// The greatest length in bytes: longer ones fit into no environment variable, and masking them would take much memory.
pub const MAX_SECRET_LENGTH: usize = 64 << 10;

/// A secret. It has no `Display` and no serialization; `Debug` says only that it is one.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text that may be kept as a secret.
    ///
    /// # Errors
    /// It is shorter than [`MIN_SECRET_LENGTH`] characters (spaces around it not counted), too long, or holds a NUL. `of` names it in the message.
    pub fn new(text: impl Into<String>, of: &str) -> Result<Self, Diagnostic> {
        let text = text.into();
        if text.trim().chars().count() < MIN_SECRET_LENGTH {
            return Err(Diagnostic::error(format!("The secret value of {of} is too short"))
                .cause(format!(
                    "a value of fewer than {MIN_SECRET_LENGTH} characters stands in every log by chance, so it could not be masked there"
                ))
                .fix("give a longer value, or keep it as a plain one"));
        }
        if text.len() > MAX_SECRET_LENGTH {
            return Err(Diagnostic::error(format!("The secret value of {of} is too long"))
                .cause(format!("it has {} bytes; {MAX_SECRET_LENGTH} is the most", text.len()))
                .fix("keep it in a file or a secret manager, and fetch it in the command that needs it"));
        }
        if text.contains('\0') {
            return Err(Diagnostic::error(format!("The value of {of} contains a NUL character"))
                .cause("a process cannot be given such a value")
                .fix("encode it, for example as base64"));
        }
        Ok(Self(text))
    }

    /// What was sealed once was checked then.
    pub(crate) fn trusted(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_secrets_are_refused_and_none_is_shown() {
        let refused = Secret::new(" abc ", "TOKEN").expect_err("too short");
        assert_eq!(refused.what, "The secret value of TOKEN is too short");
        assert!(Secret::new("ab\0cd", "TOKEN").is_err());
        let secret = Secret::new("hush-hush", "TOKEN").expect("long enough");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "Secret(…) Some(Secret(…))");
    }
}
