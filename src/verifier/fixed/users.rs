//! A fixed list of users with their passwords.

use std::{fmt, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::list::{Draft, Entry, Line, List, lines, principal, read};
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

/// At most 64 users, each with a password and whose it is.
///
/// The passwords are kept in clear, as configuration keeps them. Every entry
/// is compared whatever comes, so an unknown user takes as long as a wrong
/// password.
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
/// One user a line: user and password joined by a colon, then the scopes,
/// separated by spaces or tabs, so that neither holds white space. A line that
/// begins with `#` is a comment. The file is UTF-8, with or without a byte order
/// mark; lines end with LF or CRLF.
///
/// ```text
/// # users.txt
/// alice:correct-horse  deployment
/// ```
pub struct FixedUsers<P = Principal> {
    // What a client sends is the canonical base64 of `user:password`, so that
    // is what is compared: nothing is decoded, known user or not.
    list: List<P>,
}

impl<P> FixedUsers<P> {
    /// Takes users, each with a password and whose it is.
    ///
    /// # Errors
    ///
    /// Where there is no user or more than 64, a user holds a colon or is
    /// repeated, a password is blank or shorter than 8 bytes, either holds a
    /// control character, a user's name is no text of one line that people can
    /// read (it holds a bidirectional control, or nothing visible), or both together are longer than 383 bytes.
    pub fn new<U: Into<String>, T: Into<String>>(
        users: impl IntoIterator<Item = (U, T, P)>,
    ) -> Result<Self, ConfigError> {
        let add = |list: FixedUsersBuilder<P>, (user, password, whose): (U, T, P)| {
            list.user(user, password, whose)
        };
        users.into_iter().fold(Self::builder(), add).build()
    }

    /// Begins a list that is told what it may hold.
    pub fn builder() -> FixedUsersBuilder<P> {
        FixedUsersBuilder {
            draft: Draft::new("user", MIN_LEN),
        }
    }
}

impl FixedUsers {
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
    /// As [`new`](Self::new), and if a line has no colon, a bad scope, a control
    /// character or white space other than spaces and tabs. The error names the
    /// line, and quotes nothing of it.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut builder = Self::builder();
        for line in lines(text) {
            let Line {
                number,
                first: login,
                rest: scopes,
            } = line?;
            let (user, password) = login
                .split_once(':')
                .ok_or_else(|| ConfigError::new("a user without a password").at_line(number))?;
            let whose = principal(user, scopes, number)?;
            builder.push(user.to_owned(), password, whose, Some(number));
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
            Some(Scheme::Basic) => self.list.whose(credential.token_bytes()),
            _ => Err(Rejection::invalid()),
        }
    }

    fn schemes(&self) -> Schemes {
        Schemes::BASIC
    }
}

/// Shows how many there are.
impl<P> fmt::Debug for FixedUsers<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FixedUsers")
            .field("len", &self.list.len())
            .finish_non_exhaustive()
    }
}

/// Builds a list of users. Made by [`FixedUsers::builder`].
#[must_use]
pub struct FixedUsersBuilder<P> {
    draft: Draft<P>,
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
        let fault = if password.trim().is_empty() {
            Some("has a blank password")
        } else if is_password_hash(password) {
            Some(
                "has a password hash where the password itself is expected; \
                  FixedUsers does not verify hashes",
            )
        } else if user.contains(':') {
            Some("holds a colon")
        } else if login.bytes().any(|b| b.is_ascii_control()) {
            Some("holds a control character")
        } else {
            None
        };
        let unreadable = || text::check_line(&user, usize::MAX).err();
        let fault = fault.map(str::to_owned);
        let fault = fault.or_else(|| unreadable().map(|error| error.to_string()));
        self.draft.push(Entry {
            key: user,
            presented: STANDARD.encode(login),
            secret_len: password.len(),
            fault,
            line,
            principal,
        });
    }

    /// Allows passwords under 8 bytes, which can be guessed.
    pub fn insecure_short(mut self) -> Self {
        self.draft.short_allowed = true;
        self
    }

    /// Allows a list without a user, which lets nobody in.
    pub fn allow_empty(mut self) -> Self {
        self.draft.empty_allowed = true;
        self
    }

    /// Checks the users.
    ///
    /// # Errors
    ///
    /// As [`FixedUsers::new`], less what was allowed.
    pub fn build(self) -> Result<FixedUsers<P>, ConfigError> {
        let list = self.draft.build()?;
        Ok(FixedUsers { list })
    }
}

/// Whether a text has the form of a hash: `$id$…` (crypt, Argon2), `{SCHEME}…`
/// (LDAP) or `algorithm$…` (Django). Taken as a password, the hash of an htpasswd
/// line would let in everyone who can read that file.
fn is_password_hash(text: &str) -> bool {
    let is_id = |id: &str| {
        !id.is_empty()
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    if let Some(crypt) = text.strip_prefix('$') {
        return crypt.split_once('$').is_some_and(|(id, _)| is_id(id));
    }
    if let Some(ldap) = text.strip_prefix('{') {
        return ldap.split_once('}').is_some_and(|(id, _)| is_id(id));
    }
    let django = ["argon2$", "bcrypt", "md5$", "pbkdf2", "scrypt", "sha1$"];
    django.iter().any(|name| text.starts_with(name)) && text.contains('$')
}

impl<P> fmt::Debug for FixedUsersBuilder<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FixedUsersBuilder")
            .field("len", &self.draft.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_guessed_or_never_matches_is_refused() {
        let rows = [
            ("alice", "", "user 1 has a blank password"),
            ("alice", "          ", "user 1 has a blank password"),
            ("alice", "1234567", "user 1 is shorter than 8 bytes"),
            ("al:ice", "correct horse", "user 1 holds a colon"),
            (
                "alice",
                "correct\0horse",
                "user 1 holds a control character",
            ),
        ];
        for (user, password, expected) in rows {
            let built = FixedUsers::new([(user, password, ())]);
            assert_eq!(built.unwrap_err().to_string(), expected);
        }
        for hash in [
            "$2y$05$abcdefghijklmnopqrstuv",
            "$2b$12$abcdefghijklmnopqrstuv",
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
            "$1$salt$hash",
            "$5$salt$hash",
            "$6$rounds=5000$salt$hash",
            "$apr1$salt$hash",
            "$pbkdf2-sha256$i=1000$salt$hash",
            "$scrypt$ln=17$salt$hash",
            "$y$j9T$salt$hash",
            "{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=",
            "{SSHA}abcdefgh",
            "{PLAIN-MD5}abcdefgh",
            "{CRYPT}$6$salt$hash",
            "pbkdf2_sha256$600000$salt$hash",
            "bcrypt_sha256$$2b$12$salt",
            "argon2$argon2id$v=19",
        ] {
            let text = FixedUsers::parse(&format!("bob:{hash}")).unwrap_err();
            let expected = "line 1: user 1 has a password hash where the password itself";
            assert!(text.to_string().starts_with(expected), "{hash}: {text}");
            assert!(!text.to_string().contains("salt"), "{text}");
        }
        for password in ["$5 for a coffee", "{not a} scheme", "cost$100", "$$$$$$$$"] {
            FixedUsers::new([("bob", password, ())]).unwrap();
        }
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
        assert_eq!(error.to_string(), "line 2: a user without a password");
        assert_eq!(error.line(), Some(2));
        let error = FixedUsers::parse(r"alice:correct-horse \Zebra").unwrap_err();
        assert!(!error.to_string().contains("Zebra"), "{error}");
    }
}
