//! The statements of both stores, and what their results mean.

use super::{
    Value,
    columns::{KEY, TOKEN, Table, key_values, token_values},
};
use crate::store::{
    error::StoreError,
    rows::{Row, Write},
};

/// Takes `$1` revisions, and returns the last one. It is the first statement of a
/// transaction that writes: the lock on the counter's row makes revisions become
/// visible in order.
pub(super) const TAKE_REVISIONS: &str = "UPDATE tower_authn_meta SET rev = rev + $1 RETURNING rev";

/// Adds `$3` uses of token `$1`, the last at `$2`, if there is such a token.
pub(super) const ADD_USES: &str = "INSERT INTO tower_authn_usage AS u (id, last_used_at, uses) \
    SELECT id, $2, $3 FROM tower_authn_tokens WHERE id = $1 \
    ON CONFLICT (id) DO UPDATE SET uses = u.uses + excluded.uses, \
    last_used_at = CASE WHEN u.last_used_at > excluded.last_used_at \
        THEN u.last_used_at ELSE excluded.last_used_at END";

/// Removes the tokens that ended before `$1`.
pub(super) const PRUNE: &str = "DELETE FROM tower_authn_tokens \
    WHERE revoked_at < $1 OR expires_at < $1 OR grace_until < $1";

/// Records that the tokens that ended before `$1` are removed.
pub(super) const RECORD_PRUNE: &str =
    "UPDATE tower_authn_meta SET pruned_before = $1 WHERE pruned_before < $1";

/// Selects the rows of a table.
pub(super) fn select(table: &Table, rest: &str) -> String {
    let Table { name, columns } = table;
    format!("SELECT {} FROM {name} {rest}", columns.join(", "))
}

/// Selects the rows of a table that changed after revision `$1`, at most `$2`.
pub(super) fn select_changes(table: &Table) -> String {
    select(table, "WHERE rev > $1 ORDER BY rev LIMIT $2")
}

/// Inserts a row, or replaces the one at the expected revision. The statement
/// changes no row if there is a conflict.
pub(super) fn write_row(
    Write { row, expected_rev }: &Write,
    rev: u64,
) -> Result<(String, Vec<Value>), StoreError> {
    let (table, mut values) = match row {
        Row::Key(key) => (&KEY, key_values(key)),
        Row::Token(record) => (&TOKEN, token_values(record)),
    };
    values.push(Value::from_count(rev)?);
    let Table { name, columns } = table;
    let parameters: Vec<String> = (1..=columns.len()).map(|n| format!("${n}")).collect();
    let (columns, parameters) = (columns.join(", "), parameters.join(", "));
    let statement = match expected_rev {
        None => {
            format!("INSERT INTO {name} ({columns}) VALUES ({parameters}) ON CONFLICT DO NOTHING")
        }
        Some(expected_rev) => {
            values.push(Value::from_count(*expected_rev)?);
            let last = values.len();
            format!(
                "UPDATE {name} SET ({columns}) = ({parameters}) WHERE id = $1 AND rev = ${last}"
            )
        }
    };
    Ok((statement, values))
}

/// Counts the rows that conflict with the insertion of a row.
pub(super) fn count_conflicting(row: &Row) -> (String, Vec<Value>) {
    let (name, condition, values) = match row {
        Row::Key(key) => (KEY.name, "id = $1", key_values(key)),
        Row::Token(record) => (TOKEN.name, "id = $1 OR digest = $2", token_values(record)),
    };
    let values = values.into_iter().take(condition.matches('$').count());
    let statement = format!("SELECT count(*) FROM {name} WHERE {condition}");
    (statement, values.collect())
}

/// Returns the error for a write that changed no row. `conflicting` is the result
/// of [`count_conflicting`].
pub(super) fn write_error(write: &Write, conflicting: u64) -> StoreError {
    match (write.expected_rev, conflicting) {
        (Some(_), _) => StoreError::conflict(),
        (None, 0) => StoreError::corrupt(
            "tower_authn_meta: the counter was set back; expected a rev that no row has",
        ),
        (None, _) => StoreError::already_exists(),
    }
}

/// Returns the row of the counter, of which there must be exactly one.
pub(super) fn single_row<T>(rows: Vec<T>) -> Result<T, StoreError> {
    let count = rows.len();
    let mut rows = rows.into_iter();
    match (rows.next(), rows.next()) {
        (Some(row), None) => Ok(row),
        _ => Err(StoreError::corrupt(format!(
            "tower_authn_meta: {count} rows; expected one, the counter"
        ))),
    }
}

/// Merges the rows of both tables in the order of their revisions, at most
/// `limit`. Each table returned up to `limit` rows, so none is missing in between.
pub(super) fn merge_changes(keys: Vec<Row>, tokens: Vec<Row>, limit: usize) -> Vec<Row> {
    let mut rows = [keys, tokens].concat();
    rows.sort_by_key(Row::rev);
    rows.truncate(limit);
    rows
}
