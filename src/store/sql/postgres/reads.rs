//! Reads of rows.

use futures::{
    TryStreamExt,
    future::{try_join, try_join3},
};

use super::{
    PostgresStore,
    connection::PooledConnection,
    failure::postgres_error,
    rows::{query_rows, stream_rows},
    transaction::Mode,
};
use crate::store::{
    error::StoreError,
    query::{Query, TokenPage},
    rows::{Changes, Position, Row, StoredToken},
    sql::{
        Value,
        columns::{KEY, TOKEN},
        filter::{PageStatements, select_by_id},
        read::{ReadRow, read_cursor, read_key, read_stored_token, read_token},
        statements::{merge_changes, select, select_changes},
    },
};

impl PostgresStore {
    pub(super) async fn try_get(&self, id: &Value) -> Result<Option<StoredToken>, StoreError> {
        let (statement, values) = (select_by_id(), [id.clone()]);
        let connection = PooledConnection::get(&self.pool).await?;
        let rows = || query_rows(&connection, &statement, &values, read_stored_token);
        let found = self.settings.read(&connection, rows).await?;
        connection.release();
        Ok(found.into_iter().next())
    }

    pub(super) async fn try_list(
        &self,
        PageStatements { tokens, end }: &PageStatements,
        query: &Query,
    ) -> Result<TokenPage, StoreError> {
        let connection = PooledConnection::get(&self.pool).await?;
        let client = &*connection;
        let rows = || {
            let (statement, values) = tokens;
            let tokens = query_rows(client, statement, values, read_stored_token);
            let end = async move {
                match end {
                    Some((statement, values)) => {
                        query_rows(client, statement, values, read_cursor).await
                    }
                    None => Ok(Vec::new()),
                }
            };
            try_join(tokens, end)
        };
        let (tokens, end) = self.settings.read(client, rows).await?;
        connection.release();
        Ok(PageStatements::page(tokens, end.first().copied(), query))
    }

    pub(super) async fn try_changes(
        &self,
        since: u64,
        limit: usize,
    ) -> Result<Changes, StoreError> {
        let values = [Value::from_count(since)?, Value::from_count(limit as u64)?];
        let (keys, tokens) = (select_changes(&KEY), select_changes(&TOKEN));
        let connection = PooledConnection::get(&self.pool).await?;
        // A failure is left to the transaction, which depends on no setting of the session.
        if *self.notified.borrow() <= since
            && let Ok(head) = self.position.run(&connection).await
            && head.rev == since
        {
            connection.release();
            let rows = Vec::new();
            return Ok(Changes { head, rows });
        }
        let rows = || {
            try_join3(
                self.position.run(&connection),
                query_rows(&connection, &keys, &values, read_key),
                query_rows(&connection, &tokens, &values, read_token),
            )
        };
        let (head, keys, tokens) = self.settings.read(&connection, rows).await?;
        connection.release();
        let rows = merge_changes(keys, tokens, limit);
        Ok(Changes { head, rows })
    }

    pub(super) async fn load_rows(
        &self,
        each: &mut (dyn FnMut(Row) + Send),
    ) -> Result<Position, StoreError> {
        // The limit is that of each row, not of the whole.
        let transaction = self.begin(Mode::ReadAll).await?;
        let position = self.with_limit(self.position.run(&transaction)).await?;
        let tables: [(_, ReadRow<Row>); 2] = [(&KEY, read_key), (&TOKEN, read_token)];
        for (table, read) in tables {
            let statement = select(table, "");
            let rows = stream_rows(&transaction, &statement, &[]);
            let rows = self.with_limit(rows).await?;
            let mut rows = std::pin::pin!(rows.map_err(postgres_error));
            while let Some(row) = self.with_limit(rows.try_next()).await? {
                each(read(&row)?);
            }
        }
        self.with_limit(transaction.commit()).await?;
        Ok(position)
    }
}
