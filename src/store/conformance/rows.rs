//! Rows, and how they are written.

use crate::{
    store::{Row, TokenStore, Write},
    token::{Digest, KeyId, Record, SessionHolder, TagKey, Timestamp, TokenId},
};

pub(super) fn id(number: u64) -> TokenId {
    let id = format!("{number:012}");
    id.parse().expect("twelve digits are an id")
}

pub(super) fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs)
}

/// A token with only what every token has.
pub(super) fn bare(number: u64) -> Record {
    let digest = Digest::sha256(number.to_be_bytes());
    Record::new(id(number), digest, "alice".to_owned(), at(1_000 + number))
}

/// A token with every field set.
pub(super) fn full(number: u64) -> Record {
    let mut record = bare(number);
    let text = |text: &str| Some(text.to_owned());
    record.kid = KeyId::from_number(60);
    record.organization = text("acme");
    record.subject_kind = "service".to_owned();
    record.name = "nightly \u{202e} 100% _\\' build".to_owned();
    record.description = "züri \"quoted\"; -- 数".to_owned();
    record.scopes = ["models:read", "deployment"]
        .map(|scope| scope.parse().expect("a scope"))
        .to_vec();
    let targets = ["demo", "staging-*"].map(|target| target.parse().expect("a target"));
    record.targets = Some(targets.to_vec());
    record.metadata = format!(r#"{{"note":"{}"}}"#, "m".repeat(4_000));
    record.created_by = "admin".to_owned();
    record.not_before = Some(at(1));
    record.expires_at = Some(Timestamp::MAX);
    record.suspended_at = Some(at(3));
    record.revoked_at = Some(at(4));
    record.revoked_by = text("");
    record.revoked_reason = text("lost");
    record.rotated_from = Some(id(8));
    record.rotated_to = Some(id(9));
    record.grace_until = Some(Timestamp::from_millis(5_001));
    record
}

/// A session of the management page.
pub(super) fn session(number: u64, holder: SessionHolder) -> Record {
    let mut record = full(number);
    record.session_of = Some(holder);
    record
}

pub(super) fn key(number: u8) -> Row {
    let id = KeyId::from_number(number).expect("below 61");
    let sealed = (0..=255).collect();
    let mut key = TagKey::new(id, sealed, at(1), at(2));
    if number % 2 == 1 {
        key.retired_at = Some(at(3));
        key.retired_by = Some("admin".to_owned());
        key.retired_reason = Some("leaked".to_owned());
    }
    Row::Key(key)
}

pub(super) fn token(record: &Record) -> Row {
    Row::Token(Box::new(record.clone()))
}

/// A write of a new row.
pub(super) fn new(row: Row) -> Write {
    Write::insert(row)
}

/// A write of a row over the one at a revision.
pub(super) fn over(row: Row, expected_rev: u64) -> Write {
    Write::replace(row, expected_rev)
}

/// Writes rows without a conflict.
pub(super) async fn put(store: &impl TokenStore, writes: Vec<Write>) -> u64 {
    store.apply(writes).await.expect("valid rows are written")
}
