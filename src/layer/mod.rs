//! The layer that guards a service, and its companions.
//!
//! - [`AuthnLayer`] guards every request of a service.
//! - [`RequireLayer`] guards single routes inside it.
//! - `ValidityLayer` (feature `tokens`) ends a response when the token of its
//!   request expires or is revoked.
//! - [`protect`] guards a finished router, and `axum::assert_protected` (feature
//!   `axum`) tests that no route is left out.
//! - [`Respond`] makes the body of a rejection response.
//!
//! # Where the layer goes
//!
//! ```text
//!          request
//!             │
//!   ┌─────────▼──────────┐
//!   │ sensitive headers  │  before anything that logs
//!   │ tracing, metrics   │  every request and every rejection
//!   │ CORS, compression  │  CORS adds its headers to rejections too
//!   │ verification limit │
//!   └─────────┬──────────┘
//!   ┌─────────▼──────────┐
//!   │     AuthnLayer     ├──► rejection, in the protocol of the caller
//!   └─────────┬──────────┘
//!             │ request + principal
//!   ┌─────────▼──────────┐  reserved for admitted requests:
//!   │  limits, buffers   │  ConcurrencyLimit, LoadShed, Buffer, a body limit
//!   └─────────┬──────────┘
//!   ┌─────────▼──────────┐
//!   │ router, RequireLayer, handlers
//!   └────────────────────┘
//! ```
//!
//! `docs/order-of-layers.md`, a chapter of the guide, shows this order as a program
//! with CORS, tracing, timeouts and limits.
//!
//! The layer itself marks the credential's header as sensitive, but a layer
//! outside of it that logs headers runs earlier. tower-http's
//! `SetSensitiveRequestHeadersLayer` marks the header for those.
//!
//! An inner limit bounds the work of admitted requests. Rejected requests cannot
//! exhaust it, because the layer polls the inner service's readiness only for
//! requests that it admits. An outer limit bounds how many requests are verified at
//! once. `LoadShed` goes directly outside the limit that it sheds for.
//!
//! `GrpcWebLayer` goes inside, around the gRPC services alone: it rejects every
//! other request over HTTP/1.1. `AuthnLayer` itself answers in gRPC-Web.
//!
//! The layer rejects a request before its body has arrived. A task then reads the
//! rest of the body and discards it, so that the client receives the response and
//! a proxy does not consider the server dead. [`Drain`] sets the bounds. Neither an
//! inner service that responds early nor a tonic interceptor drains the body.
//!
//! In axum, `.layer` guards the routes that were added before it, `.route_layer`
//! never guards a fallback, and a method that is added after a `MethodRouter`'s
//! layer is open. Prefer [`protect`].

mod admission;
mod anonymous;
mod builder;
mod caught;
mod drain;
mod future;
mod gate;
mod protect;
mod rejection_response;
mod request_head;
mod require;
mod respond;
mod service;
#[cfg(feature = "tokens")]
mod validity;

#[cfg(any(feature = "axum", feature = "tokens", feature = "tonic"))]
pub(crate) use self::anonymous::Anonymous;
#[cfg(feature = "manage")]
pub(crate) use self::drain::{Discard, close_connection};
#[cfg(feature = "tonic")]
pub(crate) use self::gate::{Gate, Step};
#[cfg(feature = "tokens")]
pub(crate) use self::rejection_response::missing_layer;
#[cfg(feature = "tonic")]
pub(crate) use self::request_head::RequestHead;
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
    require::{Require, RequireLayer},
    respond::{EmptyBody, PublicRejection, Respond},
    service::Authn,
};
