//! The keys that tag tokens, and the key that seals them.

use std::{fmt, fs, path::Path};

use zeroize::Zeroizing;

use super::{
    base62::{digit_value, value_digit},
    digest::Digest,
    time::Timestamp,
};
use crate::{error::ConfigError, file};

/// The number of ids. A ring holds at most so many keys.
const MAX_KEYS: u8 = 61;

/// The id of a key of the ring: one base62 digit other than `z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(u8);

impl KeyId {
    /// The first key.
    pub(crate) const FIRST: Self = Self(0);

    pub(crate) fn from_digit(digit: u8) -> Option<Self> {
        Self::from_number(digit_value(digit)?)
    }

    pub(crate) fn digit(self) -> u8 {
        value_digit(self.0)
    }

    /// Returns the key's number, from 0 to 60.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }

    /// Returns the id of a number, or `None` if the number is greater than 60.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        (number < MAX_KEYS).then_some(Self(number))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", char::from(self.digit()))
    }
}

/// A key as a store keeps it: sealed if there is a [`MasterKey`].
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TagKey {
    /// The key's id.
    pub id: KeyId,
    /// The seed, sealed or in clear.
    pub sealed: Vec<u8>,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time from which the key tags new tokens. Until then it only verifies,
    /// so that every instance knows it before it sees a token of it.
    pub mints_from: Timestamp,
    /// The time at which the key was retired, and all its tokens with it.
    pub retired_at: Option<Timestamp>,
    /// The principal that retired it.
    pub retired_by: Option<String>,
    /// The reason for which it was retired.
    pub retired_reason: Option<String>,
    /// The revision of the last change.
    pub rev: u64,
}

impl TagKey {
    /// Creates a key that is not retired, at revision 0.
    #[must_use]
    pub fn new(id: KeyId, sealed: Vec<u8>, created_at: Timestamp, mints_from: Timestamp) -> Self {
        Self {
            id,
            sealed,
            created_at,
            mints_from,
            retired_at: None,
            retired_by: None,
            retired_reason: None,
            rev: 0,
        }
    }
}

/// Leaves out the seed, which is a secret where it is in clear.
impl fmt::Debug for TagKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TagKey")
            .field("id", &self.id)
            .field("mints_from", &self.mints_from)
            .field("retired_at", &self.retired_at)
            .field("rev", &self.rev)
            .finish_non_exhaustive()
    }
}

/// The secret that seals the keys of a ring in their store.
///
/// Without a master key, keys are stored in clear, and a reader of the store can
/// compute tags. No token can be forged with a tag alone, since tokens are
/// looked up by their digest.
///
/// # Example
///
/// ```
/// use tower_authn::token::MasterKey;
///
/// let master = MasterKey::from_hex(&"0f".repeat(32))?;
/// assert!(MasterKey::from_hex("0f").is_err());
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// Reads 64 hexadecimal digits, such as `openssl rand -hex 32` prints.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is anything else.
    pub fn from_hex(hex: &str) -> Result<Self, ConfigError> {
        let digest = Digest::from_hex(hex.trim()).map_err(|_| {
            ConfigError::new("master key: malformed; expected 64 hexadecimal digits")
        })?;
        Ok(Self(Zeroizing::new(digest.to_bytes())))
    }

    /// Reads 64 hexadecimal digits from a UTF-8 file. A byte order mark and white
    /// space around the digits are ignored.
    ///
    /// # Errors
    ///
    /// Returns an error if the file can't be read or contains anything else.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let bytes = fs::read(path)
            .map(Zeroizing::new)
            .map_err(|error| ConfigError::new(format!("can't read {}: {error}", path.display())))?;
        Self::from_hex(file::decode(&bytes)?)
    }

    /// Reads 64 hexadecimal digits from an environment variable.
    ///
    /// # Errors
    ///
    /// Returns an error if the variable is not set or contains anything else.
    pub fn from_env(name: &str) -> Result<Self, ConfigError> {
        let text = std::env::var(name)
            .map_err(|_| ConfigError::new(format!("{name} is not set in the environment")))?;
        Self::from_hex(&Zeroizing::new(text))
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey").finish_non_exhaustive()
    }
}
