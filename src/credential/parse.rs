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

    /// What a token68 is made of.
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";

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

    /// RFC 9110 §11.2, byte by byte.
    fn is_token68_by_the_letter(token: &[u8]) -> bool {
        let end = token.iter().rposition(|b| *b != b'=');
        end.is_some_and(|end| token[..=end].iter().all(|b| ALPHABET.contains(b)))
    }

    #[test]
    fn token68_is_exactly_the_grammar_at_every_length_place_and_byte() {
        for token in [b"" as &[u8], b"=", b"==", b"a=", b"a====", b"a=b", b"=a"] {
            assert_eq!(is_token68(token), is_token68_by_the_letter(token));
        }
        for len in 1..=200 {
            let mut token: Vec<u8> = ALPHABET.iter().copied().cycle().take(len).collect();
            assert!(is_token68(&token), "{len}");
            for place in 0..len {
                let good = token[place];
                // All of them where a vector and its tail can lie in any way.
                let step = if len <= 50 { 1 } else { 23 };
                for byte in (0..=u8::MAX).step_by(step) {
                    token[place] = byte;
                    let expected = is_token68_by_the_letter(&token);
                    assert_eq!(is_token68(&token), expected, "{len} {place} {byte}");
                }
                token[place] = good;
                assert!(is_token68(&token[place..]), "{len} from {place}");
            }
        }
    }

    /// RFC 9110 §11.4, after the white space of the field was trimmed.
    fn authorization_by_the_letter(value: &[u8]) -> Option<(Scheme, &[u8])> {
        let blank = |b: &u8| matches!(b, b' ' | b'\t');
        let begin = value.iter().position(|b| !blank(b))?;
        let end = value.iter().rposition(|b| !blank(b))?;
        let value = &value[begin..=end];
        let name = value.iter().position(|b| *b == b' ')?;
        let token = value[name..].iter().position(|b| *b != b' ')?;
        let scheme = match value[..name].to_ascii_lowercase().as_slice() {
            b"basic" => Scheme::Basic,
            b"bearer" => Scheme::Bearer,
            _ => return None,
        };
        let token = &value[name + token..];
        is_token68_by_the_letter(token).then_some((scheme, token))
    }

    /// Values with white space before, inside and behind.
    fn values() -> impl Iterator<Item = Vec<u8>> {
        const NAMES: [&str; 5] = ["Basic", "bASIC", "Bearer", "bEaReR", "Digest"];
        const TOKENS: [&str; 5] = ["", "a", "0123456789abcde", "0123456789abcdef", "dTpw=="];
        const BLANKS: [&str; 7] = ["", " ", "  ", "\t", " \t", "\t ", "       "];
        let bare = NAMES
            .into_iter()
            .flat_map(|name| TOKENS.map(|token| (name, token)));
        let parted =
            bare.flat_map(|(name, token)| BLANKS.map(|blank| format!("{name}{blank}{token}")));
        parted.flat_map(|value| {
            let spaced = BLANKS.map(|blank| [format!("{blank}{value}"), format!("{value}{blank}")]);
            spaced.into_iter().flatten().map(String::into_bytes)
        })
    }

    #[test]
    fn a_value_is_read_by_the_letter_whatever_one_byte_of_it_is() {
        let mut good = 0;
        for mut value in values() {
            for place in 0..value.len() {
                let own = value[place];
                let step = if place <= 16 { 1 } else { 23 };
                for byte in (0..=u8::MAX).step_by(step).chain([own]) {
                    value[place] = byte;
                    let found = authorization(&value);
                    let found = found.and_then(|found| Some((found.scheme?, found.token)));
                    assert_eq!(found, authorization_by_the_letter(&value), "{value:?}");
                    good += usize::from(found.is_some());
                }
            }
        }
        assert!(good > 10_000, "{good}");
    }

    #[test]
    fn a_named_header_holds_visible_ascii_at_every_place() {
        for len in 1..40 {
            let mut value = vec![b'x'; len];
            for place in 0..len {
                for byte in 0..=u8::MAX {
                    value[place] = byte;
                    let edge = place == 0 || place == len - 1;
                    let trimmed = edge && len > 1 && (byte == b' ' || byte == b'\t');
                    let found = named(&value).map(|found| found.token.len());
                    let expected = match trimmed {
                        true => Some(len - 1),
                        false => byte.is_ascii_graphic().then_some(len),
                    };
                    assert_eq!(found, expected, "{len} {place} {byte}");
                }
                value[place] = b'x';
            }
        }
    }
}
