//! Checks of the paths of requests and of rows.

use crate::error::ConfigError;

/// How likely routers, proxies and handlers are to read a path differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// Routers, proxies and file systems disagree about its meaning.
    Ambiguous,
    /// It has percent-encoded characters, which a later reader may decode.
    Encoded,
    /// It has one meaning.
    Plain,
}

pub(super) fn classify_spelling(path: &str) -> Spelling {
    let Some(rest) = path.strip_prefix('/') else {
        return Spelling::Ambiguous;
    };
    // Only the last segment may be empty: a trailing slash.
    let (folders, last) = rest.rsplit_once('/').unwrap_or(("", rest));
    let empty = rest.contains('/') && folders.split('/').any(str::is_empty);
    let dots = |segment| matches!(segment, "." | "..");
    if empty || dots(last) || folders.split('/').any(dots) || path.contains([';', '\\']) {
        return Spelling::Ambiguous;
    }
    let encoded = |code: &str| {
        path.as_bytes()
            .windows(3)
            .any(|w| w.eq_ignore_ascii_case(code.as_bytes()))
    };
    if ["%2e", "%2f", "%5c"].into_iter().any(encoded) {
        Spelling::Ambiguous
    } else if path.contains('%') {
        Spelling::Encoded
    } else {
        Spelling::Plain
    }
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
            ("/a%20b", Encoded),
            ("/%61", Encoded),
            ("", Ambiguous),
            ("*", Ambiguous),
            ("a", Ambiguous),
            ("//", Ambiguous),
            ("//a", Ambiguous),
            ("/a//b", Ambiguous),
            ("/a//", Ambiguous),
            ("/.", Ambiguous),
            ("/a/../b", Ambiguous),
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
