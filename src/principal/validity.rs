//! The time for which a credential is valid.

use std::time::SystemTime;

use futures::future::BoxFuture;

use super::Principal;

/// A credential that may end before the response to its request does: a token, a
/// session. `layer::ValidityLayer` then ends the response.
pub trait Validity {
    /// Returns the time at which the credential expires.
    fn expires_at(&self) -> Option<SystemTime>;

    /// Waits until the credential is revoked. Never completes if it cannot be.
    fn revoked(&self) -> BoxFuture<'static, ()>;
}

impl Validity for Principal {
    fn expires_at(&self) -> Option<SystemTime> {
        Self::expires_at(self)
    }

    fn revoked(&self) -> BoxFuture<'static, ()> {
        Self::revoked(self)
    }
}
