//! A store in memory, and the smallest complete one.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use super::{
    contract::{
        Changes, Cursor, Position, Query, Row, StoredToken, TokenStore, TokenUse, Usage, Write,
    },
    error::StoreError,
};
use crate::token::{Digest, KeyId, Record, TagKey, Timestamp, TokenId};

/// Keeps tokens in memory: for tests, and for services whose tokens may end
/// with them.
///
/// # Example
///
/// ```
/// use tower_authn::{AuthnLayer, store::MemoryStore, tokens::{NewToken, Tokens, TokensOptions}};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tokens = Tokens::open(MemoryStore::new(), TokensOptions::new("acme")?).await?;
/// let made = tokens.create(NewToken::new("alice").scopes(["deployment"])).await?;
/// println!("{}", made.secret.expose());
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
    keys: BTreeMap<KeyId, TagKey>,
    tokens: BTreeMap<TokenId, StoredToken>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self {
            tables: Mutex::default(),
            // A store in memory has one history, which ends with it.
            epoch: "memory".to_owned(),
            rev: watch::Sender::new(0),
        }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // Whatever is done under the lock is done whole, or panics before it
        // changes anything.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn head(&self, tables: &Tables) -> Position {
        Position {
            epoch: self.epoch.clone(),
            rev: tables.rev,
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Tables {
    fn rev_of(&self, row: &Row) -> Option<u64> {
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

    fn check(&self, write: &Write) -> Result<(), StoreError> {
        let rev = self.rev_of(&write.row);
        if write.expected_rev.is_some() {
            return if rev == write.expected_rev {
                Ok(())
            } else {
                Err(StoreError::conflict())
            };
        }
        let digest_taken = match &write.row {
            // Only the digest of an imported token is chosen by a caller.
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

    /// The rows that changed after a revision.
    fn rows(&self, since: u64) -> impl Iterator<Item = Row> {
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
        writes.iter().try_for_each(|write| tables.check(write))?;
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

    async fn list(&self, query: Query) -> Result<Vec<StoredToken>, StoreError> {
        let tables = self.tables();
        let matching = tables
            .tokens
            .values()
            .filter(|stored| query.matches(stored));
        let mut page: Vec<StoredToken> = matching.cloned().collect();
        page.sort_by_key(|stored| std::cmp::Reverse(Cursor::from_record(&stored.record)));
        page.truncate(query.page_size());
        Ok(page)
    }

    async fn changes(&self, since: u64, limit: usize) -> Result<Changes, StoreError> {
        let tables = self.tables();
        let head = self.head(&tables);
        let mut rows = Vec::new();
        if head.rev > since {
            rows.extend(tables.rows(since));
            rows.sort_by_key(Row::rev);
            rows.truncate(limit);
        }
        Ok(Changes { head, rows })
    }

    async fn load_all(&self, each: &mut (dyn FnMut(Row) + Send)) -> Result<Position, StoreError> {
        let tables = self.tables();
        tables.rows(0).for_each(each);
        Ok(self.head(&tables))
    }

    async fn watch(&self, since: u64) {
        // The sender lives as long as `self`.
        let _ = self.rev.subscribe().wait_for(|rev| *rev > since).await;
    }

    async fn record_uses(&self, uses: Vec<TokenUse>) -> Result<(), StoreError> {
        let mut tables = self.tables();
        for used in uses {
            if let Some(stored) = tables.tokens.get_mut(&used.id) {
                let last = &mut stored.usage.last_used_at;
                *last = (*last).max(Some(used.at));
                stored.usage.uses += used.count;
            }
        }
        Ok(())
    }

    async fn prune(&self, ended_before: Timestamp) -> Result<Vec<TokenId>, StoreError> {
        let mut tables = self.tables();
        let mut pruned = Vec::new();
        tables.tokens.retain(|id, stored| {
            let ended = ended(&stored.record, ended_before);
            if ended {
                pruned.push(*id);
            }
            !ended
        });
        Ok(pruned)
    }
}

/// Whether a token ended before a time.
fn ended(record: &Record, before: Timestamp) -> bool {
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
