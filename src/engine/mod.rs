//! The engine of [`Tokens`](crate::Tokens): every token in memory, and the tasks
//! that keep it as the store is.
//!
//! - [`mirror`] holds the tokens, [`entry`] is one of them.
//! - [`follow`] reads the store's changes, [`freshness`] is the deadline that a
//!   confirmed read extends.
//! - [`verdict`] decides on a presented token by memory alone, [`read_through`]
//!   reads one that memory does not hold yet.
//! - [`usage`] counts uses and writes them in batches.

mod entry;
mod error;
mod follow;
mod freshness;
mod hash;
mod listing;
mod mirror;
mod options;
mod read_through;
mod retries;
pub(crate) mod schedule;
mod usage;
mod verdict;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::{
    sync::{Mutex as AsyncMutex, Notify},
    task::JoinHandle,
};

pub use self::{
    error::{TokenError, TokenErrorKind},
    options::TokensOptions,
};
use self::{freshness::Freshness, mirror::Mirror, read_through::ReadThrough, usage::UsageBook};
pub(crate) use self::{retries::Retries, usage::Flush, verdict::Verdict};
use crate::{
    store::{
        Position, Row, StoreError, StoreErrorKind, TokenStore, Write, deadline::DeadlineStore,
    },
    token::{Clock, Record, SystemClock, Timestamp, TokenId},
};

/// The state that the handle, its verifiers and its tasks share.
pub(crate) struct Engine {
    pub(crate) store: DeadlineStore,
    pub(crate) options: TokensOptions,
    pub(crate) mirror: Mirror,
    /// How far the memory followed the store, if it was read. Held while the
    /// store is followed.
    pub(crate) head: AsyncMutex<Option<Position>>,
    /// Wakes the follower after a write whose outcome is unknown.
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
            head: AsyncMutex::default(),
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
        let follow = tokio::spawn(follow::task(self));
        let flush = tokio::spawn(usage::task(self));
        self.tasks().extend([follow, flush]);
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.options.now(SystemClock.now())
    }

    pub(crate) fn tasks(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes rows, puts them into memory, and returns the revision of the last.
    pub(crate) async fn apply(&self, mut writes: Vec<Write>) -> Result<u64, StoreError> {
        // Asked before the write is sent, which a reload may overtake.
        let history = self.mirror.history();
        let applied = self.store.apply(writes.clone()).await;
        schedule::point();
        let last = applied.inspect_err(|error| {
            // The rows may have been written: the follower finds out.
            if error.kind() == StoreErrorKind::Unavailable {
                self.unsure.notify_one();
            }
        })?;
        let before = last.saturating_sub(writes.len() as u64);
        for (write, rev) in writes.iter_mut().zip(before + 1..) {
            write.row.set_rev(rev);
        }
        let merged = self.mirror.merge_written(history, &writes, last);
        if !merged.map_err(StoreError::corrupt)? {
            // The reload may have read the store before the write.
            self.follow().await?;
        }
        Ok(last)
    }

    /// Reads a record, changes it and writes it.
    pub(crate) async fn change<F>(&self, id: TokenId, mut change: F) -> Result<Record, TokenError>
    where
        F: FnMut(&mut Record) -> Result<(), TokenError> + Send,
    {
        let mut retries = Retries::default();
        loop {
            let stored = self.stored(id).await?;
            let stored = stored.ok_or_else(TokenError::not_found)?;
            let mut record = stored.record;
            let expected_rev = Some(record.rev);
            let before = record.clone();
            change(&mut record)?;
            if record == before {
                return Ok(record);
            }
            let row = Row::Token(Box::new(record.clone()));
            match self.apply(vec![Write { row, expected_rev }]).await {
                Ok(rev) => return Ok(Record { rev, ..record }),
                Err(error) => retries.allow(error)?,
            }
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
