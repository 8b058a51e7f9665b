//! Verifiers: they decide whether a credential is valid and return its principal.

mod boxed;
mod combinators;
mod fixed;
mod function;
mod reloadable;

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

pub use self::{
    boxed::BoxVerifier,
    combinators::{AndThen, Map, Or},
    fixed::{FixedTokens, FixedTokensBuilder, FixedUsers, FixedUsersBuilder},
    function::{OwnedCredential, VerifyAsyncFn, VerifyFn, verify_async_fn, verify_fn},
    reloadable::ReloadableVerifier,
};
use crate::{
    credential::{Credential, Schemes},
    rejection::Rejection,
};

/// Decides whether a credential is valid and returns its principal.
///
/// Write `async fn verify`. A verifier that never waits also sets
/// `const IMMEDIATE: bool = true;`. The layer then needs no boxed future for it, and
/// it works in a tonic interceptor.
///
/// # Example
///
/// A verifier over a database:
///
/// ```
/// use tower_authn::{AuthnLayer, Credential, Rejection, Verifier};
/// # #[derive(Clone)] pub struct User;
/// # pub struct Db;
/// # impl Db { async fn user_by_token(&self, _: &str) -> std::io::Result<Option<User>> { Ok(None) } }
///
/// struct Users(Db);
///
/// impl Verifier for Users {
///     type Principal = User;
///
///     async fn verify(&self, credential: &Credential<'_>) -> Result<User, Rejection> {
///         let found = self.0.user_by_token(credential.token()).await;
///         found.map_err(Rejection::unavailable)?.ok_or_else(Rejection::invalid)
///     }
/// }
///
/// let layer: AuthnLayer<Users> = AuthnLayer::new(Users(Db));
/// ```
///
/// # Errors
///
/// Return [`Rejection::invalid`] for a credential that is unknown or of another kind
/// (a token, to a verifier of passwords), and [`Rejection::unavailable`] if an outage
/// prevents the decision. A panic is caught and becomes
/// [`Unavailable`](crate::RejectionKind::Unavailable).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Verifier`",
    label = "not a verifier of credentials",
    note = "implement `Verifier` with an `async fn verify`, or wrap a closure with `verify_fn` or `verify_async_fn`"
)]
pub trait Verifier: Send + Sync + 'static {
    /// The identity behind a credential. The layer puts it into the request's
    /// extensions.
    type Principal: Clone + Send + Sync + 'static;

    /// Whether [`verify`](Self::verify) is always ready at its first poll.
    const IMMEDIATE: bool = false;

    /// Whether [`Credential::head`] returns the request's head.
    ///
    /// Set it to `false` if [`verify`](Self::verify) reads only the credential. A
    /// layer without a policy then need not share the header's value to show the head
    /// beside it. [`Credential::head`] may then be `None`.
    const READS_HEAD: bool = true;

    /// Decides whether the credential is valid.
    fn verify(
        &self,
        credential: &Credential<'_>,
    ) -> impl Future<Output = Result<Self::Principal, Rejection>> + Send;

    /// Decides without waiting, or returns `None` if that is impossible.
    ///
    /// After `None`, the layer calls [`verify`](Self::verify). Implement this method
    /// only for a verifier that sometimes needs to wait, such as one with a cache.
    fn verify_now(
        &self,
        credential: &Credential<'_>,
    ) -> Option<Result<Self::Principal, Rejection>> {
        if !Self::IMMEDIATE {
            return None;
        }
        let future = pin!(self.verify(credential));
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => Some(Err(Rejection::unavailable(
                "a verifier with `IMMEDIATE = true` was not ready at its first poll",
            ))),
        }
    }

    /// Returns the schemes that a refusal challenges for, unless
    /// [`Sources::challenge`](crate::Sources::challenge) sets the challenges. The
    /// default is Bearer.
    ///
    /// A client such as `curl --anyauth`, wget or a browser sends a user and
    /// password only after a Basic challenge. Override this method for a verifier that
    /// reads [`Credential::user_password`]; a browser then opens its dialog on
    /// each 401. The layer calls it when it is built. It does not affect which
    /// credentials are accepted.
    fn schemes(&self) -> Schemes {
        Schemes::BEARER
    }

    /// Asks `other` about each credential that is
    /// [`Invalid`](crate::RejectionKind::Invalid) to this verifier. Every other
    /// rejection is final: an expired or revoked credential stays refused, and an
    /// outage is not hidden.
    ///
    /// A credential of another kind is invalid to a verifier, so both orders serve the
    /// same callers.
    ///
    /// # Example
    ///
    /// ```
    /// use tower_authn::{Principal, Verifier, verifier::{FixedTokens, FixedUsers}};
    ///
    /// let tokens = FixedTokens::new([("0123456789abcdef", Principal::new("ci"))])?;
    /// let users = FixedUsers::new([("alice", "correct horse", Principal::new("alice"))])?;
    /// let both = tokens.or(users);
    /// # Ok::<(), tower_authn::ConfigError>(())
    /// ```
    fn or<V>(self, other: V) -> Or<Self, V>
    where
        Self: Sized,
        V: Verifier<Principal = Self::Principal>,
    {
        Or::new(self, other)
    }

    /// Converts the principal, or rejects it.
    fn and_then<F, P>(self, f: F) -> AndThen<Self, F>
    where
        Self: Sized,
        F: Fn(Self::Principal) -> Result<P, Rejection> + Send + Sync + 'static,
        P: Clone + Send + Sync + 'static,
    {
        AndThen::new(self, f)
    }

    /// Converts the principal.
    fn map<F, P>(self, f: F) -> Map<Self, F>
    where
        Self: Sized,
        F: Fn(Self::Principal) -> P + Send + Sync + 'static,
        P: Clone + Send + Sync + 'static,
    {
        Map::new(self, f)
    }

    /// Erases the verifier's type, for a variable that holds one of several types.
    fn boxed(self) -> BoxVerifier<Self::Principal>
    where
        Self: Sized,
    {
        BoxVerifier::new(self)
    }
}

impl<V: Verifier> Verifier for Arc<V> {
    type Principal = V::Principal;

    const IMMEDIATE: bool = V::IMMEDIATE;
    const READS_HEAD: bool = V::READS_HEAD;

    fn verify(
        &self,
        credential: &Credential<'_>,
    ) -> impl Future<Output = Result<V::Principal, Rejection>> + Send {
        V::verify(self, credential)
    }

    fn verify_now(&self, credential: &Credential<'_>) -> Option<Result<V::Principal, Rejection>> {
        V::verify_now(self, credential)
    }

    fn schemes(&self) -> Schemes {
        V::schemes(self)
    }
}
