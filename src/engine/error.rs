//! What an operation on tokens may fail with.

use std::{error::Error, fmt};

use crate::{
    error::ConfigError,
    store::{StoreError, StoreErrorKind},
    token::RandomError,
};

/// An operation on tokens that was not done.
///
/// Nothing was changed, unless it is [`Unavailable`](TokenErrorKind::Unavailable):
/// a store that did not answer in time may have done it.
#[derive(Debug)]
pub struct TokenError {
    kind: TokenErrorKind,
    field: Option<&'static str>,
    message: String,
    source: Option<StoreError>,
}

/// The kinds of [`TokenError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenErrorKind {
    /// The token to import is already there.
    AlreadyExists,
    /// Somebody else changed the same at the same time, again and again.
    Conflict,
    /// What was asked for is more than whoever asks has.
    Forbidden,
    /// What was asked for is not well formed; see [`TokenError::field`].
    Invalid,
    /// There is no such token, or no such key.
    NotFound,
    /// The store, or the system's randomness, can't be reached, or no key of the
    /// ring mints yet.
    Unavailable,
}

impl TokenError {
    pub(crate) fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::of_field(TokenErrorKind::Invalid, field, message.into())
    }

    pub(crate) fn forbidden(field: &'static str, message: &str) -> Self {
        Self::of_field(TokenErrorKind::Forbidden, field, message.to_owned())
    }

    pub(crate) fn not_found() -> Self {
        Self {
            kind: TokenErrorKind::NotFound,
            field: None,
            message: "there is no such token".to_owned(),
            source: None,
        }
    }

    pub(crate) fn unavailable(message: &str) -> Self {
        Self {
            kind: TokenErrorKind::Unavailable,
            field: None,
            message: message.to_owned(),
            source: None,
        }
    }

    fn of_field(kind: TokenErrorKind, field: &'static str, message: String) -> Self {
        Self {
            kind,
            field: Some(field),
            message,
            source: None,
        }
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> TokenErrorKind {
        self.kind
    }

    /// The field that is at fault.
    #[must_use]
    pub fn field(&self) -> Option<&'static str> {
        self.field
    }
}

impl From<StoreError> for TokenError {
    fn from(source: StoreError) -> Self {
        let kind = source.kind();
        Self {
            kind: match kind {
                StoreErrorKind::AlreadyExists => TokenErrorKind::AlreadyExists,
                StoreErrorKind::Conflict => TokenErrorKind::Conflict,
                StoreErrorKind::Corrupt | StoreErrorKind::Unavailable => {
                    TokenErrorKind::Unavailable
                }
            },
            field: None,
            message: match kind {
                StoreErrorKind::AlreadyExists => "this token is already there".to_owned(),
                _ => source.to_string(),
            },
            source: Some(source),
        }
    }
}

impl From<RandomError> for TokenError {
    fn from(_: RandomError) -> Self {
        Self::unavailable("the operating system returned no random bytes")
    }
}

/// A key that can't be opened: the wrong master, or none.
impl From<ConfigError> for TokenError {
    fn from(error: ConfigError) -> Self {
        Self::invalid("master", error.to_string())
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(field) = self.field {
            write!(f, "{field}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl Error for TokenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
