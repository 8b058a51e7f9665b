//! Writes of rows.

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    PIPELINE, PostgresStore,
    connection::Transaction,
    listen::notify_statement,
    rows::{execute, query_rows},
    transaction::{Mode, run},
};
use crate::store::{
    error::{StoreError, StoreErrorKind},
    rows::{TokenUse, Write},
    sql::{
        Value, millis,
        read::read_number,
        statements::{
            ADD_USES, TAKE_REVISIONS, count_conflicting, single_row, write_error, write_row,
        },
    },
};

impl PostgresStore {
    /// Writes rows in one transaction. The limit is that of each row, not of the
    /// whole.
    pub(super) async fn write_all(&self, writes: &[Write]) -> Result<u64, StoreError> {
        let transaction = self.begin(Mode::Write).await?;
        match self.write_rows(&transaction, writes).await {
            Ok(last) => {
                self.with_limit(transaction.commit()).await?;
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
        let count = [Value::from_count(writes.len() as u64)?];
        let revisions = query_rows(transaction, TAKE_REVISIONS, &count, read_number);
        let last = single_row(self.with_limit(revisions).await?)?;
        let first = (last + 1).saturating_sub(writes.len() as u64);
        let statements: Vec<_> = writes
            .iter()
            .zip(first..)
            .map(|(write, rev)| write_row(write, rev))
            .collect::<Result<_, _>>()?;
        let mut written = stream::iter(statements)
            .map(async |(statement, values)| execute(transaction, &statement, &values).await)
            .buffered(PIPELINE);
        let mut remaining = writes.iter();
        while let Some(count) = self.with_limit(written.try_next()).await? {
            if let Some(write) = remaining.next()
                && count != 1
            {
                drop(written);
                let (statement, values) = count_conflicting(&write.row);
                let counts = query_rows(transaction, &statement, &values, read_number);
                let counts = self.with_limit(counts).await?;
                let conflicting = counts.first().copied().unwrap_or_default();
                return Err(write_error(write, conflicting));
            }
        }
        drop(written);
        self.with_limit(run(transaction, &notify_statement(&self.settings, last)))
            .await?;
        Ok(last)
    }

    pub(super) async fn try_record_uses(&self, uses: &[TokenUse]) -> Result<(), StoreError> {
        let transaction = self.begin(Mode::Write).await?;
        let client = &*transaction;
        let add = async |used: &TokenUse| {
            let values = [
                Value::Text(Some(used.id.to_string())),
                Value::Number(millis(used.at)),
                Value::from_count(used.count)?,
            ];
            execute(client, ADD_USES, &values).await
        };
        let mut added = stream::iter(uses).map(add).buffered(PIPELINE);
        while added.try_next().await?.is_some() {}
        drop(added);
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
