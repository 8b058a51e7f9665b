//! Paths of requests, and paths of rows.

use crate::error::ConfigError;

/// How far a path can be trusted to mean to the router what it says here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// It says what it means.
    Plain,
    /// Something is percent-encoded, which somebody may decode later.
    Encoded,
    /// Routers, proxies and file systems disagree about what it means.
    Odd,
}

pub(super) fn spelling(path: &str) -> Spelling {
    let Some(rest) = path.strip_prefix('/') else {
        return Spelling::Odd;
    };
    // Only the last segment may be empty: a trailing slash.
    let (folders, last) = rest.rsplit_once('/').unwrap_or(("", rest));
    let empty = rest.contains('/') && folders.split('/').any(str::is_empty);
    let dots = |segment| matches!(segment, "." | "..");
    if empty || dots(last) || folders.split('/').any(dots) || path.contains([';', '\\']) {
        return Spelling::Odd;
    }
    let encoded = |code: &str| {
        path.as_bytes()
            .windows(3)
            .any(|w| w.eq_ignore_ascii_case(code.as_bytes()))
    };
    if ["%2e", "%2f", "%5c"].into_iter().any(encoded) {
        Spelling::Odd
    } else if path.contains('%') {
        Spelling::Encoded
    } else {
        Spelling::Plain
    }
}

/// Refuses a row's path that axum refuses, or that no request's path can equal.
pub(super) fn check_row_path(path: &str) -> Result<(), ConfigError> {
    let error = |problem: &str, expected: &str| {
        let message = format!("path {path:?}: {problem}; expected {expected}");
        Err(ConfigError::new(message))
    };
    if !path.starts_with('/') {
        return error("no '/' at its start", &format!("\"/{path}\""));
    }
    if path.contains(['?', '#']) {
        return error("has a query or fragment", "the path alone");
    }
    let foreign = |segment: &&str| segment.starts_with([':', '*']);
    if !path.split('/').any(|segment| foreign(&segment)) {
        return Ok(());
    }
    let in_braces = |segment: &str| match segment {
        "*" => "{*rest}".to_owned(),
        _ if segment.starts_with('*') => format!("{{{segment}}}"),
        _ => match segment.strip_prefix(':') {
            Some(name) => format!("{{{name}}}"),
            None => segment.to_owned(),
        },
    };
    let fixed: Vec<String> = path.split('/').map(in_braces).collect();
    let fixed = format!("{:?}", fixed.join("/"));
    error("parameters are written in braces", &fixed)
}

#[cfg(test)]
mod tests {
    use super::{Spelling::*, *};

    #[test]
    fn spellings_are_told_apart() {
        let rows = [
            ("/", Plain),
            ("/a/b", Plain),
            ("/a/", Plain),
            ("/a.b/..c", Plain),
            ("/a%20b", Encoded),
            ("/%61", Encoded),
            ("", Odd),
            ("*", Odd),
            ("a", Odd),
            ("//", Odd),
            ("//a", Odd),
            ("/a//b", Odd),
            ("/a//", Odd),
            ("/.", Odd),
            ("/a/../b", Odd),
            ("/a;b", Odd),
            ("/a\\b", Odd),
            ("/%2e", Odd),
            ("/a%2Fb", Odd),
            ("/a%5C%20", Odd),
        ];
        for (path, expected) in rows {
            assert_eq!(spelling(path), expected, "{path}");
        }
    }
}
