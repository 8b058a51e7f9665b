//! The socket of a server.

use tokio::net::TcpListener;

use super::flags::Flags;

/// Binds the address of `--listen`, or 127.0.0.1:3000.
pub(crate) async fn bind(flags: &Flags) -> Result<TcpListener, String> {
    let address = flags.get("--listen").unwrap_or("127.0.0.1:3000");
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| format!("--listen {address}: {error}"))
}
