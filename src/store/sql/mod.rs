//! Stores in SQL databases: what they have in common.
//!
//! Both keep the same tables under the same names, so that statements,
//! columns and conditions are written once, here. A statement numbers its parameters
//! as `$1`, `$2`.

mod columns;
mod filter;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(feature = "postgres")]
pub use self::postgres::{PostgresOptions, PostgresStore};
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteStore;

use super::{
    contract::{Row, Write},
    error::StoreError,
};
use crate::token::Timestamp;
use columns::{KEY, TOKEN};

/// A parameter of a statement, or a value of a row.
#[derive(Clone)]
enum Value {
    Bytes(Vec<u8>),
    Number(Option<i64>),
    Text(Option<String>),
}

/// Takes so many revisions, and gives the last of them. It comes first in a
/// transaction that writes: its lock makes the revisions appear in the order
/// of the commits.
const TAKE_REVISIONS: &str = "UPDATE tower_authn_meta SET rev = rev + $1 RETURNING rev";

const ADD_USE: &str = "INSERT INTO tower_authn_usage AS u (id, last_used_at, uses) \
    SELECT id, $2, $3 FROM tower_authn_tokens WHERE id = $1 \
    ON CONFLICT (id) DO UPDATE SET uses = u.uses + excluded.uses, \
    last_used_at = CASE WHEN u.last_used_at > excluded.last_used_at \
        THEN u.last_used_at ELSE excluded.last_used_at END";

const PRUNE: &str = "DELETE FROM tower_authn_tokens \
    WHERE revoked_at < $1 OR expires_at < $1 OR grace_until < $1 RETURNING id";

/// Every token, or every key.
fn select(table: &Table, rest: &str) -> String {
    let Table { name, columns, .. } = table;
    format!("SELECT {} FROM {name} {rest}", columns.join(", "))
}

/// The rows of a table that changed after revision `$1`, at most `$2`.
fn select_changes(table: &Table) -> String {
    select(table, "WHERE rev > $1 ORDER BY rev LIMIT $2")
}

/// Puts a row into its table, or in the place of the one that was there at a
/// revision. It changes no row where there is a conflict.
fn write(
    row: &Row,
    rev: u64,
    expected_rev: Option<u64>,
) -> Result<(String, Vec<Value>), StoreError> {
    let (table, mut values) = match row {
        Row::Key(key) => (&KEY, columns::of_key(key)),
        Row::Token(record) => (&TOKEN, columns::of_token(record)),
    };
    values.push(Value::Number(Some(number(rev)?)));
    let Table { name, columns } = table;
    let marks: Vec<String> = (1..=columns.len()).map(|n| format!("${n}")).collect();
    let (columns, marks) = (columns.join(", "), marks.join(", "));
    let statement = match expected_rev {
        None => {
            format!("INSERT INTO {name} ({columns}) VALUES ({marks}) ON CONFLICT DO NOTHING")
        }
        Some(expected_rev) => {
            values.push(Value::Number(Some(number(expected_rev)?)));
            let last = values.len();
            format!("UPDATE {name} SET ({columns}) = ({marks}) WHERE id = $1 AND rev = ${last}")
        }
    };
    Ok((statement, values))
}

/// Counts the rows that keep a row from being inserted.
fn count_taken(row: &Row) -> (String, Vec<Value>) {
    let (name, columns, values) = match row {
        Row::Key(key) => (KEY.name, "id = $1", columns::of_key(key)),
        Row::Token(record) => (
            TOKEN.name,
            "id = $1 OR digest = $2",
            columns::of_token(record),
        ),
    };
    let values = values.into_iter().take(columns.matches('$').count());
    let statement = format!("SELECT count(*) FROM {name} WHERE {columns}");
    (statement, values.collect())
}

/// Says why a write changed no row; `taken` is the result of [`count_taken`].
fn refusal(write: &Write, taken: u64) -> StoreError {
    match (write.expected_rev, taken) {
        (Some(_), _) => StoreError::conflict(),
        (None, 0) => StoreError::corrupt("the counter handed out a revision a second time"),
        (None, _) => StoreError::already_exists(),
    }
}

/// Returns the row of the table that must hold exactly one.
fn single<T>(rows: Vec<T>) -> Result<T, StoreError> {
    let count = rows.len();
    let mut rows = rows.into_iter();
    match (rows.next(), rows.next()) {
        (Some(row), None) => Ok(row),
        _ => Err(StoreError::corrupt(format!(
            "the table tower_authn_meta holds {count} rows; expected one, the counter"
        ))),
    }
}

/// A table: its first column is the key, its last one the revision.
struct Table {
    name: &'static str,
    columns: &'static [&'static str],
}

/// A revision or a count, as databases keep it.
fn number(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(StoreError::corrupt)
}

fn time(at: Timestamp) -> Option<i64> {
    i64::try_from(at.as_millis()).ok()
}

/// The rows of both tables in the order of their revisions, at most so many:
/// each table gave as many, so that nothing is missing before the last.
fn in_order(keys: Vec<Row>, tokens: Vec<Row>, limit: usize) -> Vec<Row> {
    let mut rows = [keys, tokens].concat();
    rows.sort_by_key(Row::rev);
    rows.truncate(limit);
    rows
}
