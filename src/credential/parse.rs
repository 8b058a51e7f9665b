//! The grammar of a credential, on the bytes of one field value.

use super::{Found, Scheme};

/// Reads the value of `Authorization`: `1#( scheme 1*SP token68 )`, one of
/// them ([RFC 9110 §11.4](https://www.rfc-editor.org/rfc/rfc9110#section-11.4)).
///
/// White space around the value is the field's, not the credential's: HTTP/1
/// servers trim it, HTTP/2 keeps it, so we trim it. A list with a comma, and
/// parameters in place of a token68, are no credential.
pub(super) fn authorization(value: &[u8]) -> Option<Found<'_>> {
    let (scheme, rest) = scheme(trim(value))?;
    let token = trim_start(rest);
    is_token68(token).then_some(Found {
        scheme: Some(scheme),
        token,
    })
}

/// Parts a scheme's name, in any case, and the blank behind it from the rest.
#[rustfmt::skip]
fn scheme(value: &[u8]) -> Option<(Scheme, &[u8])> {
    match value {
        [b'B' | b'b', b'a' | b'A', b's' | b'S', b'i' | b'I', b'c' | b'C', b' ', rest @ ..] => {
            Some((Scheme::Basic, rest))
        }
        [b'B' | b'b', b'e' | b'E', b'a' | b'A', b'r' | b'R', b'e' | b'E', b'r' | b'R', b' ', rest @ ..] => {
            Some((Scheme::Bearer, rest))
        }
        _ => None,
    }
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
    let (chunks, tail) = body.as_chunks::<LANES>();
    let Some(last) = body.last_chunk::<LANES>() else {
        return !tail.is_empty() && tail.iter().all(|b| is_token68_byte(*b));
    };
    let mut good = [true; LANES];
    let mut read = |chunk: &[u8; LANES]| {
        for (good, b) in good.iter_mut().zip(chunk) {
            *good &= is_token68_byte(*b);
        }
    };
    chunks.iter().for_each(&mut read);
    if !tail.is_empty() {
        read(last);
    }
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
