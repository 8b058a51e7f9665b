//! The start of a server without TLS.

use std::error::Error;

use tokio::net::TcpListener;

use super::{bind::bind, flags::Flags};

/// Binds the address of `--listen`, and prints the server's URL.
pub(crate) async fn listen(flags: &Flags) -> Result<TcpListener, Box<dyn Error>> {
    let listener = bind(flags).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(listener)
}
