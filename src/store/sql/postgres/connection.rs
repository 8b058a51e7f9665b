//! Connections of the pool, and transactions on them.

use std::ops::Deref;

use deadpool_postgres::{Object, Pool};
use tokio_postgres::Client;

use super::{
    failure::pool_error,
    transaction::{Mode, Settings, run},
};
use crate::store::error::StoreError;

/// A connection of the pool that is closed when it is dropped, since it may be
/// inside of a transaction. [`release`](Self::release) returns it to the pool.
pub(super) struct PooledConnection(Option<Object>);

impl PooledConnection {
    pub(super) async fn get(pool: &Pool) -> Result<Self, StoreError> {
        let connection = pool.get().await.map_err(pool_error)?;
        Ok(Self(Some(connection)))
    }

    /// Returns the connection to the pool.
    pub(super) fn release(mut self) {
        drop(self.0.take());
    }
}

impl Deref for PooledConnection {
    type Target = Client;

    fn deref(&self) -> &Client {
        let connection = self.0.as_ref();
        connection.expect("a connection is held until it is released")
    }
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        self.0.take().map(Object::take);
    }
}

/// A transaction on a connection of the pool. Dropping it closes the connection,
/// and the server rolls back.
pub(super) struct Transaction(PooledConnection);

impl Transaction {
    pub(super) async fn begin(
        pool: &Pool,
        settings: &Settings,
        mode: Mode,
    ) -> Result<Self, StoreError> {
        let connection = PooledConnection::get(pool).await?;
        settings.begin(&connection, mode).await?;
        Ok(Self(connection))
    }

    pub(super) async fn commit(self) -> Result<(), StoreError> {
        run(&self, "COMMIT").await?;
        self.0.release();
        Ok(())
    }

    /// Runs a statement and commits, in one round trip. If the statement fails, nothing
    /// is committed.
    pub(super) async fn commit_after(self, statement: &str) -> Result<(), StoreError> {
        run(&self, &format!("{statement}; COMMIT")).await?;
        self.0.release();
        Ok(())
    }

    pub(super) async fn rollback(self) -> Result<(), StoreError> {
        run(&self, "ROLLBACK").await?;
        self.0.release();
        Ok(())
    }
}

impl Deref for Transaction {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0
    }
}
