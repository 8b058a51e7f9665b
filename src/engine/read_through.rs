//! Reading a token that memory does not know: one read of the store for each token,
//! however many requests wait for it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::{BoxFuture, FutureExt, Shared};
use tokio::{sync::Semaphore, time::Instant};

use super::{Engine, schedule};
use crate::{
    rejection::Rejection,
    store::{Row, StoredToken},
    token::TokenId,
};

/// How many reads may run at once; a further one is `Unavailable`.
const READS_MAX: usize = 64;

/// How long a missing token is remembered.
const REMEMBER: Duration = Duration::from_secs(1);

/// How many missing tokens are remembered.
const REMEMBERED_MAX: usize = 1_024;

/// Whether the store could be read. The token is in memory then, if it exists.
type ReadResult = Result<(), Rejection>;

pub(crate) struct ReadThrough {
    running: Mutex<HashMap<TokenId, Shared<BoxFuture<'static, ReadResult>>>>,
    missing: Mutex<MissingTokens>,
    permits: Arc<Semaphore>,
}

impl ReadThrough {
    pub(crate) fn new() -> Self {
        Self {
            running: Mutex::default(),
            missing: Mutex::new(MissingTokens::new()),
            permits: Arc::new(Semaphore::new(READS_MAX)),
        }
    }
}

/// Tokens that the store did not have, with the times of the reads.
struct MissingTokens {
    since: HashMap<TokenId, Instant>,
    /// When outdated ones were last removed.
    swept: Instant,
}

impl MissingTokens {
    fn new() -> Self {
        Self {
            since: HashMap::new(),
            swept: Instant::now(),
        }
    }

    fn contains(&self, id: TokenId) -> bool {
        let since = self.since.get(&id);
        since.is_some_and(|since| since.elapsed() < REMEMBER)
    }

    fn insert(&mut self, id: TokenId) {
        // Not each time: in a flood, every miss would pay for a walk over all of them.
        if self.since.len() >= REMEMBERED_MAX && self.swept.elapsed() >= REMEMBER / 10 {
            self.since.retain(|_, since| since.elapsed() < REMEMBER);
            self.swept = Instant::now();
        }
        if self.since.len() < REMEMBERED_MAX {
            self.since.insert(id, Instant::now());
        }
    }
}

impl Engine {
    /// Reads a token from the store, and shares the read with other requests for it.
    ///
    /// The read runs in its own task, so that a request that is cancelled does not cancel
    /// it for the others.
    pub(crate) async fn read_through(self: &Arc<Self>, id: TokenId) -> ReadResult {
        if lock(&self.reads.missing).contains(id) {
            return Ok(());
        }
        let read = {
            let mut running = lock(&self.reads.running);
            match running.get(&id) {
                Some(read) => read.clone(),
                None => {
                    let permit = Arc::clone(&self.reads.permits).try_acquire_owned();
                    let busy = |_| Rejection::unavailable_with_reason("too many reads");
                    let permit = permit.map_err(busy)?;
                    let engine = Arc::clone(self);
                    let task = tokio::spawn(async move {
                        let _remove = RemoveOnDrop(&engine.reads, id);
                        let _permit = permit;
                        engine.read_one(id).await
                    });
                    let failed = |_| Err(Rejection::unavailable_with_reason("the read failed"));
                    let read = async move { task.await.unwrap_or_else(failed) }
                        .boxed()
                        .shared();
                    running.insert(id, read.clone());
                    read
                }
            }
        };
        read.await
    }

    pub(crate) async fn read_one(&self, id: TokenId) -> ReadResult {
        loop {
            // Read before the request is sent: a reload or a prune may overtake it.
            let history = self.mirror.history();
            let found = self.store.get(id).await.map_err(Rejection::unavailable)?;
            schedule::point();
            let Some(StoredToken { record, .. }) = found else {
                lock(&self.reads.missing).insert(id);
                return Ok(());
            };
            let row = Row::Token(Box::new(record));
            let merged = self.mirror.merge_if_current(history, &row);
            if merged.map_err(Rejection::unavailable)? {
                return Ok(());
            }
        }
    }
}

/// Removes a read when it ends in any way, so that the next request begins another.
struct RemoveOnDrop<'a>(&'a ReadThrough, TokenId);

impl Drop for RemoveOnDrop<'_> {
    fn drop(&mut self) {
        lock(&self.0.running).remove(&self.1);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change under these locks is one call of a map, so poisoned data is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn f07_a_flood_of_misses_is_remembered_within_a_bound() {
        let id = |n: u32| -> TokenId { format!("{n:012}").parse().unwrap() };
        let mut missing = MissingTokens::new();
        for n in 0..1_000_000 {
            missing.insert(id(n));
        }
        assert_eq!(missing.since.len(), REMEMBERED_MAX);
        assert!(missing.since.capacity() < 4 * REMEMBERED_MAX);
        assert!(missing.contains(id(0)) && !missing.contains(id(999_999)));
        advance(REMEMBER).await;
        assert!(!missing.contains(id(0)), "no longer");
        missing.insert(id(999_999));
        assert!(missing.contains(id(999_999)), "there is room again");
        assert_eq!(missing.since.len(), 1);
    }
}
