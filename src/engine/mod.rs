//! The engine of [`Tokens`](crate::Tokens): every token in memory, and the tasks that keep
//! memory and store in agreement.
//!
//! - [`mirror`] holds the tokens in its [`table`]s, each as an [`entry`].
//! - [`follower`] reads the store's changes. Each read that finds no more of them extends
//!   the deadline of [`freshness`]. [`load`] reads everything, at first and if the store
//!   has another history.
//! - [`decide`] gives the verdict on a token by memory alone. [`read_through`] reads a
//!   token that memory does not know yet.
//! - [`thread_cache`] lets a thread decide on the tokens that it verifies often without
//!   writing to memory that other threads use.
//! - [`usage`] writes the uses that the [`counter`]s of the entries count.

mod counter;
mod decide;
mod entry;
mod error;
mod follower;
mod freshness;
mod hash;
mod intern;
mod list;
mod load;
mod mirror;
mod options;
mod read_through;
mod retries;
mod revocation;
pub(crate) mod schedule;
mod table;
mod thread_cache;
mod usage;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::{
    sync::{Mutex as AsyncMutex, Notify},
    task::JoinHandle,
};

#[cfg(test)]
pub(crate) use self::thread_cache::testing as thread_cache_testing;
pub(crate) use self::{decide::Decision, retries::Retries, usage::Flush};
pub use self::{
    error::{TokenError, TokenErrorKind},
    options::TokensOptions,
};
use self::{
    follower::Followed, freshness::Freshness, mirror::Mirror, read_through::ReadThrough,
    usage::UsageBook,
};
use crate::{
    store::{
        Row, StoreError, StoreErrorKind, StoredToken, TokenStore, Write, deadline::DeadlineStore,
    },
    token::{Clock, Record, SystemClock, Timestamp, TokenId},
};

/// The state that a handle, its verifiers and its tasks share.
pub(crate) struct Engine {
    pub(crate) store: DeadlineStore,
    pub(crate) options: TokensOptions,
    pub(crate) mirror: Mirror,
    /// What memory has of the store, once it was read. Locked while the store is followed.
    pub(crate) followed: AsyncMutex<Option<Followed>>,
    /// Wakes the follower after a write that may or may not have been made.
    pub(crate) unsure: Notify,
    pub(crate) freshness: Freshness,
    pub(crate) reads: ReadThrough,
    pub(crate) usage: UsageBook,
    pub(crate) tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Engine {
    pub(crate) fn new(store: impl TokenStore, options: TokensOptions) -> Self {
        Self {
            store: DeadlineStore::new(store, options.store_timeout),
            mirror: Mirror::new(options.master.clone()),
            followed: AsyncMutex::default(),
            unsure: Notify::new(),
            freshness: Freshness::new(options.max_stale),
            reads: ReadThrough::new(),
            usage: UsageBook::new(),
            tasks: Mutex::default(),
            options,
        }
    }

    /// Spawns the tasks that follow the store and that write uses.
    pub(crate) fn spawn_tasks(self: &Arc<Self>) {
        let follow = tokio::spawn(follower::task(self));
        let flush = tokio::spawn(usage::task(self));
        self.tasks().extend([follow, flush]);
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.options.now(SystemClock.now())
    }

    pub(crate) fn tasks(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes rows, merges them into memory, and returns the revision of the last.
    pub(crate) async fn apply(self: &Arc<Self>, mut writes: Vec<Write>) -> Result<u64, StoreError> {
        // Read before the write is sent: a reload may overtake it.
        let history = self.mirror.history();
        let applied = self.store.apply(writes.clone()).await;
        schedule::point();
        let last = applied.inspect_err(|error| {
            // The rows may have been written; the follower reads whether they were.
            if error.kind() == StoreErrorKind::Unavailable {
                self.unsure.notify_one();
            }
        })?;
        let first = 1 + last.saturating_sub(writes.len() as u64);
        for (write, rev) in writes.iter_mut().zip(first..) {
            write.row.set_rev(rev);
        }
        let merged = self.mirror.merge_written(history, &writes, last);
        if !merged.map_err(StoreError::corrupt)? {
            // The reload may have read the store from before the write.
            self.follow().await?;
        }
        Ok(last)
    }

    /// Reads a token, changes its record and writes it, and repeats that after a conflict.
    pub(crate) async fn change<F>(
        self: &Arc<Self>,
        id: TokenId,
        mut change: F,
    ) -> Result<StoredToken, TokenError>
    where
        F: FnMut(&mut Record) -> Result<(), TokenError> + Send,
    {
        let mut retries = Retries::default();
        loop {
            let stored = self.stored(id).await?;
            let StoredToken { record, usage } = stored.ok_or_else(TokenError::not_found)?;
            let mut changed = record.clone();
            change(&mut changed)?;
            if changed != record {
                let row = Row::Token(Box::new(changed.clone()));
                let expected_rev = Some(record.rev);
                match self.apply(vec![Write { row, expected_rev }]).await {
                    Ok(rev) => changed.rev = rev,
                    Err(error) => {
                        retries.allow(error)?;
                        continue;
                    }
                }
            }
            return Ok(StoredToken {
                record: changed,
                usage,
            });
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        for task in self.tasks().drain(..) {
            task.abort();
        }
    }
}
