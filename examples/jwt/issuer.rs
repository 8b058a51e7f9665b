//! The issuer, which is another service: it signs with HMAC-SHA256 (RFC 7515, RFC 7518
//! §3.2).

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

/// Returns a token for Alice that is valid for an hour.
pub(crate) fn token(secret: &str) -> Result<String, Box<dyn std::error::Error>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let claims = json!({
        "iss": crate::ISSUER, "aud": crate::AUDIENCE, "sub": "alice", "exp": now + 3_600,
    });
    let header = BASE64.encode(r#"{"alg":"HS256"}"#);
    let signed = format!("{header}.{}", BASE64.encode(claims.to_string()));
    let mac: Hmac<Sha256> = Hmac::new_from_slice(secret.as_bytes())?;
    let tag = mac.chain_update(&signed).finalize().into_bytes();
    Ok(format!("{signed}.{}", BASE64.encode(tag)))
}
