//! The hash tables of the mirror.

use std::sync::{
    Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{AtomicU64, Ordering},
};

use hashbrown::{HashTable, hash_table::Entry};

use super::{entry::TokenEntry, hash::KeyedHasher};
use crate::token::TokenId;

/// How many tables hold the tokens, each under its own lock.
const SHARDS: usize = 64;

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

/// How often a known token of a shard was replaced or removed. It is raised under the lock
/// of the table, and read without it. It is on a cache line of its own, since the lock is
/// written by every reader.
#[derive(Default)]
#[repr(align(64))]
struct Generation(AtomicU64);

impl Generation {
    fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    fn raise(&self) {
        self.0.fetch_add(1, Ordering::Release);
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
        let table = read(&shard.table);
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
        let mut table = write(&shard.table);
        if insert_newer(&mut table, new, |entry| self.hash(entry.id)) {
            shard.generation.raise();
        }
    }

    pub(super) fn remove(&self, id: TokenId) -> Option<Arc<TokenEntry>> {
        let hash = self.hash(id);
        let shard = self.shard(hash);
        let mut table = write(&shard.table);
        let found = table.find_entry(hash, |entry| entry.id == id).ok()?;
        shard.generation.raise();
        Some(found.remove().0)
    }

    pub(super) fn for_each(&self, mut f: impl FnMut(&Arc<TokenEntry>)) {
        for shard in &self.shards {
            read(&shard.table).iter().for_each(&mut f);
        }
    }

    /// Replaces the entries by those of another table with the same hasher, shard by
    /// shard. Tasks that wait for a replaced entry wait for the new one; if there is none,
    /// they are woken.
    pub(super) fn swap(&self, loaded: &Self) {
        for (own, loaded) in self.shards.iter().zip(&loaded.shards) {
            let generation = &own.generation;
            let mut own = write(&own.table);
            let mut loaded = write(&loaded.table);
            for old in own.iter() {
                let hash = self.hash(old.id);
                match loaded.find(hash, |entry| entry.id == old.id) {
                    Some(new) => new.inherit(old),
                    None => old.notify_revoked(),
                }
            }
            std::mem::swap(&mut *own, &mut *loaded);
            generation.raise();
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

/// Inserts an entry, unless the table has a newer one of the same token. Returns whether
/// it replaced an older one.
pub(super) fn insert_newer(
    table: &mut Table,
    new: &Arc<TokenEntry>,
    hash: impl Fn(&TokenEntry) -> u64,
) -> bool {
    let is_same = |entry: &Arc<TokenEntry>| entry.id == new.id;
    match table.entry(hash(new), is_same, |entry| hash(entry)) {
        Entry::Occupied(mut known) => {
            let is_newer = known.get().rev < new.rev;
            if is_newer {
                new.inherit(known.get());
                *known.get_mut() = Arc::clone(new);
            }
            is_newer
        }
        Entry::Vacant(vacant) => {
            vacant.insert(Arc::clone(new));
            false
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
