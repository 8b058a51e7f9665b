//! Following what other processes change.

use std::{
    future::Future,
    sync::{Arc, Weak},
    time::Duration,
};

use futures::future::select;
use tokio::time::{sleep, timeout, timeout_at};

use super::{Engine, freshness::Moment, schedule};
use crate::store::{Position, StoreError};

/// How many rows one read of the changes asks for.
const PAGE: usize = 1_000;

/// The least time between two reads of the changes, whatever the options and
/// the store's `watch` say: a task that never waits takes a thread for itself.
const LEAST_PAUSE: Duration = Duration::from_millis(10);

/// How long to wait before an unreachable store is asked again.
const RETRY: Duration = Duration::from_millis(200);

/// Where a read of the changes ended.
enum Read {
    /// At what the store had when the read began.
    CaughtUp,
    /// The store holds another history than the memory: another epoch, or a
    /// revision before one that was seen or written here.
    AnotherHistory,
}

impl Engine {
    /// Merges what was changed in the store and confirms the memory. Loads
    /// everything if nothing was read yet, or the store holds another history.
    pub(crate) async fn follow(&self) -> Result<(), StoreError> {
        schedule::wait_until(|| self.head.try_lock().is_ok());
        let mut head = self.head.lock().await;
        let sent = Moment::now();
        if let Some(head) = &mut *head
            && let Read::CaughtUp = self.catch_up(head).await?
        {
            self.freshness.confirm(sent);
            return Ok(());
        }
        self.load(&mut head).await
    }

    /// Reads everything into another memory, replaces this one by it, and
    /// merges what was changed meanwhile.
    async fn load(&self, head: &mut Option<Position>) -> Result<(), StoreError> {
        self.freshness.begin_generation();
        schedule::point();
        let sent = Moment::now();
        let fresh = self.mirror.emptied();
        let mut failed = None;
        let mut each = |row| {
            if let Err(error) = fresh.merge(&row) {
                failed.get_or_insert(error);
            }
        };
        let read = self.store.load_all(&mut each).await?;
        if let Some(error) = failed {
            return Err(StoreError::corrupt(error));
        }
        schedule::point();
        self.mirror.replace_with(&fresh, read.rev);
        // No `await` since: the memory and its head belong together.
        let head = head.insert(read);
        // What this process wrote during the read is in the store by now, and
        // comes back with its changes.
        match self.catch_up(head).await? {
            Read::CaughtUp => {
                self.freshness.confirm(sent);
                Ok(())
            }
            Read::AnotherHistory => Err(StoreError::unavailable("replaced while it was read")),
        }
    }

    /// Reads the changes page by page, until the memory is where the store was
    /// when the first page was read. A page may be shorter than asked for; only
    /// an empty one says that nothing follows.
    async fn catch_up(&self, head: &mut Position) -> Result<Read, StoreError> {
        let mut target = None;
        loop {
            // Asked before the read is sent, which may be ahead of a write.
            let known = head.rev.max(self.mirror.written());
            let page = self.store.changes(head.rev, PAGE).await?;
            schedule::point();
            if page.head.epoch != head.epoch || page.head.rev < known {
                return Ok(Read::AnotherHistory);
            }
            let target = *target.get_or_insert(page.head.rev);
            for row in &page.rows {
                if !(head.rev + 1..=page.head.rev).contains(&row.rev()) {
                    return Err(StoreError::corrupt("changes are out of order"));
                }
                self.mirror.merge(row).map_err(StoreError::corrupt)?;
                head.rev = row.rev();
            }
            if page.rows.is_empty() {
                head.rev = page.head.rev;
            }
            schedule::point();
            if head.rev >= target {
                return Ok(Read::CaughtUp);
            }
        }
    }

    /// Waits until something may have changed, and follows.
    async fn follow_next(&self) -> Result<(), StoreError> {
        // With time left to read before the last confirmation is too old.
        let poll_every = self.options.poll_every.min(self.freshness.max_stale() / 2);
        let poll_every = poll_every.max(LEAST_PAUSE);
        let rev = self.head.lock().await.as_ref().map_or(0, |head| head.rev);
        let woken = async {
            let watch = std::pin::pin!(self.store.watch(rev));
            let unsure = std::pin::pin!(self.unsure.notified());
            select(watch, unsure).await;
        };
        // Woken or not: the store is asked.
        let _ = timeout(poll_every, woken).await;
        // `watch` may return at once, each time.
        let pause = LEAST_PAUSE.saturating_sub(self.freshness.staleness());
        if !pause.is_zero() {
            sleep(pause).await;
        }
        self.follow().await
    }
}

/// Follows the store for as long as anything holds its tokens.
pub(crate) fn task(shared: &Arc<Engine>) -> impl Future<Output = ()> + Send + use<> {
    let weak = Arc::downgrade(shared);
    async move {
        // However this task ends, nothing confirms the memory any more.
        let _end = EndOnDrop(weak.clone());
        while let Some(shared) = weak.upgrade() {
            let next = shared.follow_next();
            let done = if shared.freshness.is_confirmed() {
                timeout_at(shared.freshness.deadline(), next).await
            } else {
                Ok(next.await)
            };
            shared.freshness.end_if_over();
            drop(shared);
            if !matches!(done, Ok(Ok(()))) {
                sleep(RETRY).await;
            }
        }
    }
}

struct EndOnDrop(Weak<Engine>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.freshness.end();
        }
    }
}
