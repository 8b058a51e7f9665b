//! Following the changes of the store.
//!
//! # Cancel safety
//!
//! The follower's task drops the future of [`Engine::follow`] when the memory becomes too
//! old to be relied on, wherever it waits, and so does [`Engine::apply`] when its caller
//! goes away. Nothing is lost:
//!
//! - A row is merged, and the position moved to its revision, without an `await` between.
//!   The position is never ahead of memory, so the next read begins at the first row that
//!   was not merged.
//! - A load collects the rows in a mirror of its own, which is dropped with the future.
//!   Once it is complete, it replaces the memory and the position without an `await`
//!   between. Tasks that wait for tokens that it ended are woken by a thread that the
//!   future only waits for.
//! - Memory is confirmed only after the last row of a read. A read that is dropped leaves
//!   the deadline as it was, or, if a load had begun, leaves the memory unconfirmed.

use std::{
    future::Future,
    sync::{Arc, Weak},
    time::Duration,
};

use futures::future::select;
use tokio::{
    task::yield_now,
    time::{sleep, timeout, timeout_at},
};

use super::{Engine, freshness::Moment, schedule, table::SHARDS};
use crate::{
    store::{Position, StoreError},
    token::Timestamp,
};

/// How many rows one read of the changes asks for.
const PAGE: usize = 1_000;

/// The least time between the beginnings of two reads of the changes, whatever the options
/// and the store's `watch` ask for. A change after a pause is read at once; while changes
/// follow each other, one read takes many, so that fifty instances do not keep the store
/// from its writes.
const MIN_PAUSE: Duration = Duration::from_millis(25);

/// How long to wait before an unreachable store is read again.
const RETRY: Duration = Duration::from_millis(200);

/// What memory has of the store.
pub(crate) struct Followed {
    /// The position that memory has reached.
    pub(super) position: Position,
    /// When memory last had every change.
    pub(super) complete_at: Timestamp,
}

/// The result of reading changes.
pub(super) enum CatchUp {
    /// Memory has every change from before the read.
    Done,
    /// The changes do not lead from memory to the store: the store has another epoch, or a
    /// revision below one that was read or written here, or it has pruned tokens
    /// that memory may not know to have ended.
    OtherHistory,
}

impl Engine {
    /// Merges the changes of the store, and confirms the memory. Loads everything if
    /// nothing was read yet, or if the store has another history.
    pub(crate) async fn follow(self: &Arc<Self>) -> Result<(), StoreError> {
        schedule::wait_until(|| self.followed.try_lock().is_ok());
        let mut followed = self.followed.lock().await;
        if let Some(followed) = &mut *followed
            && let CatchUp::Done = self.catch_up(followed).await?
        {
            return Ok(());
        }
        self.load_all(&mut followed).await
    }

    /// Reads changes page by page, until memory is where the store was at the first page,
    /// and confirms the memory. A page may be shorter than asked for; only an empty one
    /// means that nothing follows.
    pub(super) async fn catch_up(&self, followed: &mut Followed) -> Result<CatchUp, StoreError> {
        let (sent, now) = (Moment::now(), self.now());
        let position = &mut followed.position;
        let mut target = None;
        loop {
            // Read before the changes are: the answer may be older than a write after it.
            let known = position.rev.max(self.mirror.last_written());
            let page = self.store.changes(position.rev, PAGE).await?;
            schedule::point();
            if page.head.epoch != position.epoch || page.head.rev < known {
                return Ok(CatchUp::OtherHistory);
            }
            let pruned_before = page.head.pruned_before;
            if pruned_before > position.pruned_before {
                if pruned_before > followed.complete_at.saturating_sub(self.prune_margin()) {
                    return Ok(CatchUp::OtherHistory);
                }
                self.forget_ended(pruned_before).await;
                position.pruned_before = pruned_before;
            }
            let target = *target.get_or_insert(page.head.rev);
            for row in &page.rows {
                if !(position.rev + 1..=page.head.rev).contains(&row.rev()) {
                    return Err(StoreError::corrupt("changes are out of order"));
                }
                self.mirror.merge(row).map_err(StoreError::corrupt)?;
                position.rev = row.rev();
            }
            if page.rows.is_empty() {
                position.rev = page.head.rev;
            }
            schedule::point();
            if position.rev >= target {
                followed.complete_at = now;
                self.freshness.confirm(sent);
                return Ok(CatchUp::Done);
            }
        }
    }

    /// Returns how long before memory was last complete a prune may reach without a load:
    /// time for a write that the memory does not have although its token ended before, and
    /// for the difference of two clocks. A prune leaves out what ended within `max_stale`,
    /// of which half remains for the pause between two reads.
    fn prune_margin(&self) -> Duration {
        self.freshness.max_stale() / 4
    }

    /// Forgets the tokens that ended before a time, some thousands at a time.
    async fn forget_ended(&self, before: Timestamp) {
        self.mirror.begin_forgetting();
        schedule::point();
        for shard in 0..SHARDS {
            self.mirror.forget_ended(shard, before);
            yield_now().await;
        }
    }

    /// Waits until something may have changed, and follows.
    async fn follow_next(self: &Arc<Self>) -> Result<(), StoreError> {
        // Half of `max_stale` leaves time for the read before the memory is too old.
        let poll_every = self.options.poll_every.min(self.freshness.max_stale() / 2);
        let poll_every = poll_every.max(MIN_PAUSE);
        let followed = self.followed.lock().await;
        let rev = followed.as_ref().map_or(0, |known| known.position.rev);
        drop(followed);
        let woken = async {
            let watch = std::pin::pin!(self.store.watch(rev));
            let unsure = std::pin::pin!(self.unsure.notified());
            select(watch, unsure).await;
        };
        // The store is read in either case.
        let _ = timeout(poll_every, woken).await;
        let pause = MIN_PAUSE.saturating_sub(self.freshness.staleness());
        if !pause.is_zero() {
            sleep(pause).await;
        }
        self.follow().await
    }
}

/// Follows the store for as long as the engine exists.
pub(super) fn task(engine: &Arc<Engine>) -> impl Future<Output = ()> + Send + use<> {
    let weak = Arc::downgrade(engine);
    async move {
        // However this task ends, nothing confirms the memory from then on.
        let _end = EndFreshnessOnDrop(weak.clone());
        while let Some(engine) = weak.upgrade() {
            let next = engine.follow_next();
            let followed = if engine.freshness.is_confirmed() {
                timeout_at(engine.freshness.deadline(), next).await
            } else {
                Ok(next.await)
            };
            engine.freshness.end_if_over();
            drop(engine);
            if !matches!(followed, Ok(Ok(()))) {
                sleep(RETRY).await;
            }
        }
    }
}

struct EndFreshnessOnDrop(Weak<Engine>);

impl Drop for EndFreshnessOnDrop {
    fn drop(&mut self) {
        if let Some(engine) = self.0.upgrade() {
            engine.freshness.end();
        }
    }
}
