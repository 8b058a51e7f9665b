//! The id of a token.

use std::{fmt, str::FromStr};

use super::{
    error::ParseError,
    random::{RandomError, fill_base62},
};

/// The id of a token: 12 characters of `[0-9A-Za-z]`, public and safe to log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId([u8; Self::LEN]);

impl TokenId {
    pub(super) const LEN: usize = 12;

    /// The id of zeros.
    pub(crate) const ZERO: Self = Self([b'0'; Self::LEN]);

    /// Wraps the characters of an id, which the caller has checked or will check.
    pub(super) fn from_chars(chars: [u8; Self::LEN]) -> Self {
        Self(chars)
    }

    /// Returns the id as text.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "every id is ASCII")]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("an id is ASCII")
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the first and the last eight characters as numbers. They overlap,
    /// and together they hold the whole id.
    pub(crate) fn halves(&self) -> (u64, u64) {
        let [first @ .., _, _, _, _] = self.0;
        let [_, _, _, _, last @ ..] = self.0;
        (u64::from_le_bytes(first), u64::from_le_bytes(last))
    }

    /// Creates a random id.
    pub(crate) fn random() -> Result<Self, RandomError> {
        let mut id = [0; Self::LEN];
        fill_base62(&mut id)?;
        Ok(Self(id))
    }
}

impl FromStr for TokenId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match <[u8; Self::LEN]>::try_from(text.as_bytes()) {
            Ok(id) if id.iter().all(u8::is_ascii_alphanumeric) => Ok(Self(id)),
            _ => Err(ParseError::new(
                "token id: malformed; expected 12 characters of [0-9A-Za-z]",
            )),
        }
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenId({self})")
    }
}
