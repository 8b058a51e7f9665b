//! Resource servers: their metadata, and their sessions.

#[cfg(any(feature = "axum", feature = "tokens"))]
mod callers;
mod challenges;
#[cfg(feature = "axum")]
mod client;
mod metadata;
mod server;
#[cfg(feature = "tokens")]
mod sessions;

use tower_authn::resource::{ResourceMetadata, ResourceMetadataBuilder};

/// The resource of most tests.
fn builder() -> ResourceMetadataBuilder {
    ResourceMetadata::builder("https://api.example.com/mcp")
        .authorization_server("https://login.example.com")
}

fn metadata() -> ResourceMetadata {
    builder().build().unwrap()
}
