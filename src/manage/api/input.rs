//! Parsing of request bodies, and of the token id in a path.

use std::time::Duration;

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;

use super::fields::JsonFields;
use crate::{
    manage::problem::Problem,
    principal::Principal,
    token::TokenId,
    tokens::{NewToken, TokenUpdate},
};

/// The longest grace period of a rotated token: a year, in seconds.
const GRACE_MAX: u64 = 365 * 24 * 60 * 60;

/// The token id in a path. An invalid id is answered like that of a missing token.
pub(in crate::manage) struct PathId(pub(in crate::manage) TokenId);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // If the app nests the routes below a path with parameters, these come first.
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|_| Problem::token_not_found())?;
        let last = params.iter().filter(|(name, _)| *name == "id").last();
        let id = last.and_then(|(_, id)| id.parse().ok());
        id.map(Self).ok_or_else(Problem::token_not_found)
    }
}

/// Parses the token to create. Its subject and organization default to those of
/// the caller.
pub(super) fn parse_new_token(
    mut fields: JsonFields,
    caller: &Principal,
) -> Result<NewToken, Problem> {
    // A client may send back the nulls of a token that it was shown.
    for optional in ["organization", "targets", "not_before"] {
        fields.take_null(optional);
    }
    let never_expires = fields.take_null("expires_at");
    let own_organization = || caller.organization().map(str::to_owned);

    let name = fields.string("name")?.unwrap_or_default();
    let description = fields.string("description")?.unwrap_or_default();
    let organization = fields.string("organization")?.or_else(own_organization);
    let subject = fields.string("subject")?;
    let subject = subject.unwrap_or_else(|| caller.subject().to_owned());
    let mut token = NewToken::new(subject)
        .name(name)
        .description(description)
        .within_rights_of(caller);
    if let Some(organization) = organization {
        token = token.organization(organization);
    }
    if let Some(kind) = fields.string("subject_kind")? {
        token = token.subject_kind(kind);
    }
    if let Some(scopes) = fields.strings("scopes")? {
        token = token.scopes(scopes);
    }
    if let Some(targets) = fields.strings("targets")? {
        token = token.targets(targets);
    }
    if let Some(metadata) = fields.object("metadata")? {
        token = token.metadata(metadata);
    }
    if let Some(not_before) = fields.time("not_before")? {
        token = token.not_before(not_before);
    }
    if let Some(expires_at) = fields.time("expires_at")? {
        token = token.expires_at(expires_at);
    } else if never_expires {
        token = token.never_expires();
    }
    fields.finish()?;
    Ok(token)
}

/// Parses the changes to a token. Null is an error for every field: it would
/// remove a restriction.
pub(super) fn parse_update(mut fields: JsonFields) -> Result<TokenUpdate, Problem> {
    let mut update = TokenUpdate::default();
    if let Some(name) = fields.string("name")? {
        update = update.name(name);
    }
    if let Some(description) = fields.string("description")? {
        update = update.description(description);
    }
    if let Some(scopes) = fields.strings("scopes")? {
        update = update.scopes(scopes);
    }
    if let Some(targets) = fields.strings("targets")? {
        update = update.targets(targets);
    }
    if let Some(metadata) = fields.object("metadata")? {
        update = update.metadata(metadata);
    }
    if let Some(expires_at) = fields.time("expires_at")? {
        update = update.expires_at(expires_at);
    }
    fields.finish()?;
    Ok(update)
}

/// Parses the time for which a rotated token stays valid.
pub(super) fn parse_grace(mut fields: JsonFields) -> Result<Duration, Problem> {
    let seconds = fields.number("grace_seconds")?.unwrap_or_default();
    if seconds > GRACE_MAX {
        let detail = format!("expected at most {GRACE_MAX}");
        return Err(Problem::field("grace_seconds", detail));
    }
    fields.finish()?;
    Ok(Duration::from_secs(seconds))
}

/// Parses the reason for a revocation.
pub(super) fn parse_reason(mut fields: JsonFields) -> Result<String, Problem> {
    let reason = fields.string("reason")?.unwrap_or_default();
    fields.finish()?;
    Ok(reason)
}
