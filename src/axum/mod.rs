//! Support for [axum](https://docs.rs/axum) (feature `axum`).
//!
//! - [`Authenticated`] gives handlers the principal.
//! - [`Protected::into_make_service`](crate::layer::Protected::into_make_service)
//!   makes what `axum::serve` takes of a guarded router.
//! - [`assert_protected`] tests that no route is open.

mod extract;
mod serve;
mod testing;

pub use self::{
    extract::{Authenticated, AuthenticatedRejection},
    serve::{MakeService, WithAxumBody, WithAxumBodyFuture},
    testing::assert_protected,
};
