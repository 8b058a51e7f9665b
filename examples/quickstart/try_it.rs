//! What is printed at start: where the server is, and lines to paste.

use std::{net::SocketAddr, path::Path};

use crate::snippets;

/// The lines, in one text, so that they are written at once: whoever reads no
/// more than the first may close the pipe.
pub(crate) fn lines(address: SocketAddr, token: &str, tls: Option<&Path>) -> String {
    let scheme = tls.map_or("http", |_| "https");
    let url = format!("{scheme}://{address}");
    let curl = snippets::curl(&url, token, tls);
    let grpc = snippets::grpc(address, token, tls, None);
    format!("listening on {url}\n{curl}\n{grpc}")
}
