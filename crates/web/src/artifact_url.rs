//! Addresses of artifacts that need no login and end by themselves: clients download with a bare GET.

use crate::{auth::equal, webhooks::sign};

/// How long an address works, in seconds. Long enough for a slow client behind a queue, short enough to be worthless in an old log.
pub const LIFETIME: i64 = 15 * 60;

/// Signs addresses of artifacts.
pub struct Signer {
    key: String,
}

impl Signer {
    pub fn new(key: String) -> Self {
        Self { key }
    }

    /// The path and query of an artifact, good until `LIFETIME` after `now` (seconds since the epoch).
    pub fn path(&self, artifact_id: i64, now: i64) -> String {
        let expires = now + LIFETIME;
        let signature = self.signature(artifact_id, expires);
        format!("/api/v1/artifacts/{artifact_id}/content?expires={expires}&signature={signature}")
    }

    /// Whether this address was made here and is still good.
    pub fn is_valid(&self, artifact_id: i64, expires: i64, signature: &str, now: i64) -> bool {
        let made_here = equal(signature.as_bytes(), self.signature(artifact_id, expires).as_bytes());
        made_here && now < expires
    }

    fn signature(&self, artifact_id: i64, expires: i64) -> String {
        sign(&self.key, format!("artifact:{artifact_id}:{expires}").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_good_for_its_artifact_and_its_time() {
        let signer = Signer::new("key".to_owned());
        let path = signer.path(7, 1_000);
        let signature = path.rsplit('=').next().expect("a signature");
        let expires = 1_000 + LIFETIME;
        assert!(signer.is_valid(7, expires, signature, 1_000));
        assert!(!signer.is_valid(8, expires, signature, 1_000), "another artifact");
        assert!(!signer.is_valid(7, expires + 1, signature, 1_000), "a longer life");
        assert!(!signer.is_valid(7, expires, signature, expires), "too late");
        assert!(!Signer::new("other".to_owned()).is_valid(7, expires, signature, 1_000), "another server's key");
    }
}
