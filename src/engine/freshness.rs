//! How long verdicts may rely on what is held in memory.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::token::{Clock, SystemClock, Timestamp};

/// Longer than any process runs, and short enough for every clock to add.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The bits of the word that hold the generation.
const GENERATION_BITS: u32 = 16;
const GENERATION: u64 = (1 << GENERATION_BITS) - 1;

/// Whether the memory was confirmed lately.
///
/// A verdict reads one word before it reads the memory and again after. The word
/// holds the deadline of the last confirmation and the generation of the memory,
/// which changes before the memory is replaced. The verdict stands if the
/// generation is still the same and the deadline it read *before* has not
/// passed: a later confirmation vouches for what was merged by then, and not for
/// what the verdict read earlier.
pub(crate) struct Freshness {
    max_stale: Duration,
    confirmed: Mutex<Instant>,
    /// The deadline in milliseconds of the system's clock, zero for none, above
    /// the generation.
    word: AtomicU64,
}

/// The word as a verdict read it before it read the memory.
#[derive(Clone, Copy)]
pub(crate) struct Seen(u64);

/// A point in time by a clock that nobody sets, and by the system's clock.
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

    /// Whether what was read from memory since `seen` may decide a verdict at
    /// this time of the system's clock.
    ///
    /// The task that follows the store ends freshness when it is over, but may
    /// not run: its runtime is blocked or gone, or the machine was asleep. So
    /// a verdict compares a clock as well, the one that it reads anyway.
    #[inline]
    pub(crate) fn vouches_for(&self, seen: Seen, system: Timestamp) -> bool {
        system.as_millis() < seen.deadline() && self.see().generation() == seen.generation()
    }

    /// Whether there was a confirmation that is not known to be over.
    pub(crate) fn is_confirmed(&self) -> bool {
        self.see().deadline() != 0
    }

    /// Begins another generation of the memory, which is not confirmed yet. It
    /// comes before anything of the memory is replaced.
    pub(crate) fn begin_generation(&self) {
        self.update(|seen| (seen.generation() + 1) & GENERATION);
    }

    /// Confirms that the memory holds every change from before this time, at
    /// which the read was sent that says so.
    pub(crate) fn confirm(&self, sent: Moment) {
        *self
            .confirmed
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = sent.at;
        let until = (sent.system + self.max_stale).as_millis();
        let until = until.min(u64::MAX >> GENERATION_BITS);
        self.update(|seen| (until << GENERATION_BITS) | seen.generation());
    }

    pub(crate) fn end(&self) {
        self.update(Seen::generation);
    }

    /// Ends it if the last confirmation is too old.
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
        debug_assert!(updated.is_ok(), "every update gives a word");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIRMED: Timestamp = Timestamp::from_secs(1_000);

    fn fresh(freshness: &Freshness, system: Timestamp) -> bool {
        freshness.vouches_for(freshness.see(), system)
    }

    fn confirmed(max_stale: Duration) -> Freshness {
        let freshness = Freshness::new(max_stale);
        assert!(!fresh(&freshness, CONFIRMED), "not before it is confirmed");
        let at = Instant::now();
        let system = CONFIRMED;
        freshness.confirm(Moment { at, system });
        freshness
    }

    #[test]
    fn what_was_confirmed_is_fresh_for_so_long_and_not_a_moment_longer() {
        let bound = Duration::from_secs(30);
        let freshness = confirmed(bound);
        let last = Timestamp::from_millis((CONFIRMED + bound).as_millis() - 1);
        assert!(fresh(&freshness, CONFIRMED) && fresh(&freshness, last));
        let forward = [CONFIRMED + bound, CONFIRMED + 100 * bound, Timestamp::MAX];
        assert!(!forward.map(|now| fresh(&freshness, now)).contains(&true));
        freshness.end();
        assert!(!fresh(&freshness, CONFIRMED));
    }

    #[test]
    fn no_bound_is_too_short_or_too_long() {
        for bound in [Duration::ZERO, Duration::from_nanos(1)] {
            let freshness = confirmed(bound);
            assert!(!fresh(&freshness, CONFIRMED), "{bound:?}");
        }
        let ever = confirmed(Duration::MAX);
        assert!(fresh(&ever, CONFIRMED + Duration::from_secs(1_000_000_000)));
        assert!(ever.deadline() > Instant::now());
        let at = Instant::now();
        let system = Timestamp::MAX;
        ever.confirm(Moment { at, system });
        assert!(fresh(&ever, CONFIRMED));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_back_does_not_keep_it_fresh() {
        let bound = Duration::from_secs(30);
        let freshness = confirmed(bound);
        let back = CONFIRMED.saturating_sub(Duration::from_secs(900));
        assert!(fresh(&freshness, back));
        tokio::time::advance(bound - Duration::from_millis(1)).await;
        freshness.end_if_over();
        assert!(fresh(&freshness, back));
        tokio::time::advance(Duration::from_millis(1)).await;
        freshness.end_if_over();
        assert!(!fresh(&freshness, back), "by a clock that nobody sets");
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
