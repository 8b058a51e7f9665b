//! Tokens with a good tag that are not known yet: one read of the store for
//! each, however many ask.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::{BoxFuture, FutureExt, Shared as SharedFuture};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

use super::Shared;
use crate::{
    rejection::Rejection,
    store::contract::{Row, Stored},
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

pub(super) struct ReadThrough {
    under_way: Mutex<HashMap<TokenId, SharedFuture<BoxFuture<'static, Outcome>>>>,
    absent: Mutex<HashMap<TokenId, Instant>>,
    permits: Arc<Semaphore>,
}

impl ReadThrough {
    pub(super) fn new() -> Self {
        Self {
            under_way: Mutex::default(),
            absent: Mutex::default(),
            permits: Arc::new(Semaphore::new(READS)),
        }
    }

    fn was_absent(&self, id: TokenId) -> bool {
        lock(&self.absent)
            .get(&id)
            .is_some_and(|at| at.elapsed() < REMEMBER)
    }

    fn remember_absent(&self, id: TokenId) {
        let mut absent = lock(&self.absent);
        if absent.len() >= REMEMBERED {
            absent.retain(|_, at| at.elapsed() < REMEMBER);
        }
        if absent.len() < REMEMBERED {
            absent.insert(id, Instant::now());
        }
    }
}

impl Shared {
    /// Asks the store for a token, together with all others who ask for it.
    ///
    /// The read runs in a task of its own: whoever gives up takes nothing from
    /// those who still wait.
    pub(super) async fn read_through(self: &Arc<Self>, id: TokenId) -> Outcome {
        if self.reads.was_absent(id) {
            return Ok(());
        }
        let read = {
            let mut under_way = lock(&self.reads.under_way);
            match under_way.get(&id) {
                Some(read) => read.clone(),
                None => {
                    let permit = Arc::clone(&self.reads.permits).try_acquire_owned();
                    let busy = |_| Rejection::unavailable_because("too many reads");
                    let permit = permit.map_err(busy)?;
                    let shared = Arc::clone(self);
                    let task = tokio::spawn(async move {
                        let _over = OverOnDrop(&shared.reads, id);
                        let _permit = permit;
                        shared.read_one(id).await
                    });
                    let died = |_| Err(Rejection::unavailable_because("the read died"));
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
        let read = timeout(self.options.read_timeout, self.store.get(id)).await;
        match read {
            Ok(Ok(Some(Stored { record, .. }))) => {
                let merged = self.mirror.merge(&Row::Token(Box::new(record)));
                merged.map_err(Rejection::unavailable)
            }
            Ok(Ok(None)) => {
                self.reads.remember_absent(id);
                Ok(())
            }
            Ok(Err(error)) => Err(Rejection::unavailable(error)),
            Err(_) => Err(Rejection::unavailable_because("a read took too long")),
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
