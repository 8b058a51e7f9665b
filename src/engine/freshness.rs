//! How long verdicts may rely on memory.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::token::{Clock, SystemClock, Timestamp};

/// Longer than any process runs, and short enough to be added to any clock.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The bits of the word that hold the generation.
const GENERATION_BITS: u32 = 16;
const GENERATION: u64 = (1 << GENERATION_BITS) - 1;

/// Whether the memory was confirmed recently.
///
/// A verdict reads one word before it reads the memory, and again afterwards. The word has
/// the deadline of the last confirmation, and the generation of the memory, which changes
/// before the memory is replaced. The verdict is valid if the generation is still the same
/// and the deadline that it read *before* the memory has not passed. A later confirmation
/// vouches for what was merged by then, not for what the verdict had read earlier.
pub(crate) struct Freshness {
    max_stale: Duration,
    confirmed: Mutex<Instant>,
    /// The deadline in milliseconds of the system's clock, or zero for none, in the bits
    /// above the generation.
    word: AtomicU64,
}

/// The word, as a verdict read it before the memory.
#[derive(Clone, Copy)]
pub(crate) struct Seen(u64);

/// A point in time, by the monotonic clock and by the system's clock.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    at: Instant,
    system: Timestamp,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self {
            at: Instant::now(),
            system: SystemClock.now(),
        }
    }
}

impl Seen {
    fn deadline(self) -> u64 {
        self.0 >> GENERATION_BITS
    }

    fn generation(self) -> u64 {
        self.0 & GENERATION
    }
}

impl Freshness {
    pub(crate) fn new(max_stale: Duration) -> Self {
        Self {
            max_stale: max_stale.min(LONGEST),
            confirmed: Mutex::new(Instant::now()),
            word: AtomicU64::new(0),
        }
    }

    pub(crate) fn max_stale(&self) -> Duration {
        self.max_stale
    }

    /// Reads the word, before the memory is read.
    #[inline]
    pub(crate) fn see(&self) -> Seen {
        Seen(self.word.load(Ordering::Acquire))
    }

    /// Returns whether a verdict may rely on what it read from memory after `seen`, at a
    /// time of the system's clock.
    ///
    /// The follower ends the freshness at the deadline, but it may not be running: its
    /// runtime may be blocked or gone, or the machine may have been asleep. Therefore a
    /// verdict also compares the time, which it reads in any case.
    #[inline]
    pub(crate) fn vouches_for(&self, seen: Seen, system: Timestamp) -> bool {
        system.as_millis() < seen.deadline() && self.see().generation() == seen.generation()
    }

    /// Returns whether there is a confirmation that was not ended.
    pub(crate) fn is_confirmed(&self) -> bool {
        self.see().deadline() != 0
    }

    /// Begins another generation of the memory, which is not confirmed yet. This must come
    /// before any part of the memory is replaced.
    pub(crate) fn begin_generation(&self) {
        self.update(|seen| (seen.generation() + 1) & GENERATION);
    }

    /// Confirms that the memory has every change from before `sent`, the time at which the
    /// read that showed it was sent.
    pub(crate) fn confirm(&self, sent: Moment) {
        *self
            .confirmed
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = sent.at;
        let until = (sent.system + self.max_stale).as_millis();
        let until = until.min(u64::MAX >> GENERATION_BITS);
        self.update(|seen| (until << GENERATION_BITS) | seen.generation());
    }

    /// Ends the confirmation: active tokens are unavailable from now on.
    pub(crate) fn end(&self) {
        self.update(Seen::generation);
    }

    /// Ends the confirmation if it is too old.
    pub(crate) fn end_if_over(&self) {
        if self.deadline() <= Instant::now() {
            self.end();
        }
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.confirmed() + self.max_stale
    }

    pub(crate) fn staleness(&self) -> Duration {
        self.confirmed().elapsed()
    }

    fn confirmed(&self) -> Instant {
        *self
            .confirmed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, word: impl Fn(Seen) -> u64) {
        let update = |known| Some(word(Seen(known)));
        let updated = self
            .word
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, update);
        debug_assert!(updated.is_ok(), "every update returns a word");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIRMED: Timestamp = Timestamp::from_secs(1_000);

    fn is_fresh(freshness: &Freshness, system: Timestamp) -> bool {
        freshness.vouches_for(freshness.see(), system)
    }

    fn confirmed(max_stale: Duration) -> Freshness {
        let freshness = Freshness::new(max_stale);
        assert!(
            !is_fresh(&freshness, CONFIRMED),
            "not before it is confirmed"
        );
        let at = Instant::now();
        let system = CONFIRMED;
        freshness.confirm(Moment { at, system });
        freshness
    }

    #[test]
    fn a_confirmation_ends_exactly_at_its_deadline() {
        let bound = Duration::from_secs(30);
        let freshness = confirmed(bound);
        let last = Timestamp::from_millis((CONFIRMED + bound).as_millis() - 1);
        assert!(is_fresh(&freshness, CONFIRMED) && is_fresh(&freshness, last));
        let forward = [CONFIRMED + bound, CONFIRMED + 100 * bound, Timestamp::MAX];
        assert!(!forward.map(|now| is_fresh(&freshness, now)).contains(&true));
        freshness.end();
        assert!(!is_fresh(&freshness, CONFIRMED));
    }

    #[test]
    fn no_bound_is_too_short_or_too_long() {
        for bound in [Duration::ZERO, Duration::from_nanos(1)] {
            let freshness = confirmed(bound);
            assert!(!is_fresh(&freshness, CONFIRMED), "{bound:?}");
        }
        let long = confirmed(Duration::MAX);
        assert!(is_fresh(
            &long,
            CONFIRMED + Duration::from_secs(1_000_000_000)
        ));
        assert!(long.deadline() > Instant::now());
        let at = Instant::now();
        let system = Timestamp::MAX;
        long.confirm(Moment { at, system });
        assert!(is_fresh(&long, CONFIRMED));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_back_does_not_keep_it_fresh() {
        let bound = Duration::from_secs(30);
        let freshness = confirmed(bound);
        let back = CONFIRMED.saturating_sub(Duration::from_secs(900));
        assert!(is_fresh(&freshness, back));
        tokio::time::advance(bound - Duration::from_millis(1)).await;
        freshness.end_if_over();
        assert!(is_fresh(&freshness, back));
        tokio::time::advance(Duration::from_millis(1)).await;
        freshness.end_if_over();
        assert!(!is_fresh(&freshness, back), "by the monotonic clock");
    }

    #[test]
    fn s06_only_a_confirmation_from_before_the_memory_was_read_vouches_for_it() {
        let freshness = Freshness::new(Duration::from_secs(30));
        let now = || Moment {
            at: Instant::now(),
            system: CONFIRMED,
        };
        let seen = freshness.see();
        freshness.confirm(now());
        assert!(!freshness.vouches_for(seen, CONFIRMED), "it came after");
        let seen = freshness.see();
        freshness.confirm(now());
        assert!(
            freshness.vouches_for(seen, CONFIRMED),
            "there was one before"
        );
        freshness.begin_generation();
        freshness.confirm(now());
        assert!(!freshness.vouches_for(seen, CONFIRMED), "it was replaced");
        assert!(freshness.vouches_for(freshness.see(), CONFIRMED));
    }
}
