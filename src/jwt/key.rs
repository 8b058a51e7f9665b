//! A key that verifies tokens.

use std::fmt;

use super::{
    algorithm::{Algorithm, Algorithms},
    crypto::KeyMaterial,
    der::{Encoded, decode_pem},
    json::Json,
    jwk,
};
use crate::error::ConfigError;

/// A key that verifies the signatures of tokens: a public key, or an HMAC secret.
///
/// The type of the key decides which algorithms fit it. A public key never verifies an
/// HMAC, and a secret nothing else. An RSA key has 2048 to 4096 bits. An EC key is one of
/// P-256 or P-384, and an Ed25519 key is not of small order.
///
/// `Debug` shows the id and the algorithms.
///
/// # Example
///
/// ```
/// use tower_authn::jwt::JwtKey;
///
/// let key = JwtKey::from_pem(
///     "-----BEGIN PUBLIC KEY-----
///      MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
///      -----END PUBLIC KEY-----",
/// )?;
/// let secret = JwtKey::from_secret("0123456789abcdef0123456789abcdef")?.with_id("2026");
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct JwtKey {
    id: Option<Box<str>>,
    material: KeyMaterial,
    algorithms: Algorithms,
}

impl JwtKey {
    /// Reads a public key from PEM: `PUBLIC KEY` or `RSA PUBLIC KEY`
    /// ([RFC 7468](https://www.rfc-editor.org/rfc/rfc7468)).
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not one such block, and for each reason of
    /// [`from_der`](Self::from_der). A private key and a certificate are refused.
    pub fn from_pem(text: impl AsRef<str>) -> Result<Self, ConfigError> {
        let der = decode_pem(text.as_ref()).map_err(config_error)?;
        Self::from_der(der)
    }

    /// Reads a public key from DER: SubjectPublicKeyInfo, or for RSA also the form of
    /// PKCS #1.
    ///
    /// # Errors
    ///
    /// Returns an error if the bytes are not such a key, if the key is not RSA, P-256,
    /// P-384 or Ed25519, if an RSA key has fewer than 2048 or more than 4096 bits or an
    /// even modulus or exponent, or if the point of another key is not one that can
    /// verify.
    pub fn from_der(der: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let encoded = Encoded::from_der(der.as_ref()).map_err(config_error)?;
        let material = KeyMaterial::from_encoded(&encoded).map_err(config_error)?;
        Ok(Self::new(material))
    }

    /// Reads a key from the text of a JSON Web Key
    /// ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)).
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not JSON or repeats a member, if `kty` or `crv` is
    /// unknown, if a member is missing or malformed, if the key is a private one, if
    /// `use`, `key_ops` or `alg` say that it is not for verifying, and for each reason of
    /// [`from_der`](Self::from_der) and [`from_secret`](Self::from_secret).
    pub fn from_jwk(json: impl AsRef<str>) -> Result<Self, ConfigError> {
        match Json::parse(json.as_ref()).map_err(|error| config_error(error.as_str()))? {
            Json::Object(members) => jwk::parse(&members).map_err(config_error),
            _ => Err(config_error("is not a JSON object")),
        }
    }

    /// Creates a key from an HMAC secret, which everyone who can verify can sign with.
    ///
    /// It fits `HS256` with 32 bytes or more, `HS384` with 48, and `HS512` with 64
    /// ([RFC 7518 §3.2](https://www.rfc-editor.org/rfc/rfc7518#section-3.2)).
    ///
    /// # Errors
    ///
    /// Returns an error if the secret has fewer than 32 bytes, or is a key in PEM: a
    /// public key is no secret.
    pub fn from_secret(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let material = KeyMaterial::from_secret(secret.as_ref()).map_err(config_error)?;
        Ok(Self::new(material))
    }

    pub(super) fn new(material: KeyMaterial) -> Self {
        Self {
            id: None,
            algorithms: material.algorithms(),
            material,
        }
    }

    /// Sets the id of the key. The key then verifies only tokens that name this id in
    /// `kid`, and tokens without `kid`. A key without an id verifies any token.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into().into());
        self
    }

    /// Restricts the key to one algorithm.
    ///
    /// # Errors
    ///
    /// Returns an error if the algorithm does not fit the key.
    pub fn with_algorithm(mut self, algorithm: Algorithm) -> Result<Self, ConfigError> {
        if !self.algorithms.contains(algorithm) {
            let fits = self.algorithms;
            return Err(ConfigError::new(format!(
                "algorithm: {algorithm} does not fit the key; expected one of {fits}"
            )));
        }
        self.algorithms = Algorithms::from_slice(&[algorithm]);
        Ok(self)
    }

    /// Returns the id.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub(super) fn algorithms(&self) -> Algorithms {
        self.algorithms
    }

    pub(super) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &Vec<u8>) -> bool {
        self.algorithms.contains(algorithm) && self.material.verify(algorithm, message, signature)
    }
}

fn config_error(reason: &str) -> ConfigError {
    ConfigError::new(format!("the key {reason}"))
}

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtKey")
            .field("id", &self.id)
            .field("algorithms", &format_args!("{}", self.algorithms))
            .finish_non_exhaustive()
    }
}
