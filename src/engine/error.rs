//! The error of operations on tokens.

use std::{error::Error, fmt};

use crate::{
    error::ConfigError,
    store::{StoreError, StoreErrorKind},
    token::RandomError,
};

/// An error of an operation on tokens.
///
/// Nothing was changed, unless the kind is [`Unavailable`](TokenErrorKind::Unavailable): a
/// store that did not answer in time may have made the change.
#[derive(Debug)]
pub struct TokenError {
    kind: TokenErrorKind,
    field: Option<&'static str>,
    /// The item of a list that is at fault.
    index: Option<usize>,
    message: String,
    source: Option<StoreError>,
}

/// The kinds of [`TokenError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenErrorKind {
    /// The imported token exists already.
    AlreadyExists,
    /// Other writers changed the same row at the same time, in every attempt.
    Conflict,
    /// The caller lacks a right that the operation would grant.
    Forbidden,
    /// A field is not valid; see [`TokenError::field`].
    Invalid,
    /// There is no such token, or no such key.
    NotFound,
    /// The store or the system's source of randomness can't be reached, or no key of the
    /// ring mints yet.
    Unavailable,
}

impl TokenError {
    pub(crate) fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self {
            field: Some(field),
            ..Self::new(TokenErrorKind::Invalid, message)
        }
    }

    pub(crate) fn invalid_item(
        field: &'static str,
        index: usize,
        message: impl Into<String>,
    ) -> Self {
        Self {
            index: Some(index),
            ..Self::invalid(field, message)
        }
    }

    pub(crate) fn forbidden(field: &'static str, message: &str) -> Self {
        Self {
            field: Some(field),
            ..Self::new(TokenErrorKind::Forbidden, message)
        }
    }

    pub(crate) fn not_found() -> Self {
        Self::new(TokenErrorKind::NotFound, "there is no such token")
    }

    pub(crate) fn unavailable(message: &str) -> Self {
        Self::new(TokenErrorKind::Unavailable, message)
    }

    fn new(kind: TokenErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            field: None,
            index: None,
            message: message.into(),
            source: None,
        }
    }

    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> TokenErrorKind {
        self.kind
    }

    /// Returns the field that is at fault, if one is.
    #[must_use]
    pub fn field(&self) -> Option<&'static str> {
        self.field
    }
}

impl From<StoreError> for TokenError {
    fn from(source: StoreError) -> Self {
        let (kind, message) = match source.kind() {
            StoreErrorKind::AlreadyExists => (
                TokenErrorKind::AlreadyExists,
                "the token exists already".to_owned(),
            ),
            StoreErrorKind::Conflict => (TokenErrorKind::Conflict, source.to_string()),
            StoreErrorKind::Corrupt | StoreErrorKind::Unavailable => {
                (TokenErrorKind::Unavailable, source.to_string())
            }
        };
        Self {
            source: Some(source),
            ..Self::new(kind, message)
        }
    }
}

impl From<RandomError> for TokenError {
    fn from(_: RandomError) -> Self {
        Self::unavailable("the operating system returned no random bytes")
    }
}

/// A key that can't be opened, since the master key is missing or a different one.
impl From<ConfigError> for TokenError {
    fn from(error: ConfigError) -> Self {
        Self::invalid("master", error.to_string())
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.field, self.index) {
            (Some(field), Some(index)) => write!(f, "{field}[{index}]: ")?,
            (Some(field), None) => write!(f, "{field}: ")?,
            (None, _) => {}
        }
        f.write_str(&self.message)
    }
}

impl Error for TokenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
