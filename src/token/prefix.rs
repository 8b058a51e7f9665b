//! The prefix of a service's tokens.

use std::str::FromStr;

use super::error::ParseError;

/// The prefix of every token of a service, such as `acme`: a lower-case letter,
/// then 1 to 14 of `[a-z0-9]`.
///
/// # Example
///
/// ```
/// use tower_authn::token::Prefix;
///
/// let prefix: Prefix = "acme".parse()?;
/// assert!("Acme".parse::<Prefix>().is_err());
/// # Ok::<(), tower_authn::token::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    text: Box<str>,
    /// The prefix and the `_` after it, zero-padded, so that a token's first 16
    /// bytes are compared in one step.
    word: u128,
    mask: u128,
}

impl Prefix {
    fn new(text: &str) -> Self {
        let bits = 8 * (text.len() + 1);
        let padded = |bytes: &[u8]| {
            let bytes = bytes.iter().rev();
            bytes.fold(0, |word, byte| word << 8 | u128::from(*byte))
        };
        Self {
            text: text.into(),
            word: padded(text.as_bytes()) | u128::from(b'_') << (bits - 8),
            mask: u128::MAX >> (128 - bits),
        }
    }

    /// Creates a prefix that no token can have, since it begins with a capital
    /// letter.
    #[cfg(feature = "manage")]
    pub(crate) fn reserved(text: &str) -> Self {
        debug_assert!(text.starts_with(|first: char| first.is_ascii_uppercase()));
        Self::new(text)
    }

    /// Returns the prefix as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Checks whether a text begins with this prefix and a `_`, by its first 16
    /// bytes.
    #[inline]
    pub(super) fn matches(&self, first: [u8; 16]) -> bool {
        u128::from_le_bytes(first) & self.mask == self.word
    }
}

impl FromStr for Prefix {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if !is_prefix(text.as_bytes()) {
            return Err(ParseError::new(
                "prefix: malformed; expected a lower-case letter, then 1 to 14 of [a-z0-9]",
            ));
        }
        Ok(Self::new(text))
    }
}

fn is_prefix(text: &[u8]) -> bool {
    let is_allowed = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
    matches!(text, [b'a'..=b'z', rest @ ..]
        if (1..=14).contains(&rest.len()) && rest.iter().all(is_allowed))
}
