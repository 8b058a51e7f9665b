//! The signal that a token was revoked.

use std::{
    pin::pin,
    sync::{
        Arc, LazyLock, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::future::{BoxFuture, FutureExt};
use tokio::sync::Notify;

/// Wakes the tasks that wait for a token to be revoked. The entries that replace each other
/// as the token changes share it.
#[derive(Default)]
pub(super) struct RevocationSignal {
    is_revoked: AtomicBool,
    /// The signal of the token after a reload, for which the tasks wait next.
    next: OnceLock<Arc<Self>>,
    notify: Notify,
}

impl RevocationSignal {
    /// Returns a signal of a token that was revoked. All of them are one, so that the end
    /// of many tokens allocates nothing.
    pub(super) fn revoked() -> Arc<Self> {
        static REVOKED: LazyLock<Arc<RevocationSignal>> = LazyLock::new(|| {
            let signal = Arc::<RevocationSignal>::default();
            signal.notify();
            signal
        });
        Arc::clone(&REVOKED)
    }

    pub(super) fn is_revoked(&self) -> bool {
        self.is_revoked.load(Ordering::Acquire)
    }

    pub(super) fn notify(&self) {
        self.is_revoked.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }

    /// Lets the tasks that wait for this signal wait for another one.
    pub(super) fn forward_to(self: &Arc<Self>, next: &Arc<Self>) {
        if !Arc::ptr_eq(self, next) {
            // If it is set, the tasks wait for a later one already.
            let _ = self.next.set(Arc::clone(next));
            self.notify.notify_waiters();
        }
    }

    pub(super) fn wait(self: &Arc<Self>) -> BoxFuture<'static, ()> {
        let mut signal = Arc::clone(self);
        async move {
            while let Some(next) = signal.wait_for_next().await {
                signal = next;
            }
        }
        .boxed()
    }

    /// Waits until the token is revoked, or until there is another signal to wait for.
    async fn wait_for_next(&self) -> Option<Arc<Self>> {
        loop {
            // Enabled before the state is read, so that no notification is missed between.
            let mut notified = pin!(self.notify.notified());
            notified.as_mut().enable();
            if self.is_revoked() {
                return None;
            }
            if let Some(next) = self.next.get() {
                return Some(Arc::clone(next));
            }
            notified.await;
        }
    }
}
