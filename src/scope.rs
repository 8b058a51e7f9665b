//! Scopes: what a principal may do, and what a place requires.

use std::{fmt, str::FromStr, sync::Arc};

use crate::error::ConfigError;

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
    /// The scope as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A scope of this crate's own, which a test parses.
    #[cfg(feature = "manage")]
    pub(crate) fn known(text: &'static str) -> Self {
        Self(text.into())
    }

    /// Returns whether a grant of this scope includes the `required` one.
    ///
    /// A scope covers itself. Where both consist of segments of `[a-z0-9_-]`
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

/// Whether a scope consists of segments of `[a-z0-9_-]` joined by colons.
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

/// Which scopes a place requires.
///
/// It is never empty: a rule that requires nothing can't be written.
///
/// # Example
///
/// ```
/// use tower_authn::{Principal, Scoped, ScopeRule};
///
/// let rule = ScopeRule::any_of(["deployment", "resources:deployments"])?;
/// let caller = Principal::new("ci").with_scopes(["resources"])?;
/// assert!(rule.allows(&caller));
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ScopeRule(Arc<Rule>);

#[derive(PartialEq, Eq)]
struct Rule {
    need: Need,
    scopes: Vec<Scope>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    All,
    Any,
}

impl ScopeRule {
    /// Requires every one of the scopes.
    ///
    /// # Errors
    ///
    /// Where one is not a scope, or there is none.
    pub fn all_of<T: AsRef<str>>(scopes: impl IntoIterator<Item = T>) -> Result<Self, ConfigError> {
        Self::new(Need::All, scopes)
    }

    /// Requires at least one of the scopes.
    ///
    /// # Errors
    ///
    /// Where one is not a scope, or there is none.
    pub fn any_of<T: AsRef<str>>(scopes: impl IntoIterator<Item = T>) -> Result<Self, ConfigError> {
        Self::new(Need::Any, scopes)
    }

    #[cfg(feature = "manage")]
    pub(crate) fn of(scope: Scope) -> Self {
        Self(Arc::new(Rule {
            need: Need::All,
            scopes: vec![scope],
        }))
    }

    fn new<T: AsRef<str>>(
        need: Need,
        scopes: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        let scopes = parse_all(scopes)?;
        if scopes.is_empty() {
            return Err(ConfigError::new("a scope rule without a scope"));
        }
        Ok(Self(Arc::new(Rule { need, scopes })))
    }

    /// Whether a principal has what the rule requires.
    pub fn allows<P: Scoped>(&self, principal: &P) -> bool {
        let mut scopes = self.0.scopes.iter();
        match self.0.need {
            Need::All => scopes.all(|scope| principal.has_scope(scope)),
            Need::Any => scopes.any(|scope| principal.has_scope(scope)),
        }
    }

    /// The scopes of the rule.
    #[must_use]
    pub fn scopes(&self) -> &[Scope] {
        &self.0.scopes
    }
}

/// The scopes, parted by a blank: the form of `scope` in a challenge
/// ([RFC 6750 §3](https://www.rfc-editor.org/rfc/rfc6750#section-3)).
impl fmt::Display for ScopeRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.scopes().iter().enumerate() {
            let blank = if index == 0 { "" } else { " " };
            write!(f, "{blank}{scope}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ScopeRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let need = match self.0.need {
            Need::All => "all_of",
            Need::Any => "any_of",
        };
        write!(f, "ScopeRule::{need}({self})")
    }
}

/// What a principal must say of itself where a policy asks for scopes.
///
/// Types that know no scopes have none of them: `impl Scoped for User {}`.
///
/// # Example
///
/// ```
/// use tower_authn::{Scope, Scoped};
///
/// #[derive(Clone)]
/// struct User { admin: bool }
///
/// impl Scoped for User {
///     fn has_scope(&self, scope: &Scope) -> bool {
///         self.admin || scope.as_str() == "read"
///     }
/// }
/// assert!(User { admin: false }.has_scope(&"read".parse()?));
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which scopes it has",
    label = "a policy asks this principal for scopes",
    note = "add `impl tower_authn::Scoped for {Self} {{}}`: it has none then, or write `has_scope`"
)]
pub trait Scoped {
    /// Whether the principal has a right that covers `scope`.
    fn has_scope(&self, scope: &Scope) -> bool {
        let _ = scope;
        false
    }
}

/// Parses a space-separated list of scopes. An item that is not a scope grants
/// nothing, so it is skipped and does not spoil the others.
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
    fn a_list_skips_what_is_not_a_scope() {
        let scopes: Vec<_> = parse_list(" a  \"b\" c\\d \u{e9} e:f ").collect();
        let scopes: Vec<_> = scopes.iter().map(Scope::as_str).collect();
        assert_eq!(scopes, ["a", "e:f"]);
    }

    #[test]
    fn a_rule_that_requires_nothing_cannot_be_written() {
        assert!(ScopeRule::all_of::<&str>([]).is_err());
        assert!(ScopeRule::any_of::<&str>([]).is_err());
    }

    #[test]
    fn who_says_nothing_has_no_scope() {
        struct Nobody;
        impl Scoped for Nobody {}
        assert!(!ScopeRule::any_of(["a", "b"]).unwrap().allows(&Nobody));
    }
}
