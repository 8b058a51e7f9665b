//! Every token in memory, and the verdict on one.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use hashbrown::{HashTable, hash_table};

use super::{
    entry::{Entry, Share},
    hash::Spread,
    schedule,
};
use crate::{
    error::ConfigError,
    scope::Scope,
    store::{Row, Write},
    token::{Digest, KeyId, KeyRing, MasterKey, Record, TagKey, Timestamp, TokenId},
};

/// How many parts the table has, each behind a lock of its own.
const SHARDS: usize = 64;

/// Every token and every key, as far as the store was followed.
pub(crate) struct Mirror {
    shards: [RwLock<HashTable<Arc<Entry>>>; SHARDS],
    /// Those that were made elsewhere, found by their digests.
    imported: RwLock<HashTable<Arc<Entry>>>,
    spread: Spread,
    ring: RwLock<KeyRing>,
    /// A bit for each key that was retired.
    retired: AtomicU64,
    shared: Mutex<Shared>,
    master: Option<MasterKey>,
    history: RwLock<History>,
}

/// Which history of the store is held.
#[derive(Default)]
struct History {
    /// How often all of it was replaced.
    number: u64,
    /// The last revision that this process wrote: a store that is at an earlier
    /// one has lost it.
    written: AtomicU64,
}

impl Mirror {
    pub(crate) fn new(master: Option<MasterKey>) -> Self {
        Self::spread(master, Spread::by_chance())
    }

    fn spread(master: Option<MasterKey>, spread: Spread) -> Self {
        Self {
            shards: std::array::from_fn(|_| RwLock::default()),
            imported: RwLock::default(),
            spread,
            ring: RwLock::default(),
            retired: AtomicU64::new(0),
            shared: Mutex::default(),
            master,
            history: RwLock::default(),
        }
    }

    /// Which history of the store is held here, for [`merge_of`](Self::merge_of).
    pub(crate) fn history(&self) -> u64 {
        schedule::wait_until(|| self.history.try_read().is_ok());
        read(&self.history).number
    }

    /// Merges a row that was read in some history, unless another one has
    /// taken its place: revisions of the two can't be compared.
    pub(crate) fn merge_of(&self, history: u64, row: &Row) -> Result<(), ConfigError> {
        let current = read(&self.history);
        match current.number == history {
            true => self.merge(row),
            false => Ok(()),
        }
    }

    /// Merges rows that this process wrote, the last of them at a revision.
    /// Returns whether the history is still the one before the write; otherwise
    /// nothing is merged.
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

    /// The last revision that this process wrote in this history.
    pub(crate) fn written(&self) -> u64 {
        read(&self.history).written.load(Ordering::Acquire)
    }

    /// Takes a row over, unless a newer revision of it is known.
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
        // A session is no token: no verifier may find it.
        if record.session_of.is_some() {
            return;
        }
        let fresh = {
            let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::new(Entry::new(record, &mut *shared))
        };
        if fresh.kid.is_none() {
            let by_digest = |entry: &Entry| self.spread.digest(&entry.digest);
            replace(&mut write(&self.imported), &fresh, by_digest);
        }
        let by_id = |entry: &Entry| self.spread.id(entry.id);
        let (shard, _) = self.shard(fresh.id);
        replace(&mut write(shard), &fresh, by_id);
    }

    fn merge_key(&self, key: &TagKey) -> Result<(), ConfigError> {
        let mut ring = write(&self.ring);
        ring.merge(key, self.master.as_ref())?;
        if !ring.is_retired(key.id) {
            return Ok(());
        }
        drop(ring);
        let bit = 1 << key.id.number();
        let before = self.retired.fetch_or(bit, Ordering::AcqRel);
        self.tell_ends(bit & !before);
        Ok(())
    }

    /// Tells those who wait for tokens of these keys, a bit for each.
    fn tell_ends(&self, retired: u64) {
        if retired == 0 {
            return;
        }
        self.each(|entry| {
            let bit = entry.kid.map_or(0, |kid| 1 << kid.number());
            if retired & bit != 0 {
                entry.tell_end();
            }
        });
    }

    pub(crate) fn get(&self, id: TokenId) -> Option<Arc<Entry>> {
        let (shard, hash) = self.shard(id);
        read(shard)
            .find(hash, |entry| entry.id == id)
            .map(Arc::clone)
    }

    pub(crate) fn imported(&self, digest: &Digest) -> Option<Arc<Entry>> {
        let imported = read(&self.imported);
        imported
            .find(self.spread.digest(digest), |entry| entry.digest == *digest)
            .map(Arc::clone)
    }

    /// Whether any token was made elsewhere, so that looking for one pays.
    pub(crate) fn has_imported(&self) -> bool {
        !read(&self.imported).is_empty()
    }

    pub(crate) fn is_retired(&self, kid: Option<KeyId>) -> bool {
        kid.is_some_and(|kid| self.retired.load(Ordering::Acquire) & (1 << kid.number()) != 0)
    }

    pub(crate) fn ring(&self) -> RwLockReadGuard<'_, KeyRing> {
        read(&self.ring)
    }

    /// Returns how many tokens of a key are active.
    pub(crate) fn count_active(&self, kid: KeyId, now: Timestamp) -> usize {
        let mut count = 0;
        self.each(|entry| {
            count += usize::from(entry.kid == Some(kid) && entry.check(now).is_ok());
        });
        count
    }

    /// Removes a token that the store no longer has.
    pub(crate) fn forget(&self, id: TokenId) {
        let (shard, hash) = self.shard(id);
        let Ok(found) = write(shard)
            .find_entry(hash, |entry| entry.id == id)
            .map(|found| found.remove().0)
        else {
            return;
        };
        if found.kid.is_none() {
            let hash = self.spread.digest(&found.digest);
            let mut imported = write(&self.imported);
            if let Ok(known) = imported.find_entry(hash, |entry| entry.id == id) {
                known.remove();
            }
        }
        found.tell_end();
    }

    /// Puts what another mirror holds in the place of all that is held here:
    /// tokens that are gone are gone, and those who wait for them are told.
    /// The store is at revision `rev`.
    pub(crate) fn replace_with(&self, fresh: &Self, rev: u64) {
        let mut history = write(&self.history);
        history.number += 1;
        history.written = AtomicU64::new(rev);
        for (own, fresh) in self.shards.iter().zip(&fresh.shards) {
            let mut own = write(own);
            let mut fresh = write(fresh);
            for old in own.iter() {
                let hash = self.spread.id(old.id);
                match fresh.find(hash, |entry| entry.id == old.id) {
                    Some(new) => new.succeed(old),
                    None => old.tell_end(),
                }
            }
            std::mem::swap(&mut *own, &mut *fresh);
        }
        schedule::point();
        std::mem::swap(&mut *write(&self.imported), &mut *write(&fresh.imported));
        std::mem::swap(&mut *write(&self.ring), &mut *write(&fresh.ring));
        schedule::point();
        let retired = fresh.retired.load(Ordering::Acquire);
        let before = self.retired.swap(retired, Ordering::AcqRel);
        self.tell_ends(retired & !before);
    }

    /// An empty one under the same master, whose tables fit these.
    pub(crate) fn emptied(&self) -> Self {
        Self::spread(self.master.clone(), self.spread)
    }

    pub(crate) fn each(&self, mut f: impl FnMut(&Arc<Entry>)) {
        for shard in &self.shards {
            read(shard).iter().for_each(&mut f);
        }
    }

    pub(crate) fn master(&self) -> Option<&MasterKey> {
        self.master.as_ref()
    }

    /// The part that a token belongs to, and its hash there.
    fn shard(&self, id: TokenId) -> (&RwLock<HashTable<Arc<Entry>>>, u64) {
        let hash = self.spread.id(id);
        // The table itself goes by the ends of the hash.
        (&self.shards[(hash >> 32) as usize % SHARDS], hash)
    }
}

/// Puts an entry into a table, unless a newer one of the same token is there.
fn replace(table: &mut HashTable<Arc<Entry>>, fresh: &Arc<Entry>, hash: impl Fn(&Entry) -> u64) {
    let same = |entry: &Arc<Entry>| entry.id == fresh.id;
    match table.entry(hash(fresh), same, |entry| hash(entry)) {
        hash_table::Entry::Occupied(mut known) => {
            if known.get().rev < fresh.rev {
                fresh.succeed(known.get());
                *known.get_mut() = Arc::clone(fresh);
            }
        }
        hash_table::Entry::Vacant(free) => {
            free.insert(Arc::clone(fresh));
        }
    }
}

/// Texts and lists that many tokens have in common, kept once.
#[derive(Default)]
struct Shared {
    texts: HashSet<Arc<str>>,
    scopes: HashMap<Vec<Scope>, Arc<[Scope]>>,
}

/// How many different ones are kept: more are hardly shared.
const SHARED_MAX: usize = 10_000;

impl Share for Shared {
    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let fresh: Arc<str> = text.into();
        if self.texts.len() < SHARED_MAX {
            self.texts.insert(Arc::clone(&fresh));
        }
        fresh
    }

    fn scopes(&mut self, scopes: &[Scope]) -> Arc<[Scope]> {
        if let Some(known) = self.scopes.get(scopes) {
            return Arc::clone(known);
        }
        let fresh: Arc<[Scope]> = scopes.into();
        if self.scopes.len() < SHARED_MAX {
            self.scopes.insert(scopes.to_vec(), Arc::clone(&fresh));
        }
        fresh
    }
}

// What is done under these locks is done whole or panics before it changes
// anything, so a poisoned lock holds good data.

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn id(n: u64) -> TokenId {
        format!("{n:012}").parse().unwrap()
    }

    fn record(n: u64, rev: u64) -> Record {
        let digest = Digest::sha256(n.to_string());
        let mut record = Record::new(id(n), digest, "alice".to_owned(), Timestamp::default());
        record.rev = rev;
        record
    }

    #[test]
    fn f10_a_poisoned_lock_neither_stops_a_verdict_nor_passes_what_was_revoked() {
        let mirror = Mirror::new(None);
        let (good, bad) = (record(0, 1), record(1, 1));
        for record in [&good, &bad] {
            mirror.merge_token(record);
        }
        let panic = |hold: &dyn Fn()| {
            assert!(catch_unwind(AssertUnwindSafe(hold)).is_err());
        };
        for shard in &mirror.shards {
            panic(&|| {
                let _held = shard.write();
                panic!("planted");
            });
        }
        panic(&|| {
            let _held = (mirror.imported.write(), mirror.ring.write());
            let _shared = mirror.shared.lock();
            panic!("planted");
        });
        assert!(mirror.shards.iter().all(RwLock::is_poisoned));
        assert!(mirror.imported.is_poisoned() && mirror.shared.is_poisoned());

        let now = Timestamp::default();
        let check = |record: &Record| mirror.get(record.id).map(|entry| entry.check(now).is_ok());
        assert_eq!((check(&good), check(&bad)), (Some(true), Some(true)));
        let mut revoked = bad.clone();
        (revoked.rev, revoked.revoked_at) = (2, Some(Timestamp::default()));
        mirror.merge_token(&revoked);
        assert_eq!((check(&good), check(&bad)), (Some(true), Some(false)));
        mirror.merge_token(&bad);
        assert_eq!(check(&bad), Some(false), "an older row changes nothing");
        assert!(mirror.imported(&good.digest).is_some());
        assert!(mirror.imported(&Digest::sha256("other")).is_none());
    }
}
