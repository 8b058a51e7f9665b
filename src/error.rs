//! The error of a configuration.

use std::fmt;

/// An error in a configuration, which would be unsafe or could not work.
///
/// Builders and constructors return it, so that a mistake shows at start and not
/// while requests are served. Its text names the faulty part, and never contains a
/// secret.
///
/// # Example
///
/// ```
/// use tower_authn::verifier::FixedTokens;
///
/// let error = FixedTokens::new([("short", "ci")]).unwrap_err();
/// assert_eq!(error.to_string(), "token 1 is shorter than 16 bytes");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    message: String,
    line: Option<usize>,
}

impl ConfigError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            line: None,
        }
    }

    pub(crate) fn at_line(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }

    /// Returns the line of the configuration file, counted from 1, if the error is in
    /// a file.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.line
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConfigError({self})")
    }
}

impl std::error::Error for ConfigError {}
