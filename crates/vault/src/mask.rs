//! Masks secrets in what commands print, however it is cut into pieces.
//!
//! Every secret becomes patterns (`spelling`: as it is, its lines, URL-, JSON- and HTML-encoded in any mix, hex, base64 at its three
//! alignments), all patterns one automaton (`automaton`), which reads byte by byte. What could still become a secret is held back; what
//! cannot is passed on at once.

mod automaton;
mod spelling;
mod stream;

use std::sync::Arc;

use automaton::Automaton;
pub use stream::MaskedStream;

use crate::Secret;

/// What stands in place of a secret.
pub const MASK: &str = "********";

/// Knows the secrets of a run. Cheap to clone; its `Debug` shows none.
#[derive(Clone)]
pub struct Masker(Arc<Automaton>);

impl Masker {
    /// Of these secrets.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut automaton = Automaton::default();
        for secret in secrets {
            for pattern in spelling::patterns(secret.expose()) {
                automaton.add(&pattern);
            }
        }
        Self(Arc::new(automaton))
    }

    /// A stream of its own: standard output and standard error of a command are two.
    pub fn stream(&self) -> MaskedStream {
        MaskedStream::new(Arc::clone(&self.0))
    }

    /// Masks a whole text.
    pub fn mask(&self, text: &str) -> String {
        // Patterns begin and end at characters, except in text that is not UTF-8.
        String::from_utf8_lossy(&self.mask_bytes(text.as_bytes())).into_owned()
    }

    /// Masks a whole file.
    pub fn mask_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.stream();
        let mut masked = stream.push(bytes);
        masked.extend(stream.finish());
        masked
    }
}

impl std::fmt::Debug for Masker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Masker(…)")
    }
}

#[cfg(test)]
mod tests;
