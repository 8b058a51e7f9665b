//! The values that a row of a table accepts.

use super::Access;
use crate::{error::ConfigError, scope::ScopeRule};

/// A value that a row of a table accepts: an [`Access`], a [`ScopeRule`], or a
/// `Result` of either. The table reports the error of a `Result` when it is built.
///
/// This trait is sealed.
pub trait IntoAccess: sealed::Sealed {
    /// Converts the value.
    ///
    /// # Errors
    ///
    /// Returns an error if the value is an error.
    fn into_access(self) -> Result<Access, ConfigError>;
}

impl IntoAccess for Access {
    fn into_access(self) -> Result<Access, ConfigError> {
        Ok(self)
    }
}

impl IntoAccess for ScopeRule {
    fn into_access(self) -> Result<Access, ConfigError> {
        Ok(Access::Scopes(self))
    }
}

impl<T: IntoAccess> IntoAccess for Result<T, ConfigError> {
    fn into_access(self) -> Result<Access, ConfigError> {
        self?.into_access()
    }
}

mod sealed {
    use super::{Access, ConfigError, ScopeRule};

    #[expect(unnameable_types, reason = "other crates must not implement it")]
    pub trait Sealed {}

    impl Sealed for Access {}
    impl Sealed for ScopeRule {}
    impl<T: Sealed> Sealed for Result<T, ConfigError> {}
}
