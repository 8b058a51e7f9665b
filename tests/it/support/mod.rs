//! Services, verifiers, requests and clients that the tests share.

mod calls;
mod client;
mod requests;
mod server;
mod spy;
mod strict;

#[cfg(feature = "axum")]
pub use self::client::open;
pub use self::{
    calls::Calls,
    client::{Answered, send},
    requests::{ask, get, grpc, values},
    server::serve,
    spy::Spy,
    strict::Strict,
};

/// A token that [`Spy`] and the fixed lists of the tests accept.
pub const TOKEN: &str = "canary-9cLqJTbYzVvZyXHn.0123456789";
