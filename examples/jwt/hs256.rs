//! JWTs with a signature by HMAC-SHA256 (RFC 7515, RFC 7518 §3.2).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, from_slice};
use sha2::Sha256;

/// A key to sign and to verify with.
pub(crate) struct Key(Hmac<Sha256>);

impl Key {
    /// Creates a key from a secret of at least 32 bytes.
    pub(crate) fn new(secret: &str) -> Result<Self, &'static str> {
        match Hmac::new_from_slice(secret.as_bytes()) {
            Ok(mac) if secret.len() >= 32 => Ok(Self(mac)),
            _ => Err("secret: has fewer than 32 bytes"),
        }
    }

    /// Returns the claims of a token, or `None` if it was not signed with this key.
    pub(crate) fn decode(&self, token: &str) -> Option<Value> {
        let (signed, tag) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let mac = self.0.clone().chain_update(signed);
        mac.verify_slice(&BASE64.decode(tag).ok()?).ok()?;
        // No token chooses its algorithm, and an extension that must be understood is not.
        let header: Value = from_slice(&BASE64.decode(header).ok()?).ok()?;
        let is_known = header["alg"] == "HS256" && header["crit"].is_null();
        let claims = from_slice(&BASE64.decode(claims).ok()?).ok()?;
        is_known.then_some(claims)
    }

    /// Returns a signed token.
    pub(crate) fn encode(&self, claims: &Value) -> String {
        let header = BASE64.encode(r#"{"alg":"HS256"}"#);
        let signed = format!("{header}.{}", BASE64.encode(claims.to_string()));
        let tag = self.0.clone().chain_update(&signed).finalize().into_bytes();
        format!("{signed}.{}", BASE64.encode(tag))
    }
}
