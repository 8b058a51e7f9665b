//! The table of verifications under way: one for each credential, however many requests
//! wait for it.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use futures::future::{BoxFuture, Shared, WeakShared};

use super::digest::{CredentialDigest, DigestHasher};
use crate::rejection::Rejection;

/// How many invalidations a load can be compared with. After more of them, its verdict is
/// not remembered.
const INVALIDATIONS_MAX: usize = 64;

/// A load that any of its waiters can drive. It ends early only if they all leave.
pub(super) type LoadFuture<P> = Shared<BoxFuture<'static, Outcome<P>>>;

/// Decides which principals an invalidation is about.
pub(super) type Predicate<P> = Arc<dyn Fn(&P) -> bool + Send + Sync>;

/// The result of a load.
#[derive(Clone)]
pub(super) struct Outcome<P> {
    pub(super) verdict: Result<P, Rejection>,
    /// The number of invalidations before the first one that is about the principal.
    /// Requests that arrived after more of them can't use the verdict.
    pub(super) outdated_after: Option<usize>,
}

/// The loads that run.
pub(super) struct Loads<P> {
    running: HashMap<CredentialDigest, RunningLoad<P>, DigestHasher>,
    /// The number of the next load.
    next: u64,
}

struct RunningLoad<P> {
    number: u64,
    /// It does not keep the load alive.
    future: Option<WeakShared<BoxFuture<'static, Outcome<P>>>>,
    /// The invalidations since the load began.
    invalidations: Vec<Predicate<P>>,
}

/// A request that waits for a load.
pub(super) struct Waiter<P> {
    pub(super) load: LoadFuture<P>,
    /// The number of invalidations before the request arrived.
    arrived_after: usize,
}

impl<P> Loads<P> {
    pub(super) fn new() -> Self {
        Self {
            running: HashMap::default(),
            next: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    pub(super) fn contains(&self, digest: CredentialDigest) -> bool {
        self.running.contains_key(&digest)
    }

    /// Returns a waiter for the load of a credential, if one runs.
    pub(super) fn join(&self, digest: CredentialDigest) -> Option<Waiter<P>>
    where
        P: Clone,
    {
        let running = self.running.get(&digest)?;
        Some(Waiter {
            load: running.future.as_ref()?.upgrade()?,
            arrived_after: running.invalidations.len(),
        })
    }

    /// Takes the number of a load that is about to begin.
    pub(super) fn next_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(super) fn insert(
        &mut self,
        digest: CredentialDigest,
        number: u64,
        load: LoadFuture<P>,
    ) -> Waiter<P>
    where
        P: Clone,
    {
        let running = RunningLoad {
            number,
            future: load.downgrade(),
            invalidations: Vec::new(),
        };
        self.running.insert(digest, running);
        Waiter {
            load,
            arrived_after: 0,
        }
    }

    /// Removes a load that has ended, and returns for how many invalidations its verdict is
    /// valid, as [`Outcome::outdated_after`] does.
    pub(super) fn remove(
        &mut self,
        digest: CredentialDigest,
        number: u64,
        principal: Option<&P>,
    ) -> Option<usize> {
        match self.running.get(&digest) {
            Some(running) if running.number == number => {}
            // Everything was invalidated meanwhile, or more than was recorded.
            _ => return Some(0),
        }
        let running = self.running.remove(&digest)?;
        let principal = principal?;
        let mut invalidations = running.invalidations.iter();
        invalidations.position(|predicate| is_invalidated(predicate, principal))
    }

    /// Records an invalidation for the loads that run.
    pub(super) fn invalidate(&mut self, predicate: &Predicate<P>) {
        self.running.retain(|_, running| {
            running.invalidations.push(Arc::clone(predicate));
            running.invalidations.len() <= INVALIDATIONS_MAX
        });
    }

    /// Forgets the loads that run. Their verdicts are for those who wait already.
    pub(super) fn clear(&mut self) {
        self.running.clear();
    }
}

impl<P: Clone> Waiter<P> {
    /// Waits for the verdict, or returns `None` if the principal was invalidated after the
    /// load began and before the request arrived.
    pub(super) async fn wait(self) -> Option<Result<P, Rejection>> {
        let outcome = self.load.await;
        let valid_until = outcome.outdated_after.unwrap_or(usize::MAX);
        (self.arrived_after <= valid_until).then_some(outcome.verdict)
    }
}

/// Returns whether an invalidation is about a principal. A predicate that panics is about
/// every one.
pub(super) fn is_invalidated<P>(predicate: &Predicate<P>, principal: &P) -> bool {
    catch_unwind(AssertUnwindSafe(|| predicate(principal))).unwrap_or(true)
}
