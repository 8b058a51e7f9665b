//! The digest of a token, which is stored in place of the token.

use std::fmt;

use super::{error::ParseError, sha256};
use crate::ct;

/// The SHA-256 digest of a token.
///
/// The digest of an imported token is that of its text. The digest of a token with a
/// prefix is described in [the module](super); [`Prefix::digest`](super::Prefix::digest)
/// computes it.
///
/// Digests are compared in constant time. A digest is no secret, since a token
/// contains 190 random bits; `Debug` shows its first bytes.
///
/// # Example
///
/// ```
/// use tower_authn::token::Digest;
///
/// let digest = Digest::sha256("token");
/// assert_eq!(Digest::from_hex(&digest.to_hex())?, digest);
/// # Ok::<(), tower_authn::token::ParseError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Digest([u64; 4]);

impl Digest {
    /// Computes the digest of a text.
    pub fn sha256(text: impl AsRef<[u8]>) -> Self {
        Self::from_state(sha256::digest(text.as_ref()))
    }

    #[inline]
    pub(super) fn from_state(state: sha256::State) -> Self {
        let (pairs, _) = state.as_chunks();
        Self(std::array::from_fn(|index| {
            let [high, low] = pairs[index].map(u64::from);
            high << 32 | low
        }))
    }

    /// Reads a digest of 64 hexadecimal digits, as `sha256sum` prints it.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is anything else.
    pub fn from_hex(hex: &str) -> Result<Self, ParseError> {
        let error = || ParseError::new("digest: malformed; expected 64 hexadecimal digits");
        let (pairs, []) = hex.as_bytes().as_chunks::<2>() else {
            return Err(error());
        };
        let digit = |b: u8| char::from(b).to_digit(16);
        let byte = |[high, low]: &[u8; 2]| Some((digit(*high)? << 4 | digit(*low)?) as u8);
        let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self::from_bytes).ok_or_else(error)
    }

    /// Returns the digest as 64 hexadecimal digits.
    #[must_use]
    pub fn to_hex(self) -> String {
        self.0.iter().map(|word| format!("{word:016x}")).collect()
    }

    /// Creates a digest from the bytes that SHA-256 returns.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let (words, _) = bytes.as_chunks::<8>();
        Self(std::array::from_fn(|index| {
            u64::from_be_bytes(words[index])
        }))
    }

    /// Returns the bytes of the digest.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let (words, _) = bytes.as_chunks_mut::<8>();
        for (to, word) in words.iter_mut().zip(self.0) {
            *to = word.to_be_bytes();
        }
        bytes
    }

    /// Returns the digest as four words, to hash into a table.
    pub(crate) fn words(&self) -> [u64; 4] {
        self.0
    }
}

/// Compares in constant time.
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
