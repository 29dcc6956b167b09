//! The keys that seal secrets: one file with mode 0600, or a text that the environment gave.

use std::{
    fmt,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use chacha20poly1305::{
    Key, KeyInit, XChaCha20Poly1305,
    aead::{OsRng, rand_core::RngCore},
};
use fs_err::os::unix::fs::OpenOptionsExt;
use sha2::{Digest, Sha256};

use crate::VaultError;

/// The key file's name in the server's directory.
pub const KEY_FILE: &str = "secret.key";

/// One key and the name that sealed texts carry.
#[derive(Clone)]
pub(crate) struct NamedKey {
    pub(crate) id: String,
    bytes: [u8; 32],
}

impl NamedKey {
    fn new(bytes: [u8; 32]) -> Self {
        let mut digest = Sha256::new();
        digest.update(b"owlet key id\n");
        digest.update(bytes);
        Self { id: hex::encode(&digest.finalize()[..4]), bytes }
    }

    pub(crate) fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(Key::from_slice(&self.bytes))
    }

    fn random() -> Self {
        let mut bytes = [0; 32];
        OsRng.fill_bytes(&mut bytes);
        Self::new(bytes)
    }
}

/// The keys of a server. The first is the newest and seals; all of them open.
#[derive(Clone)]
pub struct KeyRing {
    keys: Vec<NamedKey>,
}

impl KeyRing {
    /// Opens `<dir>/secret.key`, or makes it with a new random key.
    ///
    /// # Errors
    /// The file can be read by others than its owner, is not ours, holds no key, or the disk fails.
    pub fn open_or_create(dir: &Path) -> Result<Self, VaultError> {
        match Self::open(dir) {
            Err(VaultError::Missing { path }) => {
                fs_err::create_dir_all(dir).map_err(|source| VaultError::File { path: path.clone(), source })?;
                create(&path, &text_of(&[NamedKey::random()]))?;
                // Another server may have been faster: what lies there now is the key.
                Self::open(dir)
            }
            opened => opened,
        }
    }

    /// Opens `<dir>/secret.key`.
    ///
    /// # Errors
    /// As [`KeyRing::open_or_create`], or [`VaultError::Missing`].
    pub fn open(dir: &Path) -> Result<Self, VaultError> {
        let path = dir.join(KEY_FILE);
        let failed = |source| VaultError::File { path: path.clone(), source };
        let file = match fs_err::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(VaultError::Missing { path }),
            Err(error) => return Err(failed(error)),
        };
        let metadata = file.metadata().map_err(failed)?;
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(VaultError::OpenToOthers { path, mode });
        }
        let text = std::io::read_to_string(file).map_err(failed)?;
        Self::from_text(&text, &path.display().to_string())
    }

    /// Reads keys: base64 or hex of 32 bytes each, one per line or separated by commas or spaces, the newest first; `#` begins a comment.
    ///
    /// # Errors
    /// No key, or one that is malformed. `origin` names the text in the message, which shows nothing of it.
    pub fn from_text(text: &str, origin: &str) -> Result<Self, VaultError> {
        let malformed = |reason: String| VaultError::Malformed { origin: origin.to_owned(), reason };
        let mut keys: Vec<NamedKey> = Vec::new();
        let words = text
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default())
            .flat_map(|line| line.split([',', ' ', '\t', '\r']))
            .filter(|word| !word.is_empty());
        for (index, word) in words.enumerate() {
            let bytes =
                hex::decode(word).ok().filter(|bytes| bytes.len() == 32).or_else(|| BASE64_STANDARD.decode(word).ok());
            let bytes =
                bytes.ok_or_else(|| malformed(format!("the key number {} is neither base64 nor hex", index + 1)))?;
            let length = bytes.len();
            let bytes: [u8; 32] = bytes
                .try_into()
                .map_err(|_| malformed(format!("the key number {} has {length} bytes instead of 32", index + 1)))?;
            let key = NamedKey::new(bytes);
            if !keys.iter().any(|known| known.id == key.id) {
                keys.push(key);
            }
        }
        if keys.is_empty() {
            return Err(malformed("it is empty".to_owned()));
        }
        Ok(Self { keys })
    }

    /// Puts a new random key before the others in `<dir>/secret.key`. What was sealed stays readable; [`KeyRing::is_current`] says what
    /// is to be sealed anew.
    ///
    /// # Errors
    /// As [`KeyRing::open`].
    pub fn rotate(dir: &Path) -> Result<Self, VaultError> {
        let mut ring = Self::open(dir)?;
        ring.keys.insert(0, NamedKey::random());
        replace(&dir.join(KEY_FILE), &text_of(&ring.keys))?;
        Ok(ring)
    }

    /// The name of the key that seals.
    pub fn newest_id(&self) -> &str {
        &self.newest().id
    }

    /// How many keys open.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Never: a ring has at least one key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(crate) fn newest(&self) -> &NamedKey {
        // Both ways of making a ring see to it that there is one.
        &self.keys[0]
    }

    pub(crate) fn find(&self, id: &str) -> Option<&NamedKey> {
        self.keys.iter().find(|key| key.id == id)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}

fn text_of(keys: &[NamedKey]) -> String {
    let mut text = String::from(
        "# Opens the secrets in Owlet's database. Whoever has both has the secrets; without this file they are lost.\n\
         # One key per line, the newest first: it seals, the others still open.\n",
    );
    for key in keys {
        text.push_str(&BASE64_STANDARD.encode(key.bytes));
        text.push_str(&format!(" # {}\n", key.id));
    }
    text
}

/// Makes the file whole or not at all; one that is there stays.
fn create(path: &Path, text: &str) -> Result<(), VaultError> {
    let staged = stage(path, text)?;
    let linked = fs_err::hard_link(&staged, path);
    drop(fs_err::remove_file(&staged));
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(VaultError::File { path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

fn replace(path: &Path, text: &str) -> Result<(), VaultError> {
    let staged = stage(path, text)?;
    fs_err::rename(&staged, path).map_err(|source| VaultError::File { path: path.to_owned(), source })
}

fn stage(path: &Path, text: &str) -> Result<PathBuf, VaultError> {
    let staged = path.with_extension(format!("key.{}", uuid::Uuid::new_v4().simple()));
    let write = || {
        let mut file = fs_err::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&staged)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|source| VaultError::File { path: path.to_owned(), source })?;
    Ok(staged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_file_is_made_once_and_only_for_its_owner() {
        let dir = tempfile::tempdir().expect("a folder");
        let made = KeyRing::open_or_create(dir.path()).expect("made");
        let path = dir.path().join(KEY_FILE);
        assert_eq!(fs_err::metadata(&path).expect("there").permissions().mode() & 0o7777, 0o600);
        assert_eq!(KeyRing::open_or_create(dir.path()).expect("opened").newest_id(), made.newest_id());
        assert_eq!(fs_err::read_dir(dir.path()).expect("listed").count(), 1, "nothing else is left in the folder");

        for mode in [0o640, 0o604, 0o620] {
            fs_err::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("changed");
            let refused = KeyRing::open_or_create(dir.path()).expect_err("others may read it");
            assert_eq!(
                refused.to_string(),
                format!("The key file {} can be read by others (mode {mode:04o})", path.display())
            );
        }
    }

    #[test]
    fn rotation_puts_a_new_key_first_and_keeps_the_old() {
        let dir = tempfile::tempdir().expect("a folder");
        let old = KeyRing::open_or_create(dir.path()).expect("made");
        let new = KeyRing::rotate(dir.path()).expect("rotated");
        assert_ne!(new.newest_id(), old.newest_id());
        let opened = KeyRing::open(dir.path()).expect("opened");
        assert_eq!((opened.newest_id(), opened.len()), (new.newest_id(), 2));
        assert!(opened.find(old.newest_id()).is_some());
    }

    #[test]
    fn keys_are_read_as_base64_or_hex_and_mistakes_show_nothing() {
        let hex = "00".repeat(32);
        let base64 = BASE64_STANDARD.encode([7; 32]);
        let ring =
            KeyRing::from_text(&format!("{hex}, {base64}\n{hex} # again\n"), "OWLET_SECRET_KEY").expect("two keys");
        assert_eq!(ring.len(), 2);
        let told = |text: &str| KeyRing::from_text(text, "OWLET_SECRET_KEY").expect_err("malformed").to_string();
        assert_eq!(told(" # none\n"), "OWLET_SECRET_KEY holds no usable key: it is empty");
        assert_eq!(
            told("hunter2!"),
            "OWLET_SECRET_KEY holds no usable key: the key number 1 is neither base64 nor hex"
        );
        assert_eq!(
            told(&format!("{hex},{}", BASE64_STANDARD.encode([1; 16]))),
            "OWLET_SECRET_KEY holds no usable key: the key number 2 has 16 bytes instead of 32"
        );
    }

    #[test]
    fn debug_shows_ids_only() {
        let ring = KeyRing::from_text(&"ab".repeat(32), "a test").expect("a key");
        assert_eq!(format!("{ring:?}"), format!("[{:?}]", ring.newest_id()));
    }
}
