//! Tokens of another issuer: signed here, verified through the layer.

#![cfg(any(feature = "jwt", feature = "jwt-rust-crypto"))]

mod attacks;
mod claims;
mod forged;
mod forms;
mod issuers;
mod keys;
mod signer;
mod sources;
mod table;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tower::Layer;
use tower_authn::{
    AuthnLayer, Principal, Rejection, RejectionKind, Sources, Verifier,
    jwt::{Algorithm, JwtIssuer, JwtKey, JwtVerifier, KeySet},
};

pub use self::signer::{Signer, compact};
use crate::support::{Strict, ask, get};

pub const ISSUER: &str = "https://issuer.example.com";
pub const AUDIENCE: &str = "models";
/// The time of the verifiers' clock.
pub const NOW: u64 = 1_800_000_000;
pub const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The text of a file in `keys/`.
macro_rules! key_file {
    ($name:literal) => {
        include_str!(concat!("keys/", $name))
    };
}
pub(crate) use key_file;

/// Returns the claims of a good token with some claims added, or removed by `null`.
pub fn claims(changes: Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": NOW + 60, "iat": NOW, "jti": "t1",
        "scope": "reports.read reports.write",
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims
                .as_object_mut()
                .unwrap()
                .insert(name.clone(), value.clone()),
        };
    }
    claims
}

/// Returns an issuer of these algorithms with the keys of `jwks.json`.
pub fn issuer(algorithms: &[Algorithm]) -> JwtIssuer {
    let keys = KeySet::parse(key_file!("jwks.json")).unwrap();
    let issuer = JwtIssuer::new(ISSUER).audience(AUDIENCE);
    issuer
        .algorithms(algorithms.iter().copied())
        .key_source(Fixed(keys.into()))
}

/// Returns an issuer that signs with [`SECRET`].
pub fn hmac_issuer() -> JwtIssuer {
    let issuer = JwtIssuer::new(ISSUER).audience(AUDIENCE);
    issuer
        .algorithms([Algorithm::HS256])
        .key(JwtKey::from_secret(SECRET).unwrap())
}

/// A source that never changes and never waits.
pub struct Fixed(pub std::sync::Arc<KeySet>);

impl tower_authn::jwt::KeySource for Fixed {
    fn keys(&self, _: Option<&str>) -> Result<std::sync::Arc<KeySet>, Rejection> {
        Ok(self.0.clone())
    }
}

/// Returns a verifier of one issuer at the time [`NOW`].
pub fn verifier(issuer: JwtIssuer) -> JwtVerifier {
    JwtVerifier::with_clock([issuer], || at(NOW)).unwrap()
}

pub fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Returns the principal that a guarded service sees, or the kind and the reason of the
/// refusal.
pub async fn answer<V: Verifier>(
    verifier: V,
    token: &str,
) -> Result<V::Principal, (RejectionKind, &'static str)> {
    // A named header may have any visible character.
    let sources = Sources::new().header("x-token").unwrap().max_len(64 * 1024);
    let layer = AuthnLayer::new(verifier)
        .sources(sources)
        .expose_rejection();
    let inner = Strict::default();
    let service = layer.layer(inner.clone());
    let request = get("/", &[("x-token", token)]);
    let response = ask(&service, request).await;
    match response.extensions().get::<Rejection>() {
        Some(rejection) => {
            assert_eq!(inner.called.count(), 0, "called in spite of {rejection}");
            Err((rejection.kind(), rejection.reason().unwrap_or_default()))
        }
        None => Ok(inner
            .last()
            .extensions
            .get::<V::Principal>()
            .unwrap()
            .clone()),
    }
}

/// Returns the subject of an accepted token, or the reason of the refusal.
pub async fn subject(
    verifier: &JwtVerifier,
    token: &str,
) -> Result<String, (RejectionKind, &'static str)> {
    let principal: Principal = answer(verifier.clone(), token).await?;
    Ok(principal.subject().to_owned())
}
