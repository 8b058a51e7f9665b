//! Where this server is.

use std::net::SocketAddr;

/// What the hosts of apps end with.
pub(crate) const DOMAIN: &str = "mybentocloud.localhost";

/// A scheme and an address.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    scheme: &'static str,
    address: SocketAddr,
}

impl Origin {
    pub(crate) fn new(address: SocketAddr, has_tls: bool) -> Self {
        let scheme = if has_tls { "https" } else { "http" };
        Self { scheme, address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The control plane and the page.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// An app.
    pub(crate) fn app(&self, name: &str) -> String {
        let port = self.address.port();
        format!("{}://{name}.{DOMAIN}:{port}", self.scheme)
    }
}
