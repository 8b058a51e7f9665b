//! The signals that stop a server.

use tokio::signal::unix::{SignalKind, signal};

/// Waits for SIGINT or SIGTERM.
pub(crate) async fn stop() {
    let mut interrupt = signal(SignalKind::interrupt()).expect("a handler can be installed");
    let mut terminate = signal(SignalKind::terminate()).expect("a handler can be installed");
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
