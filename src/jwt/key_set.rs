//! The keys of an issuer.

use std::fmt;

use super::{
    algorithm::Algorithm,
    json::{Json, Members},
    jwk,
    key::JwtKey,
};
use crate::error::ConfigError;

/// The most keys in a set.
const MAX_KEYS: usize = 100;

/// The most keys that are tried for one token. More than one can fit only if the token
/// names none, or if keys share an id.
const MAX_TRIES: usize = 4;

/// The keys of an issuer: 1 to 100.
///
/// # Example
///
/// ```
/// use tower_authn::jwt::KeySet;
///
/// let keys = KeySet::parse(
///     r#"{"keys": [
///         {"kty": "OKP", "crv": "Ed25519", "kid": "1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
///         {"kty": "new", "kid": "2"}
///     ]}"#,
/// )?;
/// assert_eq!(keys.keys().len(), 1);
/// assert_eq!(
///     keys.skipped().collect::<Vec<_>>(),
///     ["keys[1]: has an unknown `kty`; expected RSA, EC, OKP or oct"],
/// );
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct KeySet {
    keys: Box<[JwtKey]>,
    skipped: Box<[String]>,
}

impl KeySet {
    /// The largest text of a key set, in bytes: 256 KiB.
    pub const MAX_LEN: usize = 256 * 1024;

    /// Creates a set of keys.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no key, or if there are more than 100.
    pub fn new(keys: impl IntoIterator<Item = JwtKey>) -> Result<Self, ConfigError> {
        let keys: Box<[JwtKey]> = keys.into_iter().take(MAX_KEYS + 1).collect();
        match keys.len() {
            0 => Err(ConfigError::new("keys: there is no key")),
            1..=MAX_KEYS => Ok(Self {
                keys,
                skipped: Box::default(),
            }),
            _ => Err(too_many()),
        }
    }

    /// Reads the text of a JSON Web Key Set
    /// ([RFC 7517 §5](https://www.rfc-editor.org/rfc/rfc7517#section-5)).
    ///
    /// A key that can't verify tokens is left out, such as one of an unknown type, one
    /// for encryption, or an RSA key that is too short: [`skipped`](Self::skipped) says
    /// why.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is larger than [`MAX_LEN`](Self::MAX_LEN), is not JSON, repeats a member
    /// of an object, has no array `keys` or more than 100 keys in it, or if no key is
    /// left.
    pub fn parse(json: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let json = json.as_ref();
        if json.len() > Self::MAX_LEN {
            return Err(ConfigError::new("the key set is larger than 256 KiB"));
        }
        let text = std::str::from_utf8(json).map_err(|_| config_error("is not UTF-8"))?;
        let set = Members::parse(text).map_err(|error| config_error(error.as_str()))?;
        let Some(Json::Array(list)) = set.get("keys") else {
            return Err(config_error("has no array `keys`"));
        };
        if list.len() > MAX_KEYS {
            return Err(too_many());
        }
        let (mut keys, mut skipped) = (Vec::new(), Vec::new());
        for (index, item) in list.iter().enumerate() {
            let key = match item {
                Json::Object(members) => jwk::parse(members),
                _ => Err("is not a JSON object"),
            };
            match key {
                Ok(key) => keys.push(key),
                Err(reason) => skipped.push(format!("keys[{index}]: {reason}")),
            }
        }
        if keys.is_empty() {
            let reasons: String = skipped.iter().map(|reason| format!("; {reason}")).collect();
            return Err(ConfigError::new(format!(
                "the key set has no key that can verify tokens{reasons}"
            )));
        }
        Ok(Self {
            keys: keys.into(),
            skipped: skipped.into(),
        })
    }

    /// Returns the keys.
    #[must_use]
    pub fn keys(&self) -> &[JwtKey] {
        &self.keys
    }

    /// Returns why keys of the text were left out, one sentence for each.
    pub fn skipped(&self) -> impl Iterator<Item = &str> {
        self.skipped.iter().map(String::as_str)
    }

    /// Returns the keys that may have signed a token, in order: those with the id that it
    /// names, otherwise those without an id. A token that names no key may be signed by
    /// any.
    pub(super) fn candidates(
        &self,
        algorithm: Algorithm,
        id: Option<&str>,
    ) -> impl Iterator<Item = &JwtKey> {
        let is_named = id.is_some_and(|id| self.has_id(id));
        self.keys
            .iter()
            .filter(move |key| match id {
                None => true,
                Some(id) if is_named => key.id() == Some(id),
                Some(_) => key.id().is_none(),
            })
            .filter(move |key| key.algorithms().contains(algorithm))
            .take(MAX_TRIES)
    }

    /// Returns whether a key may have signed a token that names this key.
    pub(super) fn has_candidate(&self, id: Option<&str>) -> bool {
        let fits = |key: &JwtKey| key.id().is_none() || key.id() == id;
        id.is_none() || self.keys.iter().any(fits)
    }

    fn has_id(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id() == Some(id))
    }
}

fn too_many() -> ConfigError {
    config_error("has more than 100 keys")
}

fn config_error(reason: &str) -> ConfigError {
    ConfigError::new(format!("the key set {reason}"))
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet")
            .field("keys", &self.keys)
            .field("skipped", &self.skipped)
            .finish()
    }
}
