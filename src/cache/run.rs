//! Runs a verification for all requests that wait for it.

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::FutureExt;
use tokio::{
    runtime::Handle,
    task::{JoinError, JoinHandle},
    time::Instant,
};
use zeroize::Zeroizing;

use super::{
    digest::CredentialDigest,
    loads::{LoadFuture, Outcome},
    state::CacheState,
    verdicts::Measured,
};
use crate::{
    credential::{Credential, Scheme},
    rejection::Rejection,
    verifier::Verifier,
};

/// A verification that runs, and its place in the table of loads.
pub(super) struct Load<V: Verifier> {
    pub(super) state: Arc<CacheState<V>>,
    pub(super) digest: CredentialDigest,
    pub(super) number: u64,
    pub(super) credential: LoadCredential,
}

/// A copy of a credential, wiped when the load ends.
pub(super) struct LoadCredential {
    scheme: Option<Scheme>,
    token: Zeroizing<Box<[u8]>>,
}

impl LoadCredential {
    pub(super) fn new(credential: &Credential<'_>) -> Self {
        Self {
            scheme: credential.scheme(),
            token: Zeroizing::new(credential.token_bytes().into()),
        }
    }
}

impl<V: Verifier> Load<V> {
    /// Returns the future of the load, which begins at its first poll.
    ///
    /// A Tokio task runs it, so that it goes on without the request that began it, and
    /// its progress wakes the task and not every waiter. Outside of Tokio, the waiters
    /// poll it themselves.
    pub(super) fn into_future(self) -> LoadFuture<V::Principal> {
        let began = Instant::now();
        let future = async move {
            let run = self.run(began);
            match Handle::try_current() {
                Ok(runtime) => LoadTask(runtime.spawn(run)).await,
                Err(_) => run.await,
            }
        };
        future.boxed().shared()
    }

    async fn run(self, began: Instant) -> Outcome<V::Principal> {
        let LoadCredential { scheme, token } = &self.credential;
        let credential = Credential::from_parts(*scheme, token);
        let verify = async {
            let verdict = self.state.verifier.verify(&credential).await;
            self.state.measure(verdict, began)
        };
        let measured = AssertUnwindSafe(verify).catch_unwind().await;
        let measured = measured.unwrap_or_else(|_| Measured {
            verdict: Err(Rejection::unavailable("the verifier panicked")),
            began,
            expires_at: None,
        });
        self.state.finish(self.digest, self.number, measured)
    }
}

/// A load that all waiters have left, or that panicked, leaves the table too.
impl<V: Verifier> Drop for Load<V> {
    fn drop(&mut self) {
        self.state.remove_load(self.digest, self.number);
    }
}

/// The task of a load, aborted on drop: without a waiter there is no load, so that
/// clients that leave can't have more of them run than clients that wait.
struct LoadTask<P>(JoinHandle<Outcome<P>>);

impl<P> Future for LoadTask<P> {
    type Output = Outcome<P>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<P>> {
        let ended = |error: JoinError| Outcome {
            verdict: Err(Rejection::unavailable(error)),
            outdated_after: None,
        };
        let joined = self.0.poll_unpin(cx);
        joined.map(|outcome| outcome.unwrap_or_else(ended))
    }
}

impl<P> Drop for LoadTask<P> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
