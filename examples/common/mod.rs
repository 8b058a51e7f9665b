//! What a server needs besides authentication.

mod stop;

use std::{env, error::Error};

use tokio::net::TcpListener;

pub(crate) use self::stop::stop;

/// The value of a flag, if it is there.
pub(crate) fn flag(name: &str) -> Result<Option<String>, String> {
    let mut flags = env::args().skip_while(|flag| flag != name);
    match flags.next() {
        None => Ok(None),
        Some(_) => flags
            .next()
            .map(Some)
            .ok_or_else(|| format!("{name} needs a value")),
    }
}

/// Binds what `--listen ADDR` says, 127.0.0.1:3000 otherwise, and prints where.
pub(crate) async fn listen() -> Result<TcpListener, Box<dyn Error>> {
    let address = flag("--listen")?.unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(&address)
        .await
        .map_err(|error| format!("--listen {address}: {error}"))?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(listener)
}
