//! The digest of a token: what is stored in its place.

use std::fmt;

use super::sha256;
use crate::{ct, error::ConfigError};

/// The SHA-256 of a whole token, as four words.
///
/// It is compared in constant time and does not tell the token, which holds
/// 190 random bits. Its `Debug` shows the first bytes.
///
/// # Example
///
/// ```
/// use tower_authn::token::Digest;
///
/// let digest = Digest::sha256("token");
/// assert_eq!(Digest::from_hex(&digest.to_hex())?, digest);
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Digest([u64; 4]);

impl Digest {
    /// Digests a token.
    pub fn sha256(token: impl AsRef<[u8]>) -> Self {
        let state = sha256::digest(token.as_ref());
        let (pairs, _) = state.as_chunks();
        Self(std::array::from_fn(|index| {
            let [high, low] = pairs[index].map(u64::from);
            high << 32 | low
        }))
    }

    /// Reads a digest that was made elsewhere: `sha256sum`'s 64 digits.
    ///
    /// # Errors
    ///
    /// Where it is not 64 hexadecimal digits.
    pub fn from_hex(hex: &str) -> Result<Self, ConfigError> {
        let fault = || ConfigError::new("a SHA-256 digest is 64 hexadecimal digits");
        let (pairs, []) = hex.as_bytes().as_chunks::<2>() else {
            return Err(fault());
        };
        let digit = |b: u8| char::from(b).to_digit(16);
        let byte = |[high, low]: &[u8; 2]| Some((digit(*high)? << 4 | digit(*low)?) as u8);
        let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self::from_bytes).ok_or_else(fault)
    }

    /// The digest as 64 hexadecimal digits.
    #[must_use]
    pub fn to_hex(self) -> String {
        self.0.iter().map(|word| format!("{word:016x}")).collect()
    }

    /// The bytes of a digest, as SHA-256 gives them.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let (words, _) = bytes.as_chunks::<8>();
        Self(std::array::from_fn(|index| {
            u64::from_be_bytes(words[index])
        }))
    }

    /// The bytes of the digest.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let (words, _) = bytes.as_chunks_mut::<8>();
        for (to, word) in words.iter_mut().zip(self.0) {
            *to = word.to_be_bytes();
        }
        bytes
    }

    /// The words, for tables.
    pub(crate) fn words(&self) -> [u64; 4] {
        self.0
    }
}

/// In constant time.
impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        ct::words_eq(&self.0, &other.0)
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({:08x}…)", self.0[0] >> 32)
    }
}
