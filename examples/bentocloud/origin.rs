//! Where this server is.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// What the hosts of apps end with.
pub(crate) const DOMAIN: &str = "mybentocloud.localhost";

/// An address, and the directory of its certificates where it speaks TLS.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    tls: Option<PathBuf>,
}

impl Origin {
    pub(crate) fn new(address: SocketAddr, tls: Option<PathBuf>) -> Self {
        Self { address, tls }
    }

    pub(crate) fn tls(&self) -> Option<&Path> {
        self.tls.as_deref()
    }

    /// The control plane and the page.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme(), self.address)
    }

    /// An app.
    pub(crate) fn app(&self, name: &str) -> String {
        let port = self.address.port();
        format!("{}://{name}.{DOMAIN}:{port}", self.scheme())
    }

    fn scheme(&self) -> &'static str {
        self.tls.as_ref().map_or("http", |_| "https")
    }
}
