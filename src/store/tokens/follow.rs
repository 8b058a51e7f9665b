//! Following what other processes change.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::Shared;
use crate::{
    store::{
        contract::Head,
        error::{StoreError, StoreErrorKind},
    },
    token::{Clock, SystemClock, Timestamp},
};

/// How many rows one read of the changes takes.
const DELTA: usize = 1_000;

/// Longer than anything runs, and no clock that overflows.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// How long to wait before the store is asked again that could not be reached.
const RETRY: Duration = Duration::from_millis(200);

/// Whether what is held in memory was confirmed lately.
pub(super) struct Freshness {
    max_stale: Duration,
    confirmed: Mutex<Instant>,
    /// Until when verdicts are given, in milliseconds of the system's clock:
    /// zero for not at all.
    until: AtomicU64,
    /// The last revision that this process wrote: a store that is behind it has
    /// lost it.
    written: AtomicU64,
}

/// A time that nobody can set, and what the system's clock said then.
#[derive(Clone, Copy)]
struct Moment {
    at: Instant,
    system: Timestamp,
}

impl Moment {
    fn now() -> Self {
        Self {
            at: Instant::now(),
            system: SystemClock.now(),
        }
    }
}

impl Freshness {
    pub(super) fn new(max_stale: Duration) -> Self {
        Self {
            max_stale: max_stale.min(FOR_EVER),
            confirmed: Mutex::new(Instant::now()),
            until: AtomicU64::new(0),
            written: AtomicU64::new(0),
        }
    }

    /// Whether verdicts are given now.
    ///
    /// Who follows the store says when that is over, but may stand still itself:
    /// its runtime is blocked or not run any more, the machine was asleep. So a
    /// verdict looks at a clock all the same, at the one that it reads anyway.
    pub(super) fn is_fresh_at(&self, system: Timestamp) -> bool {
        system.as_millis() < self.until.load(Ordering::Acquire)
    }

    /// Whether it was confirmed, and is not known to be over.
    fn is_confirmed(&self) -> bool {
        self.until.load(Ordering::Acquire) != 0
    }

    /// Nothing was changed that was not known at this time: the time before the
    /// read was sent that says so.
    fn confirm(&self, sent: Moment) {
        *self
            .confirmed
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = sent.at;
        let until = sent.system + self.max_stale;
        self.until.store(until.as_millis(), Ordering::Release);
    }

    /// Ends it where it was confirmed too long ago.
    fn end_if_over(&self) {
        if self.deadline() <= Instant::now() {
            self.end();
        }
    }

    fn deadline(&self) -> Instant {
        self.confirmed() + self.max_stale
    }

    /// This process wrote a revision.
    pub(super) fn wrote(&self, rev: u64) {
        self.written.fetch_max(rev, Ordering::AcqRel);
    }

    pub(super) fn end(&self) {
        self.until.store(0, Ordering::Release);
    }

    pub(super) fn staleness(&self) -> Duration {
        self.confirmed().elapsed()
    }

    fn confirmed(&self) -> Instant {
        *self
            .confirmed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Reads everything, puts it in the place of what was known, and reads what
    /// was changed meanwhile.
    pub(super) async fn load(&self) -> Result<Head, StoreError> {
        self.freshness.end();
        let sent = Moment::now();
        let fresh = self.mirror.emptied();
        let (rows, mut failed) = (AtomicU64::new(0), None);
        let mut each = |row| {
            rows.fetch_add(1, Ordering::Relaxed);
            if let Err(error) = fresh.merge(&row) {
                failed.get_or_insert(error);
            }
        };
        let read = self.store.load_all(&mut each);
        let mut head = while_rows_come(&rows, self.options.read_timeout, read).await?;
        if let Some(error) = failed {
            return Err(StoreError::corrupt(error));
        }
        self.mirror.replace_with(&fresh);
        self.freshness.written.store(head.rev, Ordering::Release);
        // A change of this process that came while we read is in the store by
        // now, so that this brings it back.
        self.catch_up(&mut head).await?;
        self.freshness.confirm(sent);
        Ok(head)
    }

    /// Reads all that was changed since, in as many reads as it takes.
    async fn catch_up(&self, head: &mut Head) -> Result<(), StoreError> {
        loop {
            // Asked before the read is sent, which may be ahead of a write.
            let behind = head.rev.max(self.freshness.written.load(Ordering::Acquire));
            let read = self.store.changes(head.rev, DELTA);
            let changes = timeout(self.options.read_timeout, read).await;
            let changes = changes.map_err(|_| too_long())??;
            if changes.head.epoch != head.epoch || changes.head.rev < behind {
                return Err(StoreError::conflict());
            }
            for row in &changes.rows {
                self.mirror.merge(row).map_err(StoreError::corrupt)?;
            }
            match changes.rows.last() {
                Some(row) if row.rev() < changes.head.rev && changes.rows.len() == DELTA => {
                    head.rev = row.rev();
                }
                _ => {
                    head.rev = changes.head.rev;
                    return Ok(());
                }
            }
        }
    }

    /// One turn: waits for a change, and reads it.
    async fn turn(&self, head: &mut Head) -> Result<(), StoreError> {
        let wait = timeout(self.options.poll_every, self.store.watch(head.rev));
        // Woken or not: a store that says nothing is asked.
        let _ = wait.await;
        let sent = Moment::now();
        match self.catch_up(head).await {
            Ok(()) => self.freshness.confirm(sent),
            // Another history: nothing that is known here can be built on.
            Err(error) if error.kind() == StoreErrorKind::Conflict => *head = self.load().await?,
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Waits for a read of many rows: all of it may take long, no row may.
async fn while_rows_come<T>(
    rows: &AtomicU64,
    limit: Duration,
    read: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let mut read = pin!(read);
    loop {
        let before = rows.load(Ordering::Relaxed);
        match timeout(limit, &mut read).await {
            Ok(done) => return done,
            Err(_) if rows.load(Ordering::Relaxed) == before => return Err(too_long()),
            Err(_) => {}
        }
    }
}

fn too_long() -> StoreError {
    StoreError::unavailable("a read took too long")
}

/// Follows the store for as long as anybody holds its tokens.
pub(super) fn task(shared: &Arc<Shared>, head: Head) -> impl Future<Output = ()> + Send + use<> {
    let weak = Arc::downgrade(shared);
    async move {
        // However this task ends, what it followed is not fresh any more.
        let _end = EndOnDrop(weak.clone());
        let mut head = head;
        while let Some(shared) = weak.upgrade() {
            let turn = shared.turn(&mut head);
            let done = if shared.freshness.is_confirmed() {
                timeout_at(shared.freshness.deadline(), turn).await
            } else {
                Ok(turn.await)
            };
            shared.freshness.end_if_over();
            drop(shared);
            if !matches!(done, Ok(Ok(()))) {
                sleep(RETRY).await;
            }
        }
    }
}

struct EndOnDrop(Weak<Shared>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.freshness.end();
        }
    }
}
