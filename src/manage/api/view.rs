//! The JSON representation of tokens and callers.

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

/// Formats a time as RFC 3339, in UTC.
fn format_time(at: Timestamp) -> String {
    let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_millisecond(millis);
    time.unwrap_or(jiff::Timestamp::MAX).to_string()
}

/// A token with its use and its present state.
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
    /// Present only in the response that creates the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
}

impl<'a> Token<'a> {
    pub(super) fn new(tokens: &Tokens, StoredToken { record, usage }: &'a StoredToken) -> Self {
        let optional = |at: Option<Timestamp>| at.map(format_time);
        Self {
            id: record.id.as_str(),
            name: &record.name,
            description: &record.description,
            organization: record.organization.as_deref(),
            subject: &record.subject,
            subject_kind: &record.subject_kind,
            scopes: to_strings(&record.scopes),
            targets: record.targets.as_deref().map(to_strings),
            metadata: raw_object(&record.metadata),
            created_at: format_time(record.created_at),
            created_by: &record.created_by,
            not_before: optional(record.not_before),
            expires_at: optional(record.expires_at),
            last_used_at: optional(usage.last_used_at),
            uses: usage.uses,
            state: state_name(tokens.state(record)),
            suspended_at: optional(record.suspended_at),
            revoked_at: optional(record.revoked_at),
            revoked_by: record.revoked_by.as_deref(),
            revoked_reason: record.revoked_reason.as_deref(),
            rotated_from: record.rotated_from.as_ref().map(TokenId::as_str),
            rotated_to: record.rotated_to.as_ref().map(TokenId::as_str),
            grace_until: optional(record.grace_until),
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

/// Responds with a token.
pub(super) fn token(tokens: &Tokens, stored: &StoredToken) -> Response {
    Json(Token::new(tokens, stored)).into_response()
}

/// Responds with a new token: the only response that contains its secret.
pub(super) fn created(tokens: &Tokens, status: StatusCode, created: CreatedToken) -> Response {
    let CreatedToken { secret, record } = created;
    let usage = Usage::default();
    let stored = StoredToken { record, usage };
    let token = Token {
        secret: Some(secret.expose()),
        ..Token::new(tokens, &stored)
    };
    (status, Json(token)).into_response()
}

/// The caller of a request.
#[derive(Serialize)]
pub(in crate::manage) struct CallerView<'a> {
    subject: &'a str,
    organization: Option<&'a str>,
    scopes: Vec<String>,
    targets: Option<Vec<String>>,
    token_id: Option<&'a str>,
    metadata: &'a RawValue,
    expires_at: Option<String>,
}

impl<'a> CallerView<'a> {
    pub(in crate::manage) fn new(caller: &'a Principal) -> Self {
        Self {
            subject: caller.subject(),
            organization: caller.organization(),
            scopes: to_strings(caller.scopes()),
            targets: caller.targets().map(to_strings),
            token_id: caller.token_id(),
            metadata: raw_object(caller.metadata().unwrap_or_default()),
            expires_at: caller.expires_at().map(|at| format_time(at.into())),
        }
    }
}

/// Formats each element of a list.
pub(in crate::manage) fn to_strings<T: ToString>(list: &[T]) -> Vec<String> {
    list.iter().map(T::to_string).collect()
}

/// Returns metadata exactly as they were written. They never become a `Value`,
/// which may round numbers and gives some names a meaning of its own.
fn raw_object(json: &str) -> &RawValue {
    let json = if json.is_empty() { "{}" } else { json };
    // The metadata were validated when they were stored.
    serde_json::from_str(json).unwrap_or(RawValue::NULL)
}

/// The states of a token by name.
pub(super) const STATES: [(&str, TokenState); 5] = [
    ("active", TokenState::Active),
    ("expired", TokenState::Expired),
    ("not_yet", TokenState::NotYet),
    ("revoked", TokenState::Revoked),
    ("suspended", TokenState::Suspended),
];

fn state_name(state: TokenState) -> &'static str {
    let found = STATES.iter().find(|(_, known)| *known == state);
    found.map_or("", |(name, _)| name)
}
