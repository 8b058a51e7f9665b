//! A fixed list of users with their passwords.

use std::{fmt, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    lines::{EntryLine, entry_lines, parse_principal, read_file},
    list::{SecretEntry, SecretList, SecretListBuilder},
    password_hash::is_password_hash,
};
use crate::{
    credential::{Credential, Scheme, Schemes},
    error::ConfigError,
    principal::Principal,
    rejection::Rejection,
    text,
    verifier::Verifier,
};

/// The shortest password, in bytes.
const MIN_LEN: usize = 8;

/// A verifier for at most 64 users with passwords, each with its principal.
///
/// The passwords are kept in clear text, as in a configuration file. Each look-up
/// compares every entry, so an unknown user takes as long as a wrong password.
///
/// # Example
///
/// ```
/// use tower_authn::{AuthnLayer, Principal, verifier::FixedUsers};
///
/// let alice = Principal::new("alice").with_scopes(["deployment"])?;
/// let layer = AuthnLayer::new(FixedUsers::new([("alice", "correct horse", alice)])?);
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
///
/// # File
///
/// Each line has one user: the user and the password joined by a colon, then the
/// scopes, separated by spaces or tabs. Neither the user nor the password can contain
/// white space. A line that begins with `#` is a comment. The file is UTF-8, with or without a byte order
/// mark; lines end with LF or CRLF.
///
/// ```text
/// # users.txt
/// alice:correct-horse  deployment
/// ```
pub struct FixedUsers<P = Principal> {
    // The secrets are in the form that clients send, the canonical base64 of
    // `user:password`, so that nothing is decoded for known and unknown users alike.
    list: SecretList<P>,
}

impl<P> FixedUsers<P> {
    /// Creates a verifier from users, their passwords and their principals.
    ///
    /// # Errors
    ///
    /// Returns an error if
    ///
    /// - there is no user, or there are more than 64;
    /// - a user contains a colon or a bidirectional control, has no visible character,
    ///   or is repeated;
    /// - a password is empty, shorter than 8 bytes, or has the form of a password hash;
    /// - a user or password contains a control character, or both together are longer
    ///   than 383 bytes.
    pub fn new<U: Into<String>, T: Into<String>>(
        users: impl IntoIterator<Item = (U, T, P)>,
    ) -> Result<Self, ConfigError> {
        let add = |list: FixedUsersBuilder<P>, (user, password, principal): (U, T, P)| {
            list.user(user, password, principal)
        };
        users.into_iter().fold(Self::builder(), add).build()
    }

    /// Returns a builder, which can relax the checks.
    pub fn builder() -> FixedUsersBuilder<P> {
        FixedUsersBuilder {
            list: SecretListBuilder::new("user", MIN_LEN),
        }
    }
}

impl FixedUsers {
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
    /// colon, an invalid scope, a control character, or white space other than spaces
    /// and tabs. The error names the line and quotes nothing of it.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut builder = Self::builder();
        for line in entry_lines(text) {
            let EntryLine {
                number,
                first: login,
                rest: scopes,
            } = line?;
            let (user, password) = login.split_once(':').ok_or_else(|| {
                ConfigError::new("no colon between user and password").at_line(number)
            })?;
            let principal = parse_principal(user, scopes, number)?;
            builder.push(user.to_owned(), password, principal, Some(number));
        }
        builder.build()
    }
}

impl<P: Clone + Send + Sync + 'static> Verifier for FixedUsers<P> {
    type Principal = P;

    const IMMEDIATE: bool = true;
    const READS_HEAD: bool = false;

    async fn verify(&self, credential: &Credential<'_>) -> Result<P, Rejection> {
        match credential.scheme() {
            Some(Scheme::Basic) => self.list.verify(credential.token_bytes()),
            _ => Err(Rejection::invalid()),
        }
    }

    fn schemes(&self) -> Schemes {
        Schemes::BASIC
    }
}

/// Shows the number of users.
impl<P> fmt::Debug for FixedUsers<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FixedUsers")
            .field("len", &self.list.len())
            .finish_non_exhaustive()
    }
}

/// Builds a list of users. Created by [`FixedUsers::builder`].
#[must_use]
pub struct FixedUsersBuilder<P> {
    list: SecretListBuilder<P>,
}

impl<P> FixedUsersBuilder<P> {
    /// Adds a user.
    pub fn user(
        mut self,
        user: impl Into<String>,
        password: impl Into<String>,
        principal: P,
    ) -> Self {
        self.push(user.into(), &password.into(), principal, None);
        self
    }

    fn push(&mut self, user: String, password: &str, principal: P, line: Option<usize>) {
        let login = format!("{user}:{password}");
        let error = if password.trim().is_empty() {
            Some("has an empty password")
        } else if is_password_hash(password) {
            Some(
                "has a password hash where the password itself is expected; \
                  FixedUsers does not verify hashes",
            )
        } else if user.contains(':') {
            Some("contains a colon")
        } else if login.bytes().any(|b| b.is_ascii_control()) {
            Some("contains a control character")
        } else {
            None
        };
        let error = error.map(str::to_owned).or_else(|| {
            let error = text::check_line(&user, usize::MAX).err()?;
            Some(error.to_string())
        });
        self.list.push(SecretEntry {
            key: user,
            presented: STANDARD.encode(login),
            secret_len: password.len(),
            error,
            line,
            principal,
        });
    }

    /// Allows passwords of less than 8 bytes, which can be guessed.
    pub fn insecure_short(mut self) -> Self {
        self.list.allow_short = true;
        self
    }

    /// Allows a list without users, which refuses every credential.
    pub fn allow_empty(mut self) -> Self {
        self.list.allow_empty = true;
        self
    }

    /// Checks the users and builds the verifier.
    ///
    /// # Errors
    ///
    /// Returns an error for each reason of [`FixedUsers::new`] that the builder does
    /// not allow.
    pub fn build(self) -> Result<FixedUsers<P>, ConfigError> {
        let list = self.list.build()?;
        Ok(FixedUsers { list })
    }
}

impl<P> fmt::Debug for FixedUsersBuilder<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FixedUsersBuilder")
            .field("len", &self.list.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_that_can_be_guessed_or_never_match_are_refused() {
        let rows = [
            ("alice", "", "user 1 has an empty password"),
            ("alice", "          ", "user 1 has an empty password"),
            ("alice", "1234567", "user 1 is shorter than 8 bytes"),
            ("al:ice", "correct horse", "user 1 contains a colon"),
            (
                "alice",
                "correct\0horse",
                "user 1 contains a control character",
            ),
        ];
        for (user, password, expected) in rows {
            let built = FixedUsers::new([(user, password, ())]);
            assert_eq!(built.unwrap_err().to_string(), expected);
        }
        let error = FixedUsers::parse("bob:$2y$05$abcdefghijklmnopqrstuv").unwrap_err();
        let expected = "line 1: user 1 has a password hash where the password itself";
        assert!(error.to_string().starts_with(expected), "{error}");
        assert!(!error.to_string().contains("abc"), "{error}");
        let twice = FixedUsers::new([("a", "12345678", ()), ("a", "87654321", ())]);
        assert_eq!(twice.unwrap_err().to_string(), "user 2 repeats user 1");
        assert!(FixedUsers::new([("a", "x".repeat(381), ())]).is_ok());
        assert!(FixedUsers::new([("a", "x".repeat(384), ())]).is_err());
    }

    #[test]
    fn a_file_is_read_and_its_errors_name_the_line() {
        let users = FixedUsers::parse("#\nalice:pass:word1 a b\n").unwrap();
        let alice = users
            .list
            .find(STANDARD.encode("alice:pass:word1").as_bytes());
        assert_eq!(alice.unwrap().scopes().len(), 2);
        let error = FixedUsers::parse("alice:password\nbob").unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 2: no colon between user and password"
        );
        assert_eq!(error.line(), Some(2));
        let error = FixedUsers::parse(r"alice:correct-horse \Zebra").unwrap_err();
        assert!(!error.to_string().contains("Zebra"), "{error}");
    }
}
