//! The user and the password of a Basic credential.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{ct, rejection::Rejection, scheme::Scheme};

/// A user and a password, decoded from a Basic credential
/// ([RFC 7617](https://www.rfc-editor.org/rfc/rfc7617)).
///
/// Both are bytes: most clients send UTF-8, some Latin-1. Either may be empty.
/// Neither contains a control character.
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
    pub(crate) fn from_basic(scheme: Option<Scheme>, token: &[u8]) -> Result<Self, Rejection> {
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

    /// Returns the user: the bytes before the first colon.
    #[must_use]
    pub fn user(&self) -> &[u8] {
        &self.decoded[..self.colon]
    }

    /// Returns the user if it is UTF-8.
    #[must_use]
    pub fn user_str(&self) -> Option<&str> {
        std::str::from_utf8(self.user()).ok()
    }

    /// Returns the password: the bytes after the first colon. They may contain further
    /// colons.
    #[must_use]
    pub fn password(&self) -> &[u8] {
        &self.decoded[self.colon + 1..]
    }

    /// Returns the password if it is UTF-8.
    #[must_use]
    pub fn password_str(&self) -> Option<&str> {
        std::str::from_utf8(self.password()).ok()
    }

    /// Returns whether the password equals a secret, compared in constant time. An
    /// empty secret matches nothing.
    pub fn password_matches(&self, secret: impl AsRef<[u8]>) -> bool {
        ct::eq(self.password(), secret.as_ref())
    }
}

/// Shows neither the user nor the password.
impl fmt::Debug for UserPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserPassword").finish_non_exhaustive()
    }
}
