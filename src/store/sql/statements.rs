//! The statements of both stores, and what their results mean.

use super::columns::Table;
use crate::store::{error::StoreError, rows::Row};

/// Takes `$1` revisions, and returns the last one. It is the first statement of a
/// transaction that writes: the lock on the counter's row makes revisions become
/// visible in order.
pub(super) const TAKE_REVISIONS: &str = "UPDATE tower_authn_meta SET rev = rev + $1 RETURNING rev";

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

/// Returns the error for writes of new rows, or of rows at a revision, that changed fewer
/// rows. `conflicting` is the number of rows with an id or a digest of the new ones.
pub(super) fn write_error(is_new: bool, conflicting: u64) -> StoreError {
    match (is_new, conflicting) {
        (false, _) => StoreError::conflict(),
        (true, 0) => StoreError::corrupt(
            "tower_authn_meta: the counter was set back; expected a rev that no row has",
        ),
        (true, _) => StoreError::already_exists(),
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
