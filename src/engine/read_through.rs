//! Tokens with a good tag that are not known yet: one read of the store for
//! each, however many ask.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::{BoxFuture, FutureExt, Shared as SharedFuture};
use tokio::{sync::Semaphore, time::Instant};

use super::Engine;
use crate::{
    rejection::Rejection,
    store::{Row, StoredToken},
    token::TokenId,
};

/// How many reads may be under way at once; the next is `Unavailable`.
const READS: usize = 64;

/// How long it is remembered that a token was not there.
const REMEMBER: Duration = Duration::from_secs(1);

/// How many of those are remembered.
const REMEMBERED: usize = 1_024;

/// Whether the store could tell; what it told is in memory then.
type Outcome = Result<(), Rejection>;

pub(crate) struct ReadThrough {
    under_way: Mutex<HashMap<TokenId, SharedFuture<BoxFuture<'static, Outcome>>>>,
    absent: Mutex<Absent>,
    permits: Arc<Semaphore>,
}

impl ReadThrough {
    pub(crate) fn new() -> Self {
        Self {
            under_way: Mutex::default(),
            absent: Mutex::new(Absent::new()),
            permits: Arc::new(Semaphore::new(READS)),
        }
    }
}

/// Tokens that were not there, each with the time of the read.
struct Absent {
    since: HashMap<TokenId, Instant>,
    /// When those were thrown out last that need not be remembered any more.
    swept: Instant,
}

impl Absent {
    fn new() -> Self {
        Self {
            since: HashMap::new(),
            swept: Instant::now(),
        }
    }

    fn holds(&self, id: TokenId) -> bool {
        let since = self.since.get(&id);
        since.is_some_and(|since| since.elapsed() < REMEMBER)
    }

    fn add(&mut self, id: TokenId) {
        // Not for each one: a flood would pay for all of them each time.
        if self.since.len() >= REMEMBERED && self.swept.elapsed() >= REMEMBER / 10 {
            self.since.retain(|_, since| since.elapsed() < REMEMBER);
            self.swept = Instant::now();
        }
        if self.since.len() < REMEMBERED {
            self.since.insert(id, Instant::now());
        }
    }
}

impl Engine {
    /// Asks the store for a token, together with all others who ask for it.
    ///
    /// The read runs in a task of its own: whoever gives up takes nothing from
    /// those who still wait.
    pub(crate) async fn read_through(self: &Arc<Self>, id: TokenId) -> Outcome {
        if lock(&self.reads.absent).holds(id) {
            return Ok(());
        }
        let read = {
            let mut under_way = lock(&self.reads.under_way);
            match under_way.get(&id) {
                Some(read) => read.clone(),
                None => {
                    let permit = Arc::clone(&self.reads.permits).try_acquire_owned();
                    let busy = |_| Rejection::unavailable_with_reason("too many reads");
                    let permit = permit.map_err(busy)?;
                    let shared = Arc::clone(self);
                    let task = tokio::spawn(async move {
                        let _over = OverOnDrop(&shared.reads, id);
                        let _permit = permit;
                        shared.read_one(id).await
                    });
                    let died = |_| Err(Rejection::unavailable_with_reason("the read died"));
                    let read = async move { task.await.unwrap_or_else(died) }
                        .boxed()
                        .shared();
                    under_way.insert(id, read.clone());
                    read
                }
            }
        };
        read.await
    }

    async fn read_one(&self, id: TokenId) -> Outcome {
        // Asked before the read is sent, which may be overtaken by a reload.
        let history = self.mirror.history();
        match self.store.get(id).await {
            Ok(Some(StoredToken { record, .. })) => {
                let row = Row::Token(Box::new(record));
                let merged = self.mirror.merge_of(history, &row);
                merged.map_err(Rejection::unavailable)
            }
            Ok(None) => {
                lock(&self.reads.absent).add(id);
                Ok(())
            }
            Err(error) => Err(Rejection::unavailable(error)),
        }
    }
}

/// However a read ends, the next one who asks begins another.
struct OverOnDrop<'a>(&'a ReadThrough, TokenId);

impl Drop for OverOnDrop<'_> {
    fn drop(&mut self) {
        lock(&self.0.under_way).remove(&self.1);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is done under these locks can't be left half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn f07_a_flood_of_misses_is_remembered_within_a_bound() {
        let id = |n: u32| -> TokenId { format!("{n:012}").parse().unwrap() };
        let mut absent = Absent::new();
        for n in 0..1_000_000 {
            absent.add(id(n));
        }
        assert_eq!(absent.since.len(), REMEMBERED);
        assert!(absent.since.capacity() < 4 * REMEMBERED);
        assert!(absent.holds(id(0)) && !absent.holds(id(999_999)));
        advance(REMEMBER).await;
        assert!(!absent.holds(id(0)), "no longer");
        absent.add(id(999_999));
        assert!(absent.holds(id(999_999)), "there is room again");
        assert_eq!(absent.since.len(), 1);
    }
}
