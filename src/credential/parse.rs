//! The grammar of a credential, on the bytes of one field value.

use super::{Found, Scheme};

/// Reads the value of `Authorization`: `1#( scheme 1*SP token68 )`, one of
/// them ([RFC 9110 §11.4](https://www.rfc-editor.org/rfc/rfc9110#section-11.4)).
///
/// White space around the value is the field's, not the credential's: HTTP/1
/// servers trim it, HTTP/2 keeps it, so we trim it. A list with a comma, and
/// parameters in place of a token68, are no credential.
#[inline]
pub(super) fn authorization(value: &[u8]) -> Option<Found<'_>> {
    // Hardly anybody sends more white space than one space.
    credential(value, |token| token).or_else(|| spaced(value))
}

#[cold]
fn spaced(value: &[u8]) -> Option<Found<'_>> {
    credential(trim(value), trim_start)
}

#[inline]
fn credential<'a>(value: &'a [u8], token: fn(&'a [u8]) -> &'a [u8]) -> Option<Found<'a>> {
    let (scheme, rest) = scheme(value)?;
    let token = token(rest);
    is_token68(token).then_some(Found {
        scheme: Some(scheme),
        token,
    })
}

/// Parts a scheme's name, in any case, and the blank behind it from the rest.
#[inline(always)]
fn scheme(value: &[u8]) -> Option<(Scheme, &[u8])> {
    const BEARER: u64 = u64::from_le_bytes(*b"bearer \0");
    const BASIC: u64 = u64::from_le_bytes(*b"basic \0\0");
    let word = match value.first_chunk() {
        Some(first) => u64::from_le_bytes(*first),
        None => padded_word(value),
    };
    // The letters in lower case, and what stands behind the blank cut off.
    if (word | 0x2020_2020_2020) & (u64::MAX >> 8) == BEARER {
        Some((Scheme::Bearer, value.get(7..)?))
    } else if (word | 0x20_2020_2020) & (u64::MAX >> 16) == BASIC {
        Some((Scheme::Basic, value.get(6..)?))
    } else {
        None
    }
}

#[cold]
fn padded_word(value: &[u8]) -> u64 {
    let bytes = value.iter().rev();
    bytes.fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Reads the value of a header that holds nothing but a token.
pub(super) fn named(value: &[u8]) -> Option<Found<'_>> {
    let token = trim(value);
    let visible = |b: &u8| matches!(b, b'!'..=b'~');
    (!token.is_empty() && token.iter().all(visible)).then_some(Found {
        scheme: None,
        token,
    })
}

/// `token68 = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`
/// ([RFC 9110 §11.2](https://www.rfc-editor.org/rfc/rfc9110#section-11.2)).
fn is_token68(token: &[u8]) -> bool {
    let mut body = token;
    while let [rest @ .., b'='] = body {
        body = rest;
    }
    // Sixteen at a time, without a branch inside, so that it becomes vector
    // code; what is left of a longer token overlaps what was read.
    const LANES: usize = 16;
    let Some(last) = body.last_chunk::<LANES>() else {
        return !body.is_empty() && body.iter().all(|b| is_token68_byte(*b));
    };
    let mut good = [true; LANES];
    let mut read = |chunk: &[u8; LANES]| {
        for (good, b) in good.iter_mut().zip(chunk) {
            *good &= is_token68_byte(*b);
        }
    };
    body[..body.len() - 1]
        .as_chunks()
        .0
        .iter()
        .for_each(&mut read);
    read(last);
    good == [true; LANES]
}

fn is_token68_byte(b: u8) -> bool {
    let letter = (b | 0x20).wrapping_sub(b'a') < 26;
    let dash_to_nine = b.wrapping_sub(b'-') < 13; // - . / 0-9
    letter | dash_to_nine | (b == b'+') | (b == b'_') | (b == b'~')
}

fn trim(value: &[u8]) -> &[u8] {
    let mut value = value;
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

fn trim_start(value: &[u8]) -> &[u8] {
    let mut value = value;
    while let [b' ', rest @ ..] = value {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_is_its_letters_in_any_case_and_one_blank() {
        for (name, is) in [("Bearer ", Scheme::Bearer), ("Basic ", Scheme::Basic)] {
            for token in ["", "x", "0123456789"] {
                for value in [name, &name.to_uppercase(), &name.to_lowercase()] {
                    let value = value.to_owned() + token;
                    assert_eq!(scheme(value.as_bytes()), Some((is, token.as_bytes())));
                }
                for place in 0..name.len() {
                    let mut other = (name.to_owned() + token).into_bytes();
                    for byte in 0..=u8::MAX {
                        other[place] = byte;
                        let expected = byte.eq_ignore_ascii_case(&name.as_bytes()[place]);
                        assert_eq!(scheme(&other).is_some(), expected, "{place} {byte}");
                    }
                }
            }
            for len in 0..name.len() {
                assert_eq!(scheme(&name.as_bytes()[..len]), None);
            }
        }
    }

    #[test]
    fn token68_is_exactly_the_grammar_at_every_length_and_place() {
        let grammar = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b);
        for byte in 0..=255 {
            assert_eq!(is_token68_byte(byte), grammar(byte), "{byte}");
        }
        for len in 1..70 {
            let good = vec![b'a'; len];
            assert!(is_token68(&good));
            for place in 0..len {
                let mut bad = good.clone();
                bad[place] = b',';
                assert!(!is_token68(&bad), "{len} {place}");
            }
        }
        for (token, expected) in [("", false), ("=", false), ("a=", true), ("a====", true)] {
            assert_eq!(is_token68(token.as_bytes()), expected, "{token}");
        }
        assert!(!is_token68(b"a=b") && !is_token68(b"=a"));
    }
}
