//! The prefix of a service's tokens.

use std::str::FromStr;

use super::{
    digest::Digest,
    error::ParseError,
    format::Shape,
    sha256::{BLOCK, FirstBlock},
};

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
    /// The first block of the digest of every token.
    first_block: FirstBlock,
}

impl Prefix {
    fn new(text: &str) -> Self {
        let bits = 8 * (text.len() + 1);
        let padded = |bytes: &[u8]| {
            let bytes = bytes.iter().rev();
            bytes.fold(0, |word, byte| word << 8 | u128::from(*byte))
        };
        let mut first_block = [0; BLOCK];
        let own = text.bytes().chain([b'_']);
        first_block
            .iter_mut()
            .zip(own)
            .for_each(|(to, byte)| *to = byte);
        Self {
            first_block: FirstBlock::new(first_block),
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

    /// Computes the digest of a token with this prefix, which a store keeps in place of
    /// the token. The checksum and the tag are not checked.
    ///
    /// # Errors
    ///
    /// Returns an error if the text has not the form of a token with this prefix.
    ///
    /// # Example
    ///
    /// ```
    /// use tower_authn::token::Prefix;
    ///
    /// let prefix: Prefix = "acme".parse()?;
    /// let token = "acme_4kQ0x9TbYzVv_ZyXHnkV0rXyRzNnMm3f7qJ2LpQwErTyUi0FA1b2C3d4E5f6GhI";
    /// assert!(prefix.digest(token).is_ok());
    /// assert!(prefix.digest("another form").is_err());
    /// # Ok::<(), tower_authn::token::ParseError>(())
    /// ```
    pub fn digest(&self, token: &str) -> Result<Digest, ParseError> {
        let shape = Shape::parse(token.as_bytes(), self);
        let digest = shape.map(|shape| shape.digest());
        digest.ok_or_else(|| {
            ParseError::new(
                "token: malformed; expected this prefix, _, 12 characters, _ and 50 more",
            )
        })
    }

    pub(super) fn first_block(&self) -> &FirstBlock {
        &self.first_block
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
