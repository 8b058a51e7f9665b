//! Writes that are repeated after a conflict.

use super::error::TokenError;
use crate::store::error::{StoreError, StoreErrorKind};

/// How often a write is attempted while other writers are faster.
const ATTEMPTS: usize = 8;

/// Counts the attempts of one write.
#[derive(Default)]
pub(super) struct Retries {
    failed: usize,
}

impl Retries {
    /// Allows another attempt after a conflict, unless there were too many.
    ///
    /// # Errors
    ///
    /// Returns the error if the write must not be repeated.
    pub(super) fn allow(&mut self, error: StoreError) -> Result<(), TokenError> {
        self.failed += 1;
        if error.kind() == StoreErrorKind::Conflict && self.failed < ATTEMPTS {
            return Ok(());
        }
        Err(error.into())
    }
}
