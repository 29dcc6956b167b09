//! Sealed texts: `owlet1:<key id>:<base64 of nonce and ciphertext>`.
//!
//! XChaCha20-Poly1305: its nonces are long enough to be drawn at random for ever. The place that a value belongs to is authenticated with
//! it, so a sealed text that is copied into another row, or under another name, does not open.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chacha20poly1305::{
    AeadCore, XChaCha20Poly1305, XNonce,
    aead::{Aead, OsRng, Payload},
};

use crate::{KeyRing, Secret, VaultError};

const FORMAT: &str = "owlet1";
const NONCE_LENGTH: usize = 24;

/// The place that a sealed value belongs to: table, row, column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding(Vec<u8>);

impl Binding {
    /// Of the parts that name the place; no two different lists of parts give the same binding.
    pub fn new(parts: &[&str]) -> Self {
        let mut bytes = Vec::new();
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        Self(bytes)
    }

    fn with(&self, header: &str) -> Vec<u8> {
        let mut bytes = Self::new(&[header]).0;
        bytes.extend_from_slice(&self.0);
        bytes
    }
}

impl KeyRing {
    /// Seals a secret with the newest key.
    ///
    /// # Errors
    /// Only when the text is longer than the cipher can take (256 GiB).
    pub fn seal(&self, secret: &Secret, binding: &Binding) -> Result<String, VaultError> {
        let key = self.newest();
        let header = format!("{FORMAT}:{}", key.id);
        let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
        let payload = Payload { msg: secret.expose().as_bytes(), aad: &binding.with(&header) };
        let ciphertext = key
            .cipher()
            .encrypt(&nonce, payload)
            .map_err(|_| VaultError::Unreadable { reason: "its text is longer than the cipher takes" })?;
        let bytes = [nonce.as_slice(), &ciphertext].concat();
        Ok(format!("{header}:{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Opens a sealed text with whichever key sealed it.
    ///
    /// # Errors
    /// The key is not known, or the text was sealed for another place or changed.
    pub fn open_sealed(&self, sealed: &str, binding: &Binding) -> Result<Secret, VaultError> {
        let unreadable = |reason| VaultError::Unreadable { reason };
        let (key_id, body) = parts(sealed).ok_or_else(|| unreadable("it does not look like one"))?;
        let key =
            self.find(key_id).ok_or_else(|| VaultError::UnknownKey { key_id: key_id.to_owned(), known: self.len() })?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(body).map_err(|_| unreadable("it was cut or changed"))?;
        let (nonce, ciphertext) =
            bytes.split_at_checked(NONCE_LENGTH).ok_or_else(|| unreadable("it was cut or changed"))?;
        let aad = binding.with(&format!("{FORMAT}:{key_id}"));
        let opened = key
            .cipher()
            .decrypt(XNonce::from_slice(nonce), Payload { msg: ciphertext, aad: &aad })
            .map_err(|_| unreadable("it was changed, or belongs to another row"))?;
        let text = String::from_utf8(opened).map_err(|_| unreadable("it is no text"))?;
        Ok(Secret::trusted(text))
    }

    /// Whether the text was sealed with the newest key.
    pub fn is_current(&self, sealed: &str) -> bool {
        parts(sealed).is_some_and(|(key_id, _)| key_id == self.newest_id())
    }
}

fn parts(sealed: &str) -> Option<(&str, &str)> {
    sealed.strip_prefix(FORMAT)?.strip_prefix(':')?.split_once(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(bytes: &[&str]) -> KeyRing {
        let text: Vec<String> = bytes.iter().map(|byte| byte.repeat(32)).collect();
        KeyRing::from_text(&text.join("\n"), "a test").expect("keys")
    }

    fn seal(ring: &KeyRing, text: &str, place: &Binding) -> String {
        ring.seal(&Secret::new(text, "a test").expect("a secret"), place).expect("sealed")
    }

    #[test]
    fn what_is_sealed_opens_and_never_looks_the_same() {
        let (ring, place) = (ring(&["01"]), Binding::new(&["variable", "workspace", "0", "TOKEN"]));
        for text in ["hush", "two\nlines\n", "schön ☂"] {
            let (one, two) = (seal(&ring, text, &place), seal(&ring, text, &place));
            assert_ne!(one, two);
            assert!(one.starts_with(&format!("owlet1:{}:", ring.newest_id())), "{one}");
            assert_eq!(ring.open_sealed(&one, &place).expect("opens").expose(), text);
            assert_eq!(ring.open_sealed(&two, &place).expect("opens").expose(), text);
        }
    }

    #[test]
    fn a_value_does_not_open_in_another_place() {
        let ring = ring(&["01"]);
        let sealed = seal(&ring, "hush", &Binding::new(&["variable", "workspace", "0", "TOKEN"]));
        for other in [
            &["variable", "workspace", "0", "OTHER"] as &[&str],
            &["variable", "workspace", "0TOKEN"],
            &["variable", "workspace0", "", "TOKEN"],
            &["connection", "workspace", "0", "TOKEN"],
        ] {
            let refused = ring.open_sealed(&sealed, &Binding::new(other)).expect_err("another place");
            assert_eq!(
                refused.to_string(),
                "A sealed secret cannot be opened: it was changed, or belongs to another row"
            );
        }
    }

    #[test]
    fn any_changed_character_is_noticed() {
        let (ring, place) = (ring(&["01"]), Binding::new(&["x"]));
        let sealed = seal(&ring, "hush", &place);
        for index in 0..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).expect("ASCII");
            assert!(ring.open_sealed(&changed, &place).is_err(), "{changed}");
        }
        assert!(ring.open_sealed("owlet1:01:", &place).is_err());
        assert!(ring.open_sealed("plain text", &place).is_err());
    }

    #[test]
    fn several_keys_open_and_the_newest_seals() {
        let place = Binding::new(&["x"]);
        let old = ring(&["01"]);
        let both = ring(&["02", "01"]);
        let sealed = seal(&old, "hush", &place);
        assert_eq!(both.open_sealed(&sealed, &place).expect("opens").expose(), "hush");
        assert!(!both.is_current(&sealed));
        let again = seal(&both, "hush", &place);
        assert!(both.is_current(&again));
        let refused = old.open_sealed(&again, &place).expect_err("not known");
        assert_eq!(
            refused.to_string(),
            format!("A secret was sealed with the key {}, which is not among the 1 known", both.newest_id())
        );
    }

    #[test]
    fn a_key_id_cannot_be_rewritten() {
        // Two keys, a text of the one under the name of the other.
        let place = Binding::new(&["x"]);
        let both = ring(&["02", "01"]);
        let sealed = seal(&both, "hush", &place);
        let renamed = sealed.replace(both.newest_id(), ring(&["01"]).newest_id());
        assert!(both.open_sealed(&renamed, &place).is_err());
    }
}
