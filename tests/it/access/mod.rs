//! Access: the table against real routers, real CORS, real handshakes.

#[cfg(feature = "tonic")]
mod cors;
mod protocols;
mod spellings;
