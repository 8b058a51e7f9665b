//! Access: the table against real routers, real CORS, real handshakes.

#[cfg(feature = "tonic")]
mod cors;
#[cfg(feature = "tonic")]
mod differential;
mod protocols;
mod spellings;
mod websocket;
