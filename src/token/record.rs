//! What is known of a token.

use std::{fmt, str::FromStr};

use super::{Digest, KeyId, Timestamp, TokenId};
use crate::{error::ConfigError, scope::Scope, target::Target};

/// Everything that is known of a token, less the token itself.
///
/// Stores keep it whole and change nothing in it but [`rev`](Self::rev).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Names the token.
    pub id: TokenId,
    /// The SHA-256 of the whole token.
    pub digest: Digest,
    /// The key that made the token's tag; none where it was imported.
    pub kid: Option<KeyId>,
    /// The organization that it belongs to.
    pub organization: Option<String>,
    /// Whose it is.
    pub subject: String,
    /// What the owner is: `user`, `service`, or a word of your own.
    pub subject_kind: String,
    /// What its owner calls it.
    pub name: String,
    /// What its owner says of it.
    pub description: String,
    /// What it may do. None means nothing.
    pub scopes: Vec<Scope>,
    /// What it is held to; `None` means everything, and it is never empty.
    pub targets: Option<Vec<Target>>,
    /// A JSON object, at most 4 KiB; empty for none.
    pub metadata: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// From when on it is good.
    pub not_before: Option<Timestamp>,
    /// Until when it is good: at that time it no longer is.
    pub expires_at: Option<Timestamp>,
    /// Since when it is suspended.
    pub suspended_at: Option<Timestamp>,
    /// Since when it is revoked, for good.
    pub revoked_at: Option<Timestamp>,
    /// Who revoked it.
    pub revoked_by: Option<String>,
    /// Why it was revoked.
    pub revoked_reason: Option<String>,
    /// The token in whose place it came.
    pub rotated_from: Option<TokenId>,
    /// The token that came in its place.
    pub rotated_to: Option<TokenId>,
    /// Until when it is good although another one came in its place.
    pub grace_until: Option<Timestamp>,
    /// The holder of a session of the management page; `None` for an API token.
    ///
    /// A session is kept as a record, so that every instance knows it. It is no
    /// token: no verifier accepts it, and lists leave it out.
    pub session_of: Option<SessionHolder>,
    /// The revision of its last change, which the store counts.
    pub rev: u64,
}

/// The holder of a session of the management page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store must keep every kind")]
pub enum SessionHolder {
    /// The token of this id. The session ends with it.
    Token(TokenId),
    /// A user with a password, who is described by the record itself.
    User,
}

/// The word that stands for a user; an id is longer.
const USER: &str = "user";

impl fmt::Display for SessionHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(id) => id.fmt(f),
            Self::User => f.write_str(USER),
        }
    }
}

impl FromStr for SessionHolder {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text {
            USER => Ok(Self::User),
            id => id.parse().map(Self::Token),
        }
    }
}

/// What a token is worth at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenState {
    /// It is good.
    Active,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYet,
    /// It was withdrawn for good, or its grace is over.
    Revoked,
    /// It was withdrawn until it is resumed.
    Suspended,
}

impl Record {
    /// A record with nothing but what every token has.
    #[must_use]
    pub fn new(id: TokenId, digest: Digest, subject: String, created_at: Timestamp) -> Self {
        Self {
            id,
            digest,
            kid: None,
            organization: None,
            subject,
            subject_kind: "user".to_owned(),
            name: String::new(),
            description: String::new(),
            scopes: Vec::new(),
            targets: None,
            metadata: String::new(),
            created_at,
            created_by: String::new(),
            not_before: None,
            expires_at: None,
            suspended_at: None,
            revoked_at: None,
            revoked_by: None,
            revoked_reason: None,
            rotated_from: None,
            rotated_to: None,
            grace_until: None,
            session_of: None,
            rev: 0,
        }
    }

    /// Returns the token's state at a time, as if its key were not retired.
    ///
    /// The token is active from `not_before` up to but not including
    /// `expires_at` (RFC 7519 §4.1.4 reads "on or after").
    #[must_use]
    pub fn state(&self, now: Timestamp) -> TokenState {
        self.validity().state(now, false)
    }

    pub(crate) fn validity(&self) -> Validity {
        Validity {
            revoked: self.revoked_at.is_some(),
            suspended: self.suspended_at.is_some(),
            not_before: self.not_before,
            expires_at: self.expires_at,
            grace_until: self.grace_until,
        }
    }
}

/// The facts that decide a token's state.
#[derive(Clone, Copy)]
pub(crate) struct Validity {
    pub(crate) revoked: bool,
    pub(crate) suspended: bool,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) grace_until: Option<Timestamp>,
}

impl Validity {
    /// Decides the state. More than one can hold; the first in this order wins,
    /// here, in every verdict and in every store's filter.
    pub(crate) fn state(&self, now: Timestamp, key_retired: bool) -> TokenState {
        let has_come = |time: Option<Timestamp>| time.is_some_and(|time| now >= time);
        if self.revoked || key_retired || has_come(self.grace_until) {
            TokenState::Revoked
        } else if self.suspended {
            TokenState::Suspended
        } else if has_come(self.expires_at) {
            TokenState::Expired
        } else if self.not_before.is_some_and(|begin| now < begin) {
            TokenState::NotYet
        } else {
            TokenState::Active
        }
    }
}
