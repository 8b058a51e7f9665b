//! A store that uses every freedom of the contract.

use std::{
    future::pending,
    sync::{Arc, Mutex},
};

use tower_authn::{
    store::{
        Changes, MemoryStore, Position, Query, Row, StoreError, StoredToken, TokenPage, TokenStore,
        TokenUse, Write,
    },
    token::{Timestamp, TokenId},
};

use crate::support::Calls;

/// A store in memory that uses the freedoms that the contract of `TokenStore` grants. All
/// clones are the same store.
#[derive(Clone, Default)]
pub struct Free {
    pub store: Arc<MemoryStore>,
    /// The most rows of a page of changes or of a list.
    pub page: Option<usize>,
    pub watch: Watch,
    /// Whether `load_all` returns the rows in reverse order.
    pub reversed: bool,
    pub reads: Calls,
    pub(super) hangs: Arc<Mutex<Hangs>>,
}

#[derive(Clone, Copy, Debug, Default)]
pub enum Watch {
    AtOnce,
    #[default]
    Never,
    WhenChanged,
}

/// A call that never returns, and whether it takes effect.
#[derive(Clone, Copy, Default)]
pub(super) struct Hangs {
    call: Option<&'static str>,
    takes_effect: bool,
}

impl Free {
    /// Makes a call hang before it takes effect.
    pub fn hang(&self, call: &'static str) {
        let call = Some(call);
        *self.hangs.lock().unwrap() = Hangs {
            call,
            takes_effect: false,
        };
    }

    /// Makes a call hang after it has taken effect.
    pub fn lose_answers(&self, call: &'static str) {
        let call = Some(call);
        *self.hangs.lock().unwrap() = Hangs {
            call,
            takes_effect: true,
        };
    }

    /// Lets all calls return again.
    pub fn release(&self) {
        *self.hangs.lock().unwrap() = Hangs::default();
    }

    async fn call<T>(&self, name: &str, call: impl Future<Output = T>) -> T {
        let hangs = *self.hangs.lock().unwrap();
        if hangs.call != Some(name) {
            return call.await;
        }
        if hangs.takes_effect {
            call.await;
        }
        pending().await
    }

    fn shorter(&self, limit: usize) -> usize {
        limit.min(self.page.unwrap_or(limit))
    }
}

impl TokenStore for Free {
    async fn apply(&self, writes: Vec<Write>) -> Result<u64, StoreError> {
        self.call("apply", self.store.apply(writes)).await
    }

    async fn get(&self, id: TokenId) -> Result<Option<StoredToken>, StoreError> {
        self.call("get", self.store.get(id)).await
    }

    async fn list(&self, mut query: Query) -> Result<TokenPage, StoreError> {
        query.limit = self.shorter(query.page_size());
        self.call("list", self.store.list(query)).await
    }

    async fn changes(&self, since: u64, limit: usize) -> Result<Changes, StoreError> {
        self.reads.add();
        let changes = self.store.changes(since, self.shorter(limit));
        self.call("changes", changes).await
    }

    async fn load_all(&self, each: &mut (dyn FnMut(Row) + Send)) -> Result<Position, StoreError> {
        let mut rows = Vec::new();
        let mut keep = |row| rows.push(row);
        let head = self
            .call("load_all", self.store.load_all(&mut keep))
            .await?;
        if self.reversed {
            rows.reverse();
        }
        rows.into_iter().for_each(each);
        Ok(head)
    }

    async fn watch(&self, since: u64) {
        match self.watch {
            Watch::AtOnce => {}
            Watch::Never => pending().await,
            Watch::WhenChanged => self.store.watch(since).await,
        }
    }

    async fn record_uses(&self, uses: Vec<TokenUse>) -> Result<(), StoreError> {
        self.call("record_uses", self.store.record_uses(uses)).await
    }

    async fn prune(&self, ended_before: Timestamp) -> Result<usize, StoreError> {
        self.call("prune", self.store.prune(ended_before)).await
    }
}
