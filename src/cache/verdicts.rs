//! The remembered verdicts, each until its end.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use quick_cache::{UnitWeighter, sync::Cache};
use tokio::time::Instant;

use super::{
    builder::CacheOptions,
    digest::{CredentialDigest, DigestHasher},
};
use crate::rejection::{Rejection, RejectionKind};

/// How long after a refresh that failed the next one may begin.
const REFRESH_RETRY: Duration = Duration::from_secs(1);

/// The clock by which principals expire.
pub(super) type WallClock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// Good and bad verdicts, in tables of their own, so that a flood of bad credentials
/// displaces no good one.
pub(super) struct Verdicts<P> {
    principals: Table<CachedPrincipal<P>>,
    refusals: Table<CachedRefusal>,
    options: CacheOptions,
    clock: WallClock,
}

type Table<T> = Cache<CredentialDigest, T, UnitWeighter, DigestHasher>;

#[derive(Clone)]
struct CachedPrincipal<P> {
    principal: P,
    ends: Instant,
    expires_at: Option<SystemTime>,
    /// When a hit begins a refresh.
    refresh_at: Option<Instant>,
}

#[derive(Clone)]
struct CachedRefusal {
    rejection: Rejection,
    ends: Instant,
}

/// A verdict, and what it says about its time.
pub(super) struct Measured<P> {
    pub(super) verdict: Result<P, Rejection>,
    /// When the verification began. The age of a good verdict counts from here.
    pub(super) began: Instant,
    pub(super) expires_at: Option<SystemTime>,
}

/// A remembered verdict.
pub(super) struct Hit<P> {
    pub(super) verdict: Result<P, Rejection>,
    pub(super) wants_refresh: bool,
}

impl<P: Clone> Verdicts<P> {
    pub(super) fn new(options: CacheOptions, clock: WallClock) -> Self {
        Self {
            principals: table(options.capacity),
            refusals: table(options.refusal_capacity),
            options,
            clock,
        }
    }

    #[inline]
    pub(super) fn find(&self, digest: CredentialDigest) -> Option<Hit<P>> {
        let now = Instant::now();
        if let Some(found) = self.principals.get(&digest)
            && self.is_valid(&found, now)
        {
            let wants_refresh = found.wants_refresh(now);
            return Some(Hit {
                verdict: Ok(found.principal),
                wants_refresh,
            });
        }
        let found = self.refusals.get(&digest);
        let refusal = found.filter(|refusal| now < refusal.ends)?;
        Some(Hit {
            verdict: Err(refusal.rejection),
            wants_refresh: false,
        })
    }

    /// Returns whether the principal of a credential is to be verified again before its
    /// end.
    pub(super) fn wants_refresh(&self, digest: CredentialDigest) -> bool {
        let found = self.principals.peek(&digest);
        found.is_some_and(|found| found.wants_refresh(Instant::now()))
    }

    /// Both clocks count: the monotonic one does not step back, and the other one goes on
    /// while the machine sleeps.
    fn is_valid(&self, found: &CachedPrincipal<P>, now: Instant) -> bool {
        now < found.ends && found.expires_at.is_none_or(|at| (self.clock)() < at)
    }

    /// Remembers a verdict if it is about the credential, and not about the moment.
    pub(super) fn insert(&self, digest: CredentialDigest, measured: &Measured<P>) {
        match &measured.verdict {
            Ok(principal) => {
                self.refusals.remove(&digest);
                self.insert_principal(digest, principal.clone(), measured);
            }
            Err(rejection) if is_about_the_credential(rejection.kind()) => {
                self.principals.remove(&digest);
                let refusal = CachedRefusal {
                    rejection: rejection.clone(),
                    ends: Instant::now() + self.options.refusal_ttl,
                };
                self.refusals.insert(digest, refusal);
            }
            Err(_) => self.delay_refresh(digest),
        }
    }

    fn insert_principal(&self, digest: CredentialDigest, principal: P, measured: &Measured<P>) {
        let CacheOptions {
            ttl, refresh_ahead, ..
        } = self.options;
        let mut ends = measured.began + ttl;
        let mut refresh_at = refresh_ahead.map(|ahead| ends - ahead);
        if let Some(expires_at) = measured.expires_at {
            let left = expires_at
                .duration_since((self.clock)())
                .unwrap_or_default();
            let expires = Instant::now() + left.min(ttl);
            if expires < ends {
                ends = expires;
                // Verifying the credential again would not move its end.
                refresh_at = None;
            }
        }
        let found = CachedPrincipal {
            principal,
            ends,
            expires_at: measured.expires_at,
            refresh_at,
        };
        self.principals.insert(digest, found);
    }

    /// Keeps hits from repeating a refresh that failed, one after the other.
    fn delay_refresh(&self, digest: CredentialDigest) {
        if let Some(mut found) = self.principals.peek(&digest)
            && let Some(at) = &mut found.refresh_at
        {
            *at = Instant::now() + REFRESH_RETRY;
            // The entry may have been evicted meanwhile, and then stays so.
            let _ = self.principals.replace(digest, found, true);
        }
    }

    pub(super) fn remove_principals(&self, is_invalid: impl Fn(&P) -> bool) {
        self.principals
            .retain(|_, found| !is_invalid(&found.principal));
    }

    pub(super) fn clear(&self) {
        self.principals.clear();
        self.refusals.clear();
    }

    pub(super) fn principals_len(&self) -> usize {
        self.principals.len()
    }

    pub(super) fn refusals_len(&self) -> usize {
        self.refusals.len()
    }
}

impl<P> CachedPrincipal<P> {
    #[inline]
    fn wants_refresh(&self, now: Instant) -> bool {
        self.refresh_at.is_some_and(|at| at <= now)
    }
}

fn table<T: Clone>(capacity: usize) -> Table<T> {
    let weight = capacity as u64;
    Cache::with(
        capacity,
        weight,
        UnitWeighter,
        DigestHasher::default(),
        Default::default(),
    )
}

/// An outage or a limit on attempts says nothing about the credential.
fn is_about_the_credential(kind: RejectionKind) -> bool {
    match kind {
        RejectionKind::Denied
        | RejectionKind::Expired
        | RejectionKind::Forbidden
        | RejectionKind::Invalid
        | RejectionKind::Malformed
        | RejectionKind::Revoked => true,
        RejectionKind::Ambiguous
        | RejectionKind::Missing
        | RejectionKind::NotFound
        | RejectionKind::RateLimited
        | RejectionKind::Unavailable => false,
    }
}
