//! The text of a token, as [the module](super) describes it.

use zeroize::Zeroizing;

use super::{
    base62::{decode, encode},
    error::ParseError,
    id::TokenId,
    key::KeyId,
    prefix::Prefix,
    random::{RandomError, fill_base62},
    secret::Secret,
};

const ID: usize = TokenId::LEN;
const SECRET: usize = 32;
const TAG: usize = 11;
const CRC: usize = 6;
/// The length of `_`, id, `_`, secret, kid, tag and crc.
const AFTER_PREFIX: usize = 1 + ID + 1 + SECRET + 1 + TAG + CRC;

/// A text with the length, the prefix and the underscores of a token.
#[derive(Clone, Copy)]
pub(crate) struct Shape<'a> {
    text: &'a [u8],
    id: TokenId,
}

impl<'a> Shape<'a> {
    /// Checks the length, the prefix and the two underscores. The other
    /// characters are checked later, by the CRC or the tag.
    #[inline]
    pub(crate) fn parse(text: &'a [u8], prefix: &Prefix) -> Option<Self> {
        let len = prefix.as_str().len();
        if text.len() != len + AFTER_PREFIX || !prefix.matches(*text.first_chunk()?) {
            return None;
        }
        let [id @ .., b'_'] = text[len + 1..].first_chunk::<{ ID + 1 }>()? else {
            return None;
        };
        Some(Self {
            text,
            id: TokenId::from_chars(*id),
        })
    }

    pub(crate) fn id(&self) -> TokenId {
        self.id
    }

    /// Checks the CRC, which fails for a typing error and for most made-up
    /// tokens.
    pub(crate) fn has_valid_crc(&self) -> bool {
        let Some((body, crc)) = self.text.split_last_chunk::<CRC>() else {
            return false;
        };
        decode(crc) == Some(u64::from(crc32fast::hash(body)))
    }

    /// Checks that every character after the prefix is a base62 digit. A valid
    /// tag proves it too, so verdicts skip this.
    fn is_base62(&self) -> bool {
        let after_id = &self.text[self.text.len() - (AFTER_PREFIX - ID - 2)..];
        let mut digits = self.id.as_bytes().iter().chain(after_id);
        digits.all(u8::is_ascii_alphanumeric)
    }

    /// Returns the key of the tag, the tagged text, and the tag.
    pub(crate) fn tag(&self) -> Option<(KeyId, &'a [u8], u64)> {
        let (body, _) = self.text.split_last_chunk::<CRC>()?;
        let (tagged, tag) = body.split_last_chunk::<TAG>()?;
        let kid = KeyId::from_digit(*tagged.last()?)?;
        Some((kid, tagged, decode(tag)?))
    }
}

/// Creates the text of a token with a random secret. `tag` computes the tag of
/// the text before it.
pub(crate) fn compose(
    prefix: &Prefix,
    id: TokenId,
    kid: KeyId,
    tag: impl FnOnce(&[u8]) -> u64,
) -> Result<Secret, RandomError> {
    let mut secret = Zeroizing::new([0; SECRET]);
    fill_base62(secret.as_mut())?;
    let prefix = prefix.as_str();
    // With its final capacity, so that growing leaves no copy of the secret.
    let mut text = Vec::with_capacity(prefix.len() + AFTER_PREFIX);
    text.extend_from_slice(prefix.as_bytes());
    text.push(b'_');
    text.extend_from_slice(id.as_bytes());
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

/// Checks without a store or a key whether a text is a whole token of any
/// service, and returns its prefix and its id. Meant for secret scanners.
///
/// # Errors
///
/// Returns an error if the text has not the form of a token, or if its CRC is
/// wrong.
pub fn check_offline(text: &str) -> Result<(Prefix, TokenId), ParseError> {
    let error = |message| Err(ParseError::new(message));
    let Some(prefix_len) = text.len().checked_sub(AFTER_PREFIX) else {
        return error("token: too short; expected a prefix and 64 characters");
    };
    let Some(Ok(prefix)) = text.get(..prefix_len).map(str::parse) else {
        return error(
            "token: no prefix; expected a lower-case letter, then 1 to 14 of [a-z0-9], then _",
        );
    };
    let Some(shape) = Shape::parse(text.as_bytes(), &prefix) else {
        return error("token: an underscore is missing; expected prefix_id_rest");
    };
    if !(shape.has_valid_crc() && shape.is_base62()) {
        return error("token: wrong checksum; expected the CRC-32 of the text before it");
    }
    Ok((prefix, shape.id))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn token() -> Secret {
        let prefix = "acme".parse().unwrap();
        let id = TokenId::random().unwrap();
        compose(&prefix, id, KeyId::FIRST, |_| u64::MAX).unwrap()
    }

    #[test]
    fn a_token_is_read_as_it_was_written() {
        let prefix: Prefix = "acme".parse().unwrap();
        let secret = token();
        let text = secret.expose();
        assert_eq!(text.len(), 4 + 64);
        let shape = Shape::parse(text.as_bytes(), &prefix).unwrap();
        assert_eq!(text[5..17], *shape.id().as_str());
        assert!(shape.has_valid_crc());
        let (kid, tagged, tag) = shape.tag().unwrap();
        assert_eq!(
            (kid, tagged.len(), tag),
            (KeyId::FIRST, text.len() - 17, u64::MAX)
        );
        let (found, id) = check_offline(text).unwrap();
        assert_eq!((found, id), (prefix, shape.id()));
    }

    #[test]
    fn a_wrong_character_is_found_wherever_it_is() {
        let secret = token();
        let text = secret.expose();
        for index in 0..text.len() {
            let letter = if &text[index..=index] == "x" {
                'y'
            } else {
                'x'
            };
            for other in ['!', 'é', letter] {
                let wrong = format!("{}{other}{}", &text[..index], &text[index + 1..]);
                assert!(check_offline(&wrong).is_err(), "{wrong}");
            }
        }
        for text in ["", "a", "acme_", &text[1..], &format!("{text}0")] {
            assert!(check_offline(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_hundred_thousand_tokens_are_all_different() {
        let tokens = (0..100_000).map(|_| token().expose().to_owned());
        assert_eq!(tokens.collect::<HashSet<_>>().len(), 100_000);
    }
}
