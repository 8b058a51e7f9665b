//! A store that can be unreachable.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tower_authn::{
    store::{
        Changes, MemoryStore, Position, Query, Row, StoreError, StoredToken, TokenPage, TokenStore,
        TokenUse, Write,
    },
    token::{Timestamp, TokenId},
};

use crate::support::Calls;

/// A store that a test can make unreachable or replace by another one, and that counts
/// its reads.
#[derive(Clone, Default)]
pub struct Net {
    store: Arc<Mutex<Arc<MemoryStore>>>,
    epoch: Arc<Mutex<String>>,
    down: Arc<AtomicBool>,
    pub(super) gets: Calls,
    pub(super) loads: Calls,
}

impl Net {
    fn reach(&self) -> Result<Arc<MemoryStore>, StoreError> {
        match self.down.load(Ordering::Relaxed) {
            true => Err(StoreError::unavailable("down")),
            false => Ok(Arc::clone(&self.store.lock().unwrap())),
        }
    }

    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::Relaxed);
    }

    /// Returns another connection to the same store, which is reachable on its own.
    pub(super) fn reconnect(&self) -> Self {
        let down = Arc::default();
        Self {
            down,
            ..self.clone()
        }
    }

    /// Replaces the store by an empty one.
    pub(super) fn replace(&self, epoch: &str) {
        *self.store.lock().unwrap() = Arc::new(MemoryStore::new());
        epoch.clone_into(&mut self.epoch.lock().unwrap());
    }

    fn head(&self, head: Position) -> Position {
        let epoch = self.epoch.lock().unwrap().clone();
        Position { epoch, ..head }
    }
}

impl TokenStore for Net {
    async fn apply(&self, writes: Vec<Write>) -> Result<u64, StoreError> {
        self.reach()?.apply(writes).await
    }

    async fn get(&self, id: TokenId) -> Result<Option<StoredToken>, StoreError> {
        self.gets.add();
        // Long enough for concurrent requests to find this read running.
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.reach()?.get(id).await
    }

    async fn list(&self, query: Query) -> Result<TokenPage, StoreError> {
        self.reach()?.list(query).await
    }

    async fn changes(&self, since: u64, limit: usize) -> Result<Changes, StoreError> {
        let Changes { head, rows } = self.reach()?.changes(since, limit).await?;
        let head = self.head(head);
        Ok(Changes { head, rows })
    }

    async fn load_all(&self, each: &mut (dyn FnMut(Row) + Send)) -> Result<Position, StoreError> {
        self.loads.add();
        let head = self.reach()?.load_all(each).await?;
        Ok(self.head(head))
    }

    /// Never returns, so changes are found by polling.
    async fn watch(&self, _: u64) {
        std::future::pending().await
    }

    async fn record_uses(&self, uses: Vec<TokenUse>) -> Result<(), StoreError> {
        self.reach()?.record_uses(uses).await
    }

    async fn prune(&self, ended_before: Timestamp) -> Result<usize, StoreError> {
        self.reach()?.prune(ended_before).await
    }
}
