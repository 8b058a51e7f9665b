//! Checks of fields, which new tokens and changed ones share.

use super::{TokenError, TokensOptions};
use crate::{
    principal::Principal,
    scope::{Scope, Scoped},
    target::Target,
    text,
    token::{Record, Timestamp},
};

/// The most characters of a name, a description and a reason.
const NAME_MAX: usize = 128;
const DESCRIPTION_MAX: usize = 1_024;
const REASON_MAX: usize = 1_024;

/// The most bytes of metadata.
const METADATA_MAX: usize = 4 * 1_024;

/// The most scopes, and the most targets.
const LIST_MAX: usize = 64;

/// Returns an error if a token has rights that a principal lacks.
pub(super) fn within_rights(record: &Record, principal: &Principal) -> Result<(), TokenError> {
    let forbidden = |field, message| Err(TokenError::forbidden(field, message));
    if !record.scopes.iter().all(|scope| principal.has_scope(scope)) {
        return forbidden("scopes", "exceed those of the caller");
    }
    if !principal.has_targets(record.targets.as_deref()) {
        return forbidden("targets", "exceed those of the caller");
    }
    let organization = principal.organization();
    if organization.is_some() && organization != record.organization.as_deref() {
        return forbidden("organization", "is not that of the caller");
    }
    if let Some(last) = expiry(principal)
        && record.expires_at.is_none_or(|end| end > last)
    {
        return forbidden("expires_at", "is later than that of the caller");
    }
    Ok(())
}

/// Returns when a principal expires.
pub(super) fn expiry(principal: &Principal) -> Option<Timestamp> {
    principal.expires_at().map(Timestamp::from)
}

pub(super) fn scopes(texts: &[String], options: &TokensOptions) -> Result<Vec<Scope>, TokenError> {
    length("scopes", texts)?;
    let mut scopes = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let scope: Scope = text.parse().map_err(|_| {
            let message =
                "is not a scope; expected 1 to 255 visible ASCII characters without '\"' and '\\'";
            TokenError::invalid_item("scopes", index, message)
        })?;
        if let Some(known) = &options.known_scopes
            && !known.iter().any(|known| known.covers(&scope))
        {
            let known: Vec<_> = known.iter().map(Scope::as_str).collect();
            let known = known.join(", ");
            let message = format!("unknown scope; expected {known}, or a scope below one of them");
            return Err(TokenError::invalid_item("scopes", index, message));
        }
        scopes.push(scope);
    }
    scopes.sort();
    scopes.dedup();
    Ok(scopes)
}

pub(super) fn targets(texts: &[String]) -> Result<Vec<Target>, TokenError> {
    length("targets", texts)?;
    if texts.is_empty() {
        return Err(TokenError::invalid(
            "targets",
            "is an empty list; expected at least one target, or no list for all targets",
        ));
    }
    let parsed = texts.iter().enumerate().map(|(index, text)| {
        text.parse().map_err(|_| {
            let message = "is not a target; \
                expected at most 128 bytes of [A-Za-z0-9._-], then an optional '*'";
            TokenError::invalid_item("targets", index, message)
        })
    });
    parsed.collect()
}

fn length(field: &'static str, list: &[String]) -> Result<(), TokenError> {
    if list.len() > LIST_MAX {
        let message = format!("has more than {LIST_MAX} items");
        return Err(TokenError::invalid(field, message));
    }
    Ok(())
}

/// Checks a name: of a token, a subject, or a caller.
pub(super) fn name(field: &'static str, name: &str) -> Result<(), TokenError> {
    let checked = text::check_line(name, NAME_MAX);
    checked.map_err(|error| TokenError::invalid(field, error.to_string()))
}

/// Checks a name that may not be empty.
pub(super) fn nonempty_name(field: &'static str, text: &str) -> Result<(), TokenError> {
    if text.is_empty() {
        return Err(TokenError::invalid(field, "is empty"));
    }
    name(field, text)
}

/// Checks a description, which may have several lines.
pub(super) fn description(text: &str) -> Result<(), TokenError> {
    let checked = text::check_lines(text, DESCRIPTION_MAX);
    checked.map_err(|error| TokenError::invalid("description", error.to_string()))
}

/// Checks the reason of a revocation.
pub(super) fn reason(text: &str) -> Result<(), TokenError> {
    let checked = text::check_line(text, REASON_MAX);
    checked.map_err(|error| TokenError::invalid("reason", error.to_string()))
}

/// Checks metadata, which is empty or a JSON object.
pub(super) fn metadata(json: &str) -> Result<(), TokenError> {
    if json.len() > METADATA_MAX {
        let message = format!("is longer than {METADATA_MAX} bytes");
        return Err(TokenError::invalid("metadata", message));
    }
    let object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(json);
    match object {
        Err(_) if !json.is_empty() => Err(TokenError::invalid("metadata", "is not a JSON object")),
        _ => Ok(()),
    }
}
