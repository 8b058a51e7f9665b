//! The user and the password inside a Basic credential.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::Scheme;
use crate::{ct, rejection::Rejection};

/// A user and a password, decoded from a Basic credential
/// ([RFC 7617](https://www.rfc-editor.org/rfc/rfc7617)).
///
/// Both are bytes: most clients send UTF-8, some Latin-1. Either may be empty.
/// No control character stands in them.
///
/// # Example
///
/// ```
/// use tower_authn::{Credential, Rejection, verify_fn};
///
/// let verifier = verify_fn(|credential: &Credential<'_>| {
///     let login = credential.user_password()?;
///     let user = login.user_str().ok_or_else(Rejection::invalid)?;
///     match login.password_matches("correct horse") {
///         true => Ok(user.to_owned()),
///         false => Err(Rejection::invalid()),
///     }
/// });
/// ```
pub struct UserPassword {
    decoded: Vec<u8>,
    colon: usize,
}

impl UserPassword {
    pub(crate) fn of(scheme: Option<Scheme>, token: &[u8]) -> Result<Self, Rejection> {
        match scheme {
            Some(Scheme::Basic) => Self::decode(token).ok_or_else(Rejection::invalid),
            Some(Scheme::Bearer) | None => Err(Rejection::invalid()),
        }
    }

    fn decode(token: &[u8]) -> Option<Self> {
        let decoded = STANDARD.decode(token).ok()?;
        if decoded.iter().any(u8::is_ascii_control) {
            return None;
        }
        let colon = decoded.iter().position(|b| *b == b':')?;
        Some(Self { decoded, colon })
    }

    /// The user: what stands before the first colon.
    #[must_use]
    pub fn user(&self) -> &[u8] {
        &self.decoded[..self.colon]
    }

    /// The user, where it is UTF-8.
    #[must_use]
    pub fn user_str(&self) -> Option<&str> {
        std::str::from_utf8(self.user()).ok()
    }

    /// The password: what stands behind the first colon, further colons too.
    #[must_use]
    pub fn password(&self) -> &[u8] {
        &self.decoded[self.colon + 1..]
    }

    /// The password, where it is UTF-8.
    #[must_use]
    pub fn password_str(&self) -> Option<&str> {
        std::str::from_utf8(self.password()).ok()
    }

    /// Whether the password is this secret, compared in constant time. An
    /// empty secret matches nothing.
    pub fn password_matches(&self, secret: impl AsRef<[u8]>) -> bool {
        ct::eq(self.password(), secret.as_ref())
    }
}

/// Shows neither.
impl fmt::Debug for UserPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserPassword").finish_non_exhaustive()
    }
}
