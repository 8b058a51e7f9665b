//! What is printed at start: where the server is, and lines to paste.

use std::{net::SocketAddr, path::Path};

use crate::python;

/// The lines, in one text, so that they are written at once: whoever reads no
/// more than the first may close the pipe.
pub(crate) fn lines(address: SocketAddr, token: &str, tls: Option<&Path>) -> String {
    let (scheme, verify) = match tls {
        None => ("http", String::new()),
        Some(dir) => ("https", format!(" --cacert '{}/ca.pem'", dir.display())),
    };
    let curl = format!(
        r#"curl{verify} {scheme}://{address}/generate -H "Content-Type: application/json" -H "Authorization: Basic {token}" --data '{{"prompt": "What state is Los Angeles in?", "max_length": 100}}'"#
    );
    let python = python::line(address, token, tls);
    format!("listening on {scheme}://{address}\n{curl}\n{python}")
}
