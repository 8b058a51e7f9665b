//! The text of a token, as [the module](super) describes it.

use zeroize::Zeroizing;

use super::{
    base62::{decode, encode},
    digest::Digest,
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
/// The length of secret, kid, tag and crc: the text that is digested.
const AFTER_ID: usize = SECRET + 1 + TAG + CRC;
/// The length of `_`, id, `_`, and the text after them.
const AFTER_PREFIX: usize = 1 + ID + 1 + AFTER_ID;

/// A text with the length, the prefix and the underscores of a token.
#[derive(Clone, Copy)]
pub(crate) struct Shape<'a> {
    text: &'a [u8],
    prefix: &'a Prefix,
    id: TokenId,
    after_id: &'a [u8; AFTER_ID],
}

impl<'a> Shape<'a> {
    /// Checks the length, the prefix and the two underscores. The other
    /// characters are checked later, by the CRC or the tag.
    #[inline]
    pub(crate) fn parse(text: &'a [u8], prefix: &'a Prefix) -> Option<Self> {
        let len = prefix.as_str().len();
        if text.len() != len + AFTER_PREFIX || !prefix.matches(*text.first_chunk()?) {
            return None;
        }
        let [id @ .., b'_'] = text[len + 1..].first_chunk::<{ ID + 1 }>()? else {
            return None;
        };
        Some(Self {
            text,
            prefix,
            id: TokenId::from_chars(*id),
            after_id: text.last_chunk()?,
        })
    }

    pub(crate) fn id(&self) -> TokenId {
        self.id
    }

    /// Computes the digest of the token, as [the module](super) describes it. The id is
    /// not part of it: the caller compares it with that of the record.
    #[inline]
    pub(crate) fn digest(&self) -> Digest {
        Digest::from_state(self.prefix.first_block().digest(self.after_id))
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
        let mut digits = self.id.as_bytes().iter().chain(self.after_id);
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

/// Creates the text of a token with a random secret, and its digest. `tag` computes
/// the tag of the text before it.
pub(crate) fn compose(
    prefix: &Prefix,
    id: TokenId,
    kid: KeyId,
    tag: impl FnOnce(&[u8]) -> u64,
) -> Result<(Secret, Digest), RandomError> {
    let mut secret = Zeroizing::new([0; SECRET]);
    fill_base62(secret.as_mut())?;
    let name = prefix.as_str();
    // With its final capacity, so that growing leaves no copy of the secret.
    let mut text = Vec::with_capacity(name.len() + AFTER_PREFIX);
    text.extend_from_slice(name.as_bytes());
    text.push(b'_');
    text.extend_from_slice(id.as_bytes());
    text.push(b'_');
    text.extend_from_slice(secret.as_ref());
    text.push(kid.digit());
    let tag = tag(&text);
    text.extend_from_slice(&encode::<TAG>(tag));
    let crc = crc32fast::hash(&text);
    text.extend_from_slice(&encode::<CRC>(u64::from(crc)));
    let after_id = text.last_chunk().expect("longer than what follows the id");
    let digest = Digest::from_state(prefix.first_block().digest::<AFTER_ID>(after_id));
    let text = String::from_utf8(text).expect("a token is ASCII");
    Ok((Secret::new(text), digest))
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
    let id = shape.id;
    Ok((prefix, id))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn token() -> Secret {
        let prefix = "acme".parse().unwrap();
        let id = TokenId::random().unwrap();
        let (secret, digest) = compose(&prefix, id, KeyId::FIRST, |_| u64::MAX).unwrap();
        assert_eq!(prefix.digest(secret.expose()).unwrap(), digest);
        secret
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
        assert_eq!((&found, id), (&prefix, shape.id()));
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

    /// The digest that `sha256sum` prints for the line in the documentation of the module.
    #[test]
    fn f03_the_digest_of_a_token_is_the_documented_one() {
        let text = "acme_4kQ0x9TbYzVv_ZyXHnkV0rXyRzNnMm3f7qJ2LpQwErTyUi0FA1b2C3d4E5f6GhI";
        let digest = |prefix: &str, text: &str| {
            let prefix: Prefix = prefix.parse().unwrap();
            prefix.digest(text).map(Digest::to_hex)
        };
        let known = "e0caa441881764a2d244d1cad018836b09d2e61c34813c87b975a61e3d96ab25";
        assert_eq!(digest("acme", text).unwrap(), known);
        let renamed = text.replace("acme", "acne");
        assert_ne!(digest("acne", &renamed).unwrap(), known, "another service");
        assert!(digest("acne", text).is_err(), "another prefix");
        for wrong in [&text[1..], &format!("{text}0"), &text.replace('_', "-")] {
            assert!(digest("acme", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_hundred_thousand_tokens_are_all_different() {
        let tokens = (0..100_000).map(|_| token().expose().to_owned());
        assert_eq!(tokens.collect::<HashSet<_>>().len(), 100_000);
    }
}
