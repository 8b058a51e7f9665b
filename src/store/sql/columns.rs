//! The tables, and the values of a row for each column.

use super::{Value, millis};
use crate::{
    store::rows::Row,
    token::{Record, TagKey, Timestamp, TokenId},
};

/// A table. Its first column is the id, its last one the revision.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [&'static str],
}

pub(super) const KEY: Table = Table {
    name: "tower_authn_keys",
    columns: &[
        "id",
        "sealed",
        "created_at",
        "mints_from",
        "retired_at",
        "retired_by",
        "retired_reason",
        "rev",
    ],
};

pub(super) const TOKEN: Table = Table {
    name: "tower_authn_tokens",
    columns: &[
        "id",
        "digest",
        "kid",
        "organization",
        "subject",
        "subject_kind",
        "name",
        "description",
        "scopes",
        "targets",
        "metadata",
        "created_at",
        "created_by",
        "not_before",
        "expires_at",
        "suspended_at",
        "revoked_at",
        "revoked_by",
        "revoked_reason",
        "rotated_from",
        "rotated_to",
        "grace_until",
        "session_of",
        "rev",
    ],
};

/// Returns the table of a row.
pub(super) fn table(row: &Row) -> &'static Table {
    match row {
        Row::Key(_) => &KEY,
        Row::Token(_) => &TOKEN,
    }
}

/// Returns the values of a row, without its revision.
pub(super) fn values(row: &Row) -> Vec<Value> {
    match row {
        Row::Key(key) => key_values(key),
        Row::Token(record) => token_values(record),
    }
}

fn key_values(key: &TagKey) -> Vec<Value> {
    vec![
        Value::Number(Some(i64::from(key.id.number()))),
        Value::Bytes(key.sealed.clone()),
        Value::Number(millis(key.created_at)),
        Value::Number(millis(key.mints_from)),
        Value::Number(key.retired_at.and_then(millis)),
        Value::Text(key.retired_by.clone()),
        Value::Text(key.retired_reason.clone()),
    ]
}

fn token_values(record: &Record) -> Vec<Value> {
    let text = |text: &str| Value::Text(Some(text.to_owned()));
    let id = |id: Option<TokenId>| Value::Text(id.map(|id| id.to_string()));
    let at = |at: Option<Timestamp>| Value::Number(at.and_then(millis));
    let targets = record.targets.as_deref().map(join);
    vec![
        text(record.id.as_str()),
        Value::Bytes(record.digest.to_bytes().to_vec()),
        Value::Number(record.kid.map(|kid| i64::from(kid.number()))),
        Value::Text(record.organization.clone()),
        text(&record.subject),
        text(&record.subject_kind),
        text(&record.name),
        text(&record.description),
        Value::Text(Some(join(&record.scopes))),
        Value::Text(targets),
        text(&record.metadata),
        at(Some(record.created_at)),
        text(&record.created_by),
        at(record.not_before),
        at(record.expires_at),
        at(record.suspended_at),
        at(record.revoked_at),
        Value::Text(record.revoked_by.clone()),
        Value::Text(record.revoked_reason.clone()),
        id(record.rotated_from),
        id(record.rotated_to),
        at(record.grace_until),
        Value::Text(record.session_of.map(|holder| holder.to_string())),
    ]
}

/// Joins scopes or targets, which contain no spaces.
fn join<T: ToString>(parts: &[T]) -> String {
    let parts: Vec<String> = parts.iter().map(T::to_string).collect();
    parts.join(" ")
}
