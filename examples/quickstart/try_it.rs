//! The lines that are printed at start: the server's URL, and two calls to paste.

use std::{net::SocketAddr, path::Path};

use crate::snippets;

/// Returns the lines as one text, to be written at once: a reader of the first line
/// alone may then close the pipe.
pub(crate) fn lines(address: SocketAddr, token: &str, tls: Option<&Path>) -> String {
    let scheme = tls.map_or("http", |_| "https");
    let url = format!("{scheme}://{address}");
    let curl = snippets::curl(&url, token, tls);
    let grpc = snippets::grpc(address, token, tls, None);
    format!("listening on {url}\n{curl}\n{grpc}")
}
