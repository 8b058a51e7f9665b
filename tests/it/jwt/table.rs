//! Rows of tokens: a refused one, and an accepted one that differs in one thing.

use jsonwebtoken::Algorithm as Jose;
use serde_json::{Value, json};
use tower_authn::{RejectionKind, jwt::JwtIssuer};

use super::{SECRET, Signer, claims, subject, verifier};

pub struct Row {
    name: String,
    pub refused: String,
    accepted: String,
    reason: &'static str,
}

pub fn row(
    name: impl Into<String>,
    refused: impl Into<String>,
    reason: &'static str,
    accepted: impl Into<String>,
) -> Row {
    Row {
        name: name.into(),
        refused: refused.into(),
        accepted: accepted.into(),
        reason,
    }
}

/// Checks that the accepted tokens are accepted and the refused ones refused, all by one
/// verifier.
pub async fn check(issuer: JwtIssuer, rows: Vec<Row>) {
    let verifier = verifier(issuer);
    for Row {
        name,
        refused,
        accepted,
        reason,
    } in rows
    {
        assert_eq!(
            subject(&verifier, &accepted).await.as_deref(),
            Ok("alice"),
            "{name}"
        );
        assert_ne!(refused, accepted, "{name}");
        let expected = (RejectionKind::Invalid, reason);
        assert_eq!(subject(&verifier, &refused).await, Err(expected), "{name}");
    }
}

pub fn hs256() -> Signer {
    Signer::secret(Jose::HS256, SECRET)
}

pub fn good() -> Value {
    claims(json!({}))
}

pub const NOT_ALLOWED: &str = "the algorithm (`alg`) is not allowed";
pub const NO_KEY: &str = "no key fits the token (`kid`, `alg`)";
pub const BAD_SIGNATURE: &str = "the signature is not valid";
pub const NOT_BASE64: &str = "a part is not base64url";
pub const NOT_THREE: &str = "the credential is not a JWT: it has not three parts";
