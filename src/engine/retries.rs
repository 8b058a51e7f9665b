//! Writes that are repeated after a conflict.

use super::error::{TokenError, TokenErrorKind};

/// How many attempts one write has.
const ATTEMPTS: usize = 8;

/// Counts the attempts of one write.
#[derive(Default)]
pub(crate) struct Retries {
    failed: usize,
}

impl Retries {
    /// Allows another attempt after a conflict, and returns any other error, or the last
    /// conflict.
    pub(crate) fn allow(&mut self, error: impl Into<TokenError>) -> Result<(), TokenError> {
        let error = error.into();
        self.failed += 1;
        match error.kind() {
            TokenErrorKind::Conflict if self.failed < ATTEMPTS => Ok(()),
            _ => Err(error),
        }
    }
}
