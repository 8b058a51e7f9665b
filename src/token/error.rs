//! The error of reading an id, a digest or a token.

use std::fmt;

use crate::error::ConfigError;

/// An error that says why a text is not an id, a prefix, a digest, a session's
/// holder or a token.
///
/// Its message names the field and what is allowed in it. It never contains the
/// text that was read, which may be a secret.
///
/// # Example
///
/// ```
/// use tower_authn::token::TokenId;
///
/// let error = "4kQ0x9".parse::<TokenId>().unwrap_err();
/// assert_eq!(error.to_string(), "token id: malformed; expected 12 characters of [0-9A-Za-z]");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError(&'static str);

impl ParseError {
    pub(super) const fn new(message: &'static str) -> Self {
        Self(message)
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for ParseError {}

impl From<ParseError> for ConfigError {
    fn from(error: ParseError) -> Self {
        Self::new(error.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Digest, Prefix, SessionHolder, TokenId, check_offline},
        *,
    };

    #[test]
    fn an_error_names_its_field_and_never_the_text() {
        fn is_safe<T: Send + Sync + 'static>() {}
        is_safe::<ParseError>();
        for text in ["CANARY", "acme_CANARY", &"CANARY".repeat(12)] {
            let holder = text.parse::<SessionHolder>().unwrap_err();
            let errors = [
                ("token id", text.parse::<TokenId>().unwrap_err()),
                ("token id", holder),
                ("prefix", text.parse::<Prefix>().unwrap_err()),
                ("digest", Digest::from_hex(text).unwrap_err()),
                ("token", check_offline(text).unwrap_err()),
            ];
            for (field, error) in errors {
                let shown = format!("{error} {error:?}");
                assert!(shown.starts_with(&format!("{field}: ")), "{shown}");
                assert!(shown.contains("; expected "), "{shown}");
                assert!(!shown.contains("CANARY"), "{shown}");
                assert_eq!(
                    ConfigError::from(error.clone()).to_string(),
                    error.to_string()
                );
            }
        }
    }
}
