//! Writes that are repeated after a conflict.

use super::error::{TokenError, TokenErrorKind};

/// How often a write is attempted while other writers are faster.
const ATTEMPTS: usize = 8;

/// Counts the attempts of one write.
#[derive(Default)]
pub(crate) struct Retries {
    failed: usize,
}

impl Retries {
    /// Allows another attempt after a conflict, unless there were too many.
    ///
    /// # Errors
    ///
    /// Returns the error if the write must not be repeated.
    pub(crate) fn allow(&mut self, error: impl Into<TokenError>) -> Result<(), TokenError> {
        let error = error.into();
        self.failed += 1;
        match error.kind() {
            TokenErrorKind::Conflict if self.failed < ATTEMPTS => Ok(()),
            _ => Err(error),
        }
    }
}
