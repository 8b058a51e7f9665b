//! The form of a token.

use std::{fmt, str::FromStr};

use zeroize::Zeroizing;

use super::{
    base62::{decode, encode},
    random::{Random, RandomError},
    ring::KeyId,
    secret::Secret,
};
use crate::error::ConfigError;

const ID: usize = 12;
const SECRET: usize = 32;
const TAG: usize = 11;
const CRC: usize = 6;
/// `_`, id, `_`, secret, kid, tag, crc.
const BEHIND_PREFIX: usize = 1 + ID + 1 + SECRET + 1 + TAG + CRC;

/// What stands first in every token of a service: `acme`.
///
/// # Example
///
/// ```
/// use tower_authn::token::Prefix;
///
/// let prefix: Prefix = "acme".parse()?;
/// assert!("Acme".parse::<Prefix>().is_err());
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    text: Box<str>,
    /// It and the `_` behind it, zero-padded: a token is compared in one step.
    word: u128,
    mask: u128,
}

impl Prefix {
    fn new(text: &str) -> Self {
        let digits = 8 * (text.len() + 1);
        let padded = |bytes: &[u8]| {
            bytes
                .iter()
                .rev()
                .fold(0, |all, b| all << 8 | u128::from(*b))
        };
        Self {
            text: text.into(),
            word: padded(text.as_bytes()) | u128::from(b'_') << (digits - 8),
            mask: u128::MAX >> (128 - digits),
        }
    }

    /// A prefix that no token has: it begins with a capital letter.
    #[cfg(feature = "manage")]
    pub(crate) fn reserved(text: &str) -> Self {
        debug_assert!(text.starts_with(|first: char| first.is_ascii_uppercase()));
        Self::new(text)
    }

    /// The prefix as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Prefix {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        if !is_prefix(text.as_bytes()) {
            return Err(ConfigError::new(
                "a prefix is a lower-case letter, then 1 to 14 of [a-z0-9]",
            ));
        }
        Ok(Self::new(text))
    }
}

fn is_prefix(text: &[u8]) -> bool {
    let rest = |b: &u8| matches!(b, b'a'..=b'z' | b'0'..=b'9');
    matches!(text, [b'a'..=b'z', behind @ ..]
        if (1..=14).contains(&behind.len()) && behind.iter().all(rest))
}

/// Names a token: 12 characters of `[0-9A-Za-z]`, public and safe to log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId([u8; ID]);

impl TokenId {
    /// The id as text.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "every id is ASCII")]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("an id is ASCII")
    }

    /// The first and the last eight characters, as numbers: together all of it.
    pub(crate) fn halves(&self) -> (u64, u64) {
        let [first @ .., _, _, _, _] = self.0;
        let [_, _, _, _, last @ ..] = self.0;
        (u64::from_le_bytes(first), u64::from_le_bytes(last))
    }

    /// A new one, of the randomness given.
    pub(crate) fn random(random: &mut Random) -> Result<Self, RandomError> {
        let mut id = [0; ID];
        random.fill(&mut id)?;
        Ok(Self(id))
    }
}

impl FromStr for TokenId {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match <[u8; ID]>::try_from(text.as_bytes()) {
            Ok(id) if id.iter().all(u8::is_ascii_alphanumeric) => Ok(Self(id)),
            _ => Err(ConfigError::new("a token's id is 12 of [0-9A-Za-z]")),
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

/// A text of the length and the shape of a token of ours.
#[derive(Clone, Copy)]
pub(crate) struct Shape<'a> {
    text: &'a [u8],
    id: TokenId,
}

impl<'a> Shape<'a> {
    /// Whether a text has the shape: length, prefix and the two underscores.
    /// What it says is checked later, where it matters.
    #[inline]
    pub(crate) fn of(text: &'a [u8], prefix: &Prefix) -> Option<Self> {
        let len = prefix.text.len();
        let word = u128::from_le_bytes(*text.first_chunk()?);
        if text.len() != len + BEHIND_PREFIX || word & prefix.mask != prefix.word {
            return None;
        }
        let [id @ .., b'_'] = text[len + 1..].first_chunk::<{ ID + 1 }>()? else {
            return None;
        };
        Some(Self {
            text,
            id: TokenId(*id),
        })
    }

    pub(crate) fn id(&self) -> TokenId {
        self.id
    }

    /// Whether the CRC holds, which a typing error breaks, and a made-up token
    /// lacks.
    pub(crate) fn is_whole(&self) -> bool {
        let Some((body, crc)) = self.text.split_last_chunk::<CRC>() else {
            return false;
        };
        decode(crc) == Some(u64::from(crc32fast::hash(body)))
    }

    /// Whether every character behind the prefix is one that a token has. A good
    /// tag says as much.
    fn is_base62(&self) -> bool {
        let secret_and_more = &self.text[self.text.len() - (BEHIND_PREFIX - ID - 2)..];
        let mut all = self.id.0.iter().chain(secret_and_more);
        all.all(u8::is_ascii_alphanumeric)
    }

    /// The key that made the tag, what it was made over, and the tag.
    pub(crate) fn tag(&self) -> Option<(KeyId, &'a [u8], u64)> {
        let (body, _) = self.text.split_last_chunk::<CRC>()?;
        let (tagged, tag) = body.split_last_chunk::<TAG>()?;
        let kid = KeyId::from_digit(*tagged.last()?)?;
        Some((kid, tagged, decode(tag)?))
    }
}

/// Writes a token down. `tag` is asked for the tag of what stands before it.
pub(crate) fn compose(
    prefix: &Prefix,
    id: TokenId,
    kid: KeyId,
    random: &mut Random,
    tag: impl FnOnce(&[u8]) -> u64,
) -> Result<Secret, RandomError> {
    let mut secret = Zeroizing::new([0; SECRET]);
    random.fill(secret.as_mut())?;
    let mut text = Vec::with_capacity(prefix.text.len() + BEHIND_PREFIX);
    text.extend_from_slice(prefix.text.as_bytes());
    text.push(b'_');
    text.extend_from_slice(&id.0);
    text.push(b'_');
    text.extend_from_slice(secret.as_ref());
    text.push(kid.digit());
    let tag = tag(&text);
    text.extend_from_slice(&encode::<TAG>(tag));
    let crc = crc32fast::hash(&text);
    text.extend_from_slice(&encode::<CRC>(u64::from(crc)));
    let text = String::from_utf8(text).expect("a token is ASCII");
    Ok(Secret::new(text))
}

/// Whether a text is a whole token of some service: for scanners, which have
/// neither a store nor a key. Gives its prefix and its id.
///
/// # Errors
///
/// Where it has not the shape of a token, or its CRC does not hold.
pub fn check_offline(text: &str) -> Result<(Prefix, TokenId), ConfigError> {
    let fault = |message: &str| Err(ConfigError::new(message));
    let Some(prefix_len) = text.len().checked_sub(BEHIND_PREFIX) else {
        return fault("too short for a token");
    };
    let Some(Ok(prefix)) = text.get(..prefix_len).map(str::parse) else {
        return fault("a token begins with a prefix");
    };
    let Some(shape) = Shape::of(text.as_bytes(), &prefix) else {
        return fault("a token is prefix_id_rest");
    };
    if !(shape.is_whole() && shape.is_base62()) {
        return fault("the token's checksum does not hold");
    }
    Ok((prefix, shape.id))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn token(random: &mut Random) -> Secret {
        let prefix = "acme".parse().unwrap();
        let id = TokenId::random(random).unwrap();
        compose(&prefix, id, KeyId::FIRST, random, |_| u64::MAX).unwrap()
    }

    #[test]
    fn a_token_is_read_as_it_was_written() {
        let prefix: Prefix = "acme".parse().unwrap();
        let secret = token(&mut Random::system());
        let text = secret.expose();
        assert_eq!(text.len(), 4 + 64);
        let shape = Shape::of(text.as_bytes(), &prefix).unwrap();
        assert_eq!(text[5..17], *shape.id().as_str());
        assert!(shape.is_whole());
        let (kid, tagged, tag) = shape.tag().unwrap();
        assert_eq!(
            (kid, tagged.len(), tag),
            (KeyId::FIRST, text.len() - 17, u64::MAX)
        );
        let (found, id) = check_offline(text).unwrap();
        assert_eq!((found, id), (prefix, shape.id()));
    }

    #[test]
    fn one_wrong_character_at_any_place_is_found() {
        let secret = token(&mut Random::system());
        let text = secret.expose();
        for place in 0..text.len() {
            for other in [
                '!',
                'é',
                if &text[place..=place] == "x" {
                    'y'
                } else {
                    'x'
                },
            ] {
                let wrong = format!("{}{other}{}", &text[..place], &text[place + 1..]);
                assert!(check_offline(&wrong).is_err(), "{wrong}");
            }
        }
        for text in ["", "a", "acme_", &text[1..], &format!("{text}0")] {
            assert!(check_offline(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_hundred_thousand_tokens_are_all_different() {
        let mut random = Random::system();
        let tokens = (0..100_000).map(|_| token(&mut random).expose().to_owned());
        assert_eq!(tokens.collect::<HashSet<_>>().len(), 100_000);
    }
}
