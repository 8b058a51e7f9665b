//! Writes of rows and of uses.
//!
//! Rows are written in sets, each with one statement that receives a column of values for
//! each column of the table. The statements are sent together with the one that takes the
//! revisions, so the lock on the counter's row is held for two round trips.

use futures::{StreamExt, TryStreamExt, stream};
use tokio_postgres::Client;

use super::{
    PIPELINE, PostgresStore,
    connection::Transaction,
    listen::notify_statement,
    rows::{execute, execute_columns, query_columns, query_rows, transpose},
    transaction::Mode,
};
use crate::store::{
    error::{StoreError, StoreErrorKind},
    rows::{TokenUse, Write},
    sql::{
        Value,
        columns::{TOKEN, Table, table, values},
        millis,
        read::read_number,
        statements::{TAKE_REVISIONS, single_row, write_error},
    },
};

/// How many rows one statement writes.
const ROWS: usize = 250;

/// How many uses one statement adds.
const USES: usize = 1_000;

/// Adds uses: columns of ids, of times and of numbers. Rows are locked in the order of
/// their ids, so that two instances can't deadlock.
const ADD_USES: &str = "INSERT INTO tower_authn_usage AS u (id, last_used_at, uses) \
    SELECT t.id, max(n.at), sum(n.uses)::BIGINT \
    FROM unnest($1, $2, $3) AS n (id, at, uses) JOIN tower_authn_tokens t ON t.id = n.id \
    GROUP BY t.id ORDER BY t.id \
    ON CONFLICT (id) DO UPDATE SET uses = u.uses + excluded.uses, \
    last_used_at = greatest(u.last_used_at, excluded.last_used_at)";

/// A statement of a write, which returns a number.
enum Step {
    /// Takes revisions, and returns the last one.
    TakeRevisions([Value; 1]),
    /// Writes rows, and returns how many.
    WriteRows(RowSet),
}

impl Step {
    async fn run(&self, client: &Client) -> Result<u64, StoreError> {
        match self {
            Self::TakeRevisions(count) => {
                single_row(query_rows(client, TAKE_REVISIONS, count, read_number).await?)
            }
            Self::WriteRows(set) => execute_columns(client, &set.statement(), &set.columns).await,
        }
    }
}

/// Rows of one table that are all new, or all replace others.
struct RowSet {
    table: &'static Table,
    is_new: bool,
    len: u64,
    columns: Vec<Vec<Value>>,
}

impl PostgresStore {
    /// Writes rows in one transaction. The limit is that of each statement, not of the
    /// whole.
    pub(super) async fn write_all(&self, writes: &[Write]) -> Result<u64, StoreError> {
        let transaction = self.begin(Mode::Write).await?;
        match self.write_rows(&transaction, writes).await {
            Ok(last) => {
                let notify = notify_statement(&self.settings, last);
                self.with_limit(transaction.commit_after(&notify)).await?;
                Ok(last)
            }
            // Otherwise the connection may be gone, and is closed instead.
            Err(error) if error.kind() != StoreErrorKind::Unavailable => {
                let _ = self.with_limit(transaction.rollback()).await;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    async fn write_rows(
        &self,
        transaction: &Transaction,
        writes: &[Write],
    ) -> Result<u64, StoreError> {
        let sets = row_sets(writes)?;
        let client: &Client = transaction;
        let take = Step::TakeRevisions([Value::from_count(writes.len() as u64)?]);
        let steps = std::iter::once(take).chain(sets.into_iter().map(Step::WriteRows));
        let steps: Vec<Step> = steps.collect();
        let running: Vec<_> = steps.iter().map(|step| step.run(client)).collect();
        let mut results = stream::iter(running).buffered(PIPELINE);
        let mut last = 0;
        for step in &steps {
            let result = self.with_limit(results.try_next()).await?;
            let result = result.unwrap_or_default();
            match step {
                Step::TakeRevisions(_) => last = result,
                Step::WriteRows(set) if result != set.len => {
                    drop(results);
                    return Err(self.with_limit(set.find_error(client)).await?);
                }
                Step::WriteRows(_) => {}
            }
        }
        drop(results);
        Ok(last)
    }

    pub(super) async fn try_record_uses(&self, uses: &[TokenUse]) -> Result<(), StoreError> {
        let transaction = self.begin(Mode::Write).await?;
        for uses in uses.chunks(USES) {
            let values = |used: &TokenUse| {
                Ok(vec![
                    Value::Text(Some(used.id.to_string())),
                    Value::Number(millis(used.at)),
                    Value::from_count(used.count)?,
                ])
            };
            let rows: Result<Vec<_>, StoreError> = uses.iter().map(values).collect();
            execute_columns(&transaction, ADD_USES, &transpose(rows?)).await?;
        }
        transaction.commit().await
    }

    pub(super) async fn try_execute(
        &self,
        statement: &str,
        values: &[Value],
    ) -> Result<u64, StoreError> {
        let transaction = self.begin(Mode::Write).await?;
        let changed = execute(&transaction, statement, values).await?;
        transaction.commit().await?;
        Ok(changed)
    }
}

/// Divides writes into sets, in their order. The revision of a row is the one of the
/// counter, less the number of rows after it.
fn row_sets(writes: &[Write]) -> Result<Vec<RowSet>, StoreError> {
    let is_new = |write: &Write| write.expected_rev.is_none();
    let name = |write: &Write| table(&write.row).name;
    let mut after = writes.len() as i64;
    let mut sets = Vec::new();
    let same = |a: &Write, b: &Write| (name(a), is_new(a)) == (name(b), is_new(b));
    for writes in writes.chunk_by(same).flat_map(|set| set.chunks(ROWS)) {
        let mut rows = Vec::with_capacity(writes.len());
        for write in writes {
            after -= 1;
            let mut row = values(&write.row);
            row.push(Value::Number(Some(-after)));
            if let Some(expected_rev) = write.expected_rev {
                row.push(Value::from_count(expected_rev)?);
            }
            rows.push(row);
        }
        sets.extend(writes.first().map(|first| RowSet {
            table: table(&first.row),
            is_new: is_new(first),
            len: writes.len() as u64,
            columns: transpose(rows),
        }));
    }
    Ok(sets)
}

impl RowSet {
    /// Returns the statement that inserts the rows, or replaces those at the expected
    /// revisions. It leaves out the rows for which there is a conflict.
    fn statement(&self) -> String {
        let Table { name, columns } = self.table;
        let rows = self.rows();
        let new: Vec<String> = columns
            .iter()
            .map(|column| self.new_value(column))
            .collect();
        let (columns, new) = (columns.join(", "), new.join(", "));
        if self.is_new {
            return format!(
                "INSERT INTO {name} ({columns}) SELECT {new} FROM {rows} ON CONFLICT DO NOTHING"
            );
        }
        format!(
            "UPDATE {name} AS t SET ({columns}) = ROW ({new}) FROM {rows} \
             WHERE t.id = n.id AND t.rev = n.expected_rev"
        )
    }

    fn new_value(&self, column: &str) -> String {
        match column {
            "rev" => "(SELECT rev FROM tower_authn_meta) + n.rev".to_owned(),
            _ => format!("n.{column}"),
        }
    }

    /// Returns the rows as a table `n`, made from the parameters.
    fn rows(&self) -> String {
        let parameters: Vec<String> = (1..=self.columns.len()).map(|n| format!("${n}")).collect();
        let expected_rev = if self.is_new { "" } else { ", expected_rev" };
        format!(
            "unnest({}) AS n ({}{expected_rev})",
            parameters.join(", "),
            self.table.columns.join(", ")
        )
    }

    /// Returns the error if some of the rows were left out.
    async fn find_error(&self, client: &Client) -> Result<StoreError, StoreError> {
        if !self.is_new {
            return Ok(write_error(false, 0));
        }
        // The rows that this statement wrote are there too.
        let (name, rows, rev) = (self.table.name, self.rows(), self.new_value("rev"));
        let count = |column| {
            format!(
                "(SELECT count(*) FROM {name} t JOIN {rows} ON t.{column} = n.{column} \
                 WHERE t.rev <> {rev})"
            )
        };
        let mut counts = vec![count("id")];
        if name == TOKEN.name {
            counts.push(count("digest"));
        }
        let statement = format!("SELECT {}", counts.join(" + "));
        let counts = query_columns(client, &statement, &self.columns, read_number).await?;
        Ok(write_error(
            true,
            counts.first().copied().unwrap_or_default(),
        ))
    }
}
