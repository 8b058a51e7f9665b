//! A token as it is shown.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    principal::Principal,
    store::{StoredToken, Usage},
    token::{Timestamp, TokenId, TokenState},
    tokens::{CreatedToken, Tokens},
};

/// A time (RFC 3339), in UTC.
pub(super) fn time(at: Timestamp) -> String {
    let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    let last = jiff::Timestamp::MAX;
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or(last);
    time.to_string()
}

/// Everything that is known of a token, and what it is worth now.
#[derive(Serialize)]
pub(super) struct Token<'a> {
    id: &'a str,
    name: &'a str,
    description: &'a str,
    organization: Option<&'a str>,
    subject: &'a str,
    subject_kind: &'a str,
    scopes: Vec<String>,
    targets: Option<Vec<String>>,
    metadata: &'a RawValue,
    created_at: String,
    created_by: &'a str,
    not_before: Option<String>,
    expires_at: Option<String>,
    last_used_at: Option<String>,
    uses: u64,
    state: &'static str,
    suspended_at: Option<String>,
    revoked_at: Option<String>,
    revoked_by: Option<&'a str>,
    revoked_reason: Option<&'a str>,
    rotated_from: Option<&'a str>,
    rotated_to: Option<&'a str>,
    grace_until: Option<String>,
    /// Of a token that was just made, and of no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
}

impl<'a> Token<'a> {
    pub(super) fn of(tokens: &Tokens, StoredToken { record, usage }: &'a StoredToken) -> Self {
        let at = |at: Option<Timestamp>| at.map(time);
        Self {
            id: record.id.as_str(),
            name: &record.name,
            description: &record.description,
            organization: record.organization.as_deref(),
            subject: &record.subject,
            subject_kind: &record.subject_kind,
            scopes: texts(&record.scopes),
            targets: record.targets.as_deref().map(texts),
            metadata: object(&record.metadata),
            created_at: time(record.created_at),
            created_by: &record.created_by,
            not_before: at(record.not_before),
            expires_at: at(record.expires_at),
            last_used_at: at(usage.last_used_at),
            uses: usage.uses,
            state: state(tokens.state(record)),
            suspended_at: at(record.suspended_at),
            revoked_at: at(record.revoked_at),
            revoked_by: record.revoked_by.as_deref(),
            revoked_reason: record.revoked_reason.as_deref(),
            rotated_from: record.rotated_from.as_ref().map(TokenId::as_str),
            rotated_to: record.rotated_to.as_ref().map(TokenId::as_str),
            grace_until: at(record.grace_until),
            secret: None,
        }
    }
}

/// A page of a list.
#[derive(Serialize)]
pub(super) struct Page<'a> {
    pub(super) items: Vec<Token<'a>>,
    pub(super) next_cursor: Option<String>,
}

/// A token that is there.
pub(super) fn token(tokens: &Tokens, stored: &StoredToken) -> Response {
    Json(Token::of(tokens, stored)).into_response()
}

/// A token that was just made: the only answer that has its secret.
pub(super) fn created(tokens: &Tokens, status: StatusCode, created: CreatedToken) -> Response {
    let CreatedToken { secret, record } = created;
    let usage = Usage::default();
    let stored = StoredToken { record, usage };
    let token = Token {
        secret: Some(secret.expose()),
        ..Token::of(tokens, &stored)
    };
    (status, Json(token)).into_response()
}

/// Who calls.
#[derive(Serialize)]
pub(super) struct Caller<'a> {
    subject: &'a str,
    organization: Option<&'a str>,
    scopes: Vec<String>,
    targets: Option<Vec<String>>,
    token_id: Option<&'a str>,
    metadata: &'a RawValue,
    expires_at: Option<String>,
}

impl<'a> Caller<'a> {
    pub(super) fn of(caller: &'a Principal) -> Self {
        Self {
            subject: caller.subject(),
            organization: caller.organization(),
            scopes: texts(caller.scopes()),
            targets: caller.targets().map(texts),
            token_id: caller.token_id(),
            metadata: object(caller.metadata().unwrap_or_default()),
            expires_at: caller.expires_at().map(|end| time(end.into())),
        }
    }
}

pub(super) fn texts<T: ToString>(list: &[T]) -> Vec<String> {
    list.iter().map(T::to_string).collect()
}

/// Metadata, as they were written. They never become a `Value`: a reader of
/// numbers may round them, and serde_json takes some names in them for its own.
fn object(json: &str) -> &RawValue {
    let json = if json.is_empty() { "{}" } else { json };
    // They were checked when they were written.
    serde_json::from_str(json).unwrap_or(RawValue::NULL)
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
