//! The schemes of credentials.

use std::ops::BitOr;

/// The scheme of a credential
/// ([RFC 9110 §11.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.1)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// `Basic`: a user and a password
    /// ([RFC 7617](https://www.rfc-editor.org/rfc/rfc7617)), or a token.
    Basic,
    /// `Bearer`: a token ([RFC 6750](https://www.rfc-editor.org/rfc/rfc6750)).
    Bearer,
}

impl Scheme {
    /// Returns the scheme's name as challenges spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "Basic",
            Self::Bearer => "Bearer",
        }
    }
}

/// A set of schemes: those of the credentials that a verifier accepts, see
/// [`Verifier::schemes`](crate::Verifier::schemes).
///
/// # Example
///
/// ```
/// use tower_authn::{Scheme, credential::Schemes};
///
/// let both = Schemes::BEARER | Schemes::BASIC;
/// assert!(both.contains(Scheme::Basic));
/// assert!(!Schemes::BEARER.contains(Scheme::Basic));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schemes {
    basic: bool,
    bearer: bool,
}

impl Schemes {
    /// Only `Basic`: users with passwords.
    pub const BASIC: Self = Self::new(true, false);

    /// Only `Bearer`: tokens.
    pub const BEARER: Self = Self::new(false, true);

    pub(crate) const fn new(basic: bool, bearer: bool) -> Self {
        Self { basic, bearer }
    }

    /// Returns whether the set contains a scheme.
    #[must_use]
    pub fn contains(self, scheme: Scheme) -> bool {
        match scheme {
            Scheme::Basic => self.basic,
            Scheme::Bearer => self.bearer,
        }
    }
}

/// Returns the union of two sets.
impl BitOr for Schemes {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self::new(self.basic || other.basic, self.bearer || other.bearer)
    }
}
