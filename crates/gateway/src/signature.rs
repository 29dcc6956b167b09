//! Verifying signature version 4 on requests of the JSON and query protocols; s3s does it for S3.
//!
//! Source: AWS General Reference, "Signature Version 4 signing process".

use athena_api::ApiError;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use http::{HeaderMap, Method, header};
use sha2::{Digest, Sha256};

use crate::keys::Keys;

/// How far the clocks may be apart.
const SKEW: TimeDelta = TimeDelta::minutes(15);

/// Refuses requests whose signature is not that of a known key. Without configured keys nothing is refused.
pub(crate) fn verify(
    keys: &Keys,
    method: &Method,
    headers: &HeaderMap,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<(), ApiError> {
    if !keys.verify() {
        return Ok(());
    }
    let authorization = text(headers, header::AUTHORIZATION.as_str())
        .ok_or_else(|| refused("MissingAuthenticationTokenException", "Missing Authentication Token"))?;
    let incomplete = || {
        refused(
            "IncompleteSignatureException",
            "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature'",
        )
    };
    let parts = Parts::read(authorization).ok_or_else(incomplete)?;
    let date = text(headers, "x-amz-date").ok_or_else(incomplete)?;
    let signed_at = NaiveDateTime::parse_from_str(date, "%Y%m%dT%H%M%SZ").map_err(|_| incomplete())?.and_utc();
    let secret = keys.secret(parts.access_key_id).ok_or_else(|| {
        refused("UnrecognizedClientException", "The security token included in the request is invalid.")
    })?;
    if (now - signed_at).abs() > SKEW {
        return Err(refused("InvalidSignatureException", &format!("Signature expired: {date} is too far from now")));
    }
    if parts.signature(method, headers, body, date, &secret) != parts.signature {
        return Err(refused(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing \
             method. Consult the service documentation for details.",
        ));
    }
    Ok(())
}

fn refused(code: &str, message: &str) -> ApiError {
    ApiError { status: 403, ..ApiError::new(code, message) }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// `AWS4-HMAC-SHA256 Credential=<key>/<scope>, SignedHeaders=a;b, Signature=<hex>`.
struct Parts<'a> {
    access_key_id: &'a str,
    /// `20260917/us-east-1/athena/aws4_request`.
    scope: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    fn read(authorization: &'a str) -> Option<Self> {
        let parts = authorization.strip_prefix("AWS4-HMAC-SHA256")?;
        let find = |name: &str| {
            parts.split(',').find_map(|part| part.trim().strip_prefix(name).and_then(|rest| rest.strip_prefix('=')))
        };
        let (access_key_id, scope) = find("Credential")?.split_once('/')?;
        Some(Self { access_key_id, scope, signed_headers: find("SignedHeaders")?, signature: find("Signature")? })
    }

    /// The signature as it should be. The path is `/` and there is no query in these protocols.
    fn signature(&self, method: &Method, headers: &HeaderMap, body: &[u8], date: &str, secret: &str) -> String {
        let mut canonical = format!("{method}\n/\n\n");
        for name in self.signed_headers.split(';') {
            let value = text(headers, name).unwrap_or_default();
            let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
            canonical.push_str(&format!("{name}:{value}\n"));
        }
        canonical.push_str(&format!("\n{}\n{}", self.signed_headers, hex::encode(Sha256::digest(body))));
        let digest = hex::encode(Sha256::digest(canonical.as_bytes()));
        let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{}\n{digest}", self.scope);
        let key =
            self.scope.split('/').fold(format!("AWS4{secret}").into_bytes(), |key, part| hmac(&key, part.as_bytes()));
        hex::encode(hmac(&key, to_sign.as_bytes()))
    }
}

/// HMAC-SHA256. Source: RFC 2104.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 64;
    let mut block = [0_u8; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_is_that_of_rfc_4231() {
        let digest = hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex::encode(digest), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn the_authorization_header_is_taken_apart() {
        let parts = Parts::read("AWS4-HMAC-SHA256 Credential=AKID/20260917/us-east-1/athena/aws4_request, SignedHeaders=host;x-amz-date, Signature=abc")
            .expect("complete");
        assert_eq!((parts.access_key_id, parts.signed_headers, parts.signature), ("AKID", "host;x-amz-date", "abc"));
        assert_eq!(parts.scope, "20260917/us-east-1/athena/aws4_request");
        assert!(Parts::read("Basic abc").is_none());
    }
}
