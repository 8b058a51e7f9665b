//! Rows taken apart into columns, and put together again.

use std::{error::Error, str::FromStr};

use super::{Table, Value, time};
use crate::{
    store::{
        contract::{Position, Row, StoredToken, Usage},
        error::StoreError,
    },
    token::{Digest, KeyId, Record, SessionHolder, TagKey, Timestamp, TokenId},
};

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

/// The columns of a key, the revision aside.
pub(super) fn of_key(key: &TagKey) -> Vec<Value> {
    vec![
        Value::Number(Some(i64::from(key.id.number()))),
        Value::Bytes(key.sealed.clone()),
        Value::Number(time(key.created_at)),
        Value::Number(time(key.mints_from)),
        Value::Number(key.retired_at.and_then(time)),
        Value::Text(key.retired_by.clone()),
        Value::Text(key.retired_reason.clone()),
    ]
}

/// The columns of a token, the revision aside.
pub(super) fn of_token(record: &Record) -> Vec<Value> {
    let text = |text: &str| Value::Text(Some(text.to_owned()));
    let id = |id: Option<TokenId>| Value::Text(id.map(|id| id.to_string()));
    let at = |at: Option<Timestamp>| Value::Number(at.and_then(time));
    let targets = record.targets.as_deref().map(joined);
    vec![
        text(record.id.as_str()),
        Value::Bytes(record.digest.to_bytes().to_vec()),
        Value::Number(record.kid.map(|kid| i64::from(kid.number()))),
        Value::Text(record.organization.clone()),
        text(&record.subject),
        text(&record.subject_kind),
        text(&record.name),
        text(&record.description),
        Value::Text(Some(joined(&record.scopes))),
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

/// A row of a database, as far as it is read here.
pub(super) trait Columns {
    fn bytes(&self, index: usize) -> Result<Vec<u8>, StoreError>;
    fn number(&self, index: usize) -> Result<Option<i64>, StoreError>;
    fn text(&self, index: usize) -> Result<Option<String>, StoreError>;
}

/// Reads a row.
pub(super) type Read<T> = fn(&dyn Columns) -> Result<T, StoreError>;

/// Reads a revision or a count, alone in its row.
pub(super) fn one_number(row: &dyn Columns) -> Result<u64, StoreError> {
    InOrder { row, next: 0 }.number()
}

/// A key, from the columns of [`KEY`].
pub(super) fn key(row: &dyn Columns) -> Result<Row, StoreError> {
    let mut row = InOrder { row, next: 0 };
    let mut key = TagKey::new(row.kid()?, row.bytes()?, row.time()?, row.time()?);
    key.retired_at = row.optional_time()?;
    key.retired_by = row.optional_text()?;
    key.retired_reason = row.optional_text()?;
    key.rev = row.number()?;
    Ok(Row::Key(key))
}

/// Reads the epoch and the revision of a store.
pub(super) fn head(row: &dyn Columns) -> Result<Position, StoreError> {
    let mut row = InOrder { row, next: 0 };
    Ok(Position {
        epoch: row.text()?,
        rev: row.number()?,
    })
}

/// The id of a token, alone in its row.
pub(super) fn id(row: &dyn Columns) -> Result<TokenId, StoreError> {
    let id = InOrder { row, next: 0 }.text()?;
    id.parse().map_err(StoreError::corrupt)
}

/// A token, from the columns of [`TOKEN`].
pub(super) fn token(row: &dyn Columns) -> Result<Row, StoreError> {
    record(&mut InOrder { row, next: 0 }).map(|record| Row::Token(Box::new(record)))
}

/// A token with its uses, from the columns of [`TOKEN`], the last use and the
/// number of uses.
pub(super) fn stored(row: &dyn Columns) -> Result<StoredToken, StoreError> {
    let mut row = InOrder { row, next: 0 };
    let record = record(&mut row)?;
    let usage = Usage {
        last_used_at: row.optional_time()?,
        uses: row.number()?,
    };
    Ok(StoredToken { record, usage })
}

fn record(row: &mut InOrder<'_>) -> Result<Record, StoreError> {
    let id = row.text()?.parse().map_err(StoreError::corrupt)?;
    let digest = row.bytes()?.try_into().map(Digest::from_bytes);
    let digest = digest.map_err(|_| StoreError::corrupt("a digest is not of 32 bytes"))?;
    let mut record = Record::new(id, digest, String::new(), Timestamp::default());
    record.kid = row.optional_kid()?;
    record.organization = row.optional_text()?;
    record.subject = row.text()?;
    record.subject_kind = row.text()?;
    record.name = row.text()?;
    record.description = row.text()?;
    record.scopes = split(&row.text()?)?;
    record.targets = row.optional_text()?.as_deref().map(split).transpose()?;
    record.metadata = row.text()?;
    record.created_at = row.time()?;
    record.created_by = row.text()?;
    record.not_before = row.optional_time()?;
    record.expires_at = row.optional_time()?;
    record.suspended_at = row.optional_time()?;
    record.revoked_at = row.optional_time()?;
    record.revoked_by = row.optional_text()?;
    record.revoked_reason = row.optional_text()?;
    record.rotated_from = row.optional_id()?;
    record.rotated_to = row.optional_id()?;
    record.grace_until = row.optional_time()?;
    record.session_of = row.optional_holder()?;
    record.rev = row.number()?;
    Ok(record)
}

/// Reads one column after the other.
struct InOrder<'a> {
    row: &'a dyn Columns,
    next: usize,
}

impl InOrder<'_> {
    fn index(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    fn bytes(&mut self) -> Result<Vec<u8>, StoreError> {
        let index = self.index();
        self.row.bytes(index)
    }

    fn optional_text(&mut self) -> Result<Option<String>, StoreError> {
        let index = self.index();
        self.row.text(index)
    }

    fn text(&mut self) -> Result<String, StoreError> {
        self.optional_text()?.ok_or_else(missing)
    }

    fn optional_number(&mut self) -> Result<Option<u64>, StoreError> {
        let index = self.index();
        let number = self.row.number(index)?.map(u64::try_from);
        number.transpose().map_err(StoreError::corrupt)
    }

    fn number(&mut self) -> Result<u64, StoreError> {
        self.optional_number()?.ok_or_else(missing)
    }

    fn optional_time(&mut self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.optional_number()?.map(Timestamp::from_millis))
    }

    fn time(&mut self) -> Result<Timestamp, StoreError> {
        self.optional_time()?.ok_or_else(missing)
    }

    fn optional_kid(&mut self) -> Result<Option<KeyId>, StoreError> {
        let key = |number| u8::try_from(number).ok().and_then(KeyId::from_number);
        let unknown = || StoreError::corrupt("there is no key of this number");
        let number = self.optional_number()?;
        number.map(|n| key(n).ok_or_else(unknown)).transpose()
    }

    fn kid(&mut self) -> Result<KeyId, StoreError> {
        self.optional_kid()?.ok_or_else(missing)
    }

    fn optional_holder(&mut self) -> Result<Option<SessionHolder>, StoreError> {
        let holder = self.optional_text()?.map(|text| text.parse());
        holder.transpose().map_err(StoreError::corrupt)
    }

    fn optional_id(&mut self) -> Result<Option<TokenId>, StoreError> {
        let id = self.optional_text()?.map(|id| id.parse());
        id.transpose().map_err(StoreError::corrupt)
    }
}

fn missing() -> StoreError {
    StoreError::corrupt("a column is empty")
}

/// Scopes and targets hold no blanks.
fn joined<T: ToString>(parts: &[T]) -> String {
    let parts: Vec<String> = parts.iter().map(T::to_string).collect();
    parts.join(" ")
}

fn split<T>(text: &str) -> Result<Vec<T>, StoreError>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    let parts = text.split_ascii_whitespace().map(str::parse);
    parts.collect::<Result<_, _>>().map_err(StoreError::corrupt)
}
