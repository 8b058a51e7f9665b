//! The values that a row of a table accepts.

use super::Access;
use crate::{error::ConfigError, scope::ScopeRule};

/// A value that a table's row can be given: an [`Access`], a [`ScopeRule`], or
/// the result of making one. The table reports the error of such a result when
/// it is built.
pub trait IntoAccess {
    /// Converts the value.
    ///
    /// # Errors
    ///
    /// Returns an error if the value could not be made.
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
