//! Access: the table against real routers, real CORS, real handshakes.

#[cfg(feature = "tonic")]
mod cors;
#[cfg(feature = "tonic")]
mod differential;
#[cfg(feature = "axum")]
mod nested;
mod precedence;
mod protocols;
mod spellings;
mod websocket;
