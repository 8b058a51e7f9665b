//! The counter of a token's uses.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crate::token::Timestamp;

/// Counts the uses of a token that are not written to the store yet.
///
/// # Protocol
///
/// Entries with uses are on a list, from which a flush takes them. Requests and the flush
/// agree without a lock on who puts an entry there:
///
/// - A use adds to `count`, and then reads `listed`. If it is clear, the use sets it and
///   lists the entry.
/// - A flush reads `count` and writes it to the store. Only then, so that a failed write
///   loses nothing, it clears `listed` and subtracts what it wrote from `count`. If uses
///   are left, it sets `listed` again and leaves the entry on the list.
///
/// The two operations on `count` are ordered. If the addition comes first, the subtraction
/// leaves a use and the flush keeps the entry. If the subtraction comes first, the addition
/// acquires what it released, so the use reads `listed` as clear and lists the entry. In
/// both cases an entry with uses is on the list. If both sides set `listed`, the swap
/// decides which of them lists it.
#[derive(Default)]
pub(super) struct UseCounter {
    last_millis: AtomicU64,
    count: AtomicU32,
    /// Whether the entry is on the list of used ones.
    listed: AtomicBool,
    /// Whether this process has written a use.
    written: AtomicBool,
}

impl UseCounter {
    /// Counts a use. Returns whether the caller must list the entry.
    #[inline]
    pub(super) fn add(&self, now: Timestamp) -> bool {
        self.last_millis.store(now.as_millis(), Ordering::Relaxed);
        // The release makes the time visible to a flush that reads this use.
        self.count.fetch_add(1, Ordering::AcqRel);
        !self.listed.load(Ordering::Relaxed) && !self.listed.swap(true, Ordering::AcqRel)
    }

    /// Adds uses that a thread has counted, the last of them at a time. Returns whether
    /// the caller must list the entry.
    pub(super) fn add_many(&self, uses: u32, last: Timestamp) -> bool {
        self.last_millis
            .fetch_max(last.as_millis(), Ordering::Relaxed);
        self.count.fetch_add(uses, Ordering::AcqRel);
        !self.listed.swap(true, Ordering::AcqRel)
    }

    /// Returns the number of uses that are not written yet and the time of the last one,
    /// or `None` if there are none.
    pub(super) fn unwritten(&self) -> Option<(u32, Timestamp)> {
        let count = self.count.load(Ordering::Acquire);
        let last = Timestamp::from_millis(self.last_millis.load(Ordering::Relaxed));
        (count > 0).then_some((count, last))
    }

    /// Subtracts uses that were written. Returns whether the entry stays listed, since
    /// more uses were counted meanwhile.
    pub(super) fn subtract(&self, written: u64) -> bool {
        let written = u32::try_from(written).unwrap_or(u32::MAX);
        self.written.store(true, Ordering::Relaxed);
        self.listed.swap(false, Ordering::AcqRel);
        let has_more = self.count.fetch_sub(written, Ordering::AcqRel) > written;
        has_more && !self.listed.swap(true, Ordering::AcqRel)
    }

    /// Returns whether this process has written no use yet.
    pub(super) fn is_first_use(&self) -> bool {
        !self.written.load(Ordering::Relaxed)
    }

    /// Takes over whether a use was written. Uses of the older counter stay there: its
    /// entry is on the list too.
    pub(super) fn inherit(&self, older: &Self) {
        let written = older.written.load(Ordering::Relaxed);
        self.written.store(written, Ordering::Relaxed);
    }
}
