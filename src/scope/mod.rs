//! Scopes: the rights of a principal, and those that a route requires.

mod rule;

use std::{fmt, str::FromStr, sync::Arc};

pub use self::rule::{ScopeRule, Scoped};
use crate::error::ConfigError;

/// Requests a refresh token of an authorization server
/// ([OpenID Connect §11](https://openid.net/specs/openid-connect-core-1_0.html#OfflineAccess)).
pub(crate) const OFFLINE_ACCESS: &str = "offline_access";

/// The longest scope, in bytes.
const MAX_LEN: usize = 255;

/// A scope: a right that a credential carries and a route requires.
///
/// Any `scope-token` of [RFC 6749 §3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)
/// of at most 255 bytes is a scope: visible ASCII without `"` and `\`, such as
/// `deployment`, `User.Read` or `https://example.com/auth/files`.
///
/// Scopes are compared exactly, except that lower-case segments joined by colons
/// form a hierarchy: `resources` covers `resources:models:push`. There are no
/// wildcards.
///
/// # Example
///
/// ```
/// use tower_authn::Scope;
///
/// let granted: Scope = "resources".parse()?;
/// assert!(granted.covers(&"resources:models:push".parse()?));
/// assert!(!granted.covers(&"resources2".parse()?));
///
/// let granted: Scope = "https".parse()?;
/// assert!(!granted.covers(&"https://example.com/auth/files".parse()?));
/// assert!("two scopes".parse::<Scope>().is_err());
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(Arc<str>);

impl Scope {
    /// Returns the scope as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Creates a scope from a constant of this crate. A test checks that it is one.
    #[cfg(feature = "manage")]
    pub(crate) fn from_static(text: &'static str) -> Self {
        Self(text.into())
    }

    /// Returns whether a grant of this scope includes the `required` one.
    ///
    /// A scope covers itself. If both consist of segments of `[a-z0-9_-]`
    /// joined by colons, it also covers every scope that continues it with a
    /// colon.
    #[must_use]
    pub fn covers(&self, required: &Self) -> bool {
        required
            .0
            .strip_prefix(self.as_str())
            .is_some_and(|rest| match rest.as_bytes() {
                [] => true,
                [b':', ..] => is_hierarchical(required.as_str()),
                _ => false,
            })
    }
}

/// Returns whether a scope consists of segments of `[a-z0-9_-]` joined by colons.
fn is_hierarchical(scope: &str) -> bool {
    let is_segment_byte = |b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    scope
        .split(':')
        .all(|segment| !segment.is_empty() && segment.bytes().all(is_segment_byte))
}

impl FromStr for Scope {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let allowed = |b| matches!(b, b'!' | b'#'..=b'[' | b']'..=b'~');
        if text.is_empty() || text.len() > MAX_LEN || !text.bytes().all(allowed) {
            return Err(ConfigError::new(format!(
                "{text:?} is not a scope; expected 1 to {MAX_LEN} visible ASCII characters \
                 without '\"' and '\\'"
            )));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Parses a space-separated list of scopes. An item that is not a scope grants
/// nothing and is skipped.
pub(crate) fn parse_list(list: &str) -> impl Iterator<Item = Scope> {
    list.split(' ').filter_map(|item| item.parse().ok())
}

pub(crate) fn parse_all<T: AsRef<str>>(
    scopes: impl IntoIterator<Item = T>,
) -> Result<Vec<Scope>, ConfigError> {
    scopes.into_iter().map(|s| s.as_ref().parse()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_covers_itself_and_the_scopes_below_it() {
        let rows = [
            ("resources", "resources", true),
            ("resources", "resources:models", true),
            ("resources", "resources:models:push", true),
            ("resources:models", "resources", false),
            ("resources", "resources2", false),
            ("resources", "resources-x:y", false),
            ("deployment", "resources", false),
            ("User.Read", "User.Read", true),
            ("User.Read", "user.read", false),
            ("User.Read", "User.Read.All", false),
            ("User", "User:Read", false),
            ("user", "user:Read", false),
            ("user", "user::read", false),
            ("user", "user:", false),
            ("https", "https://example.com/files", false),
            ("https://example.com", "https://example.com:read", false),
            (
                "https://example.com/files",
                "https://example.com/files",
                true,
            ),
        ];
        for (granted, required, expected) in rows {
            let scope = |text: &str| text.parse::<Scope>().unwrap();
            assert_eq!(
                scope(granted).covers(&scope(required)),
                expected,
                "{granted} {required}"
            );
        }
    }

    #[test]
    fn a_scope_is_a_scope_token_of_rfc_6749() {
        for byte in 0..=u8::MAX {
            let text = char::from(byte).to_string();
            let expected = matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
            assert_eq!(text.parse::<Scope>().is_ok(), expected, "{byte:#x}");
        }
        assert!("".parse::<Scope>().is_err());
        assert!("a".repeat(MAX_LEN).parse::<Scope>().is_ok());
        assert!("a".repeat(MAX_LEN + 1).parse::<Scope>().is_err());
        let error = "two scopes".parse::<Scope>().unwrap_err();
        assert_eq!(
            error.to_string(),
            r#""two scopes" is not a scope; expected 1 to 255 visible ASCII characters without '"' and '\'"#
        );
    }

    #[test]
    fn a_list_skips_items_that_are_not_scopes() {
        let scopes: Vec<_> = parse_list(" a  \"b\" c\\d \u{e9} e:f ").collect();
        let scopes: Vec<_> = scopes.iter().map(Scope::as_str).collect();
        assert_eq!(scopes, ["a", "e:f"]);
    }
}
