//! Credentials: which headers may hold them, how they are read, and how a verifier
//! sees them.
//!
//! A request carries at most one credential. It is in `Authorization`, after `Basic`
//! or `Bearer`, or in a header that [`Sources`] names; gRPC metadata are such
//! headers. It is never read from a cookie, the query, a body, a trailer or
//! `Proxy-Authorization`.
//!
//! The crate does not guess what a client means by `Basic`: `Basic dTpw` is the token
//! `dTpw` to a verifier that reads [`Credential::token`], and the user `u` with the
//! password `p` to one that reads [`Credential::user_password`].

mod find;
mod found;
mod parse;
mod sources;
mod user_password;

use std::fmt;

pub(crate) use self::found::{Found, SharedFound};
pub use self::{sources::Sources, user_password::UserPassword};
pub use crate::scheme::{Scheme, Schemes};
use crate::{ct, head::Head, rejection::Rejection};

/// A credential, borrowed from a header of the request.
///
/// It has no `PartialEq`, and its `Debug` shows no secret. Compare it with
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
    /// Creates a credential from its parts, without a head.
    #[cfg(feature = "cache")]
    pub(crate) fn from_parts(scheme: Option<Scheme>, token: &'a [u8]) -> Self {
        Self {
            scheme,
            token,
            head: None,
        }
    }

    /// Returns the credential without the head that it was found in.
    #[cfg(feature = "cache")]
    pub(crate) fn without_head(self) -> Self {
        Self { head: None, ..self }
    }

    /// Returns the scheme, or `None` for a credential in a header of its own.
    #[must_use]
    pub fn scheme(&self) -> Option<Scheme> {
        self.scheme
    }

    /// Returns the token: the text after the scheme, or the value of a named header.
    ///
    /// It is visible ASCII, never empty, and borrowed from the header.
    ///
    /// # Security
    ///
    /// The token is the caller's secret. Don't log it, and don't compare it with `==`
    /// or by a `HashMap` keyed by secrets: use [`matches`](Self::matches), or
    /// look up its digest.
    #[must_use]
    pub fn token(&self) -> &'a str {
        // `Sources` find only visible ASCII.
        std::str::from_utf8(self.token).unwrap_or_default()
    }

    pub(crate) fn token_bytes(&self) -> &'a [u8] {
        self.token
    }

    /// Returns whether the token equals a secret. The comparison takes constant time:
    /// it depends only on the length of the token.
    ///
    /// An empty secret matches nothing.
    pub fn matches(&self, secret: impl AsRef<[u8]>) -> bool {
        ct::eq(self.token, secret.as_ref())
    }

    /// Decodes the user and the password of a Basic credential
    /// ([RFC 7617 §2](https://www.rfc-editor.org/rfc/rfc7617#section-2)).
    ///
    /// Only standard, canonical base64 is accepted, so a credential has exactly one
    /// encoding. The first colon separates user and password.
    ///
    /// # Errors
    ///
    /// Returns [`Invalid`](crate::RejectionKind::Invalid) if the credential is not
    /// Basic, is not base64, has no colon, or if the user or the password contains a
    /// control character. A verifier returns it with `?`.
    pub fn user_password(&self) -> Result<UserPassword, Rejection> {
        UserPassword::from_basic(self.scheme, self.token)
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
