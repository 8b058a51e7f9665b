//! Rows, read from their columns.

use std::{error::Error, str::FromStr};

use crate::{
    store::{
        error::StoreError,
        query::Cursor,
        rows::{Position, Row, StoredToken, Usage},
    },
    token::{Digest, KeyId, Record, SessionHolder, TagKey, Timestamp, TokenId},
};

/// Access to the columns of a row, by their index.
pub(super) trait Columns {
    fn bytes(&self, index: usize) -> Result<&[u8], StoreError>;
    fn number(&self, index: usize) -> Result<Option<i64>, StoreError>;
    fn text(&self, index: usize) -> Result<Option<&str>, StoreError>;
}

/// A function that reads a row.
pub(super) type ReadRow<T> = fn(&dyn Columns) -> Result<T, StoreError>;

/// Reads a row of one number.
pub(super) fn read_number(row: &dyn Columns) -> Result<u64, StoreError> {
    ColumnReader::new(row).number()
}

/// Reads a key from the columns of [`KEY`](super::columns::KEY).
pub(super) fn read_key(row: &dyn Columns) -> Result<Row, StoreError> {
    let mut row = ColumnReader::new(row);
    let mut key = TagKey::new(row.kid()?, row.bytes()?.to_vec(), row.time()?, row.time()?);
    key.retired_at = row.optional_time()?;
    key.retired_by = row.optional_text()?;
    key.retired_reason = row.optional_text()?;
    key.rev = row.number()?;
    Ok(Row::Key(key))
}

/// Reads a row of an epoch, a revision and the time of prunes.
pub(super) fn read_position(row: &dyn Columns) -> Result<Position, StoreError> {
    let mut row = ColumnReader::new(row);
    Ok(Position {
        epoch: row.text()?,
        rev: row.number()?,
        pruned_before: row.time()?,
    })
}

/// Reads a row of a place in a list.
pub(super) fn read_cursor(row: &dyn Columns) -> Result<Cursor, StoreError> {
    let mut row = ColumnReader::new(row);
    Ok(Cursor {
        created_at: row.time()?,
        id: row.str()?.parse().map_err(StoreError::corrupt)?,
    })
}

/// Reads a token from the columns of [`TOKEN`](super::columns::TOKEN).
pub(super) fn read_token(row: &dyn Columns) -> Result<Row, StoreError> {
    read_record(&mut ColumnReader::new(row)).map(|record| Row::Token(Box::new(record)))
}

/// Reads a token with its usage: the columns of a token, the time of the last use
/// and the number of uses.
pub(super) fn read_stored_token(row: &dyn Columns) -> Result<StoredToken, StoreError> {
    let mut row = ColumnReader::new(row);
    let record = read_record(&mut row)?;
    let usage = Usage {
        last_used_at: row.optional_time()?,
        uses: row.number()?,
    };
    Ok(StoredToken { record, usage })
}

fn read_record(row: &mut ColumnReader<'_>) -> Result<Record, StoreError> {
    let id = row.str()?.parse().map_err(StoreError::corrupt)?;
    let digest = row.bytes()?.try_into().map(Digest::from_bytes);
    let digest =
        digest.map_err(|_| StoreError::corrupt("digest: wrong length; expected 32 bytes"))?;
    let mut record = Record::new(id, digest, String::new(), Timestamp::default());
    record.kid = row.optional_kid()?;
    record.organization = row.optional_text()?;
    record.subject = row.text()?;
    record.subject_kind = row.text()?;
    record.name = row.text()?;
    record.description = row.text()?;
    record.scopes = split(row.str()?)?;
    record.targets = row.optional_str()?.map(split).transpose()?;
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

/// A row, read one column after the other.
struct ColumnReader<'a> {
    row: &'a dyn Columns,
    next: usize,
}

impl<'a> ColumnReader<'a> {
    fn new(row: &'a dyn Columns) -> Self {
        Self { row, next: 0 }
    }

    fn index(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    fn bytes(&mut self) -> Result<&'a [u8], StoreError> {
        let index = self.index();
        self.row.bytes(index)
    }

    fn optional_str(&mut self) -> Result<Option<&'a str>, StoreError> {
        let index = self.index();
        self.row.text(index)
    }

    fn str(&mut self) -> Result<&'a str, StoreError> {
        self.optional_str()?.ok_or_else(missing)
    }

    fn optional_text(&mut self) -> Result<Option<String>, StoreError> {
        Ok(self.optional_str()?.map(str::to_owned))
    }

    fn text(&mut self) -> Result<String, StoreError> {
        self.str().map(str::to_owned)
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
        let unknown = || StoreError::corrupt("kid: unknown number; expected 0 to 60");
        let number = self.optional_number()?;
        number.map(|n| key(n).ok_or_else(unknown)).transpose()
    }

    fn kid(&mut self) -> Result<KeyId, StoreError> {
        self.optional_kid()?.ok_or_else(missing)
    }

    fn optional_holder(&mut self) -> Result<Option<SessionHolder>, StoreError> {
        let holder = self.optional_str()?.map(str::parse);
        holder.transpose().map_err(StoreError::corrupt)
    }

    fn optional_id(&mut self) -> Result<Option<TokenId>, StoreError> {
        let id = self.optional_str()?.map(str::parse);
        id.transpose().map_err(StoreError::corrupt)
    }
}

fn missing() -> StoreError {
    StoreError::corrupt("a column is NULL; expected a value")
}

/// Splits scopes or targets.
fn split<T>(text: &str) -> Result<Vec<T>, StoreError>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    let parts = text.split_ascii_whitespace().map(str::parse);
    parts.collect::<Result<_, _>>().map_err(StoreError::corrupt)
}
