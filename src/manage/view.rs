//! A token as it is shown.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::{
    principal::Principal,
    store::{Created, Stored, Tokens, Usage},
    token::{Record, Timestamp, TokenState},
};

/// A time (RFC 3339), in UTC.
pub(super) fn time(at: Timestamp) -> String {
    let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    let last = jiff::Timestamp::MAX;
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or(last);
    time.to_string()
}

/// Everything that is known of a token, and what it is worth now.
pub(super) fn token(tokens: &Tokens, Stored { record, usage }: &Stored) -> Value {
    let at = |at: Option<Timestamp>| at.map(time);
    json!({
        "id": record.id.as_str(),
        "name": record.name,
        "description": record.description,
        "organization": record.organization,
        "subject": record.subject,
        "subject_kind": record.subject_kind,
        "scopes": texts(&record.scopes),
        "targets": record.targets.as_deref().map(texts),
        "metadata": object(&record.metadata),
        "created_at": time(record.created_at),
        "created_by": record.created_by,
        "not_before": at(record.not_before),
        "expires_at": at(record.expires_at),
        "last_used_at": at(usage.last_used_at),
        "uses": usage.uses,
        "state": state(tokens.state(record)),
        "suspended_at": at(record.suspended_at),
        "revoked_at": at(record.revoked_at),
        "revoked_by": record.revoked_by,
        "revoked_reason": record.revoked_reason,
        "rotated_from": record.rotated_from.map(|id| id.to_string()),
        "rotated_to": record.rotated_to.map(|id| id.to_string()),
        "grace_until": at(record.grace_until),
    })
}

/// A token that was just changed.
pub(super) fn changed(tokens: &Tokens, record: Record, usage: Usage) -> Response {
    Json(token(tokens, &Stored { record, usage })).into_response()
}

/// A token that was just made: the only answer that has its secret.
pub(super) fn created(tokens: &Tokens, status: StatusCode, created: &Created) -> Response {
    let stored = Stored {
        record: created.record.clone(),
        usage: Usage::default(),
    };
    let mut body = token(tokens, &stored);
    body["secret"] = created.secret.expose().into();
    (status, Json(body)).into_response()
}

/// Who calls.
pub(super) fn caller(caller: &Principal) -> Value {
    json!({
        "subject": caller.subject(),
        "organization": caller.organization(),
        "scopes": texts(caller.scopes()),
        "targets": caller.targets().map(texts),
        "token_id": caller.token_id(),
        "metadata": object(caller.metadata().unwrap_or_default()),
        "expires_at": caller.expires_at().map(|end| time(end.into())),
    })
}

pub(super) fn texts<T: ToString>(list: &[T]) -> Vec<String> {
    list.iter().map(T::to_string).collect()
}

/// Metadata were checked when they were written.
fn object(json: &str) -> Map<String, Value> {
    serde_json::from_str(json).unwrap_or_default()
}

/// The name of a state, and the state of a name.
pub(super) const STATES: [(&str, TokenState); 5] = [
    ("active", TokenState::Active),
    ("expired", TokenState::Expired),
    ("not_yet", TokenState::NotYet),
    ("revoked", TokenState::Revoked),
    ("suspended", TokenState::Suspended),
];

fn state(state: TokenState) -> &'static str {
    let named = STATES.iter().find(|(_, known)| *known == state);
    named.map_or("", |(name, _)| name)
}
