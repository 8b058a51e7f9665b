//! Uses, written down in batches.

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard},
    time::sleep,
};

use super::Shared;
use crate::{
    store::{contract::Use, entry::Entry, error::StoreError},
    token::Timestamp,
};

/// How many uses are written at once: other writes are let in between, and no
/// one write takes long.
const BATCH: usize = 1_000;

/// Which tokens were used since that was told last.
#[derive(Default)]
pub(super) struct UsageBook {
    /// The entries themselves: one that another took the place of in the middle
    /// of a verdict is told of too.
    used: Mutex<Vec<Arc<Entry>>>,
    /// Held while uses are on their way into the store.
    telling: AsyncMutex<()>,
}

impl UsageBook {
    /// Counts a use.
    #[inline]
    pub(super) fn count(&self, entry: &Arc<Entry>, now: Timestamp) {
        if entry.count(now) {
            self.used().push(Arc::clone(entry));
        }
    }

    /// Waits until no uses are on their way.
    pub(super) async fn told(&self) -> AsyncMutexGuard<'_, ()> {
        self.telling.lock().await
    }

    fn used(&self) -> MutexGuard<'_, Vec<Arc<Entry>>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Writes down what was used since; keeps it where that fails.
    pub(super) async fn tell_uses(&self) -> Result<(), StoreError> {
        let _telling = self.usage.told().await;
        let mut used = std::mem::take(&mut *self.usage.used());
        // The entries of one token come together, and are told of as one.
        used.sort_by_key(|entry| entry.id);
        let mut told = Ok(());
        for batch in used.chunks(BATCH) {
            if told.is_ok() {
                told = self.tell_batch(batch).await;
            } else {
                // What was not asked for is still counted, and stays listed.
                self.usage.used().extend_from_slice(batch);
            }
        }
        told
    }

    async fn tell_batch(&self, batch: &[Arc<Entry>]) -> Result<(), StoreError> {
        let mut uses: Vec<(&Arc<Entry>, Use)> = Vec::with_capacity(batch.len());
        for entry in batch {
            match (entry.take_uses(), uses.last_mut()) {
                (None, _) => {}
                (Some(used), Some((_, last))) if last.id == used.id => {
                    last.at = last.at.max(used.at);
                    last.count += used.count;
                }
                (Some(used), _) => uses.push((entry, used)),
            }
        }
        if uses.is_empty() {
            return Ok(());
        }
        let told = self
            .store
            .touch(uses.iter().map(|(_, used)| *used).collect());
        let told = told.await;
        if told.is_err() {
            for (entry, used) in uses {
                if entry.give_back(used) {
                    self.usage.used().push(Arc::clone(entry));
                }
            }
        }
        told
    }
}

/// Tells the uses for as long as anybody holds the tokens.
pub(super) fn task(shared: &Arc<Shared>) -> impl Future<Output = ()> + Send + use<> {
    let weak = Arc::downgrade(shared);
    let period = shared.options.flush_every;
    async move {
        loop {
            sleep(period).await;
            let Some(shared) = weak.upgrade() else {
                return;
            };
            // What can't be written now is kept, and told the next time.
            let _ = shared.tell_uses().await;
        }
    }
}
