//! A set of schemes.

use std::ops::BitOr;

use super::Scheme;

/// The schemes that a verifier accepts credentials of, see
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
    /// `Basic` alone: users with passwords.
    pub const BASIC: Self = Self::new(true, false);

    /// `Bearer` alone: tokens.
    pub const BEARER: Self = Self::new(false, true);

    pub(crate) const fn new(basic: bool, bearer: bool) -> Self {
        Self { basic, bearer }
    }

    /// Returns whether the set holds this scheme.
    #[must_use]
    pub fn contains(self, scheme: Scheme) -> bool {
        match scheme {
            Scheme::Basic => self.basic,
            Scheme::Bearer => self.bearer,
        }
    }
}

/// Returns the schemes of either set.
impl BitOr for Schemes {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self::new(self.basic || other.basic, self.bearer || other.bearer)
    }
}
