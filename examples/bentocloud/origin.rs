//! The address of this server.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// The domain of the apps.
pub(crate) const DOMAIN: &str = "mybentocloud.localhost";

/// An address, and the directory of its certificates if it serves TLS.
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

    /// Returns the URL of the control plane and the pages.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme(), self.address)
    }

    /// Returns the URL of an app.
    pub(crate) fn app(&self, name: &str) -> String {
        let port = self.address.port();
        format!("{}://{name}.{DOMAIN}:{port}", self.scheme())
    }

    fn scheme(&self) -> &'static str {
        self.tls.as_ref().map_or("http", |_| "https")
    }
}
