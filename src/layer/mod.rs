//! The layer that guards a service, and what goes with it.
//!
//! - [`AuthnLayer`] guards every request of a service.
//! - [`RequireLayer`] guards single routes behind it.
//! - `ValidityLayer` (feature `tokens`) ends long responses with the token that
//!   they were asked for with.
//! - [`protect`] puts a finished router behind a layer, and
//!   `axum::assert_protected` (feature `axum`) tests that nothing stayed outside.
//! - [`Respond`] makes the body of a refusal.
//!
//! # Where the layer stands
//!
//! ```text
//!          request
//!             │
//!   ┌─────────▼──────────┐  tracing, metrics, compression,
//!   │  what sees it all  │  CORS (it must add its headers to refusals too),
//!   │                    │  a limit on what is verified
//!   └─────────┬──────────┘
//!   ┌─────────▼──────────┐
//!   │     AuthnLayer     │──── refusal, in the protocol of the caller
//!   └─────────┬──────────┘
//!             │ request + principal
//!   ┌─────────▼──────────┐  what only the admitted may use:
//!   │   limits, buffers  │  ConcurrencyLimit, LoadShed, Buffer, a body limit
//!   └─────────┬──────────┘
//!   ┌─────────▼──────────┐
//!   │ router, RequireLayer, handlers
//!   └────────────────────┘
//! ```
//!
//! `docs/order-of-layers.md`, a chapter of the guide, shows this order as a program
//! with CORS, tracing, timeouts and limits.
//!
//! A limit inside bounds what the admitted do, and nobody else can use it up:
//! the layer makes the inner service ready only for requests that it admits. A
//! limit outside bounds how much is verified at once. `LoadShed` stands around
//! the limit that it sheds for.
//!
//! `GrpcWebLayer` stands inside, around the gRPC services alone: it refuses
//! everything else that comes over HTTP/1.1. The layer speaks gRPC-Web itself.
//!
//! A refusal is sent before the request's body has arrived. A task then reads the
//! rest of the body and throws it away, so that the client receives the answer
//! and a proxy does not take the server for dead. [`Drain`] sets its bounds. An
//! inner service that answers early, and an interceptor of tonic, drain nothing.
//!
//! In axum, `.layer` guards what was added before it, `.route_layer` never a
//! fallback, and a method added after a `MethodRouter`'s layer is open: prefer
//! [`protect`].

mod admission;
mod anonymous;
mod answer;
mod builder;
mod drain;
mod future;
mod gate;
mod protect;
mod refusal;
mod require;
mod service;
#[cfg(feature = "tokens")]
mod validity;

#[cfg(any(feature = "axum", feature = "tonic"))]
pub(crate) use self::anonymous::Anonymous;
#[cfg(feature = "manage")]
pub(crate) use self::drain::{Discard, close_connection};
#[cfg(feature = "tonic")]
pub(crate) use self::gate::{Gate, Headed};
#[cfg(feature = "tokens")]
pub use self::validity::{
    CredentialEnded, ValidityBody, ValidityFuture, ValidityLayer, ValidityService,
};
pub use self::{
    admission::{Admission, AlwaysRequired},
    builder::AuthnLayer,
    drain::Drain,
    future::ResponseFuture,
    protect::{Protected, protect},
    refusal::{NoBody, PublicRejection, Respond},
    require::{Require, RequireLayer},
    service::Authn,
};
