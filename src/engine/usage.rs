//! Uses, counted in memory and written in batches.

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

use super::{Engine, entry::Entry, hash::Spread};
use crate::{
    store::{StoreError, StoredToken, TokenUse},
    token::{Timestamp, TokenId},
};

/// How many uses are written at once: other writes are let in between, and no
/// one write takes long.
const BATCH: usize = 1_000;

/// How soon the first use of a token is written.
const FIRST_USE: Duration = Duration::from_millis(500);

/// The tokens with uses that are not written yet.
pub(crate) struct UsageBook {
    used: Mutex<Used>,
    spread: Spread,
    /// Told of a first use.
    first: Arc<Notify>,
    /// How many batches were written.
    written: AtomicU64,
    /// Held while uses are being written.
    flushing: AsyncMutex<()>,
}

#[derive(Default)]
struct Used {
    /// The entries themselves: one that was replaced in the middle of a verdict
    /// is written too, so that a token can have more than one.
    entries: HashTable<Arc<Entry>>,
    /// Those of which no use was written yet.
    first: Vec<Arc<Entry>>,
}

/// Which uses are written.
#[derive(Clone, Copy)]
pub(crate) enum Flush {
    All,
    FirstUses,
}

impl UsageBook {
    pub(crate) fn new() -> Self {
        Self {
            used: Mutex::default(),
            spread: Spread::by_chance(),
            first: Arc::default(),
            written: AtomicU64::new(0),
            flushing: AsyncMutex::default(),
        }
    }

    /// Counts a use.
    #[inline]
    pub(crate) fn count(&self, entry: &Arc<Entry>, now: Timestamp) {
        if entry.count(now) {
            self.list(entry);
        }
    }

    #[cold]
    fn list(&self, entry: &Arc<Entry>) {
        let mut used = self.used();
        let hash = |entry: &Arc<Entry>| self.spread.id(entry.id);
        used.entries
            .insert_unique(hash(entry), Arc::clone(entry), hash);
        if entry.is_first_use() {
            used.first.push(Arc::clone(entry));
            self.first.notify_one();
        }
    }

    /// How many batches were written. While it stays the same, no use moves
    /// from memory to the store.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// Adds the uses that are not written yet to what a store returned.
    pub(crate) fn add_pending(&self, page: &mut [StoredToken]) {
        let used = self.used();
        if used.entries.is_empty() {
            return;
        }
        for StoredToken { record, usage } in page {
            let entries = used.entries.iter_hash(self.spread.id(record.id));
            let own = entries.filter(|entry| entry.id == record.id);
            for pending in own.filter_map(|entry| entry.pending()) {
                usage.last_used_at = usage.last_used_at.max(Some(pending.at));
                usage.uses += pending.count;
            }
        }
    }

    /// Waits until no uses are being written.
    pub(crate) async fn flushed(&self) -> AsyncMutexGuard<'_, ()> {
        self.flushing.lock().await
    }

    fn listed(&self, which: Flush) -> Vec<Arc<Entry>> {
        let mut used = self.used();
        let first = std::mem::take(&mut used.first);
        match which {
            Flush::All => used.entries.iter().cloned().collect(),
            Flush::FirstUses => first,
        }
    }

    /// Takes uses off that were written.
    fn settle(&self, written: &[(&Arc<Entry>, u64)]) {
        let mut used = self.used();
        for (entry, count) in written {
            if !entry.settle(*count) {
                let hash = self.spread.id(entry.id);
                let same = |known: &Arc<Entry>| Arc::ptr_eq(known, entry);
                if let Ok(known) = used.entries.find_entry(hash, same) {
                    known.remove();
                }
            }
        }
        self.written.fetch_add(1, Ordering::AcqRel);
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// Writes uses, and keeps them if that fails. A write whose outcome is
    /// unknown is repeated, so that its uses may count twice.
    pub(crate) async fn flush_usage(&self, which: Flush) -> Result<(), StoreError> {
        let _flushing = self.usage.flushed().await;
        let mut entries = self.usage.listed(which);
        // The entries of one token come together, and are written as one.
        entries.sort_by_key(|entry| entry.id);
        for batch in entries.chunks(BATCH) {
            self.flush_batch(batch).await?;
        }
        Ok(())
    }

    async fn flush_batch(&self, batch: &[Arc<Entry>]) -> Result<(), StoreError> {
        let mut uses: Vec<TokenUse> = Vec::with_capacity(batch.len());
        let mut counts = Vec::with_capacity(batch.len());
        for entry in batch {
            let Some(pending) = entry.pending() else {
                continue;
            };
            counts.push((entry, pending.count));
            match uses.last_mut() {
                Some(last) if last.id == pending.id => {
                    last.at = last.at.max(pending.at);
                    last.count += pending.count;
                }
                _ => uses.push(pending),
            }
        }
        if uses.is_empty() {
            return Ok(());
        }
        self.store.record_uses(uses).await?;
        self.usage.settle(&counts);
        Ok(())
    }

    /// Reads a token, which a session is not, with the uses that are not written
    /// yet.
    pub(crate) async fn stored(&self, id: TokenId) -> Result<Option<StoredToken>, StoreError> {
        loop {
            let written = self.usage.written();
            let mut stored = self.store.get(id).await?;
            if written == self.usage.written() {
                self.usage.add_pending(stored.as_mut_slice());
                return Ok(stored.filter(|stored| stored.record.session_of.is_none()));
            }
        }
    }
}

/// Writes the uses for as long as anything holds the tokens.
pub(crate) fn task(shared: &Arc<Engine>) -> impl Future<Output = ()> + Send + use<> {
    let weak = Arc::downgrade(shared);
    let first = Arc::clone(&shared.usage.first);
    let period = shared.options.flush_every;
    async move {
        let mut due = Instant::now() + period;
        loop {
            let mut which = Flush::All;
            if timeout_at(due, first.notified()).await.is_ok() {
                let soon = Instant::now() + FIRST_USE;
                sleep_until(soon.min(due)).await;
                if soon < due {
                    which = Flush::FirstUses;
                }
            }
            let Some(shared) = weak.upgrade() else {
                return;
            };
            if matches!(which, Flush::All) {
                due = Instant::now() + period;
            }
            // What can't be written now is kept, and written the next time.
            let _ = shared.flush_usage(which).await;
        }
    }
}
