//! Verifiers: who decides whether a credential is good, and whose it is.

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

/// Decides whether a credential is good, and whose it is.
///
/// Write `async fn verify`. A verifier that never waits adds
/// `const IMMEDIATE: bool = true;`: it is then decided without a boxed future,
/// and may stand in a tonic interceptor.
///
/// # Example
///
/// A verifier over a database of your own:
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
/// Answer [`Rejection::invalid`] for a credential that is nobody's or not of
/// your kind (a raw token, to a verifier of passwords), and
/// [`Rejection::unavailable`] where you can't tell. A panic is caught, and is
/// [`Unavailable`](crate::RejectionKind::Unavailable) too.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Verifier`",
    label = "this can't decide whether a credential is good",
    note = "implement `Verifier` with an `async fn verify`, or wrap a closure with `verify_fn` or `verify_async_fn`"
)]
pub trait Verifier: Send + Sync + 'static {
    /// Whose credential it is. It is put into the request's extensions.
    type Principal: Clone + Send + Sync + 'static;

    /// Whether [`verify`](Self::verify) is ready at its first poll, always.
    const IMMEDIATE: bool = false;

    /// Whether [`Credential::head`] returns the request's head.
    ///
    /// Set it to `false` if [`verify`](Self::verify) reads only the credential. A
    /// layer without a policy then looks the credential's header up once instead of
    /// twice. [`Credential::head`] may then be `None`.
    const READS_HEAD: bool = true;

    /// Decides whether the credential is good.
    fn verify(
        &self,
        credential: &Credential<'_>,
    ) -> impl Future<Output = Result<Self::Principal, Rejection>> + Send;

    /// Decides at once, or answers `None` where that would mean waiting.
    ///
    /// `None` decides nothing: [`verify`](Self::verify) is asked afresh. Write
    /// it only for a verifier that sometimes needs to wait, say behind a cache.
    fn verify_now(
        &self,
        credential: &Credential<'_>,
    ) -> Option<Result<Self::Principal, Rejection>> {
        if !Self::IMMEDIATE {
            return None;
        }
        let verdict = pin!(self.verify(credential));
        match verdict.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(verdict) => Some(verdict),
            Poll::Pending => Some(Err(Rejection::unavailable(
                "a verifier that is IMMEDIATE was not ready at once",
            ))),
        }
    }

    /// Returns the schemes that a refusal challenges for, unless
    /// [`Sources::challenge`](crate::Sources::challenge) sets the challenges: Bearer
    /// alone, unless this is overridden.
    ///
    /// A client such as `curl --anyauth`, wget or a browser sends a user and
    /// password only after a Basic challenge. Override this for a verifier that
    /// reads [`Credential::user_password`]; a browser then opens its dialog on
    /// each 401. It is called when the layer is built, and decides nothing
    /// about which credentials are accepted.
    fn schemes(&self) -> Schemes {
        Schemes::BEARER
    }

    /// Asks `other` about what is [`Invalid`](crate::RejectionKind::Invalid) to
    /// this one, and about nothing else: an expired or revoked credential stays
    /// so, and an outage is not hidden.
    ///
    /// A credential that is not of a verifier's kind is invalid to it, so both
    /// orders serve the same callers.
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

    /// Turns the principal into another, or refuses it after all.
    fn and_then<F, P>(self, f: F) -> AndThen<Self, F>
    where
        Self: Sized,
        F: Fn(Self::Principal) -> Result<P, Rejection> + Send + Sync + 'static,
        P: Clone + Send + Sync + 'static,
    {
        AndThen::new(self, f)
    }

    /// Turns the principal into another.
    fn map<F, P>(self, f: F) -> Map<Self, F>
    where
        Self: Sized,
        F: Fn(Self::Principal) -> P + Send + Sync + 'static,
        P: Clone + Send + Sync + 'static,
    {
        Map::new(self, f)
    }

    /// Hides the verifier's type, for a field that holds one of several.
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
