//! Checks of the paths of requests and of rows.

use crate::error::ConfigError;

/// How likely routers, proxies and handlers are to read a path differently, the
/// likeliest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Spelling {
    /// Routers, proxies and file systems disagree about its meaning.
    Ambiguous,
    /// It has percent-encoded characters, which a later reader may decode.
    Encoded,
    /// It has one meaning.
    Plain,
}

/// The bytes that decide the spelling of a path.
const DECISIVE: [bool; 256] = {
    let mut decisive = [false; 256];
    let mut bytes: &[u8] = b"%/;\\";
    while let [byte, rest @ ..] = bytes {
        decisive[*byte as usize] = true;
        bytes = rest;
    }
    decisive
};

/// Classifies a path in one pass over its bytes.
pub(super) fn classify_spelling(path: &str) -> Spelling {
    let mut spelling = Spelling::Plain;
    if !path.starts_with('/') {
        return Spelling::Ambiguous;
    }
    let mut rest = path.as_bytes().iter();
    while let Some(byte) = rest.find(|byte| DECISIVE[usize::from(**byte)]) {
        match byte {
            b'/' if begins_ambiguous_segment(rest.as_slice()) => return Spelling::Ambiguous,
            b';' | b'\\' => return Spelling::Ambiguous,
            b'%' if begins_code_of_separator(rest.as_slice()) => return Spelling::Ambiguous,
            b'%' => spelling = Spelling::Encoded,
            _ => {}
        }
    }
    spelling
}

/// Returns whether a segment that is `.`, `..` or empty begins here. The last segment
/// may be empty: a trailing slash.
fn begins_ambiguous_segment(rest: &[u8]) -> bool {
    match rest {
        [b'/', ..] => true,
        [b'.', rest @ ..] => matches!(rest, [] | [b'/', ..] | [b'.'] | [b'.', b'/', ..]),
        _ => false,
    }
}

/// Returns whether the digits of `%2e`, `%2f` or `%5c` begin here.
fn begins_code_of_separator(rest: &[u8]) -> bool {
    matches!(
        rest,
        [b'2', b'E' | b'F' | b'e' | b'f', ..] | [b'5', b'C' | b'c', ..]
    )
}

/// Returns an error if no request's path can match the path of a row, or if the
/// path is in another router's syntax. [`matchit`] checks the rest of the syntax.
pub(super) fn check_row_path(path: &str) -> Result<(), ConfigError> {
    let error = |problem: &str, expected: &str| {
        let message = format!("path {path:?}: {problem}; expected {expected}");
        Err(ConfigError::new(message))
    };
    if !path.starts_with('/') {
        return error("does not start with '/'", &format!("\"/{path}\""));
    }
    if path.contains(['?', '#']) {
        return error("has a query or fragment", "the path alone");
    }
    let is_foreign = |segment: &str| segment.starts_with([':', '*']);
    if !path.split('/').any(is_foreign) {
        return Ok(());
    }
    let with_braces = |segment: &str| match segment {
        "*" => "{*rest}".to_owned(),
        _ if segment.starts_with('*') => format!("{{{segment}}}"),
        _ => match segment.strip_prefix(':') {
            Some(name) => format!("{{{name}}}"),
            None => segment.to_owned(),
        },
    };
    let corrected: Vec<String> = path.split('/').map(with_braces).collect();
    let corrected = format!("{:?}", corrected.join("/"));
    error("parameters are written in braces", &corrected)
}

#[cfg(test)]
mod tests {
    use super::{Spelling::*, *};

    #[test]
    fn a_path_is_plain_encoded_or_ambiguous() {
        let rows = [
            ("/", Plain),
            ("/a/b", Plain),
            ("/a/", Plain),
            ("/a.b/..c", Plain),
            ("/.a/...", Plain),
            ("/a/..b/", Plain),
            ("/a%20b", Encoded),
            ("/%61", Encoded),
            ("/%", Encoded),
            ("/a%2", Encoded),
            ("/%2g%5d", Encoded),
            ("", Ambiguous),
            ("*", Ambiguous),
            ("a", Ambiguous),
            ("//", Ambiguous),
            ("//a", Ambiguous),
            ("/a//b", Ambiguous),
            ("/a//", Ambiguous),
            ("/.", Ambiguous),
            ("/..", Ambiguous),
            ("/a/./b", Ambiguous),
            ("/a/../b", Ambiguous),
            ("/a/..", Ambiguous),
            ("/%61/..", Ambiguous),
            ("/a;b", Ambiguous),
            ("/a\\b", Ambiguous),
            ("/%2e", Ambiguous),
            ("/a%2Fb", Ambiguous),
            ("/a%5C%20", Ambiguous),
        ];
        for (path, expected) in rows {
            assert_eq!(classify_spelling(path), expected, "{path}");
        }
    }
}
