//! The signal that a token was revoked.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::future::{BoxFuture, FutureExt};
use tokio::sync::Notify;

/// Wakes the tasks that wait for a token to be revoked. All entries of one token share it.
#[derive(Default)]
pub(super) struct RevocationSignal {
    is_revoked: AtomicBool,
    notify: Notify,
}

impl RevocationSignal {
    pub(super) fn notify(&self) {
        self.is_revoked.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }

    pub(super) fn wait(self: &Arc<Self>) -> BoxFuture<'static, ()> {
        let signal = Arc::clone(self);
        async move {
            // Enabled before the flag is read, so that no notification is missed between.
            let mut notified = pin!(signal.notify.notified());
            notified.as_mut().enable();
            if !signal.is_revoked.load(Ordering::Acquire) {
                notified.await;
            }
        }
        .boxed()
    }
}
