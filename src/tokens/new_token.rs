//! A token that is asked for, and whether it may be made.

use std::{fmt, time::Duration};

use super::{TokenError, TokensOptions};
use crate::{
    principal::Principal,
    scope::{Scope, Scoped},
    target::Target,
    text,
    token::{Digest, Record, Timestamp, TokenId},
};

/// The longest name, description and reason, in characters.
const NAME_MAX: usize = 128;
const DESCRIPTION_MAX: usize = 1_024;
const REASON_MAX: usize = 1_024;

/// The longest metadata, in bytes.
const METADATA_MAX: usize = 4 * 1_024;

const LIST_MAX: usize = 64;

/// A token that is asked for.
///
/// What is wrong with it is said when it is made, with the field that is at
/// fault.
///
/// Subject, name, organization and the like are one line of at most 128
/// characters (Unicode scalar values), a description at most 1,024, which may be
/// several lines. A text is refused where it holds a control character, a
/// bidirectional control or a line separator, or is not empty and has no visible
/// character.
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
    end: End,
    maker: Option<Principal>,
    created_by: Option<String>,
}

#[derive(Clone, Copy)]
enum End {
    Default,
    At(Timestamp),
    In(Duration),
    Never,
}

impl NewToken {
    /// A token of this subject, without scopes, with the default end.
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
            end: End::Default,
            maker: None,
            created_by: None,
        }
    }

    /// What the subject is: `user` unless set.
    pub fn subject_kind(mut self, kind: impl Into<String>) -> Self {
        self.subject_kind = kind.into();
        self
    }

    /// The organization that it belongs to: not an empty one.
    pub fn organization(mut self, organization: impl Into<String>) -> Self {
        self.organization = Some(organization.into());
        self
    }

    /// What its owner calls it; at most 128 characters.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// What its owner says of it; at most 1,024 characters.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// What it may do.
    pub fn scopes<T: Into<String>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// What it is held to, see [`Target`]. Without a list it is held to nothing;
    /// an empty list is refused.
    pub fn targets<T: Into<String>>(mut self, targets: impl IntoIterator<Item = T>) -> Self {
        self.targets = Some(targets.into_iter().map(Into::into).collect());
        self
    }

    /// A JSON object of your own, at most 4 KiB.
    pub fn metadata(mut self, json: impl Into<String>) -> Self {
        self.metadata = json.into();
        self
    }

    /// From when on it is good.
    pub fn not_before(mut self, begin: Timestamp) -> Self {
        self.not_before = Some(begin);
        self
    }

    /// Until when it is good.
    pub fn expires_at(mut self, end: Timestamp) -> Self {
        self.end = End::At(end);
        self
    }

    /// How long it is good.
    pub fn expires_in(mut self, after: Duration) -> Self {
        self.end = End::In(after);
        self
    }

    /// It has no end. Most tokens should have one.
    pub fn never_expires(mut self) -> Self {
        self.end = End::Never;
        self
    }

    /// Who makes it, and with what rights: the token gets none beyond them, in
    /// scopes, targets, organization and end.
    pub fn within_rights_of(mut self, maker: &Principal) -> Self {
        self.maker = Some(maker.clone());
        self
    }

    /// Who makes it, where its rights need not be asked: an operator.
    pub fn created_by(mut self, name: impl Into<String>) -> Self {
        self.created_by = Some(name.into());
        self
    }

    /// The record of the token, if it may be made.
    pub(super) fn record(
        self,
        id: TokenId,
        digest: Digest,
        now: Timestamp,
        options: &TokensOptions,
    ) -> Result<Record, TokenError> {
        name("subject", &self.subject)?;
        if self.subject.is_empty() {
            return Err(TokenError::invalid("subject", "is empty"));
        }
        name("subject_kind", &self.subject_kind)?;
        if let Some(organization) = &self.organization {
            name("organization", organization)?;
            // Whoever belongs to "" would pass for one who belongs to none.
            if organization.is_empty() {
                return Err(TokenError::invalid("organization", "is empty"));
            }
        }
        name("name", &self.name)?;
        description(&self.description)?;
        metadata(&self.metadata)?;
        let end = match self.end {
            End::Default => Some(now + options.default_expiry),
            End::At(end) => Some(end),
            End::In(after) => Some(now + after),
            End::Never => None,
        };
        // A default end is no wish: a maker whose own end comes first makes
        // tokens that end with it.
        let makers_end = self.maker.as_ref().and_then(end_of);
        let end = match self.end {
            End::Default => end.min(makers_end.or(end)),
            _ => end,
        };
        if end.is_some_and(|end| end <= now) {
            return Err(TokenError::invalid("expires_at", "is not in the future"));
        }
        if self
            .not_before
            .zip(end)
            .is_some_and(|(begin, end)| begin >= end)
        {
            return Err(TokenError::invalid("not_before", "is not before the end"));
        }
        let maker = self.maker.as_ref().map(|maker| maker.subject().to_owned());
        let created_by = self.created_by.or(maker).unwrap_or_default();
        name("created_by", &created_by)?;
        let record = Record {
            subject_kind: self.subject_kind,
            organization: self.organization,
            name: self.name,
            description: self.description,
            scopes: scopes(&self.scopes, options)?,
            targets: self.targets.as_deref().map(targets).transpose()?,
            metadata: self.metadata,
            created_by,
            not_before: self.not_before,
            expires_at: end,
            ..Record::new(id, digest, self.subject, now)
        };
        match &self.maker {
            Some(maker) => within(&record, maker).map(|()| record),
            None => Ok(record),
        }
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

/// Whether a token has no rights beyond those of whoever makes it.
pub(super) fn within(record: &Record, maker: &Principal) -> Result<(), TokenError> {
    if !record.scopes.iter().all(|scope| maker.has_scope(scope)) {
        return Err(TokenError::forbidden("scopes", "more than the maker has"));
    }
    if !maker.has_targets(record.targets.as_deref()) {
        return Err(TokenError::forbidden("targets", "more than the maker has"));
    }
    if maker.organization().is_some() && maker.organization() != record.organization.as_deref() {
        return Err(TokenError::forbidden("organization", "is not the maker's"));
    }
    if let Some(last) = end_of(maker)
        && record.expires_at.is_none_or(|end| end > last)
    {
        return Err(TokenError::forbidden(
            "expires_at",
            "is after the maker's own end",
        ));
    }
    Ok(())
}

fn end_of(maker: &Principal) -> Option<Timestamp> {
    maker.expires_at().map(Timestamp::from)
}

pub(super) fn scopes(wanted: &[String], options: &TokensOptions) -> Result<Vec<Scope>, TokenError> {
    few("scopes", wanted)?;
    let mut scopes = Vec::with_capacity(wanted.len());
    for (text, number) in wanted.iter().zip(1..) {
        let scope: Scope = text.parse().map_err(|_| {
            let form = "1 to 255 visible ASCII characters without '\"' and '\\'";
            TokenError::invalid("scopes", format!("number {number} is no scope: {form}"))
        })?;
        if let Some(known) = &options.known_scopes
            && !known.iter().any(|known| known.covers(&scope))
        {
            let known: Vec<_> = known.iter().map(Scope::as_str).collect();
            let known = known.join(", ");
            let message = format!("number {number} is none of {known}, nor below one of them");
            return Err(TokenError::invalid("scopes", message));
        }
        scopes.push(scope);
    }
    scopes.sort();
    scopes.dedup();
    Ok(scopes)
}

pub(super) fn targets(wanted: &[String]) -> Result<Vec<Target>, TokenError> {
    few("targets", wanted)?;
    if wanted.is_empty() {
        return Err(TokenError::invalid(
            "targets",
            "an empty list would mean nothing",
        ));
    }
    let parsed = wanted.iter().zip(1..).map(|(text, number)| {
        text.parse().map_err(|_| {
            let form = "[A-Za-z0-9._-], at most 128 bytes, then an optional '*'";
            TokenError::invalid("targets", format!("number {number} is no target: {form}"))
        })
    });
    parsed.collect()
}

fn few(field: &'static str, list: &[String]) -> Result<(), TokenError> {
    if list.len() > LIST_MAX {
        return Err(TokenError::invalid(field, format!("more than {LIST_MAX}")));
    }
    Ok(())
}

/// Checks a name, of the token or of somebody.
pub(super) fn name(field: &'static str, name: &str) -> Result<(), TokenError> {
    let checked = text::check_line(name, NAME_MAX);
    checked.map_err(|error| TokenError::invalid(field, error.to_string()))
}

/// Checks a description, which may have lines.
pub(super) fn description(lines: &str) -> Result<(), TokenError> {
    let checked = text::check_lines(lines, DESCRIPTION_MAX);
    checked.map_err(|error| TokenError::invalid("description", error.to_string()))
}

/// Checks who revokes, and why.
pub(super) fn revocation(by: &str, reason: &str) -> Result<(), TokenError> {
    name("by", by)?;
    let checked = text::check_line(reason, REASON_MAX);
    checked.map_err(|error| TokenError::invalid("reason", error.to_string()))
}

pub(super) fn metadata(json: &str) -> Result<(), TokenError> {
    if json.len() > METADATA_MAX {
        return Err(TokenError::invalid(
            "metadata",
            format!("longer than {METADATA_MAX} bytes"),
        ));
    }
    let object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(json);
    match object {
        Err(_) if !json.is_empty() => Err(TokenError::invalid("metadata", "is not a JSON object")),
        _ => Ok(()),
    }
}
