//! Uses, written down in batches.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::Shared;
use crate::{
    store::{entry::Entry, error::StoreError},
    token::{Timestamp, TokenId},
};

/// How exact the time of a use is.
const TICK: Duration = Duration::from_secs(1);

/// Which tokens were used since that was told last.
pub(super) struct UsageBook {
    used: Mutex<Vec<TokenId>>,
    /// A clock that costs nothing to read, exact to a tick.
    now: AtomicU64,
}

impl UsageBook {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            used: Mutex::default(),
            now: AtomicU64::new(now.as_millis()),
        }
    }

    /// Counts a use.
    pub(super) fn count(&self, entry: &Entry) {
        let now = Timestamp::from_millis(self.now.load(Ordering::Relaxed));
        if entry.count(now) {
            self.push(entry.id);
        }
    }

    fn push(&self, id: TokenId) {
        self.used
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(id);
    }

    fn take(&self) -> Vec<TokenId> {
        std::mem::take(&mut self.used.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shared {
    /// Writes down what was used since; keeps it where that fails.
    pub(super) async fn tell_uses(&self) -> Result<(), StoreError> {
        let entries = self
            .usage
            .take()
            .into_iter()
            .filter_map(|id| self.mirror.get(id));
        let uses: Vec<_> = entries.filter_map(|entry| entry.take_uses()).collect();
        if uses.is_empty() {
            return Ok(());
        }
        let told = self.store.touch(uses.clone()).await;
        if told.is_err() {
            for used in uses {
                if self
                    .mirror
                    .get(used.id)
                    .is_some_and(|entry| entry.give_back(used))
                {
                    self.usage.push(used.id);
                }
            }
        }
        told
    }
}

/// Ticks, and tells the uses, for as long as anybody holds the tokens.
pub(super) fn task(shared: &Arc<Shared>) -> impl Future<Output = ()> + Send + use<> {
    let weak = Arc::downgrade(shared);
    async move {
        let mut told = Instant::now();
        while let Some(shared) = weak.upgrade() {
            let now = shared.now().as_millis();
            shared.usage.now.store(now, Ordering::Relaxed);
            if told.elapsed() >= shared.options.flush_every {
                told = Instant::now();
                // What can't be written now is kept, and told the next time.
                let _ = shared.tell_uses().await;
            }
            drop(shared);
            sleep(TICK).await;
        }
    }
}
