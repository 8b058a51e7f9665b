//! Writing rows.

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    PIPELINE, PostgresStore,
    listen::notify,
    rows::{execute, rows},
    transaction::{Mode, Transaction, run},
};
use crate::store::{
    contract::Write,
    error::{StoreError, StoreErrorKind},
    sql::{TAKE_REVISIONS, Value, columns, count_taken, number, refusal, single, write},
};

impl PostgresStore {
    /// Writes rows in one transaction. All of it may take long; no row may.
    pub(super) async fn write_all(&self, writes: &[Write]) -> Result<u64, StoreError> {
        let transaction = self.begin(Mode::Write).await?;
        match self.write_rows(&transaction, writes).await {
            Ok(last) => {
                self.within(transaction.commit()).await?;
                Ok(last)
            }
            // A connection that did not answer is closed instead.
            Err(error) if error.kind() != StoreErrorKind::Unavailable => {
                let _ = self.within(transaction.rollback()).await;
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
        let count = [Value::Number(Some(number(writes.len() as u64)?))];
        let taken = rows(transaction, TAKE_REVISIONS, &count, columns::one_number);
        let last = single(self.within(taken).await?)?;
        let first = (last + 1).saturating_sub(writes.len() as u64);
        let statements: Vec<_> = writes
            .iter()
            .zip(first..)
            .map(|(Write { row, expected_rev }, rev)| write(row, rev, *expected_rev))
            .collect::<Result<_, _>>()?;
        let mut written = stream::iter(statements)
            .map(async |(statement, values)| execute(transaction, &statement, &values).await)
            .buffered(PIPELINE);
        let mut done = writes.iter();
        while let Some(count) = self.within(written.try_next()).await? {
            if let Some(change) = done.next()
                && count != 1
            {
                drop(written);
                let (statement, values) = count_taken(&change.row);
                let taken = rows(transaction, &statement, &values, columns::one_number);
                let taken = self.within(taken).await?;
                return Err(refusal(change, taken.first().copied().unwrap_or_default()));
            }
        }
        drop(written);
        self.within(run(transaction, &notify(&self.session, last)))
            .await?;
        Ok(last)
    }
}
