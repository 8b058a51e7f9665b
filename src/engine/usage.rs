//! The uses of tokens: counted in memory, written in batches.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hashbrown::HashTable;
use tokio::{
    sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard, Notify},
    time::{Instant, sleep_until, timeout_at},
};

use super::{Engine, entry::TokenEntry, hash::KeyedHasher, thread_cache::ThreadEntry};
use crate::{
    store::{StoreError, StoredToken, TokenUse},
    token::{Timestamp, TokenId},
};

/// How many uses one write has at most, so that no write takes long and other writes come
/// between.
const BATCH: usize = 1_000;

/// How many entries that threads have released are kept at least, so that removing them
/// is rare.
const SWEEP_MIN: usize = 64;

/// How soon the first use of a token is written.
const FIRST_USE: Duration = Duration::from_millis(500);

/// The number of the next engine: zero is none.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

/// The tokens with uses that are not written yet.
pub(crate) struct UsageBook {
    /// The number of the engine in the caches of threads.
    pub(super) number: u64,
    used: Mutex<UsedEntries>,
    hasher: KeyedHasher,
    /// Wakes the task after the first use of a token.
    first_use: Arc<Notify>,
    /// How many batches were written.
    flushes: AtomicU64,
    /// Held during a flush.
    flushing: AsyncMutex<()>,
}

#[derive(Default)]
struct UsedEntries {
    /// A token may have several: an entry that is replaced during a verdict has uses too.
    all: HashTable<Arc<TokenEntry>>,
    /// Those of which no use was written yet.
    first: Vec<Arc<TokenEntry>>,
    /// What threads remember and count themselves. Nothing else keeps these alive.
    remembered: HashTable<Remembered>,
    /// The number of remembered entries at which released ones are removed.
    sweep_at: usize,
}

/// An entry that a thread remembers.
struct Remembered {
    own: Arc<ThreadEntry>,
    /// The count up to which uses were added to the entry that all threads share.
    collected: u32,
}

impl UsedEntries {
    /// Adds the uses that threads have counted to the entries that they share, and lists
    /// those. Removes what threads have released.
    fn collect(&mut self, hash: impl Fn(TokenId) -> u64) {
        let Self {
            all, remembered, ..
        } = self;
        remembered.retain(|remembered| {
            // Read before the count, which is final once it is released.
            let is_kept = !remembered.own.is_released();
            remembered.collect(all, &hash);
            is_kept
        });
        self.sweep_at = 2 * self.remembered.len() + SWEEP_MIN;
    }
}

impl Remembered {
    fn collect(&mut self, all: &mut HashTable<Arc<TokenEntry>>, hash: impl Fn(TokenId) -> u64) {
        let (count, last) = self.own.uses();
        let new = count.wrapping_sub(self.collected);
        self.collected = count;
        let entry = self.own.entry();
        if new > 0 && entry.uses.add_many(new, last) {
            all.insert_unique(hash(entry.id), Arc::clone(entry), |entry| hash(entry.id));
        }
    }
}

/// Which uses a flush writes.
#[derive(Clone, Copy)]
pub(crate) enum Flush {
    All,
    FirstUses,
}

impl UsageBook {
    pub(crate) fn new() -> Self {
        Self {
            number: NEXT_NUMBER.fetch_add(1, Ordering::Relaxed),
            used: Mutex::default(),
            hasher: KeyedHasher::random(),
            first_use: Arc::default(),
            flushes: AtomicU64::new(0),
            flushing: AsyncMutex::default(),
        }
    }

    /// Counts a use.
    #[inline]
    pub(crate) fn count(&self, entry: &Arc<TokenEntry>, now: Timestamp) {
        if entry.uses.add(now) {
            self.list(entry);
        }
    }

    #[cold]
    fn list(&self, entry: &Arc<TokenEntry>) {
        let mut used = self.used();
        let hash = |entry: &Arc<TokenEntry>| self.hasher.hash_id(entry.id);
        used.all.insert_unique(hash(entry), Arc::clone(entry), hash);
        if entry.uses.is_first_use() {
            used.first.push(Arc::clone(entry));
            self.first_use.notify_one();
        }
    }

    /// Keeps an entry that a thread remembers, and collects its uses.
    #[cold]
    pub(super) fn keep(&self, own: Arc<ThreadEntry>) {
        let mut used = self.used();
        if used.remembered.len() >= used.sweep_at {
            used.collect(|id| self.hasher.hash_id(id));
        }
        let hash = |known: &Remembered| self.hasher.hash_id(known.own.entry().id);
        let new = Remembered { own, collected: 0 };
        used.remembered.insert_unique(hash(&new), new, hash);
    }

    /// Returns how many batches were written. While the number is the same, no use moves
    /// from memory to the store, so a read of both counts each use once.
    pub(crate) fn flushes(&self) -> u64 {
        self.flushes.load(Ordering::Acquire)
    }

    /// Adds the unwritten uses to tokens that a store returned.
    pub(crate) fn add_unwritten(&self, page: &mut [StoredToken]) {
        let mut used = self.used();
        let UsedEntries {
            all, remembered, ..
        } = &mut *used;
        for StoredToken { record, usage } in page {
            let hash = self.hasher.hash_id(record.id);
            for remembered in remembered.iter_hash_mut(hash) {
                remembered.collect(all, |id| self.hasher.hash_id(id));
            }
            let entries = all.iter_hash(hash);
            let own = entries.filter(|entry| entry.id == record.id);
            for (count, last) in own.filter_map(|entry| entry.uses.unwritten()) {
                usage.last_used_at = usage.last_used_at.max(Some(last));
                usage.uses += u64::from(count);
            }
        }
    }

    /// Waits until no flush is running, and prevents one until the guard is dropped.
    pub(crate) async fn lock_flush(&self) -> AsyncMutexGuard<'_, ()> {
        self.flushing.lock().await
    }

    fn take_listed(&self, which: Flush) -> Vec<Arc<TokenEntry>> {
        let mut used = self.used();
        let first = std::mem::take(&mut used.first);
        match which {
            Flush::All => {
                used.collect(|id| self.hasher.hash_id(id));
                used.all.iter().cloned().collect()
            }
            Flush::FirstUses => first,
        }
    }

    /// Subtracts uses that were written.
    fn subtract(&self, written: &[(&Arc<TokenEntry>, u64)]) {
        let mut used = self.used();
        for (entry, count) in written {
            if !entry.uses.subtract(*count) {
                let hash = self.hasher.hash_id(entry.id);
                let is_same = |known: &Arc<TokenEntry>| Arc::ptr_eq(known, entry);
                if let Ok(known) = used.all.find_entry(hash, is_same) {
                    known.remove();
                }
            }
        }
        self.flushes.fetch_add(1, Ordering::AcqRel);
    }

    #[cfg(test)]
    pub(super) fn count_remembered(&self) -> usize {
        self.used().remembered.len()
    }

    fn used(&self) -> MutexGuard<'_, UsedEntries> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// Writes uses, and keeps them in memory if that fails.
    ///
    /// A write that was not answered in time is repeated, so its uses may count twice.
    pub(crate) async fn flush_usage(&self, which: Flush) -> Result<(), StoreError> {
        let _flushing = self.usage.lock_flush().await;
        let mut entries = self.usage.take_listed(which);
        // The entries of one token are neighbors then, and written as one row.
        entries.sort_by_key(|entry| entry.id);
        for batch in entries.chunks(BATCH) {
            self.flush_batch(batch).await?;
        }
        Ok(())
    }

    async fn flush_batch(&self, batch: &[Arc<TokenEntry>]) -> Result<(), StoreError> {
        let mut uses: Vec<TokenUse> = Vec::with_capacity(batch.len());
        let mut counts = Vec::with_capacity(batch.len());
        for entry in batch {
            let Some((count, at)) = entry.uses.unwritten() else {
                continue;
            };
            let count = u64::from(count);
            counts.push((entry, count));
            match uses.last_mut() {
                Some(last) if last.id == entry.id => {
                    last.at = last.at.max(at);
                    last.count += count;
                }
                _ => uses.push(TokenUse {
                    id: entry.id,
                    at,
                    count,
                }),
            }
        }
        if uses.is_empty() {
            return Ok(());
        }
        self.store.record_uses(uses).await?;
        self.usage.subtract(&counts);
        Ok(())
    }
}

/// Shortens a period by up to a quarter, at random, so that instances that were started
/// together don't write together.
fn jittered(period: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or_default() % 256;
    period - period / 1_024 * random
}

/// Writes uses for as long as the engine exists.
pub(super) fn task(engine: &Arc<Engine>) -> impl Future<Output = ()> + Send + use<> {
    let weak = Arc::downgrade(engine);
    let first_use = Arc::clone(&engine.usage.first_use);
    let period = engine.options.flush_every;
    async move {
        let mut due = Instant::now() + jittered(period);
        loop {
            let mut which = Flush::All;
            if timeout_at(due, first_use.notified()).await.is_ok() {
                let soon = Instant::now() + FIRST_USE;
                sleep_until(soon.min(due)).await;
                if soon < due {
                    which = Flush::FirstUses;
                }
            }
            let Some(engine) = weak.upgrade() else {
                return;
            };
            if matches!(which, Flush::All) {
                due = Instant::now() + jittered(period);
            }
            // Uses that could not be written are kept for the next flush.
            let _ = engine.flush_usage(which).await;
        }
    }
}

#[cfg(test)]
mod tests;
