//! The grammar of a credential in the value of one header field.

use super::Found;
use crate::scheme::Scheme;

/// Parses the value of `Authorization`: `scheme 1*SP token68`
/// ([RFC 9110 §11.4](https://www.rfc-editor.org/rfc/rfc9110#section-11.4)).
///
/// White space around the value belongs to the field and not to the credential.
/// HTTP/1 servers trim it and HTTP/2 servers keep it, so this function trims it. A
/// list with commas, or parameters in place of a token68, is not a credential.
#[inline]
pub(super) fn parse_authorization(value: &[u8]) -> Option<Found<'_>> {
    // Few clients send more white space than one space.
    parse_credential(value, |token| token).or_else(|| parse_with_white_space(value))
}

#[cold]
fn parse_with_white_space(value: &[u8]) -> Option<Found<'_>> {
    parse_credential(trim(value), trim_start)
}

#[inline]
fn parse_credential<'a>(
    value: &'a [u8],
    trim_token: fn(&'a [u8]) -> &'a [u8],
) -> Option<Found<'a>> {
    let (scheme, rest) = split_scheme(value)?;
    let token = trim_token(rest);
    is_token68(token).then_some(Found {
        scheme: Some(scheme),
        token,
    })
}

/// Splits off a scheme's name, in any case, and the space after it.
#[inline(always)]
fn split_scheme(value: &[u8]) -> Option<(Scheme, &[u8])> {
    const BEARER: u64 = u64::from_le_bytes(*b"bearer \0");
    const BASIC: u64 = u64::from_le_bytes(*b"basic \0\0");
    let word = match value.first_chunk() {
        Some(first) => u64::from_le_bytes(*first),
        None => padded_word(value),
    };
    // Lower the letters, and clear the bytes after the space.
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

/// Parses the value of a header that holds only a token.
pub(super) fn parse_token_header(value: &[u8]) -> Option<Found<'_>> {
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
    // Check sixteen bytes at a time, without a branch, so that the compiler
    // vectorizes the loop. The last sixteen may overlap the preceding ones.
    const LANES: usize = 16;
    let Some(last) = body.last_chunk::<LANES>() else {
        return !body.is_empty() && body.iter().all(|b| is_token68_byte(*b));
    };
    let mut good = [true; LANES];
    let mut check = |chunk: &[u8; LANES]| {
        for (good, b) in good.iter_mut().zip(chunk) {
            *good &= is_token68_byte(*b);
        }
    };
    body[..body.len() - 1]
        .as_chunks()
        .0
        .iter()
        .for_each(&mut check);
    check(last);
    good == [true; LANES]
}

fn is_token68_byte(b: u8) -> bool {
    let is_letter = (b | 0x20).wrapping_sub(b'a') < 26;
    let is_dash_to_nine = b.wrapping_sub(b'-') < 13; // - . / 0-9
    is_letter | is_dash_to_nine | (b == b'+') | (b == b'_') | (b == b'~')
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

    /// The bytes of a token68, other than `=`.
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";

    #[test]
    fn a_scheme_is_its_letters_in_any_case_and_one_space() {
        for (name, expected) in [("Bearer ", Scheme::Bearer), ("Basic ", Scheme::Basic)] {
            for token in ["", "x", "0123456789"] {
                for value in [name, &name.to_uppercase(), &name.to_lowercase()] {
                    let value = value.to_owned() + token;
                    let found = split_scheme(value.as_bytes());
                    assert_eq!(found, Some((expected, token.as_bytes())));
                }
                for position in 0..name.len() {
                    let mut other = (name.to_owned() + token).into_bytes();
                    for byte in 0..=u8::MAX {
                        other[position] = byte;
                        let expected = byte.eq_ignore_ascii_case(&name.as_bytes()[position]);
                        assert_eq!(
                            split_scheme(&other).is_some(),
                            expected,
                            "{position} {byte}"
                        );
                    }
                }
            }
            for len in 0..name.len() {
                assert_eq!(split_scheme(&name.as_bytes()[..len]), None);
            }
        }
    }

    /// A direct transcription of RFC 9110 §11.2.
    fn is_token68_reference(token: &[u8]) -> bool {
        let end = token.iter().rposition(|b| *b != b'=');
        end.is_some_and(|end| token[..=end].iter().all(|b| ALPHABET.contains(b)))
    }

    #[test]
    fn token68_is_the_grammar_at_every_length_position_and_byte() {
        for token in [b"" as &[u8], b"=", b"==", b"a=", b"a====", b"a=b", b"=a"] {
            assert_eq!(is_token68(token), is_token68_reference(token));
        }
        for len in 1..=200 {
            let mut token: Vec<u8> = ALPHABET.iter().copied().cycle().take(len).collect();
            assert!(is_token68(&token), "{len}");
            for position in 0..len {
                let good = token[position];
                // Every byte at the lengths where a vector and its tail overlap.
                let step = if len <= 50 { 1 } else { 23 };
                for byte in (0..=u8::MAX).step_by(step) {
                    token[position] = byte;
                    let expected = is_token68_reference(&token);
                    assert_eq!(is_token68(&token), expected, "{len} {position} {byte}");
                }
                token[position] = good;
                assert!(is_token68(&token[position..]), "{len} from {position}");
            }
        }
    }

    /// A direct transcription of RFC 9110 §11.4, with the field's white space trimmed.
    fn parse_authorization_reference(value: &[u8]) -> Option<(Scheme, &[u8])> {
        let is_space = |b: &u8| matches!(b, b' ' | b'\t');
        let begin = value.iter().position(|b| !is_space(b))?;
        let end = value.iter().rposition(|b| !is_space(b))?;
        let value = &value[begin..=end];
        let name = value.iter().position(|b| *b == b' ')?;
        let token = value[name..].iter().position(|b| *b != b' ')?;
        let scheme = match value[..name].to_ascii_lowercase().as_slice() {
            b"basic" => Scheme::Basic,
            b"bearer" => Scheme::Bearer,
            _ => return None,
        };
        let token = &value[name + token..];
        is_token68_reference(token).then_some((scheme, token))
    }

    /// Values with white space before, inside and after.
    fn values() -> impl Iterator<Item = Vec<u8>> {
        const NAMES: [&str; 5] = ["Basic", "bASIC", "Bearer", "bEaReR", "Digest"];
        const TOKENS: [&str; 5] = ["", "a", "0123456789abcde", "0123456789abcdef", "dTpw=="];
        const SPACES: [&str; 7] = ["", " ", "  ", "\t", " \t", "\t ", "       "];
        let bare = NAMES
            .into_iter()
            .flat_map(|name| TOKENS.map(|token| (name, token)));
        let joined =
            bare.flat_map(|(name, token)| SPACES.map(|space| format!("{name}{space}{token}")));
        joined.flat_map(|value| {
            let spaced = SPACES.map(|space| [format!("{space}{value}"), format!("{value}{space}")]);
            spaced.into_iter().flatten().map(String::into_bytes)
        })
    }

    #[test]
    fn a_value_is_parsed_by_the_grammar_for_every_change_of_one_byte() {
        let mut good = 0;
        for mut value in values() {
            for position in 0..value.len() {
                let original = value[position];
                let step = if position <= 16 { 1 } else { 23 };
                for byte in (0..=u8::MAX).step_by(step).chain([original]) {
                    value[position] = byte;
                    let found = parse_authorization(&value);
                    let found = found.and_then(|found| Some((found.scheme?, found.token)));
                    assert_eq!(found, parse_authorization_reference(&value), "{value:?}");
                    good += usize::from(found.is_some());
                }
            }
        }
        assert!(good > 10_000, "{good}");
    }

    #[test]
    fn a_token_header_holds_visible_ascii_at_every_position() {
        for len in 1..40 {
            let mut value = vec![b'x'; len];
            for position in 0..len {
                for byte in 0..=u8::MAX {
                    value[position] = byte;
                    let is_edge = position == 0 || position == len - 1;
                    let is_trimmed = is_edge && len > 1 && (byte == b' ' || byte == b'\t');
                    let found = parse_token_header(&value).map(|found| found.token.len());
                    let expected = match is_trimmed {
                        true => Some(len - 1),
                        false => byte.is_ascii_graphic().then_some(len),
                    };
                    assert_eq!(found, expected, "{len} {position} {byte}");
                }
                value[position] = b'x';
            }
        }
    }
}
