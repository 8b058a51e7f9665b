//! A store in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use super::{
    error::StoreError,
    query::{Cursor, Query, TokenPage},
    rows::{Changes, Position, Row, StoredToken, TokenUse, Usage, Write},
    token_store::TokenStore,
};
use crate::token::{Digest, KeyId, Record, TagKey, Timestamp, TokenId};

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

#[derive(Default)]
struct Tables {
    rev: u64,
    pruned_before: Timestamp,
    keys: BTreeMap<KeyId, TagKey>,
    tokens: BTreeMap<TokenId, StoredToken>,
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

impl Tables {
    fn current_rev(&self, row: &Row) -> Option<u64> {
        match row {
            Row::Key(key) => self.keys.get(&key.id).map(|key| key.rev),
            Row::Token(record) => self.tokens.get(&record.id).map(|stored| stored.record.rev),
        }
    }

    fn has_digest(&self, digest: &Digest) -> bool {
        self.tokens
            .values()
            .any(|stored| stored.record.digest == *digest)
    }

    /// Checks the writes of a batch against the tables and against each other.
    fn check_all(&self, writes: &[Write]) -> Result<(), StoreError> {
        let (mut keys, mut ids, mut digests) = <(BTreeSet<_>, BTreeSet<_>, BTreeSet<_>)>::default();
        for write in writes {
            self.check(write)?;
            let is_new = write.expected_rev.is_none();
            let is_first = match &write.row {
                Row::Key(key) => keys.insert(key.id),
                Row::Token(record) => {
                    ids.insert(record.id) && (!is_new || digests.insert(record.digest.to_bytes()))
                }
            };
            match (is_first, is_new) {
                (true, _) => {}
                (false, true) => return Err(StoreError::already_exists()),
                (false, false) => return Err(StoreError::conflict()),
            }
        }
        Ok(())
    }

    fn check(&self, write: &Write) -> Result<(), StoreError> {
        let rev = self.current_rev(&write.row);
        if write.expected_rev.is_some() {
            return if rev == write.expected_rev {
                Ok(())
            } else {
                Err(StoreError::conflict())
            };
        }
        let digest_taken = match &write.row {
            // Digests of tokens that this crate made never collide, so that only
            // an import pays for the scan.
            Row::Token(record) if record.kid.is_none() => self.has_digest(&record.digest),
            Row::Token(_) | Row::Key(_) => false,
        };
        if rev.is_some() || digest_taken {
            return Err(StoreError::already_exists());
        }
        Ok(())
    }

    fn put(&mut self, row: Row) {
        match row {
            Row::Key(key) => {
                self.keys.insert(key.id, key);
            }
            Row::Token(record) => {
                let usage = self
                    .tokens
                    .get(&record.id)
                    .map_or_else(Usage::default, |s| s.usage);
                let record = *record;
                self.tokens.insert(record.id, StoredToken { record, usage });
            }
        }
    }

    /// Returns the rows that changed after a revision, in no order.
    fn changed_rows(&self, since: u64) -> impl Iterator<Item = Row> {
        let keys = self.keys.values().filter(move |key| key.rev > since);
        let records = self.tokens.values().map(|stored| &stored.record);
        let records = records.filter(move |record| record.rev > since);
        let tokens = records.map(|record| Row::Token(Box::new(record.clone())));
        keys.cloned().map(Row::Key).chain(tokens)
    }
}

impl TokenStore for MemoryStore {
    async fn apply(&self, writes: Vec<Write>) -> Result<u64, StoreError> {
        let mut tables = self.tables();
        tables.check_all(&writes)?;
        for mut write in writes {
            tables.rev += 1;
            write.row.set_rev(tables.rev);
            tables.put(write.row);
        }
        self.rev.send_replace(tables.rev);
        Ok(tables.rev)
    }

    async fn get(&self, id: TokenId) -> Result<Option<StoredToken>, StoreError> {
        Ok(self.tables().tokens.get(&id).cloned())
    }

    async fn list(&self, query: Query) -> Result<TokenPage, StoreError> {
        let tables = self.tables();
        let matching = tables
            .tokens
            .values()
            .filter(|stored| query.matches(stored));
        let mut page: Vec<StoredToken> = matching.cloned().collect();
        page.sort_by_key(|stored| std::cmp::Reverse(Cursor::from_record(&stored.record)));
        page.truncate(query.page_size());
        Ok(TokenPage::new(page, &query))
    }

    async fn changes(&self, since: u64, limit: usize) -> Result<Changes, StoreError> {
        let tables = self.tables();
        let head = self.position(&tables);
        let mut rows = Vec::new();
        if head.rev > since {
            rows.extend(tables.changed_rows(since));
            rows.sort_by_key(Row::rev);
            rows.truncate(limit);
        }
        Ok(Changes { head, rows })
    }

    async fn load_all(&self, each: &mut (dyn FnMut(Row) + Send)) -> Result<Position, StoreError> {
        let tables = self.tables();
        tables.changed_rows(0).for_each(each);
        Ok(self.position(&tables))
    }

    async fn watch(&self, since: u64) {
        // An error means that the sender is gone, but `self` holds it.
        let _ = self.rev.subscribe().wait_for(|rev| *rev > since).await;
    }

    async fn record_uses(&self, uses: Vec<TokenUse>) -> Result<(), StoreError> {
        let mut tables = self.tables();
        for used in uses {
            if let Some(stored) = tables.tokens.get_mut(&used.id) {
                let last_used_at = &mut stored.usage.last_used_at;
                *last_used_at = (*last_used_at).max(Some(used.at));
                stored.usage.uses += used.count;
            }
        }
        Ok(())
    }

    async fn prune(&self, ended_before: Timestamp) -> Result<usize, StoreError> {
        let mut tables = self.tables();
        let before = tables.tokens.len();
        tables
            .tokens
            .retain(|_, stored| !has_ended(&stored.record, ended_before));
        tables.pruned_before = tables.pruned_before.max(ended_before);
        Ok(before - tables.tokens.len())
    }
}

/// Checks whether a token ended before a time.
fn has_ended(record: &Record, before: Timestamp) -> bool {
    [record.revoked_at, record.expires_at, record.grace_until]
        .into_iter()
        .flatten()
        .any(|end| end < before)
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("rev", &self.tables().rev)
            .finish_non_exhaustive()
    }
}
