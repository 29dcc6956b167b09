//! The access keys that are known.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
};

/// A key pair that clients sign with. `Debug` shows no secret.
#[derive(Clone)]
pub struct AccessKey {
    pub access_key_id: String,
    pub secret_access_key: String,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// The configured keys and those that STS gave out.
pub(crate) struct Keys {
    secrets: Mutex<HashMap<String, String>>,
    /// Without configured keys every signature is accepted.
    verify: bool,
}

impl Keys {
    pub(crate) fn new(configured: &[AccessKey]) -> Self {
        let secrets = configured.iter().map(|key| (key.access_key_id.clone(), key.secret_access_key.clone())).collect();
        Self { secrets: Mutex::new(secrets), verify: !configured.is_empty() }
    }

    /// Whether signatures are verified.
    pub(crate) fn verify(&self) -> bool {
        self.verify
    }

    /// The secret of a key.
    pub(crate) fn secret(&self, access_key_id: &str) -> Option<String> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).get(access_key_id).cloned()
    }

    /// Makes a temporary key. It holds until the process ends.
    pub(crate) fn issue(&self) -> AccessKey {
        let random = || uuid::Uuid::new_v4().simple().to_string();
        let key = AccessKey {
            access_key_id: format!("ASIA{}", random()[..16].to_uppercase()),
            secret_access_key: format!("{}{}", random(), &random()[..8]),
        };
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.insert(key.access_key_id.clone(), key.secret_access_key.clone());
        key
    }
}
