//! Deadlines for the calls of a store.

use std::{
    future::Future,
    pin::pin,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::timeout;

use super::{
    dynamic::DynStore,
    error::StoreError,
    query::{Query, TokenPage},
    rows::{Changes, Position, Row, StoredToken, TokenUse, Write},
    token_store::TokenStore,
};
use crate::token::{Timestamp, TokenId};

/// How many rows a write may have before its deadline is extended.
const ROWS_PER_LIMIT: usize = 1_000;

/// How many times longer a prune may take, since it removes any number of
/// tokens.
const PRUNE_LIMITS: u32 = 12;

/// A store with a deadline for every call. The error for a missed deadline names
/// the call.
pub(crate) struct DeadlineStore {
    store: Box<dyn DynStore>,
    limit: Duration,
}

impl DeadlineStore {
    pub(crate) fn new(store: impl TokenStore, limit: Duration) -> Self {
        let store = Box::new(store);
        Self { store, limit }
    }

    pub(crate) async fn apply(&self, writes: Vec<Write>) -> Result<u64, StoreError> {
        let limit = self.limit_for(writes.len());
        with_timeout("apply", limit, self.store.apply(writes)).await
    }

    pub(crate) async fn get(&self, id: TokenId) -> Result<Option<StoredToken>, StoreError> {
        with_timeout("get", self.limit, self.store.get(id)).await
    }

    pub(crate) async fn list(&self, query: Query) -> Result<TokenPage, StoreError> {
        with_timeout("list", self.limit, self.store.list(query)).await
    }

    pub(crate) async fn changes(&self, since: u64, limit: usize) -> Result<Changes, StoreError> {
        with_timeout("changes", self.limit, self.store.changes(since, limit)).await
    }

    /// Loads every row. The deadline is that of each row, not of the whole.
    pub(crate) async fn load_all(
        &self,
        each: &mut (dyn FnMut(Row) + Send),
    ) -> Result<Position, StoreError> {
        let rows = AtomicU64::new(0);
        let mut count_and_pass = |row| {
            rows.fetch_add(1, Ordering::Relaxed);
            each(row);
        };
        let mut load = pin!(self.store.load_all(&mut count_and_pass));
        loop {
            let before = rows.load(Ordering::Relaxed);
            match timeout(self.limit, &mut load).await {
                Ok(loaded) => return loaded,
                Err(_) if rows.load(Ordering::Relaxed) == before => {
                    return Err(StoreError::timed_out("load_all"));
                }
                Err(_) => {}
            }
        }
    }

    /// Waits for changes, without a deadline: callers set their own.
    pub(crate) async fn watch(&self, since: u64) {
        self.store.watch(since).await;
    }

    pub(crate) async fn record_uses(&self, uses: Vec<TokenUse>) -> Result<(), StoreError> {
        let limit = self.limit_for(uses.len());
        with_timeout("record_uses", limit, self.store.record_uses(uses)).await
    }

    pub(crate) async fn prune(&self, ended_before: Timestamp) -> Result<usize, StoreError> {
        let limit = self.limit.saturating_mul(PRUNE_LIMITS);
        with_timeout("prune", limit, self.store.prune(ended_before)).await
    }

    fn limit_for(&self, rows: usize) -> Duration {
        let calls = u32::try_from(rows.div_ceil(ROWS_PER_LIMIT)).unwrap_or(u32::MAX);
        self.limit.saturating_mul(calls.max(1))
    }
}

async fn with_timeout<T>(
    operation: &'static str,
    limit: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let timed_out = |_| StoreError::timed_out(operation);
    timeout(limit, call).await.map_err(timed_out)?
}
