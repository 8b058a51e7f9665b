//! A list of secrets with their principals, and the checks of its entries.

use crate::{
    ct::{MAX_SECRET, MAX_SECRETS, SecretTable},
    error::ConfigError,
    rejection::Rejection,
};

/// Secrets in the form in which clients present them, each with its principal.
pub(super) struct SecretList<P> {
    table: SecretTable,
    principals: Box<[P]>,
}

impl<P> SecretList<P> {
    #[inline(always)]
    pub(super) fn verify(&self, presented: &[u8]) -> Result<P, Rejection>
    where
        P: Clone,
    {
        self.find(presented).cloned().ok_or_else(Rejection::invalid)
    }

    #[inline(always)]
    pub(super) fn find(&self, presented: &[u8]) -> Option<&P> {
        self.principals.get(self.table.find(presented)?)
    }

    pub(super) fn len(&self) -> usize {
        self.principals.len()
    }
}

/// Collects the entries of a list and checks them.
pub(super) struct SecretListBuilder<P> {
    /// The name of an entry in errors.
    noun: &'static str,
    /// The shortest secret, in bytes.
    min_len: usize,
    entries: Vec<SecretEntry<P>>,
    pub(super) allow_short: bool,
    pub(super) allow_empty: bool,
}

/// One entry of a list, not yet checked.
pub(super) struct SecretEntry<P> {
    /// The token or the user, which must not be repeated.
    pub(super) key: String,
    /// The bytes that the client presents.
    pub(super) presented: String,
    /// The length of the token or the password, in bytes.
    pub(super) secret_len: usize,
    /// An error that the list's own checks do not find.
    pub(super) error: Option<String>,
    /// The line of the file that the entry was read from.
    pub(super) line: Option<usize>,
    pub(super) principal: P,
}

impl<P> SecretListBuilder<P> {
    pub(super) fn new(noun: &'static str, min_len: usize) -> Self {
        Self {
            noun,
            min_len,
            entries: Vec::new(),
            allow_short: false,
            allow_empty: false,
        }
    }

    pub(super) fn push(&mut self, entry: SecretEntry<P>) {
        self.entries.push(entry);
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn build(self) -> Result<SecretList<P>, ConfigError> {
        let noun = self.noun;
        if self.entries.is_empty() && !self.allow_empty {
            return Err(ConfigError::new(format!(
                "no {noun} in the list; expected at least one"
            )));
        }
        if self.entries.len() > MAX_SECRETS {
            let message = format!(
                "{} {noun}s in the list; expected at most {MAX_SECRETS}, more belong in a token store",
                self.entries.len()
            );
            return Err(ConfigError::new(message));
        }
        for (index, entry) in self.entries.iter().enumerate() {
            if let Some(message) = self.check(index, entry) {
                let error = ConfigError::new(format!("{noun} {} {message}", index + 1));
                return Err(match entry.line {
                    Some(line) => error.at_line(line),
                    None => error,
                });
            }
        }
        let presented = self.entries.iter().map(|entry| entry.presented.as_bytes());
        Ok(SecretList {
            table: SecretTable::new(presented),
            principals: self.entries.into_iter().map(|e| e.principal).collect(),
        })
    }

    fn check(&self, index: usize, entry: &SecretEntry<P>) -> Option<String> {
        if let Some(error) = &entry.error {
            return Some(error.clone());
        }
        if entry.secret_len < self.min_len && !self.allow_short {
            return Some(format!("is shorter than {} bytes", self.min_len));
        }
        if entry.presented.len() > MAX_SECRET {
            return Some(format!("is longer than {MAX_SECRET} bytes on the wire"));
        }
        let earlier = &self.entries[..index];
        let repeated = earlier.iter().position(|other| other.key == entry.key)?;
        Some(format!("repeats {} {}", self.noun, repeated + 1))
    }
}
