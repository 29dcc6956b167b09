//! Whether the sender knows the secret.

use axum::http::HeaderMap;
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::WebhookError;
use crate::auth::{equal, to_hex};

/// `sha256=<hex>` over the body.
pub fn hmac_sha256(headers: &HeaderMap, name: &'static str, secret: &str, body: &[u8]) -> Result<(), WebhookError> {
    let given = headers.get(name).and_then(|value| value.to_str().ok()).ok_or(WebhookError::Unsigned(name))?;
    let given = given.strip_prefix("sha256=").ok_or(WebhookError::WrongSignature(name))?;
    if equal(given.to_ascii_lowercase().as_bytes(), sign(secret, body).as_bytes()) {
        Ok(())
    } else {
        Err(WebhookError::WrongSignature(name))
    }
}

/// The secret itself.
pub fn shared(headers: &HeaderMap, name: &'static str, secret: &str) -> Result<(), WebhookError> {
    let given = headers.get(name).ok_or(WebhookError::Unsigned(name))?;
    // Over hashes: the comparison must not tell the secret's length.
    if equal(sign(secret, given.as_bytes()).as_bytes(), sign(secret, secret.as_bytes()).as_bytes()) {
        Ok(())
    } else {
        Err(WebhookError::WrongSignature(name))
    }
}

/// The secret as the password of basic authentication, under any name.
pub fn password(headers: &HeaderMap, secret: &str) -> Result<(), WebhookError> {
    const NAME: &str = "authorization";
    let given = headers.get(NAME).and_then(|value| value.to_str().ok()).ok_or(WebhookError::NoPassword(NAME))?;
    let (scheme, encoded) = given.split_once(' ').unwrap_or_default();
    let decoded = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"));
    let decoded = decoded.ok_or(WebhookError::NoPassword(NAME))?;
    let password = decoded.iter().position(|byte| *byte == b':').map(|at| &decoded[at + 1..]).unwrap_or_default();
    if equal(sign(secret, password).as_bytes(), sign(secret, secret.as_bytes()).as_bytes()) {
        Ok(())
    } else {
        Err(WebhookError::WrongSignature(NAME))
    }
}

/// HMAC-SHA256 in lower-case hexadecimal.
pub fn sign(secret: &str, message: &[u8]) -> String {
    // An HMAC takes keys of any length.
    let mut mac = match Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
        Ok(mac) => mac,
        Err(error) => unreachable!("{error}"),
    };
    mac.update(message);
    to_hex(&mac.finalize().into_bytes())
}
