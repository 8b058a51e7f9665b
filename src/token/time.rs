//! Time as an input.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point in time: milliseconds since the Unix epoch.
///
/// Sums saturate: nothing that a caller or a file can hold overflows.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use tower_authn::token::Timestamp;
///
/// let now = Timestamp::from_secs(1_000);
/// assert!(now + Duration::from_secs(1) > now);
/// assert_eq!(Timestamp::MAX + Duration::from_secs(1), Timestamp::MAX);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The last point in time that can be written down.
    pub const MAX: Self = Self(i64::MAX as u64);

    /// Seconds since the Unix epoch.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self::from_millis(secs.saturating_mul(1_000))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        if millis > Self::MAX.0 {
            Self::MAX
        } else {
            Self(millis)
        }
    }

    /// Milliseconds since the Unix epoch. It fits an `i64`, as databases keep it.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000
    }

    /// So long before this; the epoch where that would be before it.
    #[must_use]
    pub fn before(self, earlier: Duration) -> Self {
        let millis = u64::try_from(earlier.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(millis))
    }

    /// How long it is from `earlier` to here; zero where that is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        let millis = u64::try_from(later.as_millis()).unwrap_or(u64::MAX);
        Self::from_millis(self.0.saturating_add(millis))
    }
}

impl From<SystemTime> for Timestamp {
    /// A time before the epoch is the epoch.
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(since) => {
                let millis = since.as_secs().saturating_mul(1_000);
                Self::from_millis(millis.saturating_add(since.subsec_millis().into()))
            }
            Err(_) => Self(0),
        }
    }
}

/// What time it is.
///
/// Stores and verifiers ask a clock, so that a test need not wait.
///
/// ```
/// use tower_authn::token::{Clock, Timestamp};
///
/// let stopped = || Timestamp::from_secs(1_000);
/// assert_eq!(stopped.now().as_secs(), 1_000);
/// ```
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Timestamp;
}

impl<F: Fn() -> Timestamp + Send + Sync + 'static> Clock for F {
    fn now(&self) -> Timestamp {
        self()
    }
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }
}
