//! The one place where calls of a store are limited in time.

use std::{
    future::Future,
    pin::pin,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::timeout;

use super::{
    contract::{Changes, Position, Query, Row, StoredToken, TokenStore, TokenUse, Write},
    dynamic::DynStore,
    error::StoreError,
};
use crate::token::{Timestamp, TokenId};

/// How many rows may be written within the time of one call.
const ROWS: usize = 1_000;

/// A prune may remove any number of tokens, and takes this many times as long.
const PRUNE: u32 = 12;

/// A store whose every call ends: with an answer, or with an error that names
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
        let limit = self.limit_of(writes.len());
        within("apply", limit, self.store.apply(writes)).await
    }

    pub(crate) async fn get(&self, id: TokenId) -> Result<Option<StoredToken>, StoreError> {
        within("get", self.limit, self.store.get(id)).await
    }

    pub(crate) async fn list(&self, query: Query) -> Result<Vec<StoredToken>, StoreError> {
        within("list", self.limit, self.store.list(query)).await
    }

    pub(crate) async fn changes(&self, since: u64, limit: usize) -> Result<Changes, StoreError> {
        within("changes", self.limit, self.store.changes(since, limit)).await
    }

    /// All of it may take long, but no row may.
    pub(crate) async fn load_all(
        &self,
        each: &mut (dyn FnMut(Row) + Send),
    ) -> Result<Position, StoreError> {
        let rows = AtomicU64::new(0);
        let mut counted = |row| {
            rows.fetch_add(1, Ordering::Relaxed);
            each(row);
        };
        let mut read = pin!(self.store.load_all(&mut counted));
        loop {
            let before = rows.load(Ordering::Relaxed);
            match timeout(self.limit, &mut read).await {
                Ok(done) => return done,
                Err(_) if rows.load(Ordering::Relaxed) == before => {
                    return Err(StoreError::timed_out("load_all"));
                }
                Err(_) => {}
            }
        }
    }

    /// It may wait for any time: the caller limits it.
    pub(crate) async fn watch(&self, since: u64) {
        self.store.watch(since).await;
    }

    pub(crate) async fn record_uses(&self, uses: Vec<TokenUse>) -> Result<(), StoreError> {
        let limit = self.limit_of(uses.len());
        within("touch", limit, self.store.record_uses(uses)).await
    }

    pub(crate) async fn prune(&self, ended_before: Timestamp) -> Result<Vec<TokenId>, StoreError> {
        let limit = self.limit.saturating_mul(PRUNE);
        within("prune", limit, self.store.prune(ended_before)).await
    }

    fn limit_of(&self, rows: usize) -> Duration {
        let calls = u32::try_from(rows.div_ceil(ROWS)).unwrap_or(u32::MAX);
        self.limit.saturating_mul(calls.max(1))
    }
}

async fn within<T>(
    operation: &'static str,
    limit: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let timed_out = |_| StoreError::timed_out(operation);
    timeout(limit, call).await.map_err(timed_out)?
}
