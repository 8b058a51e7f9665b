//! The record of a token.

use std::{fmt, str::FromStr};

use super::{Digest, KeyId, ParseError, Timestamp, TokenId};
use crate::{scope::Scope, target::Target};

/// Everything that is stored about a token, except the token itself.
///
/// Stores keep a record whole, and change only its [`rev`](Self::rev).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The token's id, which is public.
    pub id: TokenId,
    /// The SHA-256 digest of the whole token.
    pub digest: Digest,
    /// The key of the token's tag; `None` for an imported token.
    pub kid: Option<KeyId>,
    /// The organization of the token.
    pub organization: Option<String>,
    /// The principal that the token authenticates.
    pub subject: String,
    /// The kind of the subject: `user`, `service`, or a word of your own.
    pub subject_kind: String,
    /// A name, chosen by its owner.
    pub name: String,
    /// A description, written by its owner.
    pub description: String,
    /// The scopes of the token. Without any, it may do nothing that needs one.
    pub scopes: Vec<Scope>,
    /// The targets to which the token is restricted. `None` means no
    /// restriction; the list is never empty.
    pub targets: Option<Vec<Target>>,
    /// A JSON object of at most 4 KiB, or an empty text.
    pub metadata: String,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The principal that created the token.
    pub created_by: String,
    /// The time from which the token is valid.
    pub not_before: Option<Timestamp>,
    /// The time from which the token is no longer valid.
    pub expires_at: Option<Timestamp>,
    /// The time at which the token was suspended, if it is.
    pub suspended_at: Option<Timestamp>,
    /// The time at which the token was revoked. A revocation is final.
    pub revoked_at: Option<Timestamp>,
    /// The principal that revoked the token.
    pub revoked_by: Option<String>,
    /// The reason for which it was revoked.
    pub revoked_reason: Option<String>,
    /// The token that this one replaced in a rotation.
    pub rotated_from: Option<TokenId>,
    /// The token that replaced this one in a rotation.
    pub rotated_to: Option<TokenId>,
    /// The time until which the token is valid after its rotation.
    pub grace_until: Option<Timestamp>,
    /// The holder of a session of the management page; `None` for an API token.
    ///
    /// A session is stored as a record, so that every instance knows it. No
    /// verifier accepts it as a token, and lists leave it out.
    pub session_of: Option<SessionHolder>,
    /// The revision of the last change, assigned by the store.
    pub rev: u64,
}

/// The holder of a session of the management page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store must keep every kind")]
pub enum SessionHolder {
    /// The token of this id. The session ends when the token does.
    Token(TokenId),
    /// A user with a password, described by the session's record.
    User,
}

/// The text of [`SessionHolder::User`], which is too short for an id.
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
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            USER => Ok(Self::User),
            id => id.parse().map(Self::Token),
        }
    }
}

/// The state of a token at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenState {
    /// The token is valid.
    Active,
    /// The token's `expires_at` has come.
    Expired,
    /// The token's `not_before` has not come.
    NotYet,
    /// The token or its key was revoked, or its grace period is over.
    Revoked,
    /// The token was suspended, and may be resumed.
    Suspended,
}

impl Record {
    /// Creates the record of a token that never expires and has no scopes.
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
        self.lifecycle().state(now, false)
    }

    pub(crate) fn lifecycle(&self) -> Lifecycle {
        Lifecycle {
            revoked: self.revoked_at.is_some(),
            suspended: self.suspended_at.is_some(),
            not_before: self.not_before,
            expires_at: self.expires_at,
            grace_until: self.grace_until,
        }
    }
}

/// The part of a record that decides the token's state.
#[derive(Clone, Copy)]
pub(crate) struct Lifecycle {
    pub(crate) revoked: bool,
    pub(crate) suspended: bool,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) grace_until: Option<Timestamp>,
}

impl Lifecycle {
    /// Returns the state. If more than one applies, the first in this order wins,
    /// as it does in the filters of the SQL stores.
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
