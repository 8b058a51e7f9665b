//! What a path's spelling is worth.

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
