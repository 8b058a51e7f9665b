//! Every token and key of the store, in memory.
//!
//! # Locks
//!
//! The locks are taken in this order, each before the ones after it:
//!
//! 1. [`Engine::followed`](super::Engine), an asynchronous lock that one follower holds
//!    while it reads the store's changes;
//! 2. `history`, shared by writers of single rows, exclusive for a reload;
//! 3. one of `interner`, `imported`, `ring` and the shards of `tokens`.
//!
//! No code holds two locks of the last group, with one exception: a reload also locks a
//! part of the mirror that it loaded, which no verdict can reach. A verdict takes locks of
//! the last group alone, one at a time, and holds none across an `await`.

mod reload;

use std::sync::{
    Arc, Mutex, PoisonError, RwLock, RwLockReadGuard,
    atomic::{AtomicU64, Ordering},
};

use super::{
    entry::TokenEntry,
    hash::KeyedHasher,
    intern::Interner,
    schedule,
    table::{ShardedTable, Table, insert_newer, read, write},
};
use crate::{
    error::ConfigError,
    store::{Row, Write},
    token::{Digest, KeyId, KeyRing, MasterKey, Record, TagKey, Timestamp, TokenId},
};

/// Every token and every key, as of the last change that was read.
pub(crate) struct Mirror {
    tokens: ShardedTable,
    /// The tokens of other systems, by their digests.
    imported: RwLock<Table>,
    hasher: KeyedHasher,
    ring: RwLock<KeyRing>,
    /// A bit for each retired key; see [`key_bit`].
    retired: AtomicU64,
    interner: Mutex<Interner>,
    master: Option<MasterKey>,
    history: RwLock<History>,
}

/// The history of the store that memory holds.
#[derive(Default)]
struct History {
    /// How often a reload has replaced it, or a prune has shortened it.
    number: u64,
    /// The last revision that this process wrote: a store at an earlier revision lost it.
    written: AtomicU64,
}

impl Mirror {
    pub(crate) fn new(master: Option<MasterKey>) -> Self {
        Self::with_hasher(master, KeyedHasher::random())
    }

    fn with_hasher(master: Option<MasterKey>, hasher: KeyedHasher) -> Self {
        Self {
            tokens: ShardedTable::new(hasher),
            imported: RwLock::default(),
            hasher,
            ring: RwLock::default(),
            retired: AtomicU64::new(0),
            interner: Mutex::default(),
            master,
            history: RwLock::default(),
        }
    }

    /// Returns the number of the current history.
    pub(crate) fn history(&self) -> u64 {
        schedule::wait_until(|| self.history.try_read().is_ok());
        read(&self.history).number
    }

    /// Merges a row that was read in a history. Returns whether the history is still
    /// current; if not, nothing is merged, since revisions of two histories can't be
    /// compared.
    pub(crate) fn merge_if_current(&self, history: u64, row: &Row) -> Result<bool, ConfigError> {
        schedule::wait_until(|| self.history.try_read().is_ok());
        let current = read(&self.history);
        let is_current = current.number == history;
        if is_current {
            self.merge(row)?;
        }
        Ok(is_current)
    }

    /// Merges rows that this process wrote, the last of them at revision `last`. Returns
    /// whether `history` is still current; if not, nothing is merged.
    pub(crate) fn merge_written(
        &self,
        history: u64,
        rows: &[Write],
        last: u64,
    ) -> Result<bool, ConfigError> {
        schedule::wait_until(|| self.history.try_read().is_ok());
        let current = read(&self.history);
        if current.number != history {
            return Ok(false);
        }
        current.written.fetch_max(last, Ordering::AcqRel);
        for write in rows {
            self.merge(&write.row)?;
        }
        Ok(true)
    }

    /// Returns the last revision that this process wrote in this history.
    pub(crate) fn last_written(&self) -> u64 {
        read(&self.history).written.load(Ordering::Acquire)
    }

    /// Merges a row, unless a newer revision of it is known.
    pub(crate) fn merge(&self, row: &Row) -> Result<(), ConfigError> {
        match row {
            Row::Key(key) => self.merge_key(key),
            Row::Token(record) => {
                self.merge_token(record);
                Ok(())
            }
        }
    }

    fn merge_token(&self, record: &Record) {
        if let Some(entry) = self.new_entry(record) {
            self.insert(&Arc::new(entry));
        }
    }

    fn new_entry(&self, record: &Record) -> Option<TokenEntry> {
        // Verifiers must not accept the secret of a session as a token.
        if record.session_of.is_some() {
            return None;
        }
        let mut interner = self.interner.lock().unwrap_or_else(PoisonError::into_inner);
        Some(TokenEntry::new(record, &mut *interner))
    }

    fn insert(&self, new: &Arc<TokenEntry>) {
        if new.kid.is_none() {
            let hash = |entry: &TokenEntry| self.hasher.hash_digest(&entry.digest);
            insert_newer(&mut write(&self.imported), new, hash);
        }
        self.tokens.insert_newer(new);
    }

    fn merge_key(&self, key: &TagKey) -> Result<(), ConfigError> {
        let mut ring = write(&self.ring);
        ring.merge(key, self.master.as_ref())?;
        if !ring.is_retired(key.id) {
            return Ok(());
        }
        drop(ring);
        let bit = key_bit(key.id);
        let known = self.retired.fetch_or(bit, Ordering::AcqRel);
        self.notify_retired(bit & !known);
        Ok(())
    }

    /// Wakes the tasks that wait for the revocation of tokens of these keys, a bit for
    /// each.
    fn notify_retired(&self, keys: u64) {
        if keys == 0 {
            return;
        }
        self.tokens.for_each(|entry| {
            if keys & entry.kid.map_or(0, key_bit) != 0 {
                entry.notify_revoked();
            }
        });
    }

    pub(crate) fn get(&self, id: TokenId) -> Option<Arc<TokenEntry>> {
        let (entry, _) = self.tokens.get(id, self.tokens.hash(id))?;
        Some(entry)
    }

    pub(super) fn tokens(&self) -> &ShardedTable {
        &self.tokens
    }

    pub(crate) fn get_imported(&self, digest: &Digest) -> Option<Arc<TokenEntry>> {
        let imported = read(&self.imported);
        let hash = self.hasher.hash_digest(digest);
        imported
            .find(hash, |entry| entry.digest == *digest)
            .map(Arc::clone)
    }

    /// Returns whether there is any imported token, so that a lookup is worth its digest.
    pub(crate) fn has_imported(&self) -> bool {
        !read(&self.imported).is_empty()
    }

    #[inline]
    pub(crate) fn is_retired(&self, kid: Option<KeyId>) -> bool {
        kid.is_some_and(|kid| self.retired.load(Ordering::Acquire) & key_bit(kid) != 0)
    }

    pub(crate) fn ring(&self) -> RwLockReadGuard<'_, KeyRing> {
        read(&self.ring)
    }

    pub(crate) fn master(&self) -> Option<&MasterKey> {
        self.master.as_ref()
    }

    /// Returns how many tokens of a key are active.
    pub(crate) fn count_active(&self, kid: KeyId, now: Timestamp) -> usize {
        let mut count = 0;
        self.tokens.for_each(|entry| {
            count += usize::from(entry.kid == Some(kid) && entry.check(now).is_ok());
        });
        count
    }

    /// Prevents the merge of rows that were read before tokens are forgotten: with the
    /// entry of a token, memory loses the revision that such a row must not precede.
    pub(crate) fn begin_forgetting(&self) {
        schedule::wait_until(|| self.history.try_write().is_ok());
        write(&self.history).number += 1;
    }

    /// Forgets the tokens of one shard, of [`SHARDS`], that ended before a time.
    pub(crate) fn forget_ended(&self, shard: usize, before: Timestamp) {
        for ended in self
            .tokens
            .remove_if(shard, |entry| entry.has_ended(before))
        {
            if ended.kid.is_none() {
                let hash = self.hasher.hash_digest(&ended.digest);
                let mut imported = write(&self.imported);
                if let Ok(known) = imported.find_entry(hash, |entry| entry.id == ended.id) {
                    known.remove();
                }
            }
            ended.notify_revoked();
        }
    }
}

/// Returns the bit of a key. The number of a key is at most 60, so 64 bits hold every key.
fn key_bit(kid: KeyId) -> u64 {
    1 << kid.number()
}

#[cfg(test)]
mod tests;
