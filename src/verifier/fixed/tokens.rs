//! A fixed list of tokens.

use std::{fmt, path::Path};

use super::{
    lines::{EntryLine, entry_lines, parse_principal, read_file, split_first_word},
    list::{SecretEntry, SecretList, SecretListBuilder},
};
use crate::{
    credential::Credential, error::ConfigError, principal::Principal, rejection::Rejection,
    verifier::Verifier,
};

/// The shortest token, in bytes.
const MIN_LEN: usize = 16;

/// A verifier for at most 64 tokens, each with its principal.
///
/// A token is valid after `Bearer`, after `Basic`, and in a named header. Each look-up
/// compares every entry in constant time: the work depends only on the length of the
/// presented token.
///
/// # Example
///
/// ```
/// use tower_authn::{AuthnLayer, Principal, verifier::FixedTokens};
///
/// let ci = Principal::new("ci").with_scopes(["deployment"])?;
/// let layer = AuthnLayer::new(FixedTokens::new([("0123456789abcdef", ci)])?);
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
///
/// # File
///
/// Each line has one token, its subject and its scopes, separated by spaces or
/// tabs. A line that begins with `#` is a comment. The file is UTF-8, with or
/// without a byte order mark; lines end with LF or CRLF.
///
/// ```text
/// # tokens.txt
/// 9cLqJTbYzVvZyXHn  ci     deployment
/// kV0rXyRzNnMm3f7q  admin  resources deployment
/// ```
pub struct FixedTokens<P = Principal> {
    list: SecretList<P>,
}

impl<P> FixedTokens<P> {
    /// Creates a verifier from tokens and their principals.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no token, if there are more than 64, or if one is
    /// shorter than 16 bytes, longer than 512, repeated, or not visible ASCII.
    pub fn new<T: Into<String>>(
        tokens: impl IntoIterator<Item = (T, P)>,
    ) -> Result<Self, ConfigError> {
        let builder = Self::builder();
        let add = |list: FixedTokensBuilder<P>, (token, principal)| list.token(token, principal);
        tokens.into_iter().fold(builder, add).build()
    }

    /// Returns a builder, which can relax the checks.
    pub fn builder() -> FixedTokensBuilder<P> {
        FixedTokensBuilder {
            list: SecretListBuilder::new("token", MIN_LEN),
        }
    }
}

impl FixedTokens {
    /// Reads a file in the [format above](Self#file).
    ///
    /// # Errors
    ///
    /// Returns an error if the file can't be read or is not UTF-8, and for each reason
    /// of [`parse`](Self::parse).
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Self::parse(&read_file(path.as_ref())?)
    }

    /// Parses the text of such a file.
    ///
    /// # Errors
    ///
    /// Returns an error for each reason of [`new`](Self::new), and if a line has no
    /// subject, an invalid scope, a control character, or white space other than
    /// spaces and tabs. The error names the line and quotes nothing of it.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut builder = Self::builder();
        for line in entry_lines(text) {
            let EntryLine {
                number,
                first: token,
                rest,
            } = line?;
            let (subject, scopes) = split_first_word(rest);
            if subject.is_empty() {
                return Err(ConfigError::new("no subject after the token").at_line(number));
            }
            let principal = parse_principal(subject, scopes, number)?;
            builder.push(token.to_owned(), principal, Some(number));
        }
        builder.build()
    }
}

impl<P: Clone + Send + Sync + 'static> Verifier for FixedTokens<P> {
    type Principal = P;

    const IMMEDIATE: bool = true;
    const READS_HEAD: bool = false;

    async fn verify(&self, credential: &Credential<'_>) -> Result<P, Rejection> {
        self.list.verify(credential.token_bytes())
    }

    #[inline]
    fn verify_now(&self, credential: &Credential<'_>) -> Option<Result<P, Rejection>> {
        Some(self.list.verify(credential.token_bytes()))
    }
}

/// Shows the number of tokens.
impl<P> fmt::Debug for FixedTokens<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FixedTokens")
            .field("len", &self.list.len())
            .finish_non_exhaustive()
    }
}

/// Builds a list of tokens. Created by [`FixedTokens::builder`].
#[must_use]
pub struct FixedTokensBuilder<P> {
    list: SecretListBuilder<P>,
}

impl<P> FixedTokensBuilder<P> {
    /// Adds a token.
    pub fn token(mut self, token: impl Into<String>, principal: P) -> Self {
        self.push(token.into(), principal, None);
        self
    }

    fn push(&mut self, token: String, principal: P, line: Option<usize>) {
        let error = match token.as_str() {
            text if text.trim().is_empty() => Some("is empty"),
            text if !text.bytes().all(|b| b.is_ascii_graphic()) => Some("is not visible ASCII"),
            _ => None,
        };
        self.list.push(SecretEntry {
            key: token.clone(),
            secret_len: token.len(),
            presented: token,
            error: error.map(str::to_owned),
            line,
            principal,
        });
    }

    /// Allows tokens of less than 16 bytes, which can be guessed.
    pub fn insecure_short(mut self) -> Self {
        self.list.allow_short = true;
        self
    }

    /// Allows a list without tokens, which refuses every credential.
    pub fn allow_empty(mut self) -> Self {
        self.list.allow_empty = true;
        self
    }

    /// Checks the tokens and builds the verifier.
    ///
    /// # Errors
    ///
    /// Returns an error for each reason of [`FixedTokens::new`] that the builder does
    /// not allow.
    pub fn build(self) -> Result<FixedTokens<P>, ConfigError> {
        let list = self.list.build()?;
        Ok(FixedTokens { list })
    }
}

impl<P> fmt::Debug for FixedTokensBuilder<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FixedTokensBuilder")
            .field("len", &self.list.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "0123456789abcdef";

    #[test]
    fn tokens_that_can_be_guessed_or_never_match_are_refused() {
        let rows: [(&[&str], &str); 7] = [
            (&[], "no token in the list; expected at least one"),
            (&[""], "token 1 is empty"),
            (&[GOOD, "                "], "token 2 is empty"),
            (&["0123456789abcde"], "token 1 is shorter than 16 bytes"),
            (&["0123456789abcde f"], "token 1 is not visible ASCII"),
            (&[GOOD, GOOD], "token 2 repeats token 1"),
            (
                &[&"x".repeat(513)],
                "token 1 is longer than 512 bytes on the wire",
            ),
        ];
        for (tokens, expected) in rows {
            let built = FixedTokens::new(tokens.iter().map(|t| (*t, ())));
            assert_eq!(built.unwrap_err().to_string(), expected);
        }
        let many = (0..65).map(|n| (format!("{n:016}"), ()));
        assert!(FixedTokens::new(many.clone()).is_err());
        assert!(FixedTokens::new(many.take(64)).is_ok());
    }

    #[test]
    fn the_builder_allows_short_tokens_and_an_empty_list() {
        let empty = FixedTokens::<()>::builder().allow_empty().build();
        assert_eq!(empty.unwrap().list.len(), 0);
        let short = FixedTokens::builder().insecure_short().token("abc", ());
        assert!(short.build().unwrap().list.find(b"abc").is_some());
        let nothing = FixedTokens::builder().insecure_short().token("", ());
        assert!(nothing.build().is_err());
    }

    #[test]
    fn a_file_is_read_and_its_errors_name_the_line() {
        let text = "# ours\r\n\r\n0123456789abcdef  ci   a b:c\n  fedcba9876543210\tadmin\n";
        let tokens = FixedTokens::parse(text).unwrap();
        let ci = tokens.list.find(GOOD.as_bytes()).unwrap();
        assert_eq!((ci.subject(), ci.scopes().len()), ("ci", 2));
        assert!(
            tokens
                .list
                .find(b"fedcba9876543210")
                .unwrap()
                .scopes()
                .is_empty()
        );

        let rows = [
            (
                "#\n0123456789abcdef\n",
                "line 2: no subject after the token",
            ),
            ("short ci\n", "line 1: token 1 is shorter than 16 bytes"),
            (
                "\n0123456789abcdef ci \"A\"",
                "line 2: scope 1: not a scope",
            ),
        ];
        for (text, expected) in rows {
            let error = FixedTokens::parse(text).unwrap_err();
            assert!(error.to_string().starts_with(expected), "{error}");
            assert!(!error.to_string().contains(GOOD), "{error}");
        }
        assert!(FixedTokens::from_file("no/such/file").is_err());
    }
}
