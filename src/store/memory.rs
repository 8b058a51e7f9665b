//! A store in memory.

mod tables;

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::watch, task::yield_now};

use self::tables::Tables;
use super::{
    error::StoreError,
    query::{Query, TokenPage},
    rows::{Changes, Position, Row, StoredToken, TokenUse, Write},
    token_store::TokenStore,
};
use crate::token::{Timestamp, TokenId};

/// How many rows are read or removed under one lock, so that other calls come between.
const AT_ONCE: usize = 1_000;

/// How many tokens a page of a list looks at.
const SCAN: usize = 5_000;

/// A store in memory, for tests and for services that may lose their tokens when
/// they stop.
///
/// # Example
///
/// ```
/// use tower_authn::{AuthnLayer, store::MemoryStore, tokens::{NewToken, Tokens, TokensOptions}};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tokens = Tokens::open(MemoryStore::new(), TokensOptions::new("acme")?).await?;
/// let created = tokens.create(NewToken::new("alice").scopes(["deployment"])).await?;
/// println!("{}", created.secret.expose());
/// let layer = AuthnLayer::new(tokens.verifier());
/// # Ok(())
/// # }
/// ```
pub struct MemoryStore {
    tables: Mutex<Tables>,
    epoch: String,
    rev: watch::Sender<u64>,
}

impl MemoryStore {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self {
            tables: Mutex::default(),
            // The history is as old as the store, and never another one.
            epoch: "memory".to_owned(),
            rev: watch::Sender::new(0),
        }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // No code panics after it has begun to change the tables, so a poisoned
        // lock protects consistent ones.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn position(&self, tables: &Tables) -> Position {
        Position {
            epoch: self.epoch.clone(),
            rev: tables.rev,
            pruned_before: tables.pruned_before,
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl TokenStore for MemoryStore {
    async fn apply(&self, writes: Vec<Write>) -> Result<u64, StoreError> {
        let mut tables = self.tables();
        tables.write(writes)?;
        self.rev.send_replace(tables.rev);
        Ok(tables.rev)
    }

    async fn get(&self, id: TokenId) -> Result<Option<StoredToken>, StoreError> {
        Ok(self.tables().get(id).cloned())
    }

    async fn list(&self, query: Query) -> Result<TokenPage, StoreError> {
        Ok(self.tables().list(&query, SCAN))
    }

    async fn changes(&self, since: u64, limit: usize) -> Result<Changes, StoreError> {
        let tables = self.tables();
        let head = self.position(&tables);
        let rows = tables.changes(since).take(limit).collect();
        Ok(Changes { head, rows })
    }

    async fn load_all(&self, each: &mut (dyn FnMut(Row) + Send)) -> Result<Position, StoreError> {
        // A prune during the load may come after its rows were passed.
        let pruned_before = self.tables().pruned_before;
        let mut since = 0;
        loop {
            let Changes { head, rows } = self.changes(since, AT_ONCE).await?;
            let is_last = rows.len() < AT_ONCE;
            since = rows.last().map_or(since, Row::rev);
            rows.into_iter().for_each(&mut *each);
            if is_last {
                return Ok(Position {
                    pruned_before,
                    ..head
                });
            }
            yield_now().await;
        }
    }

    async fn watch(&self, since: u64) {
        // An error means that the sender is gone, but `self` holds it.
        let _ = self.rev.subscribe().wait_for(|rev| *rev > since).await;
    }

    async fn record_uses(&self, uses: Vec<TokenUse>) -> Result<(), StoreError> {
        let mut tables = self.tables();
        for used in uses {
            if let Some(stored) = tables.get_mut(used.id) {
                let last_used_at = &mut stored.usage.last_used_at;
                *last_used_at = (*last_used_at).max(Some(used.at));
                stored.usage.uses += used.count;
            }
        }
        Ok(())
    }

    async fn prune(&self, ended_before: Timestamp) -> Result<usize, StoreError> {
        {
            let pruned_before = &mut self.tables().pruned_before;
            *pruned_before = (*pruned_before).max(ended_before);
        }
        let mut removed = 0;
        loop {
            let some = self.tables().prune(ended_before, AT_ONCE);
            removed += some;
            if some < AT_ONCE {
                return Ok(removed);
            }
            yield_now().await;
        }
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("rev", &self.tables().rev)
            .finish_non_exhaustive()
    }
}
