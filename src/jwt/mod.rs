//! Verification of JWTs: access tokens of an OAuth or OpenID Connect issuer, service
//! account tokens of Kubernetes, tokens of your own services.
//!
//! ```
//! use tower_authn::AuthnLayer;
//! use tower_authn::jwt::{Algorithm, JwtIssuer, JwtKey, JwtVerifier};
//!
//! let issuer = JwtIssuer::new("https://issuer.example.com")
//!     .audience("models")
//!     .algorithms([Algorithm::EdDSA])
//!     .key(JwtKey::from_jwk(
//!         r#"{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
//!     )?);
//! let layer = AuthnLayer::new(JwtVerifier::new(issuer)?);
//! # Ok::<(), tower_authn::ConfigError>(())
//! ```
//!
//! # What is checked
//!
//! A token is at most 8 KiB, in the compact serialization, each part in canonical
//! base64url. Header and payload are strict JSON: no repeated name, at any depth. The
//! issuer, the audience and the algorithm must be among those that [`JwtIssuer`] names,
//! and the signature is verified with a key that fits the algorithm by its type. `exp` is
//! required, and `nbf` and `iat` are checked if they are there.
//!
//! The header never chooses a key by anything but its id: `jku`, `jwk`, `x5u` and `x5c`
//! are ignored. Extensions (`crit`), compression, encryption and nested tokens are
//! refused.
//!
//! # What is not checked
//!
//! Whether a token was revoked: an issuer can't take a JWT back before `exp`. Keep its
//! lifetime short. A token has many spellings of an ECDSA signature, so identify it by
//! `jti`, and not by its bytes.
//!
//! # Back ends
//!
//! The crate parses tokens and keys itself. `jsonwebtoken` verifies signatures, with the
//! cryptography of aws-lc-rs (feature `jwt`) or in pure Rust (feature `jwt-rust-crypto`).
//! If both features are on, aws-lc-rs is used.

mod algorithm;
mod claims;
mod compact;
mod crypto;
mod der;
mod file;
mod issuer;
mod json;
mod jwk;
mod key;
mod key_set;
mod rules;
mod source;
mod verification;
mod verifier;

pub use self::{
    algorithm::Algorithm,
    claims::Claims,
    file::JwksFile,
    issuer::JwtIssuer,
    key::JwtKey,
    key_set::KeySet,
    source::KeySource,
    verifier::{ImmediateJwtVerifier, JwtVerifier},
};
