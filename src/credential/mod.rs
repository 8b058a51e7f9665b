//! Credentials: where they stand, how they are read, what a verifier sees of them.
//!
//! A request carries at most one credential. It stands in `Authorization`,
//! after `Basic` or `Bearer`, or in a header that [`Sources`] names; gRPC
//! metadata are such headers. It is never read from a cookie, the query, a
//! body, a trailer or `Proxy-Authorization`.
//!
//! What stands after `Basic` is not sniffed: `Basic dTpw` is the token `dTpw`
//! to a verifier that reads [`Credential::token`], and the user `u` with the
//! password `p` to one that reads [`Credential::user_password`].

mod parse;
mod schemes;
mod sources;
mod user_password;

use std::fmt;

pub use self::{schemes::Schemes, sources::Sources, user_password::UserPassword};
use crate::{ct, head::Head, rejection::Rejection};

/// The scheme of a credential
/// ([RFC 9110 §11.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.1)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// `Basic`: user and password ([RFC 7617](https://www.rfc-editor.org/rfc/rfc7617)),
    /// or a token as it is.
    Basic,
    /// `Bearer`: a token ([RFC 6750](https://www.rfc-editor.org/rfc/rfc6750)).
    Bearer,
}

impl Scheme {
    /// The scheme's name, as challenges spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "Basic",
            Self::Bearer => "Bearer",
        }
    }
}

/// A credential, borrowed from the request's own header.
///
/// It has no `PartialEq`, and its `Debug` shows no secret: compare with
/// [`matches`](Self::matches), or look it up by a digest.
///
/// # Example
///
/// ```
/// use tower_authn::{Credential, Rejection};
///
/// fn verify(credential: &Credential<'_>) -> Result<&'static str, Rejection> {
///     let login = credential.user_password()?;
///     match login.user() == b"alice" && login.password_matches("correct horse") {
///         true => Ok("alice"),
///         false => Err(Rejection::invalid()),
///     }
/// }
/// ```
#[derive(Clone, Copy)]
pub struct Credential<'a> {
    scheme: Option<Scheme>,
    token: &'a [u8],
    head: Option<Head<'a>>,
}

impl<'a> Credential<'a> {
    /// `found` was read from the headers, so its token is visible ASCII.
    #[inline]
    pub(crate) fn new(found: Found<'a>, head: Option<Head<'a>>) -> Self {
        Self {
            scheme: found.scheme,
            token: found.token,
            head,
        }
    }

    /// The scheme; none where the credential stood in a header of its own.
    #[must_use]
    pub fn scheme(&self) -> Option<Scheme> {
        self.scheme
    }

    /// The token: what stood after the scheme, or in the named header.
    ///
    /// It is never empty, and visible ASCII.
    ///
    /// # Security
    ///
    /// It is the caller's secret. Don't log it, and don't compare it with `==`
    /// or by a `HashMap` keyed by secrets: use [`matches`](Self::matches), or
    /// look its digest up.
    #[must_use]
    pub fn token(&self) -> &'a str {
        // Sources let visible ASCII through and nothing else.
        std::str::from_utf8(self.token).unwrap_or_default()
    }

    pub(crate) fn token_bytes(&self) -> &'a [u8] {
        self.token
    }

    /// Whether the token is this secret, compared in constant time.
    ///
    /// The work depends on nothing but the length of what was presented. An
    /// empty secret matches nothing.
    pub fn matches(&self, secret: impl AsRef<[u8]>) -> bool {
        ct::eq(self.token, secret.as_ref())
    }

    /// The user and the password of a Basic credential, decoded now
    /// ([RFC 7617 §2](https://www.rfc-editor.org/rfc/rfc7617#section-2)).
    ///
    /// The base64 is the standard, canonical one, so that a credential has
    /// exactly one encoding; the first colon parts the two.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::RejectionKind::Invalid) where the credential is not
    /// Basic, not base64, has no colon, or a control character stands in user
    /// or password. A verifier hands it on with `?`.
    pub fn user_password(&self) -> Result<UserPassword, Rejection> {
        UserPassword::of(self.scheme, self.token)
    }

    /// Returns the head of the request.
    ///
    /// It is `None` only if the verifier sets
    /// [`READS_HEAD`](crate::Verifier::READS_HEAD) to `false`.
    #[must_use]
    pub fn head(&self) -> Option<Head<'a>> {
        self.head
    }
}

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("scheme", &self.scheme)
            .finish_non_exhaustive()
    }
}

/// What [`Sources`] found in the headers.
#[derive(Clone, Copy)]
pub(crate) struct Found<'a> {
    scheme: Option<Scheme>,
    token: &'a [u8],
}
