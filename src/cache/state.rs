//! The state that the clones of a cache share, and the decisions on it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use tokio::{runtime::Handle, time::Instant};

use super::{
    digest::{CredentialDigest, Digester},
    loads::{Loads, Outcome, Predicate, Waiter, is_invalidated},
    run::{Load, LoadCredential},
    verdicts::{Measured, Verdicts},
};
use crate::{credential::Credential, rejection::Rejection, verifier::Verifier};

/// Reads when a principal expires.
pub(super) type ExpiresAt<P> = dyn Fn(&P) -> Option<SystemTime> + Send + Sync;

pub(super) struct CacheState<V: Verifier> {
    pub(super) verifier: V,
    pub(super) digester: Digester,
    pub(super) verdicts: Verdicts<V::Principal>,
    pub(super) expires_at: Box<ExpiresAt<V::Principal>>,
    /// Held while a verdict is inserted or invalidated, so that none is inserted
    /// between the steps of an invalidation. A hit does not.
    pub(super) loads: Mutex<Loads<V::Principal>>,
    /// The number of invalidations.
    pub(super) generation: AtomicU64,
}

/// The next step of a request that found no verdict at once.
pub(super) enum Step<P> {
    Decided(Result<P, Rejection>),
    Wait(Waiter<P>),
}

impl<V: Verifier> CacheState<V> {
    /// Asks the verifier for an immediate verdict, and remembers it.
    pub(super) fn verify_now(
        &self,
        digest: CredentialDigest,
        credential: &Credential<'_>,
    ) -> Option<Result<V::Principal, Rejection>> {
        let generation = self.generation.load(Ordering::Acquire);
        let began = Instant::now();
        let verdict = self.verifier.verify_now(&credential.without_head())?;
        let measured = self.measure(verdict, began);
        let loads = self.lock();
        if self.generation.load(Ordering::Acquire) == generation {
            self.verdicts.insert(digest, &measured);
        }
        drop(loads);
        Some(measured.verdict)
    }

    /// Joins the load of a credential, or begins it.
    pub(super) fn join_or_begin(
        self: &Arc<Self>,
        digest: CredentialDigest,
        credential: &Credential<'_>,
    ) -> Step<V::Principal> {
        let mut loads = self.lock();
        if let Some(waiter) = loads.join(digest) {
            return Step::Wait(waiter);
        }
        // A load may have ended since the look-up without the lock.
        if let Some(hit) = self.verdicts.find(digest) {
            return Step::Decided(hit.verdict);
        }
        Step::Wait(self.begin(&mut loads, digest, credential))
    }

    /// Begins a load ahead of a verdict's end, unless one runs already.
    #[cold]
    pub(super) fn refresh(self: &Arc<Self>, digest: CredentialDigest, credential: &Credential<'_>) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        // Another hit will do it if the lock is busy.
        let Ok(mut loads) = self.loads.try_lock() else {
            return;
        };
        if loads.contains(digest) || !self.verdicts.wants_refresh(digest) {
            return;
        }
        let waiter = self.begin(&mut loads, digest, credential);
        drop(loads);
        runtime.spawn(waiter.load);
    }

    fn begin(
        self: &Arc<Self>,
        loads: &mut Loads<V::Principal>,
        digest: CredentialDigest,
        credential: &Credential<'_>,
    ) -> Waiter<V::Principal> {
        let number = loads.next_number();
        let load = Load {
            state: Arc::clone(self),
            digest,
            number,
            credential: LoadCredential::new(credential),
        };
        loads.insert(digest, number, load.into_future())
    }

    pub(super) fn measure(
        &self,
        verdict: Result<V::Principal, Rejection>,
        began: Instant,
    ) -> Measured<V::Principal> {
        let expires_at = verdict.as_ref().ok().and_then(&self.expires_at);
        Measured {
            verdict,
            began,
            expires_at,
        }
    }

    /// Ends a load, and remembers its verdict unless that was invalidated meanwhile.
    pub(super) fn finish(
        &self,
        digest: CredentialDigest,
        number: u64,
        measured: Measured<V::Principal>,
    ) -> Outcome<V::Principal> {
        let mut loads = self.lock();
        let outdated_after = loads.remove(digest, number, measured.verdict.as_ref().ok());
        if outdated_after.is_none() {
            self.verdicts.insert(digest, &measured);
        }
        drop(loads);
        Outcome {
            verdict: measured.verdict,
            outdated_after,
        }
    }

    pub(super) fn remove_load(&self, digest: CredentialDigest, number: u64) {
        self.lock().remove(digest, number, None);
    }

    pub(super) fn invalidate(&self, predicate: &Predicate<V::Principal>) {
        let mut loads = self.lock();
        self.generation.fetch_add(1, Ordering::AcqRel);
        loads.invalidate(predicate);
        self.verdicts
            .remove_principals(|principal| is_invalidated(predicate, principal));
    }

    pub(super) fn invalidate_all(&self) {
        let mut loads = self.lock();
        self.generation.fetch_add(1, Ordering::AcqRel);
        loads.clear();
        self.verdicts.clear();
    }

    /// A poisoned lock still holds a complete table.
    pub(super) fn lock(&self) -> MutexGuard<'_, Loads<V::Principal>> {
        self.loads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
