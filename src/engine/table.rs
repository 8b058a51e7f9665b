//! The hash tables of the mirror.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use hashbrown::{HashTable, hash_table::Entry};

use super::{entry::TokenEntry, hash::KeyedHasher};
use crate::token::TokenId;

/// How many tables hold the tokens, each under its own lock.
pub(super) const SHARDS: usize = 64;

pub(super) type Table = HashTable<Arc<TokenEntry>>;

/// All tokens by their ids, in tables that are locked one by one.
pub(super) struct ShardedTable {
    shards: [RwLock<Table>; SHARDS],
    hasher: KeyedHasher,
}

impl ShardedTable {
    pub(super) fn new(hasher: KeyedHasher) -> Self {
        Self {
            shards: std::array::from_fn(|_| RwLock::default()),
            hasher,
        }
    }

    pub(super) fn get(&self, id: TokenId) -> Option<Arc<TokenEntry>> {
        let (shard, hash) = self.shard(id);
        read(shard)
            .find(hash, |entry| entry.id == id)
            .map(Arc::clone)
    }

    pub(super) fn insert_newer(&self, new: &Arc<TokenEntry>) {
        let (shard, _) = self.shard(new.id);
        insert_newer(&mut write(shard), new, |entry| {
            self.hasher.hash_id(entry.id)
        });
    }

    /// Removes the entries of one shard that match a condition, and returns them. The
    /// lock is held for one entry at a time while they are removed.
    pub(super) fn remove_if(
        &self,
        shard: usize,
        condition: impl Fn(&TokenEntry) -> bool,
    ) -> Vec<Arc<TokenEntry>> {
        let shard = &self.shards[shard];
        let ids = |table: &Table| -> Vec<TokenId> {
            let matching = table.iter().filter(|entry| condition(entry));
            matching.map(|entry| entry.id).collect()
        };
        let ids = ids(&read(shard));
        let remove = |id| {
            let matches = |entry: &Arc<TokenEntry>| entry.id == id && condition(entry);
            let mut table = write(shard);
            let found = table.find_entry(self.hasher.hash_id(id), matches).ok()?;
            Some(found.remove().0)
        };
        ids.into_iter().filter_map(remove).collect()
    }

    pub(super) fn for_each(&self, mut f: impl FnMut(&Arc<TokenEntry>)) {
        for shard in &self.shards {
            read(shard).iter().for_each(&mut f);
        }
    }

    /// Replaces the entries by those of another table with the same hasher, shard by
    /// shard. Tasks that wait for a replaced entry wait for the new one; if there is none,
    /// they are woken.
    pub(super) fn swap(&self, loaded: &Self) {
        for (own, loaded) in self.shards.iter().zip(&loaded.shards) {
            let mut own = write(own);
            let mut loaded = write(loaded);
            for old in own.iter() {
                let hash = self.hasher.hash_id(old.id);
                match loaded.find(hash, |entry| entry.id == old.id) {
                    Some(new) => new.inherit(old),
                    None => old.notify_revoked(),
                }
            }
            std::mem::swap(&mut *own, &mut *loaded);
        }
    }

    /// Returns the shard of a token, and its hash there.
    fn shard(&self, id: TokenId) -> (&RwLock<Table>, u64) {
        let hash = self.hasher.hash_id(id);
        // The bits in the middle: the table uses the lowest and the highest ones.
        (&self.shards[(hash >> 32) as usize % SHARDS], hash)
    }

    #[cfg(test)]
    pub(super) fn shards(&self) -> &[RwLock<Table>] {
        &self.shards
    }
}

/// Inserts an entry, unless the table has a newer one of the same token.
pub(super) fn insert_newer(
    table: &mut Table,
    new: &Arc<TokenEntry>,
    hash: impl Fn(&TokenEntry) -> u64,
) {
    let is_same = |entry: &Arc<TokenEntry>| entry.id == new.id;
    match table.entry(hash(new), is_same, |entry| hash(entry)) {
        Entry::Occupied(mut known) => {
            if known.get().rev < new.rev {
                new.inherit(known.get());
                *known.get_mut() = Arc::clone(new);
            }
        }
        Entry::Vacant(vacant) => {
            vacant.insert(Arc::clone(new));
        }
    }
}

// Code under these locks completes or panics before it changes anything, so the data
// under a poisoned lock is whole.

pub(super) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
