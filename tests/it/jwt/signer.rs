//! Signs anything.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as BASE64},
};
use jsonwebtoken::{Algorithm as Jose, EncodingKey, crypto::rust_crypto::DEFAULT_PROVIDER};
use serde_json::{Value, json};

use super::key_file;

/// A key that signs with one algorithm.
#[derive(Clone)]
pub struct Signer {
    pub name: &'static str,
    algorithm: Jose,
    key: EncodingKey,
}

impl Signer {
    pub fn secret(algorithm: Jose, secret: impl AsRef<[u8]>) -> Self {
        let name = match algorithm {
            Jose::HS256 => "HS256",
            Jose::HS384 => "HS384",
            _ => "HS512",
        };
        let key = EncodingKey::from_secret(secret.as_ref());
        Self {
            name,
            algorithm,
            key,
        }
    }

    /// A signer with the key of `jwks.json` that fits this algorithm.
    pub fn named(name: &'static str) -> Self {
        let (algorithm, key) = match name {
            "RS256" => (Jose::RS256, rsa(key_file!("rsa.pem"))),
            "RS384" => (Jose::RS384, rsa(key_file!("rsa.pem"))),
            "RS512" => (Jose::RS512, rsa(key_file!("rsa.pem"))),
            "PS256" => (Jose::PS256, rsa(key_file!("rsa.pem"))),
            "PS384" => (Jose::PS384, rsa(key_file!("rsa.pem"))),
            "PS512" => (Jose::PS512, rsa(key_file!("rsa.pem"))),
            "ES256" => (
                Jose::ES256,
                EncodingKey::from_ec_der(&der(key_file!("p256.pem"))),
            ),
            "ES384" => (
                Jose::ES384,
                EncodingKey::from_ec_der(&der(key_file!("p384.pem"))),
            ),
            _ => (
                Jose::EdDSA,
                EncodingKey::from_ed_der(&der(key_file!("ed25519.pem"))),
            ),
        };
        Self {
            name,
            algorithm,
            key,
        }
    }

    /// A signer with an RSA key that is not in `jwks.json`.
    pub fn other_rsa() -> Self {
        let (name, algorithm) = ("RS256", Jose::RS256);
        Self {
            name,
            algorithm,
            key: rsa(key_file!("other.pem")),
        }
    }

    /// Returns the signature of some bytes.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signer = (DEFAULT_PROVIDER.signer_factory)(&self.algorithm, &self.key).unwrap();
        signer.try_sign(message).unwrap()
    }

    /// Returns a token with the usual header.
    pub fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({ "alg": self.name, "typ": "JWT" }), claims)
    }

    /// Returns a token with any header.
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        self.raw(header.to_string(), claims.to_string())
    }

    /// Returns a token of two texts, which need not be JSON.
    pub fn raw(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        self.signed(&format!(
            "{}.{}",
            BASE64.encode(header),
            BASE64.encode(payload)
        ))
    }

    /// Returns a token of two parts that are encoded already.
    pub fn signed(&self, parts: &str) -> String {
        format!("{parts}.{}", BASE64.encode(self.sign(parts.as_bytes())))
    }
}

/// Joins three parts, of which the last is a signature in bytes.
pub fn compact(signed: &str, signature: &[u8]) -> String {
    format!("{signed}.{}", BASE64.encode(signature))
}

fn rsa(pem: &str) -> EncodingKey {
    EncodingKey::from_rsa_der(&der(pem))
}

/// Decodes the block of a PEM text.
pub fn der(pem: &str) -> Vec<u8> {
    let lines = pem.lines().filter(|line| !line.starts_with('-'));
    STANDARD.decode(lines.collect::<String>()).unwrap()
}
