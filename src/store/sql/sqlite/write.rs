//! Writes of rows and of uses.

use rusqlite::Transaction;

use super::rows::{execute, query_rows};
use crate::store::{
    error::StoreError,
    rows::{Row, TokenUse, Write},
    sql::{
        Value,
        columns::{Table, table, values},
        millis,
        read::read_number,
        statements::{TAKE_REVISIONS, single_row, write_error},
    },
};

/// Adds `$3` uses of token `$1`, the last at `$2`, if there is such a token.
const ADD_USES: &str = "INSERT INTO tower_authn_usage AS u (id, last_used_at, uses) \
    SELECT id, $2, $3 FROM tower_authn_tokens WHERE id = $1 \
    ON CONFLICT (id) DO UPDATE SET uses = u.uses + excluded.uses, \
    last_used_at = max(u.last_used_at, excluded.last_used_at)";

/// Writes rows, and returns the revision of the last one.
pub(super) fn write_all(
    transaction: &Transaction<'_>,
    writes: &[Write],
) -> Result<u64, StoreError> {
    let count = [Value::from_count(writes.len() as u64)?];
    let revisions = query_rows(transaction, TAKE_REVISIONS, &count, read_number)?;
    let last = single_row(revisions)?;
    let first = (last + 1).saturating_sub(writes.len() as u64);
    for (write, rev) in writes.iter().zip(first..) {
        let (statement, values) = write_row(write, rev)?;
        if execute(transaction, &statement, &values)? != 1 {
            let (statement, values) = count_conflicting(&write.row);
            let counts = query_rows(transaction, &statement, &values, read_number)?;
            let conflicting = counts.first().copied().unwrap_or_default();
            return Err(write_error(write.expected_rev.is_none(), conflicting));
        }
    }
    Ok(last)
}

/// Adds uses to those that are stored.
pub(super) fn add_uses(transaction: &Transaction<'_>, uses: &[TokenUse]) -> Result<(), StoreError> {
    for used in uses {
        let values = [
            Value::Text(Some(used.id.to_string())),
            Value::Number(millis(used.at)),
            Value::from_count(used.count)?,
        ];
        execute(transaction, ADD_USES, &values)?;
    }
    Ok(())
}

/// Inserts a row, or replaces the one at the expected revision. The statement
/// changes no row if there is a conflict.
fn write_row(
    Write { row, expected_rev }: &Write,
    rev: u64,
) -> Result<(String, Vec<Value>), StoreError> {
    let (table, mut values) = (table(row), values(row));
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
fn count_conflicting(row: &Row) -> (String, Vec<Value>) {
    let condition = match row {
        Row::Key(_) => "id = $1",
        Row::Token(_) => "id = $1 OR digest = $2",
    };
    let values = values(row).into_iter().take(condition.matches('$').count());
    let name = table(row).name;
    let statement = format!("SELECT count(*) FROM {name} WHERE {condition}");
    (statement, values.collect())
}
