//! The hash tables of the mirror.

use std::{
    ops::{Deref, DerefMut},
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use hashbrown::{HashTable, hash_table::Entry};

use super::{entry::TokenEntry, hash::KeyedHasher};
use crate::token::TokenId;

/// How many tables hold the tokens, each under its own lock.
pub(super) const SHARDS: usize = 64;

pub(super) type Table = HashTable<Arc<TokenEntry>>;

/// All tokens by their ids, in tables that are locked one by one.
pub(super) struct ShardedTable {
    shards: [Shard; SHARDS],
    hasher: KeyedHasher,
}

#[derive(Default)]
struct Shard {
    table: RwLock<Table>,
    generation: Generation,
}

/// How often the table of a shard was locked for writing. It is on a cache line of its own,
/// since every reader writes to the lock.
#[derive(Default)]
#[repr(align(64))]
struct Generation(AtomicU64);

impl Generation {
    #[inline]
    fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// A table that is locked for writing. When it is dropped, it begins another generation
/// before it unlocks the table, so no change is without one.
struct TableWriter<'a> {
    table: RwLockWriteGuard<'a, Table>,
    generation: &'a Generation,
}

impl Deref for TableWriter<'_> {
    type Target = Table;

    fn deref(&self) -> &Table {
        &self.table
    }
}

impl DerefMut for TableWriter<'_> {
    fn deref_mut(&mut self) -> &mut Table {
        &mut self.table
    }
}

impl Drop for TableWriter<'_> {
    fn drop(&mut self) {
        self.generation.0.fetch_add(1, Ordering::Release);
    }
}

impl Shard {
    fn read(&self) -> RwLockReadGuard<'_, Table> {
        read(&self.table)
    }

    fn write(&self) -> TableWriter<'_> {
        TableWriter {
            table: write(&self.table),
            generation: &self.generation,
        }
    }
}

impl ShardedTable {
    pub(super) fn new(hasher: KeyedHasher) -> Self {
        Self {
            shards: std::array::from_fn(|_| Shard::default()),
            hasher,
        }
    }

    /// Returns the hash of an id.
    #[inline]
    pub(super) fn hash(&self, id: TokenId) -> u64 {
        self.hasher.hash_id(id)
    }

    /// Returns the entry of a token, and the generation in which it was read.
    pub(super) fn get(&self, id: TokenId, hash: u64) -> Option<(Arc<TokenEntry>, u64)> {
        let shard = self.shard(hash);
        let table = shard.read();
        let found = table.find(hash, |entry| entry.id == id)?;
        Some((Arc::clone(found), shard.generation.get()))
    }

    /// Returns the generation of the shard of a token. As long as it is the same, the
    /// entry of the token is the same too.
    ///
    /// Reading it has the effect of reading the entry: a caller that reads a generation
    /// sees everything that was done before the entry of that generation was inserted.
    #[inline]
    pub(super) fn generation(&self, hash: u64) -> u64 {
        self.shard(hash).generation.get()
    }

    pub(super) fn insert_newer(&self, new: &Arc<TokenEntry>) {
        let shard = self.shard(self.hash(new.id));
        insert_newer(&mut shard.write(), new, |entry| self.hash(entry.id));
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
        let ids = ids(&shard.read());
        let remove = |id| {
            let matches = |entry: &Arc<TokenEntry>| entry.id == id && condition(entry);
            let mut table = shard.write();
            let found = table.find_entry(self.hash(id), matches).ok()?;
            Some(found.remove().0)
        };
        ids.into_iter().filter_map(remove).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().len()).sum()
    }

    pub(super) fn for_each(&self, mut f: impl FnMut(&Arc<TokenEntry>)) {
        for shard in &self.shards {
            shard.read().iter().for_each(&mut f);
        }
    }

    /// Swaps the entries with those of another table with the same hasher, shard by shard.
    pub(super) fn swap(&self, loaded: &Self) {
        for (own, loaded) in self.shards.iter().zip(&loaded.shards) {
            std::mem::swap(&mut *own.write(), &mut *loaded.write());
        }
    }

    /// Returns the shard of the id with a hash.
    #[inline]
    fn shard(&self, hash: u64) -> &Shard {
        // The bits in the middle: the table uses the lowest and the highest ones.
        &self.shards[(hash >> 32) as usize % SHARDS]
    }

    #[cfg(test)]
    pub(super) fn tables(&self) -> impl Iterator<Item = &RwLock<Table>> {
        self.shards.iter().map(|shard| &shard.table)
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
