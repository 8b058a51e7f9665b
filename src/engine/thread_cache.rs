//! The tokens that each thread has verified lately.
//!
//! A lookup in the mirror and the count of a use write to memory that all threads share: a
//! lock, a reference count, a counter. On many cores these writes wait for each other. So a
//! thread remembers the tokens that it verifies often, with a reference count and a counter
//! of its own. A verdict on such a token reads shared memory and writes none of it.
//!
//! A slot is valid only for the [generation](ShardedTable::generation) of the token's
//! shard. Every change of the shard begins another one before the call that makes the
//! change returns.

use std::{
    cell::RefCell,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::SystemTime,
};

use futures::future::BoxFuture;

use super::{entry::TokenEntry, table::ShardedTable};
use crate::{
    principal::PrincipalData,
    scope::Scope,
    target::Target,
    token::{Timestamp, TokenId},
};

/// How many tokens a thread remembers.
const SLOTS: usize = 256;

/// How many verdicts more than other tokens of its slot a token needs to be remembered,
/// and how many of others in a row it then survives. With many tokens in equal use, few
/// get there, and the others cost no allocation.
const CREDIT: u8 = 8;

thread_local! {
    /// Empty until the thread accepts its first token.
    static CACHE: RefCell<Vec<Slot>> = const { RefCell::new(Vec::new()) };
}

/// A token as one thread uses it. It is on cache lines of its own.
#[repr(align(64))]
pub(crate) struct ThreadEntry {
    entry: Arc<TokenEntry>,
    /// Written by one thread alone, so adding to it takes a load and a store.
    count: AtomicU32,
    last_millis: AtomicU64,
    /// Whether the thread has forgotten this entry, so that `count` is final.
    released: AtomicBool,
}

/// A place for one token. It does not keep the entry alive: the engine does, in its
/// [`UsageBook`](super::usage::UsageBook), so that nothing outlives the engine.
struct Slot {
    /// The number of the engine, or zero.
    engine: u64,
    id: TokenId,
    credit: u8,
    generation: u64,
    remembered: Weak<ThreadEntry>,
}

/// What identifies a token in the caches of all threads.
#[derive(Clone, Copy)]
pub(crate) struct CacheKey {
    /// The number of the engine, which no other engine of the process has.
    pub(crate) engine: u64,
    pub(crate) id: TokenId,
    pub(crate) hash: u64,
}

impl ThreadEntry {
    pub(super) fn entry(&self) -> &Arc<TokenEntry> {
        &self.entry
    }

    /// Counts a use. Only the thread that remembers this entry calls it.
    #[inline]
    pub(super) fn count_use(&self, now: Timestamp) {
        self.last_millis.store(now.as_millis(), Ordering::Relaxed);
        let count = self.count.load(Ordering::Relaxed).wrapping_add(1);
        // The release makes the time visible to a flush that reads this use.
        self.count.store(count, Ordering::Release);
    }

    /// Returns how many uses were counted, wrapping, and the time of the last.
    pub(super) fn uses(&self) -> (u32, Timestamp) {
        let count = self.count.load(Ordering::Acquire);
        let last = Timestamp::from_millis(self.last_millis.load(Ordering::Relaxed));
        (count, last)
    }

    /// Returns whether no further use will be counted.
    pub(super) fn is_released(&self) -> bool {
        self.released.load(Ordering::Acquire)
    }
}

impl CacheKey {
    /// Returns the entry that this thread remembers for the token, if `table` has not
    /// changed since or still has it.
    #[inline]
    pub(super) fn find(self, table: &ShardedTable) -> Option<Arc<ThreadEntry>> {
        self.with_slot(|slot| {
            if !slot.is_for(self) {
                return None;
            }
            if slot.generation != table.generation(self.hash) {
                slot.revalidate(self, table);
            }
            let found = slot.remembered.upgrade()?;
            slot.credit = CREDIT;
            Some(found)
        })
    }

    /// Notes that this thread has accepted the token, as `table` had it in a generation.
    /// Returns a new entry if the thread remembers the token from now on.
    pub(super) fn note(self, entry: &Arc<TokenEntry>, generation: u64) -> Option<Arc<ThreadEntry>> {
        if CACHE.try_with(|cache| cache.borrow().is_empty()).ok()? {
            let slots = std::iter::repeat_with(Slot::empty).take(SLOTS);
            CACHE.set(slots.collect());
        }
        self.with_slot(|slot| {
            if !slot.is_for(self) {
                slot.credit = slot.credit.saturating_sub(1);
                if slot.credit > 0 {
                    return None;
                }
                (slot.engine, slot.id) = (self.engine, self.id);
                slot.release();
            }
            slot.credit += 1;
            if slot.credit < CREDIT {
                return None;
            }
            let entry = Arc::new(ThreadEntry {
                entry: Arc::clone(entry),
                count: AtomicU32::new(0),
                last_millis: AtomicU64::new(0),
                released: AtomicBool::new(false),
            });
            slot.release();
            slot.credit = CREDIT;
            slot.generation = generation;
            slot.remembered = Arc::downgrade(&entry);
            Some(entry)
        })
    }

    #[inline]
    fn with_slot<T>(self, f: impl FnOnce(&mut Slot) -> Option<T>) -> Option<T> {
        // Other bits than those that choose the shard and the place in its table.
        let index = (self.hash >> 40) as usize % SLOTS;
        // Where the cache is gone, as in the destructor of another thread-local value, the
        // token is looked up in the mirror.
        let found = CACHE.try_with(|cache| f(cache.borrow_mut().get_mut(index)?));
        found.ok().flatten()
    }
}

impl Slot {
    fn empty() -> Self {
        Self {
            engine: 0,
            id: TokenId::ZERO,
            credit: 0,
            generation: 0,
            remembered: Weak::new(),
        }
    }

    #[inline]
    fn is_for(&self, key: CacheKey) -> bool {
        self.id == key.id && self.engine == key.engine
    }

    /// Keeps the entry if a table that has changed still has it, and releases it
    /// otherwise.
    #[cold]
    fn revalidate(&mut self, key: CacheKey, table: &ShardedTable) {
        let known = table.get(key.id, key.hash);
        let remembered = self.remembered.upgrade();
        match known.zip(remembered) {
            Some(((entry, generation), own)) if Arc::ptr_eq(&entry, &own.entry) => {
                self.generation = generation;
            }
            _ => {
                self.release();
                // The next verdict remembers the new entry.
                self.credit = CREDIT - 1;
            }
        }
    }

    fn release(&mut self) {
        if let Some(released) = std::mem::take(&mut self.remembered).upgrade() {
            released.released.store(true, Ordering::Release);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.release();
    }
}

impl PrincipalData for ThreadEntry {
    fn subject(&self) -> &str {
        self.entry.subject()
    }

    fn scopes(&self) -> &[Scope] {
        self.entry.scopes()
    }

    fn organization(&self) -> Option<&str> {
        self.entry.organization()
    }

    fn targets(&self) -> Option<&[Target]> {
        self.entry.targets()
    }

    fn token_id(&self) -> Option<&str> {
        self.entry.token_id()
    }

    fn metadata(&self) -> Option<&str> {
        self.entry.metadata()
    }

    fn expires_at(&self) -> Option<SystemTime> {
        self.entry.expires_at()
    }

    fn revoked(&self) -> BoxFuture<'static, ()> {
        self.entry.revoked()
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Moving the cache of a thread to another one, and a verdict that trusts it blindly.

    use super::*;
    use crate::{
        engine::{Engine, schedule},
        token::Record,
    };

    pub(crate) const UNTIL_REMEMBERED: usize = CREDIT as usize;

    pub(crate) struct Cache(Vec<Slot>);

    pub(crate) fn take() -> Cache {
        Cache(CACHE.take())
    }

    pub(crate) fn install(cache: Cache) {
        CACHE.set(cache.0);
    }

    /// Returns whether a token is accepted, by a verdict with a planted bug: it does not
    /// compare the generation. Returns `None` if the thread does not remember the token.
    pub(crate) fn verify_unvalidated(engine: &Engine, record: &Record) -> Option<bool> {
        let seen = engine.freshness.see();
        schedule::point();
        let key = engine.cache_key(record.id);
        let find = |slot: &mut Slot| slot.remembered.upgrade().filter(|_| slot.is_for(key));
        let own = key.with_slot(find)?;
        let verdict = engine.check_remembered(own, &record.digest, seen);
        Some(verdict.is_ok())
    }

    /// Returns how many entries the threads remember, with those that they have released
    /// since the last sweep.
    pub(crate) fn count_remembered(engine: &Engine) -> usize {
        engine.usage.count_remembered()
    }
}
