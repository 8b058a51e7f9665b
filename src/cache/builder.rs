//! The settings of a cache.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{Cached, ExpiresAt, verdicts::WallClock};
use crate::verifier::Verifier;

/// The longest TTL. It can be added to any clock.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[derive(Clone, Copy)]
pub(super) struct CacheOptions {
    pub(super) ttl: Duration,
    pub(super) capacity: usize,
    pub(super) refusal_ttl: Duration,
    pub(super) refusal_capacity: usize,
    pub(super) refresh_ahead: Option<Duration>,
}

/// Builds a [`Cached`]. Created by [`Cached::builder`] or [`Cached::for_principal`].
#[must_use]
pub struct CachedBuilder<V: Verifier> {
    verifier: V,
    expires_at: Box<ExpiresAt<V::Principal>>,
    options: CacheOptions,
    clock: WallClock,
}

impl<V: Verifier> CachedBuilder<V> {
    pub(super) fn new(verifier: V, expires_at: Box<ExpiresAt<V::Principal>>) -> Self {
        Self {
            verifier,
            expires_at,
            options: CacheOptions {
                ttl: Duration::from_secs(60),
                capacity: 10_000,
                refusal_ttl: Duration::from_secs(1),
                refusal_capacity: 1_000,
                refresh_ahead: None,
            },
            clock: Arc::new(SystemTime::now),
        }
    }

    /// Sets how long a principal is remembered, unless it expires earlier. The default is
    /// 60 seconds, the maximum is a year.
    ///
    /// It counts from the beginning of the verification. A credential that is revoked is
    /// accepted for this long, unless it is invalidated: see [`Cached::invalidate_if`].
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.options.ttl = ttl.min(LONGEST);
        self
    }

    /// Sets how many principals are remembered, at most. The default is 10,000.
    ///
    /// An entry takes at most 200 bytes, without what the principal points to.
    pub fn capacity(mut self, entries: usize) -> Self {
        self.options.capacity = entries;
        self
    }

    /// Sets how long a refusal is remembered. The default is one second, the maximum is a
    /// year.
    ///
    /// A credential that becomes good is refused for this long.
    pub fn refusal_ttl(mut self, ttl: Duration) -> Self {
        self.options.refusal_ttl = ttl.min(LONGEST);
        self
    }

    /// Sets how many refusals are remembered, at most. The default is 1,000. They don't
    /// displace principals.
    pub fn refusal_capacity(mut self, entries: usize) -> Self {
        self.options.refusal_capacity = entries;
        self
    }

    /// Verifies a credential again in a task if it is used this long before the end of the
    /// TTL, so that a client in regular use does not wait. At most half of the TTL.
    ///
    /// The remembered principal is used until the end of its TTL. If the refresh fails, the
    /// next one begins after a second. If it is refused, so is the credential. There is no
    /// refresh before the principal's own expiry, which it would not change, nor outside of
    /// a Tokio runtime. By default there is none.
    pub fn refresh_ahead(mut self, ahead: Duration) -> Self {
        self.options.refresh_ahead = Some(ahead);
        self
    }

    /// Sets the clock by which principals expire, for tests. The TTLs count by
    /// [`tokio::time::Instant`].
    pub fn clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(now);
        self
    }

    /// Builds the verifier.
    #[must_use]
    pub fn build(mut self) -> Cached<V> {
        let options = &mut self.options;
        options.refresh_ahead = options
            .refresh_ahead
            .map(|ahead| ahead.min(options.ttl / 2));
        Cached::from_options(self.verifier, self.expires_at, self.options, self.clock)
    }
}

impl<V: Verifier> fmt::Debug for CachedBuilder<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedBuilder").finish_non_exhaustive()
    }
}
