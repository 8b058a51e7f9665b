//! The builder of a token.

use std::{fmt, time::Duration};

use super::{TokenError, TokensOptions, validate};
use crate::{
    principal::Principal,
    token::{Digest, Record, Timestamp, TokenId},
};

/// A token to be created.
///
/// [`Tokens::create`](super::Tokens::create) checks it, and returns an error that names the
/// field if one is not valid.
///
/// A subject, name, organization or similar text is one line of at most 128 characters
/// (Unicode scalar values); a description is at most 1,024, and may have several lines. A
/// text may not contain control characters, bidirectional controls or line separators, and
/// has at least one visible character unless it is empty.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use tower_authn::tokens::NewToken;
///
/// let token = NewToken::new("alice")
///     .name("laptop")
///     .scopes(["deployment"])
///     .targets(["demo-*"])
///     .expires_in(Duration::from_secs(7 * 24 * 60 * 60));
/// ```
#[derive(Clone)]
#[must_use]
pub struct NewToken {
    subject: String,
    subject_kind: String,
    organization: Option<String>,
    name: String,
    description: String,
    scopes: Vec<String>,
    targets: Option<Vec<String>>,
    metadata: String,
    not_before: Option<Timestamp>,
    expiry: Expiry,
    caller: Option<Principal>,
    created_by: Option<String>,
}

#[derive(Clone, Copy)]
enum Expiry {
    After(Duration),
    At(Timestamp),
    Default,
    Never,
}

impl NewToken {
    /// Creates a token of a subject, without scopes, that expires after
    /// [`default_expiry`](TokensOptions::default_expiry).
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            subject_kind: "user".to_owned(),
            organization: None,
            name: String::new(),
            description: String::new(),
            scopes: Vec::new(),
            targets: None,
            metadata: String::new(),
            not_before: None,
            expiry: Expiry::Default,
            caller: None,
            created_by: None,
        }
    }

    /// Sets the kind of the subject; `user` by default.
    pub fn subject_kind(mut self, kind: impl Into<String>) -> Self {
        self.subject_kind = kind.into();
        self
    }

    /// Sets the organization that the token belongs to, which may not be empty.
    pub fn organization(mut self, organization: impl Into<String>) -> Self {
        self.organization = Some(organization.into());
        self
    }

    /// Sets the name by which its owner recognizes it; at most 128 characters.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the description; at most 1,024 characters.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Sets the scopes that the token grants.
    pub fn scopes<T: Into<String>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Restricts the token to targets, see [`Target`](crate::Target). Without a list it is
    /// not restricted; an empty list is refused.
    pub fn targets<T: Into<String>>(mut self, targets: impl IntoIterator<Item = T>) -> Self {
        self.targets = Some(targets.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the metadata: a JSON object of your own, at most 4 KiB.
    pub fn metadata(mut self, json: impl Into<String>) -> Self {
        self.metadata = json.into();
        self
    }

    /// Sets the time before which the token is not valid yet.
    pub fn not_before(mut self, begin: Timestamp) -> Self {
        self.not_before = Some(begin);
        self
    }

    /// Sets when the token expires.
    pub fn expires_at(mut self, end: Timestamp) -> Self {
        self.expiry = Expiry::At(end);
        self
    }

    /// Sets how long after its creation the token expires.
    pub fn expires_in(mut self, after: Duration) -> Self {
        self.expiry = Expiry::After(after);
        self
    }

    /// Creates the token without an expiry. Most tokens should have one.
    pub fn never_expires(mut self) -> Self {
        self.expiry = Expiry::Never;
        self
    }

    /// Limits the token to the rights of a principal, which becomes its creator: the token
    /// is refused if its scopes, targets, organization or expiry exceed the principal's.
    ///
    /// Use it whenever a caller creates a token; [`created_by`](Self::created_by) is for
    /// operators, who may create any.
    pub fn within_rights_of(mut self, principal: &Principal) -> Self {
        self.caller = Some(principal.clone());
        self
    }

    /// Sets the name of the creator, and checks no rights.
    pub fn created_by(mut self, name: impl Into<String>) -> Self {
        self.created_by = Some(name.into());
        self
    }

    /// Checks every field, and returns the record of the token.
    pub(super) fn into_record(
        self,
        id: TokenId,
        digest: Digest,
        now: Timestamp,
        options: &TokensOptions,
    ) -> Result<Record, TokenError> {
        validate::nonempty_name("subject", &self.subject)?;
        validate::name("subject_kind", &self.subject_kind)?;
        if let Some(organization) = &self.organization {
            // An empty organization would be taken for none.
            validate::nonempty_name("organization", organization)?;
        }
        validate::name("name", &self.name)?;
        validate::description(&self.description)?;
        validate::metadata(&self.metadata)?;
        let expires_at = self.checked_expiry(now, options)?;
        let caller = self.caller.as_ref();
        let caller_name = caller.map(|caller| caller.subject().to_owned());
        let created_by = self.created_by.or(caller_name).unwrap_or_default();
        validate::name("created_by", &created_by)?;
        let record = Record {
            subject_kind: self.subject_kind,
            organization: self.organization,
            name: self.name,
            description: self.description,
            scopes: validate::scopes(&self.scopes, options)?,
            targets: self.targets.as_deref().map(validate::targets).transpose()?,
            metadata: self.metadata,
            created_by,
            not_before: self.not_before,
            expires_at,
            ..Record::new(id, digest, self.subject, now)
        };
        match caller {
            Some(caller) => validate::within_rights(&record, caller).map(|()| record),
            None => Ok(record),
        }
    }

    fn checked_expiry(
        &self,
        now: Timestamp,
        options: &TokensOptions,
    ) -> Result<Option<Timestamp>, TokenError> {
        let end = match self.expiry {
            Expiry::After(after) => Some(now + after),
            Expiry::At(end) => Some(end),
            // The caller did not ask for the default, so their own expiry shortens it
            // instead of being exceeded by it.
            Expiry::Default => {
                let end = now + options.default_expiry;
                let caller = self.caller.as_ref().and_then(validate::expiry);
                Some(caller.map_or(end, |own| end.min(own)))
            }
            Expiry::Never => None,
        };
        if end.is_some_and(|end| end <= now) {
            return Err(TokenError::invalid("expires_at", "is not in the future"));
        }
        if self
            .not_before
            .zip(end)
            .is_some_and(|(begin, end)| begin >= end)
        {
            let message = "is not before expires_at";
            return Err(TokenError::invalid("not_before", message));
        }
        Ok(end)
    }
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewToken")
            .field("subject", &self.subject)
            .field("name", &self.name)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}
