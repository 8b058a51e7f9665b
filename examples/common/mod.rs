//! What a server needs besides authentication.

mod stop;

use std::{env, error::Error};

use tokio::net::TcpListener;

pub(crate) use self::stop::stop;

/// Binds what `--listen ADDR` says, 127.0.0.1:3000 otherwise, and prints where.
pub(crate) async fn listen() -> Result<TcpListener, Box<dyn Error>> {
    let mut flags = env::args().skip_while(|flag| flag != "--listen");
    let address = match flags.next() {
        Some(_) => flags.next().ok_or("--listen needs an address")?,
        None => "127.0.0.1:3000".to_owned(),
    };
    let listener = TcpListener::bind(&address)
        .await
        .map_err(|error| format!("--listen {address}: {error}"))?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(listener)
}
