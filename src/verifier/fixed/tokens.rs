//! A fixed list of tokens.

use std::{fmt, path::Path};

use super::list::{Draft, Entry, Line, List, first_word, lines, principal, read};
use crate::{
    credential::Credential, error::ConfigError, principal::Principal, rejection::Rejection,
    verifier::Verifier,
};

/// The shortest token, in bytes.
const MIN_LEN: usize = 16;

/// At most 64 tokens, each with whose it is.
///
/// A token is good whichever way it comes: after `Bearer`, as it is after
/// `Basic`, in a named header. Every entry is compared whatever comes, and the
/// work depends on nothing but the length of what was presented.
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
/// One token a line: the token, the subject, its scopes, separated by spaces or
/// tabs. A line that begins with `#` is a comment. The file is UTF-8, with or
/// without a byte order mark; lines end with LF or CRLF.
///
/// ```text
/// # tokens.txt
/// 9cLqJTbYzVvZyXHn  ci     deployment
/// kV0rXyRzNnMm3f7q  admin  resources deployment
/// ```
pub struct FixedTokens<P = Principal> {
    list: List<P>,
}

impl<P> FixedTokens<P> {
    /// Takes tokens, each with whose it is.
    ///
    /// # Errors
    ///
    /// Where there is no token or more than 64, or one is shorter than 16
    /// bytes, longer than 512, repeated, or not visible ASCII.
    pub fn new<T: Into<String>>(
        tokens: impl IntoIterator<Item = (T, P)>,
    ) -> Result<Self, ConfigError> {
        let builder = Self::builder();
        let add = |list: FixedTokensBuilder<P>, (token, whose)| list.token(token, whose);
        tokens.into_iter().fold(builder, add).build()
    }

    /// Begins a list that is told what it may hold.
    pub fn builder() -> FixedTokensBuilder<P> {
        FixedTokensBuilder {
            draft: Draft::new("token", MIN_LEN),
        }
    }
}

impl FixedTokens {
    /// Reads a file, see [above](Self#file).
    ///
    /// # Errors
    ///
    /// Returns an error if the file can't be read or is not UTF-8, and as
    /// [`parse`](Self::parse) does.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Self::parse(&read(path.as_ref())?)
    }

    /// Reads the text of such a file.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and if a line has no subject, a bad scope, a control
    /// character or white space other than spaces and tabs. The error names the
    /// line, and quotes nothing of it.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut builder = Self::builder();
        for line in lines(text) {
            let Line {
                number,
                first: token,
                rest,
            } = line?;
            let (subject, scopes) = first_word(rest);
            if subject.is_empty() {
                return Err(ConfigError::new("a token without a subject").at_line(number));
            }
            let whose = principal(subject, scopes, number)?;
            builder.push(token.to_owned(), whose, Some(number));
        }
        builder.build()
    }
}

impl<P: Clone + Send + Sync + 'static> Verifier for FixedTokens<P> {
    type Principal = P;

    const IMMEDIATE: bool = true;
    const READS_HEAD: bool = false;

    async fn verify(&self, credential: &Credential<'_>) -> Result<P, Rejection> {
        self.list.whose(credential.token_bytes())
    }

    #[inline]
    fn verify_now(&self, credential: &Credential<'_>) -> Option<Result<P, Rejection>> {
        Some(self.list.whose(credential.token_bytes()))
    }
}

/// Shows how many there are.
impl<P> fmt::Debug for FixedTokens<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FixedTokens")
            .field("len", &self.list.len())
            .finish_non_exhaustive()
    }
}

/// Builds a list of tokens. Made by [`FixedTokens::builder`].
#[must_use]
pub struct FixedTokensBuilder<P> {
    draft: Draft<P>,
}

impl<P> FixedTokensBuilder<P> {
    /// Adds a token.
    pub fn token(mut self, token: impl Into<String>, principal: P) -> Self {
        self.push(token.into(), principal, None);
        self
    }

    fn push(&mut self, token: String, principal: P, line: Option<usize>) {
        let fault = match token.as_str() {
            blank if blank.trim().is_empty() => Some("is blank"),
            text if !text.bytes().all(|b| b.is_ascii_graphic()) => Some("is not visible ASCII"),
            _ => None,
        };
        self.draft.push(Entry {
            key: token.clone(),
            secret_len: token.len(),
            presented: token,
            fault: fault.map(str::to_owned),
            line,
            principal,
        });
    }

    /// Allows tokens under 16 bytes, which can be guessed.
    pub fn insecure_short(mut self) -> Self {
        self.draft.short_allowed = true;
        self
    }

    /// Allows a list without a token, which lets nobody in.
    pub fn allow_empty(mut self) -> Self {
        self.draft.empty_allowed = true;
        self
    }

    /// Checks the tokens.
    ///
    /// # Errors
    ///
    /// As [`FixedTokens::new`], less what was allowed.
    pub fn build(self) -> Result<FixedTokens<P>, ConfigError> {
        let list = self.draft.build()?;
        Ok(FixedTokens { list })
    }
}

impl<P> fmt::Debug for FixedTokensBuilder<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FixedTokensBuilder")
            .field("len", &self.draft.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "0123456789abcdef";

    #[test]
    fn what_can_be_guessed_or_never_matches_is_refused() {
        let rows: [(&[&str], &str); 7] = [
            (&[], "a list without a token"),
            (&[""], "token 1 is blank"),
            (&[GOOD, "                "], "token 2 is blank"),
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
    fn what_is_allowed_on_purpose_is_built() {
        let empty = FixedTokens::<()>::builder().allow_empty().build();
        assert_eq!(empty.unwrap().list.len(), 0);
        let short = FixedTokens::builder().insecure_short().token("abc", ());
        assert!(short.build().unwrap().list.find(b"abc").is_some());
        let blank = FixedTokens::builder().insecure_short().token("", ());
        assert!(blank.build().is_err());
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
            ("#\n0123456789abcdef\n", "line 2: a token without a subject"),
            ("short ci\n", "line 1: token 1 is shorter than 16 bytes"),
            (
                "\n0123456789abcdef ci \"A\"",
                "line 2: what stands in the place of scope 1 is not a scope",
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
