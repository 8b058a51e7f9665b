//! Rules: which scopes a route requires of a principal.

use std::{fmt, sync::Arc};

use super::{OFFLINE_ACCESS, Scope, parse_all};
use crate::error::ConfigError;

/// The scopes that a route requires: all of a list, or any of it.
///
/// The list is never empty, so a rule always requires something.
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
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ScopeRule(Arc<Inner>);

#[derive(PartialEq, Eq, Hash)]
struct Inner {
    quantifier: Quantifier,
    scopes: Vec<Scope>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Quantifier {
    All,
    Any,
}

impl ScopeRule {
    /// Creates a rule that requires all of the scopes.
    ///
    /// # Errors
    ///
    /// Returns an error if an item is not a scope, or if there is none.
    pub fn all_of<T: AsRef<str>>(scopes: impl IntoIterator<Item = T>) -> Result<Self, ConfigError> {
        Self::new(Quantifier::All, scopes)
    }

    /// Creates a rule that requires at least one of the scopes.
    ///
    /// # Errors
    ///
    /// Returns an error if an item is not a scope, or if there is none.
    pub fn any_of<T: AsRef<str>>(scopes: impl IntoIterator<Item = T>) -> Result<Self, ConfigError> {
        Self::new(Quantifier::Any, scopes)
    }

    #[cfg(feature = "manage")]
    pub(crate) fn from_scope(scope: Scope) -> Self {
        Self(Arc::new(Inner {
            quantifier: Quantifier::All,
            scopes: vec![scope],
        }))
    }

    fn new<T: AsRef<str>>(
        quantifier: Quantifier,
        scopes: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        let scopes = parse_all(scopes)?;
        if scopes.is_empty() {
            return Err(ConfigError::new(
                "scope rule: no scopes; expected at least one",
            ));
        }
        Ok(Self(Arc::new(Inner { quantifier, scopes })))
    }

    /// Returns whether a principal has the scopes that the rule requires.
    pub fn allows<P: Scoped>(&self, principal: &P) -> bool {
        let mut scopes = self.0.scopes.iter();
        match self.0.quantifier {
            Quantifier::All => scopes.all(|scope| principal.has_scope(scope)),
            Quantifier::Any => scopes.any(|scope| principal.has_scope(scope)),
        }
    }

    /// Returns the scopes of the rule.
    #[must_use]
    pub fn scopes(&self) -> &[Scope] {
        &self.0.scopes
    }

    /// Returns the scopes as `scope` has them in a challenge
    /// ([RFC 6750 §3](https://www.rfc-editor.org/rfc/rfc6750#section-3)), or `None` if
    /// there are none.
    ///
    /// A client asks for a token with all of them. Where any would do, this is
    /// therefore the first. `offline_access` is no right at a resource, and a token
    /// for it would outlive the session of the user.
    pub(crate) fn challenge_scopes(&self) -> Option<String> {
        let scopes = self.scopes().iter().map(Scope::as_str);
        let scopes = scopes.filter(|scope| *scope != OFFLINE_ACCESS);
        let count = match self.0.quantifier {
            Quantifier::All => usize::MAX,
            Quantifier::Any => 1,
        };
        let scopes: Vec<&str> = scopes.take(count).collect();
        (!scopes.is_empty()).then(|| scopes.join(" "))
    }
}

/// Formats the scopes separated by spaces.
impl fmt::Display for ScopeRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.scopes().iter().enumerate() {
            let separator = if index == 0 { "" } else { " " };
            write!(f, "{separator}{scope}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ScopeRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0.quantifier {
            Quantifier::All => "all_of",
            Quantifier::Any => "any_of",
        };
        write!(f, "ScopeRule::{name}({self})")
    }
}

/// A principal that has scopes. A policy that requires scopes needs it.
///
/// The default implementation has no scopes: `impl Scoped for User {}`.
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
    label = "a policy may require scopes of this principal",
    note = "add `impl tower_authn::Scoped for {Self} {{}}` for a principal without scopes, or write `has_scope`"
)]
pub trait Scoped {
    /// Returns whether the principal has a scope that [covers](Scope::covers) `scope`.
    fn has_scope(&self, scope: &Scope) -> bool {
        let _ = scope;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_without_scopes_is_refused() {
        assert!(ScopeRule::all_of::<&str>([]).is_err());
        assert!(ScopeRule::any_of::<&str>([]).is_err());
    }

    #[test]
    fn the_default_implementation_has_no_scopes() {
        struct User;
        impl Scoped for User {}
        assert!(!ScopeRule::any_of(["a", "b"]).unwrap().allows(&User));
    }
}
