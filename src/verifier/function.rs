//! Verifiers made from closures.

use std::{fmt, future::Future, marker::PhantomData};

use http::request::Parts;

use super::Verifier;
use crate::{
    credential::{Credential, Scheme, UserPassword},
    ct,
    head::Head,
    rejection::Rejection,
};

/// Creates a verifier from a closure that decides without waiting.
///
/// # Example
///
/// ```
/// use tower_authn::{AuthnLayer, Rejection, verify_fn};
///
/// let secret = "0123456789abcdef".to_owned(); // from your configuration
/// let layer = AuthnLayer::new(verify_fn(move |credential| {
///     match credential.matches(&secret) {
///         true => Ok("ci"),
///         false => Err(Rejection::invalid()),
///     }
/// }));
/// ```
pub fn verify_fn<F, P>(f: F) -> VerifyFn<F, P>
where
    F: Fn(&Credential<'_>) -> Result<P, Rejection> + Send + Sync + 'static,
    P: Clone + Send + Sync + 'static,
{
    VerifyFn {
        f,
        principal: PhantomData,
    }
}

/// A verifier made from a closure that decides without waiting. Created by
/// [`verify_fn`].
#[derive(Clone)]
pub struct VerifyFn<F, P> {
    f: F,
    principal: PhantomData<fn() -> P>,
}

impl<F, P> Verifier for VerifyFn<F, P>
where
    F: Fn(&Credential<'_>) -> Result<P, Rejection> + Send + Sync + 'static,
    P: Clone + Send + Sync + 'static,
{
    type Principal = P;

    const IMMEDIATE: bool = true;

    async fn verify(&self, credential: &Credential<'_>) -> Result<P, Rejection> {
        (self.f)(credential)
    }
}

/// Creates a verifier from a closure that returns a future.
///
/// The closure gets an owned credential, because its future can't borrow from the
/// request. This copies the token and the request's head. Implement [`Verifier`] to
/// avoid the copies.
///
/// # Example
///
/// ```
/// use tower_authn::{AuthnLayer, Rejection, verify_async_fn};
/// # #[derive(Clone)] struct Db;
/// # impl Db { async fn user_by_token(&self, _: &str) -> std::io::Result<Option<u64>> { Ok(None) } }
/// # let db = Db;
///
/// let layer = AuthnLayer::new(verify_async_fn(move |credential| {
///     let db = db.clone();
///     async move {
///         let found = db.user_by_token(credential.token()).await;
///         found.map_err(Rejection::unavailable)?.ok_or_else(Rejection::invalid)
///     }
/// }));
/// ```
pub fn verify_async_fn<F, Fut, P>(f: F) -> VerifyAsyncFn<F, Fut>
where
    F: Fn(OwnedCredential) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<P, Rejection>> + Send + 'static,
    P: Clone + Send + Sync + 'static,
{
    VerifyAsyncFn {
        f,
        future: PhantomData,
    }
}

/// A verifier made from a closure that returns a future. Created by
/// [`verify_async_fn`].
#[derive(Clone)]
pub struct VerifyAsyncFn<F, Fut> {
    f: F,
    future: PhantomData<fn() -> Fut>,
}

impl<F, Fut, P> Verifier for VerifyAsyncFn<F, Fut>
where
    F: Fn(OwnedCredential) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<P, Rejection>> + Send + 'static,
    P: Clone + Send + Sync + 'static,
{
    type Principal = P;

    fn verify(
        &self,
        credential: &Credential<'_>,
    ) -> impl Future<Output = Result<P, Rejection>> + Send {
        (self.f)(OwnedCredential::new(credential))
    }
}

/// A [`Credential`] that does not borrow from the request: it has copies of the token
/// and of the request's head.
pub struct OwnedCredential {
    scheme: Option<Scheme>,
    token: Box<str>,
    head: Option<Box<Parts>>,
}

impl OwnedCredential {
    fn new(credential: &Credential<'_>) -> Self {
        Self {
            scheme: credential.scheme(),
            token: credential.token().into(),
            head: credential.head().map(|head| Box::new(head.to_parts())),
        }
    }

    /// Returns the scheme, see [`Credential::scheme`].
    #[must_use]
    pub fn scheme(&self) -> Option<Scheme> {
        self.scheme
    }

    /// Returns the token, see [`Credential::token`].
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Returns whether the token equals a secret, see [`Credential::matches`].
    pub fn matches(&self, secret: impl AsRef<[u8]>) -> bool {
        ct::eq(self.token.as_bytes(), secret.as_ref())
    }

    /// Returns the head of the request, see [`Credential::head`].
    #[must_use]
    pub fn head(&self) -> Option<Head<'_>> {
        self.head.as_deref().map(Head::from_parts)
    }

    /// Decodes the user and the password, see [`Credential::user_password`].
    ///
    /// # Errors
    ///
    /// Returns an error if the credential has none.
    pub fn user_password(&self) -> Result<UserPassword, Rejection> {
        UserPassword::from_basic(self.scheme, self.token.as_bytes())
    }
}

impl fmt::Debug for OwnedCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedCredential")
            .field("scheme", &self.scheme)
            .finish_non_exhaustive()
    }
}

impl<F, P> fmt::Debug for VerifyFn<F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyFn").finish_non_exhaustive()
    }
}

impl<F, Fut> fmt::Debug for VerifyAsyncFn<F, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyAsyncFn").finish_non_exhaustive()
    }
}
